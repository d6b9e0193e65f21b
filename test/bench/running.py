"""A server of the bench while it runs."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from environments import PLACE, SERVERS, command_of, free_port
from peers import Peer

START_SECONDS = 90
# Between two measurements every server runs so long: none stands still for longer than one of them, which is less than
# any server waits for a worker or a heartbeat of its own, and what has piled up is done before the next.
BREATH_SECONDS = 0.3


class Running:
    """A started server."""

    def __init__(self, peer: Peer, make_command: Callable[[Peer, int], tuple[list, dict]] | None = None) -> None:
        self.peer = peer
        self.port = free_port()
        self._log = (PLACE / f"{peer.name}.log").open("w")
        command, environ = (make_command or command_of)(peer, self.port)
        self.process = subprocess.Popen(
            command,
            env={**environ, "PORT": str(self.port)},
            cwd=SERVERS,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> bool:
        """Return whether it listens and answers before START_SECONDS are over."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.answers():
                return True
            time.sleep(0.2)
        return False

    def answers(self) -> bool:
        """Return whether it answers with 200 what it is asked here."""
        head = f"POST {self.peer.path} HTTP/1.0\r\nHost: x\r\nContent-Type: {self.peer.kind}\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(f"{head}Content-Length: {len(self.peer.body)}\r\n\r\n{self.peer.body}".encode())
                return client.recv(12).endswith(b" 200")
        except OSError:
            return False

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds so far of (all its processes, the one that was started)."""
        seconds = [cpu_seconds(pid) for pid in tree(self.process.pid)]
        return sum(seconds), seconds[0]

    def pause(self) -> None:
        """Let all its processes stand still."""
        # From the top: who stands still starts no process behind our back.
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            tell(pid, signal.SIGSTOP)
            waiting += children(pid)

    def resume(self) -> None:
        """Let them all go on."""
        for pid in tree(self.process.pid):
            tell(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it with all its processes."""
        self.resume()
        # Held, because the number of one that ends meanwhile may be another process's by then.
        held = [file for pid in tree(self.process.pid)[1:] if (file := hold(pid)) is not None]
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for file in held:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(file, signal.SIGKILL)
            os.close(file)
        self.process.wait()
        self._log.close()


def add(
    peer: Peer, running: list[Running], make_command: Callable[[Peer, int], tuple[list, dict]] | None = None
) -> None:
    """Start a server and add it to `running`; where it does not respond, end it, leave it out and say so."""
    one = Running(peer, make_command)
    # One of them while it starts, too: whatever ends the bench meanwhile ends all of them.
    running.append(one)
    if not one.wait():
        running.remove(one)
        one.stop()
        print(f"  {peer.name} is left out, it does not respond: see {PLACE / peer.name}.log")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that ended; nothing of one that is gone."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def alone(one: Running, servers: list[Running]) -> Iterator[None]:
    """Let the other servers stand still, and go on at the end, however that comes; then let all of them breathe."""
    try:
        for other in servers:
            if other is not one:
                other.pause()
        yield
    finally:
        for other in servers:
            other.resume()
    time.sleep(BREATH_SECONDS)


def tell(pid: int, what: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def hold(pid: int) -> int | None:
    """Return a descriptor of a process, or None where it is gone."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def tree(pid: int) -> list[int]:
    """Return `pid` and the process ids of all that descend from it."""
    return [pid, *(one for child in children(pid) for one in tree(child))]


def children(pid: int) -> list[int]:
    """Return the process ids of what the threads of `pid` started; none where it is gone."""
    try:
        return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _words(task / "children")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []  # The thread is gone.
