"""What the processes of one run of the tests share: a folder, locks in it, what is made once, and words for the reader.

pytest's own process begins it and ends it; the workers that it starts (pytest-xdist) find the folder by a variable.
"""

import fcntl
import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "NB_TEST_RUN"
WORDS, NOTES, OPEN, ENGINE = "words", "notes", "open", "engine.runs"


class Run:
    """A run of the tests, as the process sees it that was started first: what workers say is given to `speak`."""

    def __init__(self, speak: Callable[[str], object]):
        """Make the folder, and listen."""
        self.folder = folder()
        # One that is there was left by a process that had our number before.
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        for name in (WORDS, OPEN):
            os.mkfifo(self.folder / name)
        # Open both ways, so that neither waits for another end; the kernel closes them however this process ends.
        self._open = os.open(self.folder / OPEN, os.O_RDWR)
        self._words = open(os.open(self.folder / WORDS, os.O_RDWR), "r+b", buffering=0)  # noqa: SIM115 - until the end
        self._listener = threading.Thread(target=self._listen, args=(speak,), daemon=True)
        self._listener.start()

    def _listen(self, speak: Callable[[str], object]) -> None:
        with open(self.folder / WORDS, encoding="utf-8") as words:
            for line in words:
                if line == "\n":
                    return
                speak(line.rstrip("\n"))

    @property
    def notes(self) -> list[str]:
        """Return the lines for the end of the run."""
        path = self.folder / NOTES
        return sorted(path.read_text(encoding="utf-8").splitlines()) if path.exists() else []

    def end(self) -> None:
        """Let the engine's keeper know, wait until it is done, and remove the folder."""
        os.close(self._open)
        if (self.folder / ENGINE).exists():
            with open(self.folder / ENGINE, "rb") as runs:
                fcntl.flock(runs, fcntl.LOCK_EX)
        self._words.write(b"\n")
        self._listener.join()
        self._words.close()
        shutil.rmtree(self.folder)
        os.environ.pop(VARIABLE)


def claim() -> None:
    """Name the folder of a run that this process is the first of; a worker has the name from its controller."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ[VARIABLE] = str(Path(tempfile.gettempdir()) / f"nb-test-{os.getpid()}")


def folder() -> Path | None:
    """Return the folder of this run, or None in a process that belongs to none."""
    return Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def name() -> str:
    """Return what names of images of this run begin with: other runs may use the same engine."""
    return folder().name


def is_over() -> bool:
    """Return whether the first process of this run has ended the run, or has been killed."""
    try:
        pipe = os.open(folder() / OPEN, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False
    finally:
        os.close(pipe)


def say(line: str) -> None:
    """Show a line to the reader at once, past all that captures output."""
    if folder() is None:
        print(line, flush=True)
        return
    try:
        pipe = os.open(folder() / WORDS, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        # The process that listens was killed: to wait for it would keep the engine, and with it the next run.
        return
    os.set_blocking(pipe, True)
    with open(pipe, "a", encoding="utf-8") as words:
        words.write(f"{line}\n")


def note(line: str) -> None:
    """Keep a line for the end of the run: sizes and times that a reader wants to see."""
    with open(folder() / NOTES, "a", encoding="utf-8") as notes:
        notes.write(f"{line}\n")


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Let one process of this run at a time do `what`."""
    if folder() is None:
        yield
        return
    with open(folder() / f"{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(what: str, make: Callable[[], object]) -> object:
    """Return what `make` returned in the process of this run that was first; the others wait for it.

    What it raises is raised, and the next one tries again.
    """
    kept = folder() / f"{what}.made"
    with alone(what):
        if not kept.exists():
            made = make()
            kept.write_bytes(pickle.dumps(made))
        return pickle.loads(kept.read_bytes())  # noqa: S301 - ours, in a folder of our own
