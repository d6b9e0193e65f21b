import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from nb_service.model_folder import ModelFolder
from nb_service.pool import supervisor as module
from nb_service.pool.plan import Plan
from nb_service.pool.supervisor import Supervisor

from unit.nb_service.pool.fakes import turn, turn_until


class Owner:
    """Records its messages."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *words: self.told.append((name, *words))


PLAN = Plan("spawn", True, "", 1, 1, {}, predict_timeout=60, max_queue=2)


@pytest.fixture
def begin(tmp_path):
    """Return what starts a zygote (of mode spawn, which loads nothing): (loop, supervisor, owner)."""
    loop, made = asyncio.new_event_loop(), []

    def start(python=sys.executable):
        owner = Owner()
        model = ModelFolder(tmp_path, python, tmp_path, {})
        made.append(Supervisor(model, "spawn", PLAN, owner, loop))
        return loop, made[-1], owner

    yield start
    for supervisor in made:
        supervisor.end(5)
    loop.close()


def test_each_order_to_start_is_confirmed(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    ours, theirs = socket.socketpair()
    with ours, theirs, open(os.devnull) as counters:
        supervisor.start(5, [theirs.fileno(), counters.fileno()])
        assert turn_until(loop, lambda: len(owner.told) == 3)
    assert [words[:2] for words in owner.told] == [("zygote_loaded", 1), ("scorer_started", 5), ("scorer_exited", 5)]
    assert supervisor._unconfirmed == {}


def test_one_without_its_descriptors_is_not_started(begin):
    loop, supervisor, owner = begin()
    supervisor.start(5, [0])
    assert turn_until(loop, lambda: len(owner.told) == 2)
    assert owner.told[1] == ("scorer_unstarted", 5, "Too many open files")


def test_a_stopped_zygote_is_killed_after_some_beats_and_no_sooner(begin, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    os.kill(supervisor.pid, signal.SIGSTOP)
    supervisor.start(5, [0, 1])
    assert turn_until(loop, lambda: supervisor._unconfirmed == {5: module.MAX_BEATS - 1})
    assert len(owner.told) == 1
    assert turn_until(loop, lambda: len(owner.told) == 3)
    assert owner.told[1:] == [("zygote_stuck",), ("zygote_gone", "was killed by signal 9 (SIGKILL)")]


def test_a_zygote_that_is_gone_takes_no_orders(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor._process.wait()
    with pytest.raises(ConnectionError):
        supervisor.start(5, [0, 1])
    supervisor.kill(5)
    assert turn_until(loop, lambda: len(owner.told) == 2)
    with pytest.raises(ConnectionError):
        supervisor.start(6, [0, 1])
    supervisor.kill(6)
    assert not supervisor.awaits(5)
    assert owner.told[1] == ("zygote_gone", "was killed by signal 9 (SIGKILL)")


def test_one_that_hangs_up_and_lives_on_is_killed_and_no_one_waits_for_it(begin, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.05)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 1000 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\n")
    python.chmod(0o755)
    loop, supervisor, owner = begin(python)
    supervisor._on_eof()
    assert owner.told == []
    assert turn_until(loop, lambda: owner.told)
    assert owner.told == [("zygote_gone", "was killed by signal 9 (SIGKILL)")]


def test_an_order_that_does_not_leave_is_the_caller_s_to_give_again_and_a_kill_s_own(begin, monkeypatch):
    monkeypatch.setattr(module, "KILL_AGAIN_SECONDS", 0.01)
    loop, supervisor, _ = begin()
    sent = []

    def send_fds(sock, data, fds):
        sent.append(data)
        if len(sent) < 4:
            raise BlockingIOError

    monkeypatch.setattr(socket, "send_fds", send_fds)
    with pytest.raises(BlockingIOError):
        supervisor.start(5, [0, 1])
    assert supervisor._unconfirmed == {}
    supervisor.kill(4)
    assert turn_until(loop, lambda: len(sent) == 4)
    turn(loop, times=5)
    assert len(sent) == 4


@pytest.mark.parametrize("python", [Path("/nowhere/python"), Path("/")])
def test_a_python_that_can_t_be_run_leaves_nothing_open(begin, open_files, python):
    before = open_files()
    with pytest.raises(OSError, match="No such file|denied"):
        begin(python)
    assert open_files() == before


def test_what_makes_no_sense_is_shown_and_ends_nothing(begin, capsys):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    supervisor._owner = None
    supervisor.start(5, [0])
    assert turn_until(loop, lambda: supervisor._unconfirmed == {})
    assert "AttributeError" in capsys.readouterr().err
    assert supervisor._open


def test_a_model_that_does_not_load_is_reported_with_its_facts(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    supervisor._on_report(b'{"event": "failed", "code": "x"}')
    supervisor._on_report(b'{"event": "exited", "scorer": 3, "status": 9}')
    assert owner.told[1:] == [("zygote_failed", {"event": "failed", "code": "x"}), ("scorer_exited", 3, 9)]


def test_one_that_is_let_go_is_ended_and_says_nothing_more(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    pid = supervisor.pid
    supervisor.reap()
    supervisor.end(5)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    turn(loop, times=5)
    assert [told[0] for told in owner.told] == ["zygote_loaded"]


def test_a_stopped_one_is_killed_at_the_end(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    os.kill(supervisor.pid, signal.SIGSTOP)
    supervisor.end(0.05)
    assert supervisor._process.returncode == -signal.SIGKILL


def test_one_that_is_replaced_ends_without_anybody_waiting_for_it(begin, monkeypatch):
    monkeypatch.setattr(subprocess.Popen, "wait", lambda *_: pytest.fail("the loop waits"))
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    ended = []
    supervisor.retire(5.0, lambda: ended.append(supervisor._process.returncode))
    assert not ended
    assert turn_until(loop, lambda: ended)
    assert ended == [0] and [told[0] for told in owner.told] == ["zygote_loaded"]
    monkeypatch.undo()


def test_one_that_is_replaced_and_does_not_end_is_killed(begin, monkeypatch):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    os.kill(supervisor.pid, signal.SIGSTOP)
    ended = []
    supervisor.retire(0.05, lambda: ended.append(supervisor._process.returncode))
    assert turn_until(loop, lambda: ended)
    assert ended == [-signal.SIGKILL]


def test_an_order_is_awaited_until_it_is_confirmed(begin):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    supervisor.start(5, [0])
    assert supervisor.awaits(5) and not supervisor.awaits(6)
    assert turn_until(loop, lambda: len(owner.told) == 2)
    assert not supervisor.awaits(5)


def test_a_zygote_has_a_session_of_its_own_and_no_terminal_ends_it(begin):
    _, supervisor, _ = begin()
    assert os.getsid(supervisor.pid) == supervisor.pid


@pytest.mark.parametrize(
    "flood",
    [b"x" * (1 << 21), b"\n" * 100_000, b"[1]\n", b"{}\n", b"[" * 100_000 + b"\n"],
    ids=["one line", "empty lines", "a list", "no event", "depth"],
)
def test_code_that_writes_to_the_zygote_s_socket_ends_it_and_is_not_held(begin, flood, capsys):
    loop, supervisor, owner = begin()
    assert turn_until(loop, lambda: owner.told)
    ours, theirs = socket.socketpair()
    loop.remove_reader(supervisor._socket.fileno())
    supervisor._socket.close()
    supervisor._socket = ours
    supervisor._listen()
    theirs.setblocking(False)

    def write():
        nonlocal flood
        with contextlib.suppress(OSError):
            flood = flood[theirs.send(flood) :]

    with theirs:
        assert turn_until(loop, lambda: write() or len(owner.told) == 2)
    # Killed, or ended by itself: its own end of the socket is closed, too.
    assert owner.told[1][0] == "zygote_gone"
    assert len(supervisor._buffer) <= module.MAX_REPORT_BYTES + (1 << 16)
    assert len(capsys.readouterr().err) < 5000
