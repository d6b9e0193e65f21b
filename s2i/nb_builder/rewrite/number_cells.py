"""Gives every code cell the number that Jupyter shows, its position in the file, and a title."""

from collections.abc import Iterator

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

SKIP = "skip-execution"

# Metadata key of a cell that is not in the author's file, and must not shift the positions of those that are.
INJECTED = "injected"
# Metadata key of a script's cell: the line of the file where its source starts.
BEGINS = "begins"


class NumberCells(Preprocessor):
    """Writes `metadata.nb_builder` (number, position, title, first line) into each code cell.

    Numbers are those of a fresh kernel after "Run All": empty and skipped cells get none, and are removed because they
    never run.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with numbered cells."""
        number = 0
        cells = []
        for position, cell in positions(nb):
            if position is None:
                cell.metadata["nb_builder"] = _own_location(cell.metadata["nb_builder"]["title"])
            elif cell.cell_type == "code":
                if not cell.source.strip() or SKIP in cell.metadata.get("tags", ()):
                    continue
                number += 1
                title = f"[{number}] cell {position} of the file"
                begins = cell.metadata.get("nb_builder", {}).get(BEGINS)
                cell.metadata["nb_builder"] = _location(number, position, title, _first_line(cell.source), begins)
            cells.append(cell)
        nb.cells = cells
        return nb, resources


def positions(nb: NotebookNode) -> Iterator[tuple[int | None, NotebookNode]]:
    """Yield each cell with its position in the author's file, from 1; None for an injected cell."""
    position = 0
    for cell in nb.cells:
        if INJECTED in cell.metadata.get("nb_builder", {}):
            yield None, cell
        else:
            position += 1
            yield position, cell


def own_cell(title: str, source: str) -> NotebookNode:
    """Return a cell of our own, with a title and no number."""
    return new_code_cell(source, metadata={"nb_builder": _own_location(title)})


def _own_location(title: str) -> dict:
    return _location(None, None, title, title)


def _location(number: int | None, position: int | None, title: str, first_line: str, begins: int | None = None) -> dict:
    return {"number": number, "position": position, "title": title, "shown": first_line, BEGINS: begins}


def _first_line(source: str) -> str:
    return next(line.strip() for line in source.splitlines() if line.strip())
