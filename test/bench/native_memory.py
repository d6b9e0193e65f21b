"""Megabytes of a native server: after its start, and with connections that have been answered once and stay open."""

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from native_programs import serving
from peers import Peer
from running import Running
from serve import goal
from starts import request

CONNECTIONS = (1_000, 10_000)
# Descriptors of the bench itself.
SPARE = 100
GOAL = 4.0
TIMEOUT = 10.0


def report(programs: dict[str, tuple[Path, Peer]]) -> list[str]:
    """Return the lines of the table, and of the goals; `programs` are {name: (path, what it is asked)}."""
    lines = ["\nResident megabytes of the server" + "".join(f"{what:>18}" for what in ("after its start", *_titles()))]
    goals = []
    with descriptors(max(CONNECTIONS) + SPARE) as are_enough:
        if not are_enough:
            return [f"\nMemory is left out: this process may not have {max(CONNECTIONS):,} connections (ulimit -Hn)."]
        for name, (program, asked) in programs.items():
            taken = measure(program, asked)
            lines.append(f"  {name:30}" + "".join(f"{each:18.2f}" for each in taken))
            goals.append(goal(f"MB, {name}, {_titles()[-1]}", taken[-1], f"<= {GOAL:g}", taken[-1] <= GOAL))
    return [*lines, *goals]


def _titles() -> list[str]:
    return [f"{count:,} conn." for count in CONNECTIONS]


@contextmanager
def descriptors(wanted: int) -> Iterator[bool]:
    """Yield whether this process, and those it starts, may have that number of descriptors meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    are_enough = hard == resource.RLIM_INFINITY or hard >= wanted
    if are_enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield are_enough
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def measure(program: Path, asked: Peer) -> list[float]:
    """Return the resident megabytes of a program after its start, and with each number of CONNECTIONS."""
    server = Running(asked, lambda peer, port: serving(program))
    try:
        if not server.wait():
            raise RuntimeError(f"{program} does not answer")
        taken = [resident(server.process.pid)]
        with ExitStack() as opened:
            clients: list[socket.socket] = []
            for count in CONNECTIONS:
                while len(clients) < count:
                    clients.append(opened.enter_context(_connected(server.port, asked)))
                taken.append(resident(server.process.pid))
        return taken
    finally:
        server.stop()


def _connected(port: int, asked: Peer) -> socket.socket:
    """Return a connection on which one request has been answered."""
    client = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    client.sendall(request(asked).replace(b"HTTP/1.0\r\n", b"HTTP/1.1\r\nHost: bench\r\n"))
    head = client.recv(4096)
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(f"the server has answered {head!r}")
    return client


def resident(pid: int) -> float:
    """Return the megabytes of memory that a process has; VmRSS says the same, but lags behind by up to some 100 kB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss:\s+(\d+)", rollup, re.MULTILINE)[1]) * 1024 / 1e6
