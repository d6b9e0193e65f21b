"""Turn Jupyter's own syntax (`%time`, `!ls`, `x?`) into Python calls that mean the same."""

from nbconvert.filters import ipython2python
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode


class MagicsToPython(Preprocessor):
    """Replaces magics and shell lines by calls of get_ipython(); lines keep their numbers."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        """Return the cell with plain Python in it, and the resources as they were."""
        if cell.cell_type == "code":
            cell.source = as_python(cell.source)
        return cell, resources


def as_python(source: str) -> str:
    """Return the source of a cell as plain Python, each line where it was."""
    # IPython takes off the empty lines at the top.
    above = source[: len(source) - len(source.lstrip())].count("\n")
    return "\n" * above + ipython2python(source).rstrip("\n")
