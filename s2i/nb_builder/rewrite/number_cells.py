"""Give every code cell the number that Jupyter shows, its place in the file, and a title."""

from collections.abc import Iterator

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

SKIP = "skip-execution"

# In the metadata of a cell that is not in the author's file, and must not shift what is.
INJECTED = "injected"
# In the metadata of a script's cell: the line of the file in which its source begins.
BEGINS = "begins"


class NumberCells(Preprocessor):
    """Writes `metadata.nb_builder` (number, position, title, first line) into each code cell.

    Numbers are those of a fresh kernel after "Run All": empty cells and skipped ones get none. Cells
    without a number are taken out, for nothing runs them.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with numbered cells."""
        number = 0
        kept = []
        for position, cell in positions(nb):
            if position is None:
                cell.metadata["nb_builder"] = _ours(cell.metadata["nb_builder"]["title"])
            elif cell.cell_type == "code":
                if not cell.source.strip() or SKIP in cell.metadata.get("tags", ()):
                    continue
                number += 1
                title = f"[{number}] cell {position} of the file"
                begins = cell.metadata.get("nb_builder", {}).get(BEGINS)
                cell.metadata["nb_builder"] = _place(number, position, title, _first_line(cell.source), begins)
            kept.append(cell)
        nb.cells = kept
        return nb, resources


def positions(nb: NotebookNode) -> Iterator[tuple[int | None, NotebookNode]]:
    """Yield each cell with its place in the author's file, which starts at 1; None for one that was injected."""
    position = 0
    for cell in nb.cells:
        if INJECTED in cell.metadata.get("nb_builder", {}):
            yield None, cell
        else:
            position += 1
            yield position, cell


def own_cell(title: str, source: str) -> NotebookNode:
    """Return a cell that is ours and not the author's: it has a title and no number."""
    return new_code_cell(source, metadata={"nb_builder": _ours(title)})


def _ours(title: str) -> dict:
    return _place(None, None, title, title)


def _place(number: int | None, position: int | None, title: str, shown: str, begins: int | None = None) -> dict:
    return {"number": number, "position": position, "title": title, "shown": shown, BEGINS: begins}


def _first_line(source: str) -> str:
    return next(line.strip() for line in source.splitlines() if line.strip())
