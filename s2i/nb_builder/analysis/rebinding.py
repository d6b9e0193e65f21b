"""Which later cells change what predictor uses: the reason why it no longer answers as a cell showed."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nb_builder.analysis import contract
from nb_builder.analysis.contract import Binding
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

    def words(self, notebook: str) -> str:
        """Return the change as part of a sentence."""
        return f"{self.cell.where(notebook, self.line)}, {self.verb} '{self.name}'"


def of_predictor(cells: Sequence[Cell], number: int, line: int) -> list[Change]:
    """Return the last change of each name that predictor uses, of those behind `line` of cell `number`."""
    statements, _ = contract.unfolded(cells)
    used = _used("predictor", statements)
    last: dict[str, Change] = {}
    for change in _changes(statements):
        later = (change.cell.number or 0, change.line) > (number, line)
        if later and change.name in used:
            last[change.name] = change
    return list(last.values())


def cause(changes: Sequence[Change], notebook: str) -> str:
    """Return in words what has changed, for the sentence of a problem."""
    if not changes:
        return "something that predictor uses has changed since"
    return "; ".join(change.words(notebook) for change in changes[:SHOWN])


def _used(name: str, statements: Sequence[Binding]) -> set[str]:
    """Return the names that `name` stands for when it is called: of what it is made of, and of functions' insides."""
    found = {name}
    pending = [name]
    while pending:
        name = pending.pop()
        last = [each.statement for each in statements if name in bound([each.statement])][-1:]
        # What a value was made of may change without it; only predictor itself is followed whatever it is.
        read = set().union(*(needed(each) for each in last if _is_code(each) or len(found) == 1))
        pending += sorted(read - found)
        found |= read
    return found


def _is_code(statement: ast.stmt) -> bool:
    """Tell whether a statement binds code that looks its names up when it is called, and no value."""
    return isinstance(statement, _DEFINITIONS) or isinstance(getattr(statement, "value", None), ast.Lambda)


def _changes(statements: Sequence[Binding]) -> Iterator[Change]:
    for each in statements:
        kinds = {
            "deletes": _deleted(each.statement),
            "changes": changed(each.statement),
            "rebinds": bound([each.statement]),
        }
        for verb, names in kinds.items():
            yield from (Change(each.cell, each.statement.lineno, verb, name) for name in sorted(names))


def _deleted(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Delete) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
