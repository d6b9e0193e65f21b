"""Converts Jupyter's own syntax (`%time`, `!ls`, `x?`) to equivalent Python calls."""

import re
import warnings
from functools import lru_cache

from nbconvert.filters import ipython2python
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

# nb-builder's own magics, in ipython2python's form, which builds ignore: they are for the notebook's author.
_TEXT = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_OURS = re.compile(
    r"get_ipython\(\)\.run_line_magic\("
    rf"(?:'nb_(?:check|serve|golden)', {_TEXT}|'(?:load|reload|unload)_ext', 'nb_builder')\)"
)


class MagicsToPython(Preprocessor):
    """Replaces magics and shell commands with calls of get_ipython(); lines keep their numbers."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        """Return the cell with plain Python in it, and the resources unchanged."""
        if cell.cell_type == "code":
            cell.source = as_python(cell.source)
        return cell, resources


# Cached, because a check converts the same cells several times, and IPython takes milliseconds for each.
@lru_cache(maxsize=4096)
def as_python(source: str) -> str:
    """Return the source of a cell as plain Python, with unchanged line numbers; our own magics do nothing."""
    # IPython strips empty lines at the top.
    above = source[: len(source) - len(source.lstrip())].count("\n")
    try:
        with warnings.catch_warnings():
            # IPython warns about Unicode's line separators, which pasted text may contain.
            warnings.simplefilter("ignore")
            converted = ipython2python(source)
    except IndentationError:
        # The tokenizer of Python 3.10 and 3.11 raises it. If the cell stays unchanged, its error names the line.
        return source
    return "\n" * above + _OURS.sub("None", converted.rstrip("\n"))
