"""Checks as much of the notebook contract as possible without running a cell."""

import ast
import json
import keyword
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common import programs
from nb_builder.common.cell import Cell
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.cells import CellSyntax
from nb_builder.problems.contract import NotCallable, PredictorMissing, ValidatorReturnsNothing, WrongArguments
from nb_builder.problems.notebooks import Python2Code
from nb_builder.rewrite.names import binders, bound
from nb_builder.rewrite.unfold import unfold

TOLERATED = "raises-exception"

# Runs in the model Python, whose syntax differs from this one's. Prints the first error of each source.
_COMPILE = """
import ast, json, sys, warnings
warnings.simplefilter("ignore")
errors = []
AWAIT = getattr(ast, "PyCF_ALLOW_TOP_LEVEL_AWAIT", None)

def check(source):
    try:
        compile(source, "<cell>", "exec", AWAIT or 0, True)
    except SyntaxError as error:
        if "__future__ imports must" not in str(error.msg):
            raise
        # IPython 8 and later compile each statement by itself; with an older one the cell fails when it is run.
        module = ast.parse(source)
        for module.body in [[statement] for statement in module.body]:
            compile(module, "<cell>", "exec", AWAIT or 0, True)

for source in json.load(sys.stdin):
    # Before 3.8 IPython runs a cell with a top-level await inside a coroutine.
    wrapped = AWAIT is None and "await " in source
    if wrapped:
        source = "async def cell():\\n " + source.replace("\\n", "\\n ")
    try:
        check(source)
        errors.append(None)
    except SyntaxError as error:
        errors.append([(error.lineno or 1) - wrapped, type(error).__name__, error.msg, error.text])
    except ValueError as error:
        errors.append([1, type(error).__name__, str(error), None])
    except (RecursionError, MemoryError):
        # A kernel accepts deeper nesting than a bare Python does: leave it to the run.
        errors.append(None)
json.dump(errors, sys.stdout)
"""

_PYTHON_2 = (
    (re.compile(r"^\s*print\s+[^(=\s]"), "'print' is written as a statement"),
    (re.compile(r"^\s*exec\s+[\"'\w]"), "'exec' is written as a statement"),
    (re.compile(r"^\s*except\s+[\w.()]+\s*,\s*\w+\s*:"), "'except Error, name' is the Python 2 form"),
    (re.compile(r"^\s*raise\s+[\w.]+\s*,"), "'raise Error, message' is the Python 2 form"),
    (re.compile(r"<>"), "'<>' is the Python 2 form of '!='"),
    (re.compile(r"`[^`]+`"), "backquotes are the Python 2 form of repr()"),
    (re.compile(r"\b0[0-7]+\b|\b\d+[lL]\b|\bur[\"']"), "a literal has the Python 2 form"),
)

_KINDS = {
    ast.Constant: "a constant",
    ast.JoinedStr: "a string",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.ListComp: "a list",
}

# Common names for a function that should be called predictor.
_OTHER_NAMES = re.compile(r"predict(?:_\w+)?|(?:model|make)_predict(?:ion)?|infer(?:ence)?|score|classify|forecast")
_IMPORTS = (ast.Import, ast.ImportFrom)
# Packages whose `import *` does not define predictor. Any other module may be the author's own.
WITHOUT_PREDICTOR = {
    *sys.stdlib_module_names,
    *("bokeh", "catboost", "fastai", "imblearn", "IPython", "keras", "lightgbm", "matplotlib", "mpl_toolkits", "numpy"),
    *("pandas", "plotly", "pylab", "scipy", "seaborn", "sklearn", "statsmodels", "sympy", "tensorflow", "torch"),
    *("torchvision", "tqdm", "xgboost"),
}
_OTHER_USES = (
    ((ast.For, ast.AsyncFor), "a loop variable"),
    ((ast.With, ast.AsyncWith), "the target of a 'with' statement"),
    ((ast.Import, ast.ImportFrom), "an import"),
    ((ast.FunctionDef, ast.AsyncFunctionDef), "a function"),
    (ast.ClassDef, "a class"),
)


@dataclass(frozen=True)
class Binding:
    """A top-level statement and its cell."""

    cell: Cell
    statement: ast.stmt


def findings(cells: Sequence[Cell], notebook: Path, python: Path, *, defines: bool = True) -> Iterator[BuildProblem]:
    """Yield the problems that prevent a notebook from becoming a service, with cell and line.

    They are CellSyntax, Python2Code and, if this notebook `defines` the contract, PredictorMissing, NotCallable,
    WrongArguments and ValidatorReturnsNothing. Only the run detects other problems, such as names bound with `import *`
    or `%run`.
    """
    yield from _syntax(cells, notebook, python)
    if not defines:
        return
    if not binds_predictor(cells) and not may_bind_unseen(cells):
        yield PredictorMissing(notebook=notebook, other=_other_name(cells, notebook))
    for name in ("batch_predictor", "predictor", "validator"):
        yield from _not_callable(name, cells, notebook)
        yield from _wrong_arguments(name, cells, notebook)
    yield from _returns_nothing(cells, notebook)


def bindings(name: str, cells: Sequence[Cell]) -> list[Binding]:
    """Return the statements that bind `name` at the top level of a cell, in order."""
    statements = [Binding(cell, statement) for cell in cells for statement in cell.statements or ()]
    return [binding for binding in statements if name in bound([binding.statement])]


def binds_predictor(cells: Sequence[Cell]) -> bool:
    """Return whether the notebook binds predictor, or named functions as `predictors`."""
    return bool(bindings("predictor", cells) or named_predictors(cells))


def named_predictors(cells: Sequence[Cell]) -> dict[str, str]:
    """Return {name in `predictors`: name of its function, "" for an anonymous one}.

    Only a dict whose values are functions, as far as the cells show, counts: a list of columns or a dict of models may
    have the same name.
    """
    last = _last("predictors", cells)
    value = getattr(last.statement, "value", None) if last else None
    if not isinstance(value, ast.Dict):
        return {}
    found = {}
    for key, function in zip(value.keys, value.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or not _is_function(function, cells):
            return {}
        found[key.value] = function.id if isinstance(function, ast.Name) else ""
    return found


def _is_function(value: ast.expr, cells: Sequence[Cell]) -> bool:
    """Return whether an expression is a function as far as the syntax of the cells shows."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in ("partial", "functools.partial")
    if not isinstance(value, ast.Name):
        return isinstance(value, (ast.Lambda, ast.Attribute))
    last = _last(value.id, cells)
    if last is None:
        return False
    assigned = getattr(last.statement, "value", None)
    is_defined = isinstance(last.statement, (ast.FunctionDef, ast.AsyncFunctionDef, *_IMPORTS))
    return is_defined or isinstance(assigned, (ast.Lambda, ast.Attribute, ast.Call))


def unfolded(cells: Sequence[Cell]) -> tuple[list[Binding], bool]:
    """Return the statements of all cells, including those in magics, and whether any may bind names invisibly."""
    statements, opaque = [], False
    for cell in cells:
        parsed = cell.statements
        unfolding = unfold(parsed or ())
        opaque = opaque or parsed is None or unfolding.opaque
        statements += [Binding(cell, statement) for statement in unfolding.statements]
    return statements, opaque


def imported(name: str, cells: Sequence[Cell]) -> bool | None:
    """Return whether the last statement that binds `name` imports it; None if only a run can determine that."""
    last = bindings(name, cells)[-1:]
    kinds = {isinstance(node, _IMPORTS) for binding in last for node in binders(name, binding.statement)}
    return kinds.pop() if len(kinds) == 1 else None


def other_use(statement: ast.stmt) -> str | None:
    """Return how a statement other than a plain assignment binds its name; None for an assignment."""
    return next((description for kinds, description in _OTHER_USES if isinstance(statement, kinds)), None)


def _syntax(cells: Sequence[Cell], notebook: Path, python: Path) -> Iterator[BuildProblem]:
    cells = [cell for cell in cells if TOLERATED not in cell.tags and not _left_to_ipython(cell)]
    sources = json.dumps([cell.source for cell in cells])
    completed = programs.run([python, "-I", "-S", "-c", _COMPILE], input=sources, check=True)
    for cell, error in zip(cells, json.loads(completed.stdout), strict=True):
        if error:
            yield _syntax_problem(cell, notebook, *error)


def _left_to_ipython(cell: Cell) -> bool:
    """Return whether IPython may run this as a magic without `%`, such as the single line `pip list`."""
    line = cell.source.strip()
    match = re.match(r"([a-z_]+)\s+[-\w./~$'\"]", line)
    return (
        match is not None and "\n" not in line and not keyword.iskeyword(match[1]) and match[1] not in ("print", "exec")
    )


def _syntax_problem(
    cell: Cell, notebook: Path, line: int, kind: str, message: str, text: str | None
) -> CellSyntax | Python2Code:
    for pattern, reason in _PYTHON_2:
        if kind != "IndentationError" and pattern.search(text or ""):
            return Python2Code(cell=cell, notebook=str(notebook), line=line, reason=reason)
    source_line = f"  {(text or '').rstrip()}" if text else ""
    return CellSyntax(cell=cell, notebook=str(notebook), line=line, error=f"{kind}: {message}", traceback=source_line)


def may_bind_unseen(cells: Sequence[Cell]) -> bool:
    """Return whether the notebook may bind predictor in a way that its syntax trees don't show."""
    for cell in cells:
        statements = cell.statements
        if statements is None and TOLERATED not in cell.tags and "predictor" in cell.source:
            return True
        unfolding = unfold(statements or ())
        if unfolding.opaque or "predictor" in bound(unfolding.statements):
            return True
        if any(_binds_unseen(node) for statement in unfolding.statements for node in ast.walk(statement)):
            return True
    return False


def _binds_unseen(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        is_package = not node.level and (node.module or "").split(".")[0] in WITHOUT_PREDICTOR
        return any(alias.name == "*" for alias in node.names) and not is_package
    if isinstance(node, ast.Name):
        return node.id in ("exec", "globals", "locals", "vars")
    return isinstance(node, ast.Global) and "predictor" in node.names


def _other_name(cells: Sequence[Cell], notebook: Path) -> str:
    """Return a clause that suggests to rename the last function that could be a predictor, or ""."""
    for cell in reversed(cells):
        for statement in reversed(cell.statements or ()):
            if (
                isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
                and _OTHER_NAMES.fullmatch(statement.name)
                and _takes_sample(statement.args)
            ):
                return f", or rename '{statement.name}' to that ({cell.where(str(notebook), statement.lineno)})"
    return ""


def _last(name: str, cells: Sequence[Cell]) -> Binding | None:
    matches = bindings(name, cells)
    return matches[-1] if matches else None


def _not_callable(name: str, cells: Sequence[Cell], notebook: Path) -> Iterator[BuildProblem]:
    """Yield NotCallable if the last binding of `name` assigns a literal other than a function."""
    last = _last(name, cells)
    if last is None:
        return
    targets = getattr(last.statement, "targets", [getattr(last.statement, "target", None)])
    alone = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    value = getattr(last.statement, "value", None) if alone else None
    kind = _KINDS.get(type(value))
    if kind and not (name != "predictor" and isinstance(value, ast.Constant) and value.value is None):
        problem = NotCallable(name=name, kind=kind, notebook=notebook)
        yield problem.at(notebook, last.cell, last.statement.lineno)


def _wrong_arguments(name: str, cells: Sequence[Cell], notebook: Path) -> Iterator[BuildProblem]:
    """Yield WrongArguments if `name` is last bound by an undecorated `def` that can't be called with a sample."""
    last = _last(name, cells)
    if last is None:
        return
    function = last.statement
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.decorator_list:
        return
    arguments = function.args
    if not _takes_sample(arguments) and not (name != "batch_predictor" and _takes_keys(arguments)):
        problem = WrongArguments(name=name, signature=f"{name}({ast.unparse(arguments)})", notebook=notebook)
        yield problem.at(notebook, last.cell, function.lineno)


def _takes_sample(arguments: ast.arguments) -> bool:
    """Return whether a function can be called with one argument, the sample."""
    positional = [*arguments.posonlyargs, *arguments.args]
    needs_more = len(positional) - len(arguments.defaults) > 1 or None in arguments.kw_defaults
    return bool(positional or arguments.vararg) and not needs_more


def _takes_keys(arguments: ast.arguments) -> bool:
    """Return whether the keys of a JSON object can supply every required argument of a function."""
    needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return bool(arguments.args or arguments.kwonlyargs) and (not arguments.posonlyargs or needed <= 0)


def _returns_nothing(cells: Sequence[Cell], notebook: Path) -> Iterator[BuildProblem]:
    """Yield ValidatorReturnsNothing if validator is last bound by an undecorated `def` that returns no value."""
    last = _last("validator", cells)
    if last is None:
        return
    function = last.statement
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.decorator_list:
        return
    if any(_gives_value(node) for statement in function.body for node in _of_the_function(statement)):
        return
    where = last.cell.where(str(notebook), function.lineno)
    yield ValidatorReturnsNothing(where=where, notebook=notebook).at(notebook, last.cell, function.lineno)


def _of_the_function(node: ast.AST) -> Iterator[ast.AST]:
    """Yield `node` and its descendants, except those inside nested functions and classes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _of_the_function(child)


def _gives_value(node: ast.AST) -> bool:
    """Return whether a node makes its function return something other than None; a `yield` does, too."""
    if isinstance(node, (ast.Yield, ast.YieldFrom)):
        return True
    returns_none = isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is None
    return isinstance(node, ast.Return) and node.value is not None and not returns_none
