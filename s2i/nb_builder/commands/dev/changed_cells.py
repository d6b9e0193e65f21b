"""Finds the cells that a save changed, and determines whether the change affects the model."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.problems.notebooks import NotebookNotJson
from nb_builder.repository import notebook_file
from nb_builder.rewrite import scripts

SHOWN_CELLS = 3


@dataclass(frozen=True)
class Code:
    """The parts of a notebook that the model depends on: its code cells, their tags, and its Python version."""

    cells: tuple[tuple[str, tuple[str, ...]], ...]
    numbers: tuple[int | None, ...]
    python: str | None


def read(repository: Path, notebook: Path) -> Code | None:
    """Return the code of a notebook, or None if it can't be read, which the build will report."""
    try:
        node = notebook_file.read(repository, notebook)
        cells = scripts.author_cells(node)
    except (Problem, OSError):
        return None
    return Code(
        tuple((cell.source, cell.tags) for cell in cells),
        tuple(cell.number for cell in cells),
        notebook_file.wanted_python(node),
    )


def is_whole(repository: Path, notebook: Path) -> bool:
    """Return whether a notebook's file is complete: while it is being written, it is empty or truncated JSON."""
    try:
        notebook_file.read(repository, notebook)
    except NotebookNotJson:
        return False
    except (Problem, OSError):
        return True
    return True


def described(before: Code | None, after: Code | None) -> str | None:
    """Return the changed cells, numbered as in Jupyter; None if no code changed.

    Returns "" if that is unknown because one of the two can't be read.
    """
    if before is None or after is None:
        return ""
    if before.cells == after.cells:
        return None if before.python == after.python else "its Python"
    steps = difflib.SequenceMatcher(a=before.cells, b=after.cells, autojunk=False).get_opcodes()
    numbers = [
        number
        for kind, _, _, first, end in steps
        if kind in ("replace", "insert")
        for number in after.numbers[first:end]
    ]
    if not numbers:
        return "a cell removed" if len(before.cells) - len(after.cells) == 1 else "cells removed"
    return _listed([str(number) for number in numbers])


def _listed(numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"cell {numbers[0]}"
    if len(numbers) <= SHOWN_CELLS:
        return f"cells {', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"cells {', '.join(numbers[:SHOWN_CELLS])} and {len(numbers) - SHOWN_CELLS} more"
