"""The last cell of script one: writes the value of `requirements` as requirements.txt."""

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from nb_builder.rewrite.number_cells import own_cell

# Exit status of script one if `requirements` itself is invalid, as opposed to the code around it.
MALFORMED = 65

EMIT = f"""\
import sys


def _line(number, entry):
    if isinstance(entry, str):
        entry = [entry]
    if not isinstance(entry, (list, tuple)) or not 1 <= len(entry) <= 2:
        _refuse("entry %d, %r, is neither a string nor a pair of name and version" % (number, entry))
    name, version = (list(entry) + [None])[:2]
    if not isinstance(name, str) or not name.strip():
        _refuse("entry %d, %r, has no name" % (number, entry))
    if version is not None and not isinstance(version, str):
        _refuse("entry %d, %r, has a version that is not a string; write it in quotes" % (number, entry))
    name, version = name.strip(), (version or "").strip()
    if "\\n" in name + version or "\\r" in name + version:
        _refuse("entry %d, %r, has more than one line" % (number, entry))
    return name + (version if not version or version[0] in "=<>!~" else "==" + version)


def _refuse(reason):
    sys.stderr.write(reason)
    sys.exit({MALFORMED})


if not isinstance(requirements, (list, tuple)):
    _refuse("it is %r, not a list" % (requirements,))
_lines = "".join(_line(number, entry) + "\\n" for number, entry in enumerate(requirements, start=1))
with (open(sys.argv[1], "w") if sys.argv[1:] else sys.stdout) as _file:
    _file.write(_lines)"""


class EmitRequirements(Preprocessor):
    """Appends a cell that writes requirements.txt: to the file given as its argument, or to stdout."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with that cell; `requirements` is empty if no remaining cell defines it."""
        if not nb.cells:
            nb.cells.append(own_cell("no cell of the notebook defines requirements", "requirements = []"))
        nb.cells.append(own_cell("nb-builder: write requirements.txt", EMIT))
        return nb, resources
