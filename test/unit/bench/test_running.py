"""Servers of the bench stand still while another is measured, and go on however that ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
# A server whose worker was started by a thread, and has a worker of its own.
SERVER = """
import subprocess, threading
command = ["sh", "-c", "trap '' TERM; sleep 600 & echo up; wait"]
threading.Thread(target=lambda: subprocess.run(command)).start()
"""


@pytest.fixture
def running(monkeypatch, tmp_path):
    """Return the bench's module, whose servers are SERVER."""
    monkeypatch.syspath_prepend(str(BENCH))
    import running

    monkeypatch.setattr(running, "PLACE", tmp_path)
    monkeypatch.setattr(running, "BREATH_SECONDS", 0)
    monkeypatch.setattr(running, "command_of", lambda peer, port: ([sys.executable, "-c", SERVER], {}))
    return running


@pytest.fixture
def servers(running, tmp_path):
    """Return two servers of three processes each."""
    from peers import Peer

    both = [running.Running(Peer(name, name)) for name in ("one", "other")]
    for server in both:
        until(lambda server=server: "up" in (tmp_path / f"{server.peer.name}.log").read_text())
        assert len(running.tree(server.process.pid)) == 3
    yield both
    for server in both:
        server.stop()


def until(holds):
    """Return once `holds` is true: a signal has no moment of its own."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def states(pids):
    """Return the states of processes, one letter each, and - for one that is gone."""
    found = ""
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        found += stat.read_text().rsplit(")", 1)[1].split()[0] if stat.exists() else "-"
    return found


def test_all_processes_of_the_others_stand_still_and_go_on(running, servers):
    one, other = (running.tree(server.process.pid) for server in servers)
    with running.alone(servers[0], servers):
        until(lambda: states(other) == "TTT")
        assert "T" not in states(one)
    until(lambda: "T" not in states(other))


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_they_go_on_whatever_ends_the_measurement(running, servers, end):
    other = running.tree(servers[1].process.pid)
    with pytest.raises(end), running.alone(servers[0], servers):
        until(lambda: states(other) == "TTT")
        raise end
    until(lambda: "T" not in states(other))


def test_a_server_that_stands_still_is_ended_with_all_its_processes(running, servers):
    pids = running.tree(servers[1].process.pid)
    servers[1].pause()
    until(lambda: states(pids) == "TTT")
    servers[1].stop()
    until(lambda: set(states(pids)) <= set("-Z"))


def test_a_process_that_is_gone_is_no_trouble(running):
    gone = subprocess.Popen(["true"])
    gone.wait()
    running.tell(gone.pid, signal.SIGCONT)
    assert running.tree(gone.pid) == [gone.pid]
