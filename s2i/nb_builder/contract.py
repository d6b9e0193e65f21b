"""The notebook contract, as far as it can be judged without running a cell."""

import ast
import json
import keyword
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from nb_builder.cells import Cell
from nb_builder.problems import CellSyntax, NotCallable, PredictorMissing, Python2Code
from nb_builder.rewrite.names import bound

TOLERATED = "raises-exception"

# Run by the model Python, which alone knows its own syntax: prints the first error of each source.
_COMPILE = """
import ast, json, sys, warnings
warnings.simplefilter("ignore")
found = []
AWAIT = getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", None)
for source in json.load(sys.stdin):
    # Before 3.8 IPython runs a cell with a top-level await inside a coroutine.
    wrapped = AWAIT is None and "await " in source
    if wrapped:
        source = "async def cell():\\n " + source.replace("\\n", "\\n ")
    try:
        compile(source, "<cell>", "exec", AWAIT or 0, True)
        found.append(None)
    except SyntaxError as wrong:
        found.append([(wrong.lineno or 1) - wrapped, type(wrong).__name__, wrong.msg, wrong.text])
    except ValueError as wrong:
        found.append([1, type(wrong).__name__, str(wrong), None])
json.dump(found, sys.stdout)
"""

_PYTHON_2 = (
    (re.compile(r"^\s*print\s+[^(=\s]"), "'print' is written as a statement"),
    (re.compile(r"^\s*exec\s+[\"'\w]"), "'exec' is written as a statement"),
    (re.compile(r"^\s*except\s+[\w.()]+\s*,\s*\w+\s*:"), "'except Error, name' is the old form"),
    (re.compile(r"^\s*raise\s+[\w.]+\s*,"), "'raise Error, message' is the old form"),
    (re.compile(r"<>"), "'<>' is the old form of '!='"),
    (re.compile(r"`[^`]+`"), "backquotes are the old form of repr()"),
    (re.compile(r"\b0[0-7]+\b|\b\d+[lL]\b|\bur[\"']"), "a literal is written in the old form"),
)

_KINDS = {
    ast.Constant: "a constant",
    ast.JoinedStr: "a text",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.ListComp: "a list",
}


def check(cells: Sequence[Cell], notebook: Path, python: Path) -> None:
    """Refuse a notebook that can't become a service whatever its cells do.

    Raises CellSyntax, Python2Code, PredictorMissing or NotCallable. What only running can tell is
    left to the run: a name bound by `import *` or `%run`, for instance.
    """
    _check_syntax(cells, notebook, python)
    statements = [statement for cell in cells for statement in _parse(cell)]
    names = bound(statements)
    if "predictor" not in names and not _binds_unseen(statements):
        raise PredictorMissing(notebook=notebook)
    for name in sorted({"predictor", "validator", "batch_predictor"} & names):
        _check_callable(name, statements, notebook)


def _check_syntax(cells: Sequence[Cell], notebook: Path, python: Path) -> None:
    cells = [cell for cell in cells if TOLERATED not in cell.tags and not _left_to_ipython(cell)]
    ran = subprocess.run(
        [python, "-I", "-S", "-c", _COMPILE],
        input=json.dumps([cell.source for cell in cells]),
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    for cell, wrong in zip(cells, json.loads(ran.stdout), strict=True):
        if wrong:
            _refuse(cell, notebook, *wrong)


def _left_to_ipython(cell: Cell) -> bool:
    """Tell whether IPython may run a magic here although there is no `%`: a lone line such as `pip list`."""
    line = cell.source.strip()
    word = re.match(r"([a-z_]+)\s+[-\w./~$'\"]", line)
    return word is not None and "\n" not in line and not keyword.iskeyword(word[1]) and word[1] not in ("print", "exec")


def _refuse(cell: Cell, notebook: Path, line: int, kind: str, message: str, text: str | None) -> None:
    for pattern, reason in _PYTHON_2:
        if kind != "IndentationError" and pattern.search(text or ""):
            raise Python2Code(cell=cell, notebook=notebook, line=line, reason=reason)
    shown = f"  {(text or '').rstrip()}" if text else ""
    raise CellSyntax(cell=cell, notebook=notebook, line=line, error=f"{kind}: {message}", traceback=shown)


def _parse(cell: Cell) -> list[ast.stmt]:
    try:
        return ast.parse(cell.source).body
    except SyntaxError:
        # The model Python has judged the syntax already; this one may be older.
        return []


def _binds_unseen(statements: Iterable[ast.stmt]) -> bool:
    """Tell whether the notebook can bind names that its syntax tree does not show."""
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Name) and node.id in ("exec", "globals", "locals", "vars", "get_ipython"):
            return True
        if isinstance(node, ast.Global) and "predictor" in node.names:
            return True
    return False


def _check_callable(name: str, statements: Iterable[ast.stmt], notebook: Path) -> None:
    """Raise NotCallable if the last thing that is bound to `name` is written as a plain value."""
    value = None
    for statement in statements:
        if name in bound([statement]):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            alone = any(isinstance(target, ast.Name) and target.id == name for target in targets)
            value = getattr(statement, "value", None) if alone else None
    kind = _KINDS.get(type(value))
    if kind and not (name == "validator" and isinstance(value, ast.Constant) and value.value is None):
        raise NotCallable(name=name, kind=kind, notebook=notebook)
