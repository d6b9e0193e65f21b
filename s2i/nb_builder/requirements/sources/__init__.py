"""Where a repository says which packages it needs: one reader a kind of file, and this door before them.

What is nearest to the notebook counts: its own header, then its folder, then the folders above it up to the top.
In a folder, requirements.txt comes first, and the folder itself before `binder/` and `.binder/` in it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from nb_scorer.common import paths
from nbformat import NotebookNode

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
from nb_builder.requirements.sources.base import Declaration, Said, Unreadable
from nb_builder.requirements.sources.choice import NOTHING, Choice, choose, exclude

__all__ = ["NOTHING", "Choice", "Declaration", "Said", "choose", "exclude", "of_python", "of_repository"]

# Each file with its reader, and what it belongs to: a lock is read on its own only where that is not there.
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
    """Return what the notebook's header and the files of the repository in `src` say, the nearest first.

    A file that can't be read is there, too, and says why.
    """
    own = _read(str(notebook), partial(header.read, node=node), src / notebook)
    return [*([own] if own else []), *_declarations(notebook, src, READERS)]


def of_python(notebook: Path, src: Path) -> list[Declaration]:
    """Return what runtime.txt and .python-version say, the nearest first; of packages they say nothing."""
    return list(_declarations(notebook, src, OF_PYTHON))


def _declarations(notebook: Path, src: Path, readers: Iterable) -> Iterator[Declaration]:
    for folder in _folders(notebook, src):
        for name, reader, owner in readers:
            path = folder / name
            if path.is_file() and not (owner and (folder / owner).is_file()):
                declaration = _read(path.relative_to(src).as_posix(), reader, path)
                if declaration:
                    yield declaration


def _folders(notebook: Path, src: Path) -> Iterator[Path]:
    """Yield the folders that count, from the notebook's own to the top."""
    for inside in notebook.parents:
        yield src / inside
        yield from (src / inside / name for name in BINDER if (src / inside / name).is_dir())


def _read(file: str, reader: Callable, what: object) -> Declaration | None:
    """Return what `reader` makes of `what`; None where that says nothing."""
    try:
        said = reader(what)
    except Unreadable as wrong:
        return Declaration(file, Said(), str(wrong))
    except RecursionError:
        # Whatever reads it, of whatever format.
        return Declaration(file, Said(), "it is nested too deeply")
    return Declaration(file, said) if said is not None else None
