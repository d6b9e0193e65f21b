"""Which later cells change what predictor uses: the reason why it no longer answers as a cell showed."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nb_builder import contract
from nb_builder.cells import Cell
from nb_builder.rewrite.names import bound, changed, needed

SHOWN = 3
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Change:
    """A statement at the top level of a cell that binds, changes or deletes a name."""

    cell: Cell
    line: int
    verb: str
    name: str

    def words(self, notebook: str) -> str:
        """Return the change as part of a sentence."""
        return f"{self.cell.where(notebook, self.line)}, {self.verb} '{self.name}'"


def of_predictor(cells: Sequence[Cell], number: int, line: int) -> list[Change]:
    """Return the last change of each name that predictor uses, of those behind `line` of cell `number`."""
    used = _used("predictor", cells)
    last: dict[str, Change] = {}
    for change in _changes(cells):
        later = (change.cell.number or 0, change.line) > (number, line)
        if later and change.name in used:
            last[change.name] = change
    return list(last.values())


def cause(changes: Sequence[Change], notebook: str) -> str:
    """Return in words what has changed, for the sentence of a problem."""
    if not changes:
        return "something that predictor uses has changed since"
    return "; ".join(change.words(notebook) for change in changes[:SHOWN])


def _used(name: str, cells: Sequence[Cell]) -> set[str]:
    """Return `name` and the names that it reads when it is called, through the functions of the notebook."""
    found: set[str] = set()
    open_names = [name]
    while open_names:
        name = open_names.pop()
        if name in found:
            continue
        found.add(name)
        for binding in contract.bindings(name, cells)[-1:]:
            if _is_code(binding.statement) or not found - {name}:
                open_names += needed(binding.statement)
    return found


def _is_code(statement: ast.stmt) -> bool:
    """Tell whether a statement binds code that looks its names up when it is called, and no value."""
    return isinstance(statement, _DEFINITIONS) or isinstance(getattr(statement, "value", None), ast.Lambda)


def _changes(cells: Sequence[Cell]) -> Iterator[Change]:
    for cell in cells:
        for statement in contract.parse(cell) or ():
            for verb, names in (
                ("deletes", _deleted(statement)),
                ("rebinds", bound([statement])),
                ("changes", changed(statement)),
            ):
                yield from (Change(cell, statement.lineno, verb, name) for name in sorted(names))


def _deleted(statement: ast.stmt) -> set[str]:
    return {
        node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    } - bound([statement])
