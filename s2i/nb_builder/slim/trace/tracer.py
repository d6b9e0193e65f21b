"""Traces a service during its selftest: which files its processes open, import and map."""

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

# `.pth` files are read in the order of their names, with any options of Python except -S.
_START = "00_nb_slim_trace.pth"
_HOOK = "_nb_slim_trace.py"
_METADATA = "METADATA"
# Every start of Python reads these, so opening them does not show that they are needed.
_AT_START = ("_distutils_hack", "_virtualenv.py", _HOOK, "sitecustomize.py")


@dataclass(frozen=True)
class Trace:
    """Every file that was used, by its real path, and the verdict of the traced selftest.

    `complete` is False if the model's Python is too old to be traced (below 3.8), `knows_data` if the kernel did not
    report all data files that were opened.
    """

    files: frozenset[str]
    verdict: Verdict
    complete: bool
    knows_data: bool = True


def run(app_root: Path, *, home: Path, folders: Iterable[str] = ()) -> Trace:
    """Return the trace of the service of `app_root`; raise SelftestEnded if it has no verdict.

    In `folders`, files that C code opens are traced, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Scorers may run as another user, and write their traces here, too.
        os.chmod(folder, 0o777)  # noqa: S103 - for the time of the trace
        with _hooked([app_root / paths.VENV, home / "service"]), inotify.watched(folders) as opened:
            verdict = selftest.run(app_root, home=home, environ={audit_hook.FOLDER: folder})
        names = os.listdir(folder)
        files = {line for name in names for line in _lines(os.path.join(folder, name))}
        in_use = frozenset(_real(files | opened.files))
        return Trace(in_use, verdict, audit_hook.TOO_OLD not in names, opened.complete)


def used(files: Iterable[str], distributions: tuple[Distribution, ...]) -> set[str]:
    """Return the names of the distributions that `files` shows to be in use.

    Reading the metadata of all distributions, as a search for entry points does, is not a use. Code that reads the
    metadata of only some distributions checks their versions, and may not work without them.
    """
    owner = installed.owners(distributions)
    in_use, queried = set(), set()
    for file in with_sources(files):
        names = {distribution.name for distribution in owner.get(file, ())}
        if not installed.is_metadata(file):
            in_use |= names if not any(part in file for part in _AT_START) else set()
        elif os.path.basename(file) == _METADATA:
            queried |= names
    return in_use if len(queried) == len(distributions) else in_use | queried


def with_sources(files: Iterable[str]) -> set[str]:
    """Return `files`, with the source of each bytecode file and the bytecode of each source."""
    paths = set(files)
    for file in list(paths):
        if file.endswith(".py"):
            paths.update(installed.bytecode_of(file))
        elif file.endswith(".pyc"):
            paths.add(source_of(file))
    return paths


def source_of(bytecode: str) -> str:
    """Return the source that a `.pyc` was compiled from; in a slim image the `.pyc` takes the place of its source."""
    folder, name = os.path.split(bytecode)
    parent, folder_name = os.path.split(folder)
    return os.path.join(parent if folder_name == "__pycache__" else folder, name.split(".")[0] + ".py")


@contextmanager
def _hooked(environments: Iterable[Path]) -> Iterator[None]:
    """Install the hook in these virtual environments until the end of the block."""
    installed_files: list[str] = []
    try:
        for folder in [folder for venv in environments for folder in installed.site_packages(venv)]:
            hook, start = os.path.join(folder, _HOOK), os.path.join(folder, _START)
            installed_files += [start, hook]
            shutil.copyfile(audit_hook.__file__, hook)
            Path(start).write_text(f"import {_HOOK.removesuffix('.py')}\n", encoding="utf-8")
        yield
    finally:
        for file in installed_files:
            for path in [file, *(installed.bytecode_of(file) if file.endswith(".py") else ())]:
                Path(path).unlink(missing_ok=True)
        for folder in {os.path.join(os.path.dirname(file), "__pycache__") for file in installed_files}:
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)


def _real(files: Iterable[str]) -> Iterator[str]:
    """Yield the real paths of the existing `files`; a link and its target are both in use."""
    for file in files:
        path = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
        if os.path.isfile(path) and not path.startswith(("/proc/", "/sys/", "/dev/")):
            yield path
            yield os.path.realpath(path)


def _lines(file: str) -> list[str]:
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read().splitlines()
