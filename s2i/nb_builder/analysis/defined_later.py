"""NameErrors caused by the order of the cells: the name is defined further down."""

import re
from collections.abc import Sequence

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.problems.cells import CellFailed, DefinedLater

_NAME_ERROR = re.compile(r"^NameError: name '(\w+)' is not defined")


def explain(failed: CellFailed, cells: Sequence[Cell]) -> DefinedLater | None:
    """Return the problem of a cell that failed with a NameError, if the cell or one of `cells` below defines the name.

    Return None for any other failure, and for a name that nothing below defines.
    """
    match = _NAME_ERROR.search(str(failed.facts["error"]))
    if not match or failed.cell.ours:
        return None
    position = failed.cell.position or 0
    below = [cell for cell in cells if not cell.ours and (cell.position or 0) > position]
    later_in_cell = [
        binding
        for binding in notebook_contract.bindings(match[1], [failed.cell])
        if binding.statement.lineno > (failed.line or 0)
    ]
    definition = next(iter([*later_in_cell, *notebook_contract.bindings(match[1], below)]), None)
    if definition is None:
        return None
    return DefinedLater(
        **failed.context,
        name=match[1],
        definition=definition.cell.where(str(failed.notebook), definition.statement.lineno),
    )
