"""Keeps only the code that the value of `requirements` depends on: a program slice of the syntax tree.

Script one runs before any package is installed. So each cell keeps only the statements that bind `requirements`, change
it, or bind names that it is computed from; other imports are removed, even from the same cell.
"""

import ast

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from nb_builder.common import syntax_trees
from nb_builder.rewrite.names import bound, changed, needed

NAME = "requirements"


class KeepRequirements(Preprocessor):
    """Reduces the notebook to the code cells and statements that `requirements` needs."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the reduced notebook."""
        wanted = {NAME}
        cells = []
        for cell in reversed(nb.cells):
            if cell.cell_type != "code":
                continue
            cell.source = _slice(cell.source, wanted)
            if cell.source:
                cells.append(cell)
        nb.cells = cells[::-1]
        return nb, resources


def _slice(source: str, wanted: set[str]) -> str:
    """Return the statements of `source` that bind or change names in `wanted`.

    Changes `wanted` to the names that earlier cells must bind for these statements.
    """
    statements = []
    for original in reversed(syntax_trees.statements(source)):
        statement = _narrowed(original, wanted)
        bindings = bound([statement])
        if not (bindings | changed(statement)) & wanted:
            continue
        if _always_binds(statement):
            # This binding replaces any earlier one, so earlier statements are not needed for the name.
            wanted -= bindings
        wanted |= needed(statement)
        statements.append(_text(source, statement))
    return "\n".join(reversed(statements))


def _narrowed(statement: ast.stmt, wanted: set[str]) -> ast.stmt:
    """Return an import reduced to the wanted names; any other statement unchanged."""
    if not isinstance(statement, (ast.Import, ast.ImportFrom)):
        return statement
    names = [alias for alias in statement.names if bound([ast.Import([alias])]) & wanted]
    if not names or len(names) == len(statement.names):
        return statement
    return _with_names(statement, names)


def _with_names(statement: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.stmt:
    if isinstance(statement, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(statement.module, names, statement.level)


def _always_binds(statement: ast.stmt) -> bool:
    """Return whether `statement` always binds its names, unlike a branch of an `if` or a bare annotation."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is not None
    return isinstance(statement, (ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef))


def _text(source: str, statement: ast.stmt) -> str:
    """Return the author's own text of `statement`, decorators included."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return ast.unparse(statement)
    segment = ast.get_source_segment(source, statement) or ""
    decorators = getattr(statement, "decorator_list", [])
    if not decorators:
        return segment
    lines = source.splitlines()[decorators[0].lineno - 1 : statement.lineno - 1]
    return "\n".join([*lines, segment])
