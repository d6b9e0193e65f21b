import json
import os
import socket
import subprocess
import sys

import pytest
from nb_scorer.worker import zygote


def test_threads_are_counted_as_the_operating_system_sees_them():
    assert zygote.thread_count() == len(os.listdir("/proc/self/task"))


def test_threads_that_the_system_does_not_count_are_more_than_one(monkeypatch):
    def no_proc(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(zygote.os, "listdir", no_proc)
    assert zygote.thread_count() > 1


def test_a_child_dies_with_its_parent_even_if_it_never_listens():
    program = (
        "import os, time\n"
        "from nb_scorer.worker import zygote\n"
        "parent = os.getpid()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    zygote.die_with_parent(parent)\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(1000)\n"
        "time.sleep(0.5)\n"
        "os.kill(parent, 9)\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    # The pipe reached its end, so the child, which held it open, is gone.
    assert process.returncode == -9
    assert int(process.stdout) > 0


def test_a_process_whose_parent_is_gone_already_ends_at_once():
    program = "from nb_scorer.worker import zygote\nzygote.die_with_parent(1 << 22)\nprint('still here')\n"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout == ""


@pytest.fixture
def forking(monkeypatch):
    """Return (a zygote, its control socket, what forks in its place)."""
    ours, theirs = socket.socketpair()
    forks = []

    def fork():
        return forks.pop()()

    monkeypatch.setattr(os, "fork", fork)
    with ours, theirs:
        yield zygote.Zygote(theirs, "fork", None, []), ours, forks


def rejected():
    raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize(
    ("fork", "descriptors", "event"),
    [
        (lambda: 77, 2, {"event": "started", "scorer": 5}),
        (rejected, 2, {"event": "unstarted", "scorer": 5, "why": "Resource temporarily unavailable"}),
        (lambda: 77, 1, {"event": "unstarted", "scorer": 5, "why": "Too many open files"}),
    ],
)
def test_each_order_to_start_is_confirmed_or_rejected_and_leaves_no_descriptor(
    forking, open_files, fork, descriptors, event
):
    supervisor, control, forks = forking
    forks.append(fork)
    before = open_files()
    supervisor._begin(5, -1, [os.open(os.devnull, os.O_RDONLY) for _ in range(descriptors)], 2)
    assert open_files() == before
    assert json.loads(control.recv(1000)) == event
    assert (5 in supervisor._pids) == (event["event"] == "started")
