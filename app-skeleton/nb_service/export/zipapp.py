"""The model as one file that Python runs: an export, the repository, and the program that scores."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, BinaryIO

from nb_scorer.common import paths
from nb_scorer.zipapp import layout, one_reading
from nb_scorer.zipapp.environment import machine

from nb_service import problems
from nb_service.export import archive, contents, zip_entries
from nb_service.export.contents import Contents
from nb_service.model_folder import ModelFolder

# Files that Python recreates, and a repository's history.
_LEFT_OUT = frozenset(("__pycache__", ".git"))
# The part of nb_scorer that runs only in a build's kernel.
_OF_BUILDS = "kernel"


def list_contents(model: ModelFolder) -> tuple[Contents, list[str]]:
    """Return the contents of the file, and the repository's files that it omits.

    Left out are links to folders, names that are not UTF-8, and special files. Raise as `contents.list_contents` does.
    """
    exported = contents.list_contents(model)
    files = dict(exported.files)
    left: list[str] = []
    for name, path in _walk(model.folder.parent / paths.SRC, left):
        files[layout.SRC + name] = path
    spec = find_spec("nb_scorer")
    home = Path(str(spec and spec.origin)).parent
    for name, path in _walk(home, []):
        if name.endswith(".py") and name.partition("/")[0] != _OF_BUILDS:
            files[layout.PROGRAM + name] = path
    return Contents(files, exported.digests), left


def _is_utf_8(name: str) -> bool:
    """Return whether a zip file can contain this name."""
    try:
        return bool(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _walk(folder: Path, left: list[str]) -> Iterator[tuple[str, Path]]:
    for at, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(at, name)
            if name in _LEFT_OUT:
                continue
            if name in names and path.is_file() and _is_utf_8(os.path.relpath(path, folder)):
                if not name.endswith((".pyc", ".pyo")):
                    yield path.relative_to(folder).as_posix(), path
            elif name in names or path.is_symlink():
                left.append(path.relative_to(folder).as_posix())
        folders[:] = sorted(set(folders) - _LEFT_OUT)


def write(
    exported: Contents,
    name: str,
    more: Iterable[tuple[str, BinaryIO]],
    stream: IO[bytes],
    made_for: str | None = None,
) -> tuple[int, int]:
    """Write the file of the model called `name`, with `more` (names and open files), for this platform.

    `made_for` is the result of `machine` on the machine for which packages were compiled, if it is another one. Returns
    the number of files and the size. Raises OSError, ModelNotAsSigned for a file that differs from the signed one, and
    ZipappTooLarge.
    """
    facts = {"format": layout.FORMAT, "machine": made_for or machine(), "name": name}
    sink, forward = zip_entries.runnable(stream)
    with sink:
        _write_text(sink, layout.MAIN, layout.MAIN_PROGRAM)
        _write_text(sink, layout.FACTS, json.dumps(facts, sort_keys=True) + "\n")
        count = 2
        for each, path in sorted(exported.files.items()):
            executable = os.stat(path).st_mode & 0o100 if each.startswith(layout.SRC) else 0
            with archive.opened(path, exported.digests.get(each)) as file:
                _copy(sink, forward, each, file, executable)
            count += 1
        for each, file in more:
            _copy(sink, forward, each, file)
            count += 1
    forward.flush()
    return count, forward.size


def _copy(sink: zipfile.ZipFile, forward: zip_entries.Forward, name: str, file: BinaryIO, executable: int = 0) -> None:
    size = os.fstat(file.fileno()).st_size
    if forward.size + size > one_reading.MAX_SIZE:
        raise problems.ZipappTooLarge(name, one_reading.MAX_SIZE)
    zip_entries.copy(sink, name, file, size, executable)


def _write_text(sink: zipfile.ZipFile, name: str, text: str) -> None:
    content = text.encode("utf-8")
    sink.writestr(zip_entries.stored(name, len(content)), content)
