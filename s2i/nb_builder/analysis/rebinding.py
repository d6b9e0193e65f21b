"""Finds later cells that change what predictor uses, so that its prediction differs from the output of its cell."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nb_builder.analysis import notebook_contract
from nb_builder.analysis.notebook_contract import Binding
from nb_builder.common.cell import Cell
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

    def describe(self, notebook: str) -> str:
        """Return a description of the change, as part of a sentence."""
        return f"{self.cell.where(notebook, self.line)}, {self.verb} '{self.name}'"


def of_predictor(cells: Sequence[Cell], number: int, line: int) -> list[Change]:
    """Return the last change after `line` of cell `number` of each name that predictor uses."""
    statements, _ = notebook_contract.unfolded(cells)
    used = _used("predictor", statements)
    last: dict[str, Change] = {}
    for change in _changes(statements):
        later = (change.cell.number or 0, change.line) > (number, line)
        if later and change.name in used:
            last[change.name] = change
    return list(last.values())


def cause(changes: Sequence[Change], notebook: str) -> str:
    """Return `changes` as part of a sentence, or a text about an unknown cause if there are none."""
    if not changes:
        return "something that predictor uses has changed since"
    return "; ".join(change.describe(notebook) for change in changes[:SHOWN])


def _used(name: str, statements: Sequence[Binding]) -> set[str]:
    """Return the names that a call of `name` depends on, including those used by functions that it calls."""
    names = {name}
    pending = [name]
    while pending:
        name = pending.pop()
        last = [binding.statement for binding in statements if name in bound([binding.statement])][-1:]
        # A value doesn't depend on later changes of its inputs, so those are not followed. predictor always is, because
        # it may for example be a partial.
        read_names = set().union(*(needed(statement) for statement in last if _is_code(statement) or len(names) == 1))
        pending += sorted(read_names - names)
        names |= read_names
    return names


def _is_code(statement: ast.stmt) -> bool:
    """Return whether a statement binds code: code looks up its names at each call, unlike a value."""
    return isinstance(statement, _DEFINITIONS) or isinstance(getattr(statement, "value", None), ast.Lambda)


def _changes(statements: Sequence[Binding]) -> Iterator[Change]:
    for binding in statements:
        kinds = {
            "deletes": _deleted(binding.statement),
            "changes": changed(binding.statement),
            "rebinds": bound([binding.statement]),
        }
        for verb, names in kinds.items():
            yield from (Change(binding.cell, binding.statement.lineno, verb, name) for name in sorted(names))


def _deleted(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Delete) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
