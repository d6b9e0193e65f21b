"""Finds the files in which a repository declares its packages, and reads each with the reader for its kind.

The nearest to the notebook takes precedence: its own header, then its folder, then the folders above it up to the top.
In a folder requirements.txt comes first, and the folder takes precedence over `binder/` and `.binder/` in it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from nb_scorer.common import paths
from nbformat import NotebookNode

from nb_builder.repository import ordinary_files
from nb_builder.requirements.sources import (
    conda,
    header,
    locks,
    pipfile,
    pyproject,
    python_files,
    requirements_txt,
    setuptools,
)
from nb_builder.requirements.sources.choice import NOTHING, Choice, choose
from nb_builder.requirements.sources.declaration import Declaration, Packages, Unreadable

__all__ = ["NOTHING", "Choice", "Declaration", "Packages", "choose", "of_python", "of_repository"]

# (file, its reader, the file that it locks): a lock is read on its own only if the file that it locks is missing.
READERS = (
    (paths.REQUIREMENTS, requirements_txt.read, None),
    ("environment.yml", conda.read, None),
    ("environment.yaml", conda.read, None),
    ("Pipfile", pipfile.read, None),
    ("pyproject.toml", pyproject.read, None),
    ("setup.cfg", setuptools.read_setup_cfg, None),
    ("setup.py", setuptools.read_setup_py, None),
    ("Pipfile.lock", locks.read_pipfile_lock, "Pipfile"),
    ("poetry.lock", locks.read_toml_lock, "pyproject.toml"),
    ("uv.lock", locks.read_toml_lock, "pyproject.toml"),
)
OF_PYTHON = tuple((name, python_files.read, None) for name in python_files.NAMES)
BINDER = ("binder", ".binder")


def of_repository(notebook: Path, node: NotebookNode, src: Path) -> list[Declaration]:
    """Return the declarations in the notebook's header and the files of the repository in `src`, nearest first.

    A file that can't be read is included, with the reason as `error`. Raises FileRefused.
    """
    declared_in_header = _read(str(notebook), partial(header.read, node=node), src / notebook)
    return [*([declared_in_header] if declared_in_header else []), *_declarations(notebook, src, READERS)]


def of_python(notebook: Path, src: Path) -> list[Declaration]:
    """Return the Pythons in runtime.txt and .python-version, nearest first; these files name no packages.

    Raises FileRefused.
    """
    return list(_declarations(notebook, src, OF_PYTHON))


def _declarations(notebook: Path, src: Path, readers: Iterable) -> Iterator[Declaration]:
    for folder in _folders(notebook, src):
        for name, reader, owner in readers:
            path = folder / name
            if ordinary_files.is_file(path, src) and not (owner and (folder / owner).is_file()):
                declaration = _read(path.relative_to(src).as_posix(), reader, path)
                if declaration:
                    yield declaration


def _folders(notebook: Path, src: Path) -> Iterator[Path]:
    """Yield the folders to search, from the notebook's own to the top."""
    for inside in notebook.parents:
        yield src / inside
        yield from (src / inside / name for name in BINDER if (src / inside / name).is_dir())


def _read(file: str, reader: Callable, argument: object) -> Declaration | None:
    """Return what `reader` reads from `argument`, or None if that declares nothing."""
    try:
        packages = reader(argument)
    except Unreadable as error:
        return Declaration(file, Packages(), str(error))
    except RecursionError:
        # Raised by the parsers of several formats.
        return Declaration(file, Packages(), "it is nested too deeply")
    return Declaration(file, packages) if packages is not None else None
