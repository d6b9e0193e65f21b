"""Keep only the code that the value of `requirements` depends on: a slice by the syntax tree.

Script one runs before any package is installed. So of each cell only the statements stay that bind
`requirements`, change it, or give it the names that it is computed from; imports that the rest of
the notebook needs are left behind, even in the same cell.
"""

import ast

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from nb_builder.common import syntax_trees
from nb_builder.rewrite.names import bound, changed, needed

NAME = "requirements"


class KeepRequirements(Preprocessor):
    """Reduces the notebook to the code cells, and in them to the statements, that `requirements` needs."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the reduced notebook."""
        wanted = {NAME}
        kept = []
        for cell in reversed(nb.cells):
            if cell.cell_type != "code":
                continue
            cell.source = _slice(cell.source, wanted)
            if cell.source:
                kept.append(cell)
        nb.cells = kept[::-1]
        return nb, resources


def _slice(source: str, wanted: set[str]) -> str:
    """Return the statements of `source` that give `wanted` its values, and add to `wanted` what they need."""
    kept = []
    for written in reversed(syntax_trees.statements(source)):
        statement = _only(written, wanted)
        gives = bound([statement])
        if not (gives | changed(statement)) & wanted:
            continue
        if _for_certain(statement):
            # Whatever an earlier statement bound to the name is lost.
            wanted -= gives
        wanted |= needed(statement)
        kept.append(_text(source, statement))
    return "\n".join(reversed(kept))


def _only(statement: ast.stmt, wanted: set[str]) -> ast.stmt:
    """Return an import without the names that are not wanted; any other statement as it is."""
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


def _for_certain(statement: ast.stmt) -> bool:
    """Tell whether `statement` binds its names whenever it runs: not one branch of an `if`, no bare annotation."""
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
