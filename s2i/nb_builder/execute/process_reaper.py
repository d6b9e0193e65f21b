"""Processes that a notebook's cells have started: none outlives the build, wherever it has put itself.

A kill of the kernel's group misses what made a session of its own, as `!command` does each time.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 5.0


@contextmanager
def ended() -> Iterator[None]:
    """End, when the block is left, every process that was started in it, children's children included."""
    before = children()
    _adopt(True)
    try:
        yield
    finally:
        _end_all_but(before)
        _adopt(False)


def children() -> set[int]:
    """Return the pids of this process's children, ended ones that nobody waited for included."""
    me = str(os.getpid())
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name in parentheses may hold anything; behind it come state and parent.
            if (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == me:
                found.add(int(folder.name))
    return found


def _adopt(on: bool) -> None:
    """Become the parent of processes whose own parent ends, where the system knows that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def _end_all_but(kept: set[int]) -> None:
    # Each one that ends may leave us its own children.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := children() - kept) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
