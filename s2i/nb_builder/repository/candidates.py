"""Finds the notebook of a repository if none is chosen: the only file that defines predictor."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nb_scorer.common import phrases
from nb_scorer.common.problem import Problem

from nb_builder.analysis import notebook_contract
from nb_builder.common import inside, visible
from nb_builder.common.cell import Cell
from nb_builder.problems.notebooks import NotebookAmbiguous, NotebookMissing, PredictorNowhere
from nb_builder.repository import formats, notebook_file
from nb_builder.repository.formats import percent
from nb_builder.rewrite import scripts

_LISTED = 10
# Tests may define their own predictor, which should not be served.
_TEST_FOLDERS = ("test", "tests")


def sole(repository: Path, note: Callable[[str], None]) -> Path:
    """Return the notebook to build, relative to `repository`; `note` is called with the reason if there were several.

    Raises NotebookMissing, NotebookAmbiguous or PredictorNowhere.
    """
    first, *others = groups(repository)
    if len(first) == 1 and _may_bind(repository, first[0]):
        return first[0]
    for group in (first, *others):
        defining = [path for path in group if binds(repository, path)]
        if len(defining) > 1:
            raise NotebookAmbiguous(count=len(defining), names=listed(defining), example=defining[0])
        if defining:
            _note_choice(defining[0], sum(map(len, (first, *others))), note)
            return defining[0]
    notebooks = first or others[0]
    if not notebooks:
        raise NotebookMissing
    if len(notebooks) > 1:
        raise PredictorNowhere(count=len(notebooks), names=listed(notebooks), example=notebooks[0])
    return notebooks[0]


def groups(repository: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the repository's .ipynb notebooks, those in other formats, and possible scripts; each sorted.

    .ipynb comes first, because Jupytext may store a notebook in two formats.
    """
    result: tuple[list[Path], list[Path], list[Path]] = ([], [], [])
    for path in sorted(_files(repository)):
        if path.suffix == ".ipynb":
            result[0].append(path)
        elif formats.is_notebook(path, text := _text(repository, path)) or (
            path.suffix == ".py" and "predictor" in text and percent.is_notebook(text)
        ):
            result[1].append(path)
        elif path.suffix == ".py" and binds(repository, path):
            # It may be a module that a notebook imports.
            result[2].append(path)
    return result


def all_of(repository: Path) -> list[Path]:
    """Return every notebook of the repository, with or without predictor; sorted."""
    return [
        path
        for path in sorted(_files(repository))
        if path.suffix == ".ipynb"
        or formats.is_notebook(path, text := _text(repository, path))
        or (path.suffix == ".py" and percent.has_cells(text))
    ]


def listed(paths: list[Path]) -> str:
    """Return at most ten names and the number of others, so that the message stays readable."""
    return phrases.listed(map(visible.line, paths), _LISTED)


def binds(repository: Path, path: Path) -> bool:
    """Return whether a cell of the notebook binds predictor; False for a notebook that can't be read."""
    return "predictor" in _text(repository, path) and bool(
        notebook_contract.binds_predictor(_cells(repository, path) or ())
    )


def _may_bind(repository: Path, path: Path) -> bool:
    """Return whether a notebook binds predictor, or may do so in a way that its syntax tree doesn't show."""
    cells = _cells(repository, path)
    return cells is None or notebook_contract.binds_predictor(cells) or notebook_contract.may_bind_unseen(cells)


def _cells(repository: Path, path: Path) -> tuple[Cell, ...] | None:
    """Return the notebook's code cells; None if it can't be read, which is reported only if it is built."""
    try:
        return scripts.author_cells(notebook_file.read(repository, path))
    except Problem:
        return None


def _note_choice(chosen: Path, count: int, note: Callable[[str], None]) -> None:
    if count > 1:
        note(
            f"{visible.line(chosen)} is used: it is the only one of {count} notebooks and scripts that defines "
            "predictor."
        )


def _files(repository: Path) -> Iterator[Path]:
    """Yield the files that could be notebooks.

    Hidden folders are left out (Jupyter keeps old copies in .ipynb_checkpoints), and so are virtual environments, whose
    packages include notebooks of their own.
    """
    for folder, subfolders, files in os.walk(repository):
        parent = Path(folder)
        subfolders[:] = [
            name for name in subfolders if not name.startswith(".") and not os.path.exists(parent / name / "pyvenv.cfg")
        ]
        for name in files:
            path = (parent / name).relative_to(repository)
            if path.suffix in formats.SUFFIXES and not _is_test(path):
                yield path


def _is_test(path: Path) -> bool:
    names = {part.lower() for part in path.parts[:-1]}
    return path.suffix == ".py" and (not names.isdisjoint(_TEST_FOLDERS) or path.name.startswith(("test_", "conftest")))


def _text(repository: Path, name: Path) -> str:
    """Return the text of a file; "" if it is missing or may not be read, which is reported if it is built."""
    path = repository / name
    if not os.path.isfile(path) or inside.unreadable_reason(path, repository):
        return ""
    return path.read_text(encoding="utf-8-sig", errors="replace")
