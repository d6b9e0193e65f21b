"""Names that a cell misses because the cell that defines them stands below it."""

import re
from collections.abc import Sequence

from nb_builder.analysis import contract
from nb_builder.common.cell import Cell
from nb_builder.problems.cells import CellFailed, DefinedLater

_MISSED = re.compile(r"^NameError: name '(\w+)' is not defined")


def explain(failed: CellFailed, cells: Sequence[Cell]) -> DefinedLater | None:
    """Return what to tell of a cell that failed for want of a name that one of `cells` below defines; None for none."""
    missed = _MISSED.search(str(failed.facts["error"]))
    if not missed or failed.cell.ours:
        return None
    here = failed.cell.position or 0
    below = [cell for cell in cells if not cell.ours and (cell.position or 0) > here]
    own = [each for each in contract.bindings(missed[1], [failed.cell]) if each.statement.lineno > (failed.line or 0)]
    found = next(iter([*own, *contract.bindings(missed[1], below)]), None)
    if found is None:
        return None
    return DefinedLater(
        **failed.context,
        name=missed[1],
        definition=found.cell.where(str(failed.notebook), found.statement.lineno),
    )
