"""Clients that ask while versions come and go, as processes of their own."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from contract import clients

HERE = Path(__file__).parent
OPEN_LOOP = HERE.parent / "open_loop.py"
MIN_COUNT = 10_000
ANSWERED = "200 4"
GRPC_ANSWERED = "OK 4"


@contextlib.contextmanager
def asking(process):
    """Yield what ends the clients of a process and returns {what was said: how often}; they end with the block."""
    try:
        yield lambda: json.loads(process.communicate("\n", timeout=600)[0])
    finally:
        process.kill()
        process.wait()


def by_http(address, least):
    """Have clients ask at (host, port), half of them by connections that they keep, as `asking` does."""
    return asking(_start(sys.executable, HERE / "load.py", *address, least))


def by_grpc(address, least):
    """Have clients call at (host, port), each by a channel that it keeps, as `asking` does."""
    return asking(_start(clients.python_of("triton-grpc"), HERE / "load_grpc.py", *address, least))


@contextlib.contextmanager
def at_rate(address, rate, seconds=0, connections=64):
    """Ask at (host, port) so often a second, however late answers are, for so long or until it is stopped.

    Yield what ends that and returns what open_loop.py says; the program ends with the block.
    """
    with asking(_start(sys.executable, OPEN_LOOP, *address, rate, seconds, connections)) as end:
        yield end


def percentile(said, share):
    """Return the milliseconds within which this share of the requests was answered, of what open_loop.py says."""
    taken = sorted(milliseconds for _, milliseconds, _ in said["requests"])
    return taken[int(share * len(taken))]


def _start(*words):
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, words)), stdin=pipe, stdout=pipe, text=True)
