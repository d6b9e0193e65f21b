"""Finds imports that a notebook needs in an earlier cell, or that are missing, because its cells ran out of order."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.rewrite.names import bound, needed

# The names under which these modules are usually imported.
_USUAL = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
}


@dataclass(frozen=True)
class LateImport:
    """An import statement that `cell` needs; `below` is the cell that has it, None for a customary name."""

    cell: Cell
    statement: str
    name: str
    below: Cell | None


def find(cells: Sequence[Cell]) -> list[LateImport]:
    """Return the imports to repeat in an earlier cell, at most one per name."""
    defined: set[str] = set()
    found: dict[str, LateImport] = {}
    for number, cell in enumerate(cells):
        statements = cell.statements or []
        for statement in statements:
            for name in sorted(_read(statement) - defined - set(found)):
                late = _import_of(name, cells[number + 1 :])
                if late:
                    found[name] = LateImport(cell, late[0], name, late[1])
                elif name in _USUAL and not _is_bound(name, cells):
                    found[name] = LateImport(cell, _USUAL[name], name, None)
            defined |= bound([statement])
    return list(found.values())


def _is_bound(name: str, cells: Sequence[Cell]) -> bool:
    """Return whether any cell may bind a name, even if only through a star import."""
    return bool(notebook_contract.bindings(name, cells)) or notebook_contract.may_bind_unseen(cells)


def _read(statement: ast.stmt) -> set[str]:
    """Return the names that a statement needs immediately; a function's body needs them when it is called."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return set()
    return needed(statement)


def _import_of(name: str, cells: Sequence[Cell]) -> tuple[str, Cell] | None:
    return next(((text, cell) for cell in cells for text in _imports(name, cell)), None)


def _imports(name: str, cell: Cell) -> Iterator[str]:
    for statement in cell.statements or ():
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                if (alias.asname or alias.name.split(".")[0]) == name:
                    one: ast.stmt = ast.Import([alias])
                    if isinstance(statement, ast.ImportFrom):
                        one = ast.ImportFrom(statement.module, [alias], statement.level)
                    yield ast.unparse(one)
