"""Parameters as in papermill: values for the names that the cell tagged `parameters` assigns."""

import copy
from collections.abc import Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from nb_builder.common import syntax_trees
from nb_builder.common.log import Log
from nb_builder.problems.contract import ParameterUnknown
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.names import bound
from nb_builder.rewrite.number_cells import INJECTED

TAG = "parameters"
TAG_INJECTED = "injected-parameters"
TITLE = "injected-parameters: what S2I_PARAMETERS sets"


def apply(notebooks: Sequence[NotebookNode], values: dict[str, object] | None, log: Log) -> list[NotebookNode]:
    """Return the notebooks with an injected cell that assigns `values`; each gets the names that its own cell assigns.

    If no notebook has a cell tagged `parameters`, the cell goes to the top of the last one, with a note. Raises
    ParameterUnknown for names that no such cell assigns.
    """
    if not values:
        return list(notebooks)
    positions = [_first(node, TAG) for node in notebooks]
    if all(position is None for position in positions):
        log.note("no cell is tagged 'parameters': the values of S2I_PARAMETERS are assigned before the first cell.")
        return [*notebooks[:-1], _inject(notebooks[-1], values, 0)]
    known = [names_of(node) for node in notebooks]
    unknown = sorted(set(values) - set().union(*known))
    if unknown:
        raise ParameterUnknown(names=", ".join(unknown), known=", ".join(sorted(set().union(*known))) or "nothing")
    return [
        _inject(node, {name: value for name, value in values.items() if name in names}, (position or 0) + 1)
        for node, names, position in zip(notebooks, known, positions, strict=True)
    ]


def names_of(node: NotebookNode) -> set[str]:
    """Return the names that the first cell tagged `parameters` assigns."""
    position = _first(node, TAG)
    if position is None:
        return set()
    return bound(syntax_trees.statements(as_python(node.cells[position].source)))


def _inject(node: NotebookNode, values: dict[str, object], position: int) -> NotebookNode:
    """Return a copy with the cell at `position`, or replacing the one that papermill injected in an earlier run."""
    if not values:
        return node
    result = copy.deepcopy(node)
    source = "\n".join([f"# {TITLE}", *(f"{name} = {value!r}" for name, value in values.items())])
    earlier = _first(node, TAG_INJECTED)
    if earlier is not None:
        result.cells[earlier].source = source
        return result
    cell = new_code_cell(source, metadata={"tags": [TAG_INJECTED], "nb_builder": {INJECTED: True, "title": TITLE}})
    # nbformat would generate random IDs, but a build must be repeatable; formats before 4.5 have no IDs.
    cell.id = TAG_INJECTED
    if (node.nbformat, node.nbformat_minor) < (4, 5):
        cell.pop("id")
    result.cells.insert(position, cell)
    return result


def _first(node: NotebookNode, tag: str) -> int | None:
    for position, cell in enumerate(node.cells):
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", ()):
            return position
    return None
