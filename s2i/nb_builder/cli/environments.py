"""Creates nb-builder's environments for all commands, as s2i/install does."""

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
    """Create the environments that are missing or outdated; `options` are those of s2i/install.

    Output goes to stderr. Raises HomeUnwritable or EnvironmentsNotMade.
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
    """Run s2i/install and return its exit status; when this process is stopped, stop its child processes, too.

    The child processes inherit the lock: even if this process dies, no other command starts while one of them writes.
    """
    ending = _Ending()
    with ending:
        process = subprocess.Popen(
            command,
            env={**environ, "NB_BUILDER_PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=[lock],
            # In its own process group, so that pip and uv are stopped together with the script.
            start_new_session=True,
        )
        ending.stop(process)
        return process.wait()


class _Ending:
    """Defers Ctrl-C and SIGTERM in a `with` block: first a process group gets SIGTERM, then this process.

    If a handler raised instead, the started process might not be known yet.
    """

    def __init__(self) -> None:
        self._signals: list[int] = []
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> None:
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._on_signal) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._signals:
            signal.raise_signal(self._signals[0])

    def stop(self, process: subprocess.Popen) -> None:
        """Stop the group of `process` as soon as a signal arrives."""
        self._process = process
        if self._signals:
            self._end()

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)
        self._end()

    def _end(self) -> None:
        # Until its status is collected, no other process can get its ID.
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold a lock inside the block, so that no two commands create the same environment.

    Yields the descriptor that holds it.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("---> Waiting for another nb-builder that is creating the environments", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def has_disk(folder: Path, size: int) -> bool:
    """Return whether the disk of `folder`, which may not exist yet, has at least `size` bytes free."""
    stat = os.statvfs(nearest(folder))
    return stat.f_bavail * stat.f_frsize >= size
