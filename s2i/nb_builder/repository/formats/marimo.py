"""Reads a marimo notebook (`app = marimo.App()`, functions with `@app.cell`).

marimo runs a cell when the names that it needs are bound, wherever the cell is in the file; this module orders cells in
the same way.
"""

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nb_builder.rewrite.names import bound, needed
from nb_builder.rewrite.number_cells import BEGINS

_APP = re.compile(r"^app\s*=\s*marimo\.App\(", re.MULTILINE)
_DECORATORS = ("cell", "function", "class_definition")


@dataclass(frozen=True)
class _Cell:
    """One cell: its source, its first line in the file, and the names that it binds and needs."""

    source: str
    begins: int
    binds: frozenset[str]
    needs: frozenset[str]


def is_one(text: str) -> bool:
    """Return whether a script is a marimo notebook."""
    return "import marimo" in text and _APP.search(text) is not None


def parse(text: str) -> NotebookNode:
    """Return the notebook with its cells in the order in which marimo runs them; raise SyntaxError."""
    lines = text.splitlines()
    parsed = [cell for statement in ast.parse(text).body if (cell := _cell_of_statement(statement, lines))]
    cells = [_node(cell) for cell in _without_marimo(_in_order(parsed))]
    for node in cells:
        # nbformat's IDs are random, and a build must be repeatable; format 4.4 has no IDs.
        node.pop("id")
    return new_notebook(cells=cells, nbformat_minor=4)


def _cell_of_statement(statement: ast.stmt, lines: Sequence[str]) -> _Cell | None:
    """Return the cell in a statement of the file; None for code that marimo itself wrote around the cells."""
    if isinstance(statement, ast.With) and ast.unparse(statement.items[0].context_expr).startswith("app.setup"):
        return _cell_of(statement.body, lines)
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    kind = next((kind for kind in map(_decorator, statement.decorator_list) if kind), None)
    if kind == "cell":
        # marimo adds a last line that returns the names for other cells.
        body = statement.body[:-1] if isinstance(statement.body[-1], ast.Return) else statement.body
        return _cell_of(body, lines) if body else None
    if kind:
        return _cell_of([statement], lines)
    return None


def _decorator(node: ast.expr) -> str | None:
    node = node.func if isinstance(node, ast.Call) else node
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "app"):
        return None
    return node.attr if node.attr in _DECORATORS else None


def _cell_of(body: Sequence[ast.stmt], lines: Sequence[str]) -> _Cell:
    first, last = body[0], body[-1]
    begins = first.lineno
    other_decorators = [
        decorator.lineno for decorator in getattr(first, "decorator_list", ()) if _decorator(decorator) is None
    ]
    begins = min([begins, *other_decorators])
    source = _dedented(body, lines[begins - 1 : last.end_lineno], begins)
    needs = frozenset().union(*(needed(statement) for statement in body))
    return _Cell(source, begins, frozenset(bound(body)), needs)


def _dedented(body: Sequence[ast.stmt], lines: Sequence[str], begins: int) -> str:
    """Return `lines` dedented, except those inside a triple-quoted string, where indentation is part of the value."""
    strings = (
        node for statement in body for node in ast.walk(statement) if isinstance(node, (ast.Constant, ast.JoinedStr))
    )
    inside = {
        number for string in strings for number in range(string.lineno + 1, (string.end_lineno or string.lineno) + 1)
    }
    margin = " " * body[0].col_offset
    dedented = (
        line if number in inside else line.removeprefix(margin) for number, line in enumerate(lines, start=begins)
    )
    return "\n".join(dedented)


def _in_order(cells: Sequence[_Cell]) -> list[_Cell]:
    """Return the cells sorted so that each follows those that bind its names, otherwise in file order."""
    waiting, ordered = list(cells), []
    while waiting:
        bound_elsewhere = [
            frozenset().union(*(other.binds for other in waiting if other is not cell)) for cell in waiting
        ]
        ready = (
            cell
            for cell, elsewhere in zip(waiting, bound_elsewhere, strict=True)
            if not _public(cell.needs - cell.binds) & elsewhere
        )
        # A cycle of cells is an error in marimo, too, and appears when they run.
        chosen = next(ready, waiting[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _public(names: frozenset[str]) -> frozenset[str]:
    """Return the names that cells share: a name with a leading _ is local to its cell."""
    return frozenset(name for name in names if not name.startswith("_"))


def _without_marimo(cells: Sequence[_Cell]) -> list[_Cell]:
    """Return the cells without `import marimo as mo` if they use it only for Markdown text."""
    code = [cell for cell in cells if not _markdown(cell)]
    if any("mo" in cell.needs for cell in code):
        return list(cells)
    return [cell for cell in cells if cell.source.strip() != "import marimo as mo"]


def _markdown(cell: _Cell) -> str | None:
    """Return the text of a cell that consists of `mo.md("…")`, else None."""
    body = ast.parse(cell.source).body
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "mo.md" or len(call.args) != 1:
        return None
    text = call.args[0]
    return text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else None


def _node(cell: _Cell) -> NotebookNode:
    text = _markdown(cell)
    if text is not None:
        return new_markdown_cell(textwrap.dedent(text).strip())
    return new_code_cell(cell.source, metadata={"nb_builder": {BEGINS: cell.begins}})
