"""Measures the peak memory of the processes that hold the model, as Linux reports it."""

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
# Part of the command line of each process that holds the model, but not of the front or the app.
SCORER = b"nb_scorer"


class Peak:
    """The largest resident memory of a scorer below the process `pid`, in bytes; None if it can't be determined."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._has_scorers = False
        self.bytes: int | None = None

    def look(self) -> None:
        """Read the memory of all processes; call this regularly, because a process's peak is lost when it exits."""
        if self._pid is None:
            return
        known = list(_tree(self._pid))
        scorers = [pid for pid in known if SCORER in _read(pid, "cmdline")]
        self._has_scorers = self._has_scorers or bool(scorers)
        # A native program holds the model itself. If no scorer is running, the front must not count as one.
        found = [peak for pid in (scorers if self._has_scorers else known[:1]) if (peak := _peak(pid))]
        if found:
            self.bytes = max([self.bytes or 0, *found])


def _tree(first: int) -> Iterator[int]:
    """Yield `first` and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            # State and parent follow the name in parentheses, which may contain any character.
            fields = _read(int(folder.name), "stat").rpartition(b")")[2].split()
            if len(fields) > 1:
                children.setdefault(int(fields[1]), []).append(int(folder.name))
    left = [first]
    while left:
        pid = left.pop()
        yield pid
        left += children.get(pid, [])


def _peak(pid: int) -> int:
    for line in _read(pid, "status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        # It has exited meanwhile.
        return b""
