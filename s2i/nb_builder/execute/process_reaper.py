"""Kills the processes that a notebook's cells started, so that none survives the build, not even a daemon.

Killing the kernel's process group is not enough: each `!command`, for example, runs in a session of its own.
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
def reaping() -> Iterator[None]:
    """On exit, kill every process that was started in the block, including descendants."""
    before = children()
    _set_subreaper(True)
    try:
        yield
    finally:
        _kill_all_but(before)
        _set_subreaper(False)


def children() -> set[int]:
    """Return the pids of this process's children, zombies included."""
    own_pid = str(os.getpid())
    pids = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name in parentheses may contain anything, even ")"; state and parent pid follow the last one.
            if (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == own_pid:
                pids.add(int(folder.name))
    return pids


def _set_subreaper(enabled: bool) -> None:
    """Become the parent of orphaned descendants, or stop that; does nothing if the system has no prctl."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(enabled), 0, 0, 0)


def _kill_all_but(spared: set[int]) -> None:
    # Repeated, because the children of each killed process become children of this one.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (remaining := children() - spared) and time.monotonic() < deadline:
        for pid in remaining:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in remaining:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
