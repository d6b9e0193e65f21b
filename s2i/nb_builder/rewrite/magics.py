"""Turn Jupyter's own syntax (`%time`, `!ls`, `x?`) into Python calls that mean the same."""

from nbconvert.filters import ipython2python
from nbconvert.preprocessors import Preprocessor


class MagicsToPython(Preprocessor):
    """Replaces magics and shell lines by calls of get_ipython(); lines keep their numbers."""

    def preprocess_cell(self, cell, resources, index):
        """Return the cell with plain Python in it, and the resources as they were."""
        if cell.cell_type == "code":
            cell.source = ipython2python(cell.source).rstrip("\n")
        return cell, resources
