"""Reads `requirements` if it consists of literals, so that none of the notebook's code has to run."""

import ast
from collections.abc import Sequence

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.rewrite.emit_requirements import EMIT
from nb_builder.rewrite.keep_requirements import NAME


def script(cells: Sequence[Cell]) -> str | None:
    """Return a script that emits the same as script one's `cells`, with only literals and nb-builder's own code.

    None if they compute something.
    """
    value: object = []
    for cell in cells:
        if cell.source == EMIT:
            continue
        tree = syntax_trees.tree(cell.source)
        if tree is None:
            return None
        for statement in tree.body:
            try:
                value = _after(statement, value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                # Raised by ast.literal_eval, and by adding something else to a list.
                return None
    try:
        return f"{NAME} = {value!r}\n{EMIT}\n"
    except (ValueError, RecursionError):
        # An integer that Python can read, but that is too long to print.
        return None


def _after(statement: ast.stmt, value: object) -> object:
    """Return the value of `requirements` after a statement; raise ValueError if only a run can determine it."""
    if isinstance(statement, ast.Assign) and [_name(target) for target in statement.targets] == [NAME]:
        return ast.literal_eval(statement.value)
    if isinstance(statement, ast.AnnAssign) and _name(statement.target) == NAME and statement.value is not None:
        return ast.literal_eval(statement.value)
    if isinstance(statement, ast.AugAssign) and _name(statement.target) == NAME and isinstance(statement.op, ast.Add):
        more = ast.literal_eval(statement.value)
        if isinstance(value, list) and isinstance(more, (list, tuple)):
            return [*value, *more]
    raise ValueError("no literal")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
