"""Makes nb-builder's own environments, as s2i/install does, once for all commands."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nb_builder.cli.installation import Installation, nearest
from nb_builder.cli.problems import EnvironmentsNotMade, HomeUnwritable


def ensure(installation: Installation, environ: Mapping[str, str], *options: str) -> None:
    """Make the environments that are missing or of another lock; `options` are s2i/install's.

    What is said goes to stderr. Raise HomeUnwritable or EnvironmentsNotMade.
    """
    home = installation.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home / "install.lock") as lock:
            status = _install([str(installation.root / "s2i" / "install"), str(home), *options], environ, lock)
    except OSError as error:
        raise HomeUnwritable(folder=home, reason=error.strerror or error) from error
    if status:
        raise EnvironmentsNotMade(folder=home)


def _install(command: list[str], environ: Mapping[str, str], lock: int) -> int:
    """Run s2i/install and return its exit status; where this process is told to end, what it has started ends, too.

    They have the lock as well: whatever becomes of this process, nobody else begins while one of them writes.
    """
    ending = _Ending()
    with ending:
        process = subprocess.Popen(
            command,
            env={**environ, "NB_BUILDER_PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=[lock],
            # A group of its own: pip and uv, which the script calls, are to be ended with it.
            start_new_session=True,
        )
        ending.of(process)
        return process.wait()


class _Ending:
    """Keeps Ctrl-C and SIGTERM for a `with` block: a group of processes gets SIGTERM first, then this process them.

    An exception out of a handler could come before it is known which process was started.
    """

    def __init__(self) -> None:
        self._signals: list[int] = []
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> None:
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._tell) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._signals:
            signal.raise_signal(self._signals[0])

    def of(self, process: subprocess.Popen) -> None:
        """End the group that `process` leads, as soon as it is to end."""
        self._process = process
        if self._signals:
            self._end()

    def _tell(self, number: int, _frame: object) -> None:
        self._signals.append(number)
        self._end()

    def _end(self) -> None:
        # Until its status is known, its number is no other's.
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold a lock of the whole machine meanwhile: two commands at once must not make the same environment.

    Yield the descriptor that holds it.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("---> Waiting for another nb-builder that is creating the environments", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def has_disk(folder: Path, size: int) -> bool:
    """Return whether the disk of `folder`, which may not exist yet, has room for `size` bytes."""
    stat = os.statvfs(nearest(folder))
    return stat.f_bavail * stat.f_frsize >= size
