"""Traces a service while it tests itself: which files its processes open, import and map."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.common import paths

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.slim.trace import audit_hook, inotify, selftest
from nb_builder.slim.trace.selftest import Verdict

# Read before others, and by every Python of the environment, whatever its options.
_START = "00_nb_slim_trace.pth"
_HOOK = "_nb_slim_trace.py"
_METADATA = "METADATA"
# What a start of Python reads is nobody's use of it.
_AT_START = ("_distutils_hack", "_virtualenv.py", _HOOK, "sitecustomize.py")


@dataclass(frozen=True)
class Trace:
    """Every file that was in use, by its real path, and what the service said while it was watched.

    `complete` is False where the model's Python is too old to be watched (below 3.8), `knows_data` where
    the kernel did not tell of all data that was opened.
    """

    files: frozenset[str]
    verdict: Verdict
    complete: bool
    knows_data: bool = True


def run(app_root: Path, *, home: Path, folders: Iterable[str] = ()) -> Trace:
    """Return the trace of the service of `app_root`; raise SelftestEnded where it can't even be asked.

    In `folders` files count that code in C opens, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Scorers may run as another user than this one.
        os.chmod(folder, 0o777)  # noqa: S103 - for the time of the trace
        with _hooked([app_root / paths.VENV, home / "service"]), inotify.watched(folders) as opened:
            verdict = selftest.ask(app_root, home=home, environ={audit_hook.FOLDER: folder})
        names = os.listdir(folder)
        files = {line for name in names for line in _lines(os.path.join(folder, name))}
        in_use = frozenset(_real(files | opened.files))
        return Trace(in_use, verdict, audit_hook.TOO_OLD not in names, opened.complete)


def used(files: Iterable[str], held: tuple[Distribution, ...]) -> set[str]:
    """Return the names of the distributions of which `files` has something that counts as use.

    Metadata does not: looking for entry points reads those of all. But who asks for the metadata of
    some distributions only wants to know their versions, and may refuse to work without them.
    """
    owner = installed.owners(held)
    found, asked = set(), set()
    for file in with_sources(files):
        names = {each.name for each in owner.get(file, ())}
        if not installed.is_metadata(file):
            found |= names if not any(part in file for part in _AT_START) else set()
        elif os.path.basename(file) == _METADATA:
            asked |= names
    return found if len(asked) == len(held) else found | asked


def with_sources(files: Iterable[str]) -> set[str]:
    """Return `files` with the source of what is bytecode and the bytecode of what is source."""
    found = set(files)
    for file in list(found):
        if file.endswith(".py"):
            found.update(installed.bytecode_of(file))
        elif file.endswith(".pyc"):
            found.add(source_of(file))
    return found


def source_of(bytecode: str) -> str:
    """Return the module that a `.pyc` was compiled from; in a slim image the two were in one folder."""
    folder, name = os.path.split(bytecode)
    above, last = os.path.split(folder)
    return os.path.join(above if last == "__pycache__" else folder, name.split(".")[0] + ".py")


@contextmanager
def _hooked(environments: Iterable[Path]) -> Iterator[None]:
    """Have every Python of these virtual environments start with the hook, until the end."""
    put: list[str] = []
    try:
        for folder in [folder for venv in environments for folder in installed.site_packages(venv)]:
            hook, start = os.path.join(folder, _HOOK), os.path.join(folder, _START)
            put += [start, hook]
            shutil.copyfile(audit_hook.__file__, hook)
            Path(start).write_text(f"import {_HOOK.removesuffix('.py')}\n", encoding="utf-8")
        yield
    finally:
        for file in put:
            for each in [file, *(installed.bytecode_of(file) if file.endswith(".py") else ())]:
                Path(each).unlink(missing_ok=True)
        for folder in {os.path.join(os.path.dirname(file), "__pycache__") for file in put}:
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)


def _real(files: Iterable[str]) -> Iterator[str]:
    """Yield the real paths of those `files` that are there; a link itself is in use, too."""
    for file in files:
        path = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
        if os.path.isfile(path) and not path.startswith(("/proc/", "/sys/", "/dev/")):
            yield path
            yield os.path.realpath(path)


def _lines(file: str) -> list[str]:
    with open(file, encoding="utf-8", errors="surrogateescape") as lines:
        return lines.read().splitlines()
