"""Parameters as papermill's users know them: values from outside for the names of the cell tagged `parameters`."""

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
    """Return the notebooks with a cell more that assigns `values`, each name where the notebook has it.

    Without any cell tagged `parameters` it goes to the top of the last notebook, with a note. Raises
    ParameterUnknown for names that no such cell assigns.
    """
    if not values:
        return list(notebooks)
    tagged = [_first(node, TAG) for node in notebooks]
    if all(position is None for position in tagged):
        log.note("no cell is tagged 'parameters': the values of S2I_PARAMETERS are assigned before the first cell.")
        return [*notebooks[:-1], _inject(notebooks[-1], values, 0)]
    known = [names_of(node) for node in notebooks]
    unknown = sorted(set(values) - set().union(*known))
    if unknown:
        raise ParameterUnknown(names=", ".join(unknown), known=", ".join(sorted(set().union(*known))) or "nothing")
    return [
        _inject(node, {name: value for name, value in values.items() if name in names}, (position or 0) + 1)
        for node, names, position in zip(notebooks, known, tagged, strict=True)
    ]


def names_of(node: NotebookNode) -> set[str]:
    """Return the names that the first cell tagged `parameters` assigns."""
    position = _first(node, TAG)
    if position is None:
        return set()
    return bound(syntax_trees.statements(as_python(node.cells[position].source)))


def _inject(node: NotebookNode, values: dict[str, object], position: int) -> NotebookNode:
    """Return a copy with the cell at `position`; papermill's, from a run before, is replaced instead."""
    if not values:
        return node
    result = copy.deepcopy(node)
    source = "\n".join([f"# {TITLE}", *(f"{name} = {value!r}" for name, value in values.items())])
    before = _first(node, TAG_INJECTED)
    if before is not None:
        result.cells[before].source = source
        return result
    cell = new_code_cell(source, metadata={"tags": [TAG_INJECTED], "nb_builder": {INJECTED: True, "title": TITLE}})
    # Ids are made by chance, and a build must be repeatable; formats before 4.5 have none.
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
