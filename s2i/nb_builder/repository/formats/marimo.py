"""A marimo notebook (`app = marimo.App()`, functions under `@app.cell`) as a notebook of Jupyter.

marimo runs a cell when the names that it takes are there, wherever it stands in the file: so do we.
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
    """One cell: its source, the line of the file that it begins in, the names that it gives and takes."""

    source: str
    begins: int
    gives: frozenset[str]
    takes: frozenset[str]


def is_one(text: str) -> bool:
    """Tell whether a script is a marimo notebook."""
    return "import marimo" in text and _APP.search(text) is not None


def parse(text: str) -> NotebookNode:
    """Return the notebook with its cells in the order in which marimo runs them; raises SyntaxError."""
    lines = text.splitlines()
    made = [cell for statement in ast.parse(text).body if (cell := _of(statement, lines))]
    cells = [_node(cell) for cell in _without_marimo(_in_order(made))]
    for node in cells:
        # By chance, and a build must be repeatable; format 4.4 has none.
        node.pop("id")
    return new_notebook(cells=cells, nbformat_minor=4)


def _of(statement: ast.stmt, lines: Sequence[str]) -> _Cell | None:
    """Return the cell that a statement of the file holds; None for what marimo itself wrote around them."""
    if isinstance(statement, ast.With) and ast.unparse(statement.items[0].context_expr).startswith("app.setup"):
        return _made(statement.body, lines)
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return None
    kind = next((kind for kind in map(_decorator, statement.decorator_list) if kind), None)
    if kind == "cell":
        # marimo's own last line gives the names that other cells take.
        body = statement.body[:-1] if isinstance(statement.body[-1], ast.Return) else statement.body
        return _made(body, lines) if body else None
    if kind:
        return _made([statement], lines)
    return None


def _decorator(node: ast.expr) -> str | None:
    node = node.func if isinstance(node, ast.Call) else node
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "app"):
        return None
    return node.attr if node.attr in _DECORATORS else None


def _made(body: Sequence[ast.stmt], lines: Sequence[str]) -> _Cell:
    first, last = body[0], body[-1]
    begins = first.lineno
    own = [one.lineno for one in getattr(first, "decorator_list", ()) if _decorator(one) is None]
    begins = min([begins, *own])
    source = _dedented(body, lines[begins - 1 : last.end_lineno], begins)
    takes = frozenset().union(*(needed(statement) for statement in body))
    return _Cell(source, begins, frozenset(bound(body)), takes)


def _dedented(body: Sequence[ast.stmt], lines: Sequence[str], begins: int) -> str:
    """Return `lines` one step to the left, but for those inside a text in triple quotes: they are its value."""
    texts = (
        node for statement in body for node in ast.walk(statement) if isinstance(node, (ast.Constant, ast.JoinedStr))
    )
    inside = {number for text in texts for number in range(text.lineno + 1, (text.end_lineno or text.lineno) + 1)}
    margin = " " * body[0].col_offset
    kept = (line if number in inside else line.removeprefix(margin) for number, line in enumerate(lines, start=begins))
    return "\n".join(kept)


def _in_order(cells: Sequence[_Cell]) -> list[_Cell]:
    """Return the cells so that each stands behind those that give what it takes, else as in the file."""
    waiting, ordered = list(cells), []
    while waiting:
        missing = [frozenset().union(*(other.gives for other in waiting if other is not cell)) for cell in waiting]
        ready = (
            cell for cell, later in zip(waiting, missing, strict=True) if not _public(cell.takes - cell.gives) & later
        )
        # Cells that wait for each other are an error of marimo's, too: the run will tell it.
        chosen = next(ready, waiting[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _public(names: frozenset[str]) -> frozenset[str]:
    """Return the names that cells share: one that begins with _ is each cell's own."""
    return frozenset(name for name in names if not name.startswith("_"))


def _without_marimo(cells: Sequence[_Cell]) -> list[_Cell]:
    """Return the cells without `import marimo as mo` where all that they use of it are texts in Markdown."""
    code = [cell for cell in cells if not _markdown(cell)]
    if any("mo" in cell.takes for cell in code):
        return list(cells)
    return [cell for cell in cells if cell.source.strip() != "import marimo as mo"]


def _markdown(cell: _Cell) -> str | None:
    """Return the text of a cell that is nothing but `mo.md("…")`, else None."""
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
