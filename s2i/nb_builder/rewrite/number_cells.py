"""Give every code cell the number that Jupyter shows, its place in the file, and a title."""

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

SKIP = "skip-execution"


class NumberCells(Preprocessor):
    """Writes `metadata.nb_builder` (number, position, title, first line) into each code cell.

    Numbers are those of a fresh kernel after "Run All": empty cells and skipped ones get none. Cells
    without a number are taken out, for nothing runs them.
    """

    def preprocess(self, nb, resources):
        """Return the notebook with numbered cells."""
        number = 0
        kept = []
        for position, cell in enumerate(nb.cells, start=1):
            if cell.cell_type == "code":
                if not cell.source.strip() or SKIP in cell.metadata.get("tags", ()):
                    continue
                number += 1
                cell.metadata["nb_builder"] = _place(
                    number, position, f"[{number}] cell {position} of the file", _first_line(cell.source)
                )
            kept.append(cell)
        nb.cells = kept
        return nb, resources


def own_cell(title: str, source: str) -> NotebookNode:
    """Return a cell that is ours and not the author's: it has a title and no number."""
    return new_code_cell(source, metadata={"nb_builder": _place(None, None, title, title)})


def _place(number: int | None, position: int | None, title: str, shown: str) -> dict:
    return {"number": number, "position": position, "title": title, "shown": shown}


def _first_line(source: str) -> str:
    return next(line.strip() for line in source.splitlines() if line.strip())
