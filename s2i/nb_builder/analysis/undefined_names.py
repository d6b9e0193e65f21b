"""Names that predictor and validator use and that nothing defines, found by the syntax tree before any cell runs.

Two kinds: a name that a call surely comes to keeps every request from an answer; one behind an `if` or in a loop may
never be met. Where a notebook can bind names in ways that its syntax trees do not show, nothing is said.
"""

import ast
import builtins
import difflib
import json
import subprocess
import symtable
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nb_builder.analysis import contract
from nb_builder.common.cell import Cell
from nb_builder.problems.contract import NameUndefined
from nb_builder.rewrite.names import bound

FUNCTIONS = ("predictor", "validator")
# IPython's own; those that begin with "_" as well.
_OF_JUPYTER = {"get_ipython", "display", "In", "Out", "exit", "quit"}
# Whoever names one of these can bind anything.
_BIND_ANYTHING = {"exec", "eval", "globals", "locals", "vars", "setattr", "builtins", "__builtins__", "__main__"}
_BUILTINS = "import builtins, json; print(json.dumps(dir(builtins)))"

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_LEAVE = (ast.Return, ast.Raise)
_FIRST = (
    ((ast.If, ast.While, ast.Assert), lambda statement: [statement.test]),
    ((ast.For, ast.AsyncFor), lambda statement: [statement.iter]),
    ((ast.With, ast.AsyncWith), lambda statement: [statement.items[0].context_expr]),
    (ast.Match, lambda statement: [statement.subject]),
    # The hint is not evaluated in a function.
    (ast.AnnAssign, lambda statement: [statement.value] if statement.value else []),
)


@dataclass(frozen=True)
class Use:
    """A name that `function` reads, itself or by a function that it calls; `sure` if each call comes to it."""

    function: str
    name: str
    cell: Cell
    line: int
    sure: bool


class Uses:
    """What predictor and validator of a notebook's `cells` read from outside, and what the cells define."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._statements, self._opaque = contract.unfolded(cells)

    @cached_property
    def opaque(self) -> bool:
        """Return whether the notebook may bind names that its syntax trees do not show."""
        nodes = (node for each in self._statements for node in ast.walk(each.statement))
        return self._opaque or any(_binds_anything(node) for node in nodes)

    @cached_property
    def defined(self) -> set[str]:
        """Return the names that some cell binds at its top level, or some function as a global."""
        names = set(self._bindings)
        for each in self._statements:
            for node in ast.walk(each.statement):
                names |= set(node.names) if isinstance(node, ast.Global) else set()
        return names

    @cached_property
    def _bindings(self) -> dict[str, list[contract.Binding]]:
        found: dict[str, list[contract.Binding]] = defaultdict(list)
        for each in self._statements:
            for name in bound([each.statement]):
                found[name].append(each)
        return found

    def all(self) -> list[Use]:
        """Return every use, the first of each name in a function, sure ones before others."""
        found: dict[tuple[str, str], Use] = {}
        for function in FUNCTIONS:
            for use in sorted(self._of(function, function, True, set()), key=lambda use: not use.sure):
                found.setdefault((function, use.name), use)
        return list(found.values())

    def _of(self, root: str, name: str, sure: bool, seen: set[tuple[str, bool]]) -> Iterator[Use]:
        """Yield the uses of the function `name`, which `root` surely calls or may call."""
        known = self._function(name)
        if known is None or (name, sure) in seen:
            return
        seen.add((name, sure))
        cell, function = known
        outside = _outside_names(function)
        certain = list(_certain(function)) if sure else []
        called = {node.func.id for node in certain if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        certain_ids = {id(node) for node in certain}
        for node in _read_unguarded(function):
            if node.id in outside:
                yield Use(root, node.id, cell, node.lineno, id(node) in certain_ids)
        for other in sorted(outside & self.defined):
            yield from self._of(root, other, sure and other in called, seen)

    def _function(self, name: str) -> tuple[Cell, _Function] | None:
        """Return the one plain function that is bound to `name`, with its cell; None for anything else."""
        found = self._bindings.get(name, [])
        if not found or (len(found) > 1 and name not in FUNCTIONS):
            return None
        last = found[-1]
        function: ast.AST = last.statement
        if isinstance(function, (ast.Assign, ast.AnnAssign)) and isinstance(function.value, ast.Lambda):
            function = function.value
        if not isinstance(function, _Function) or getattr(function, "decorator_list", None):
            return None
        yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function))
        return None if yields else (last.cell, function)


def findings(cells: Sequence[Cell], notebook: Path, python: Path) -> tuple[list[NameUndefined], list[str]]:
    """Return (problems, notes): a problem a function for names that each call needs, a note for each other name."""
    uses = Uses(cells)
    if uses.opaque:
        return [], []
    known = uses.defined | set(dir(builtins)) | _OF_JUPYTER
    missing = [use for use in uses.all() if use.name not in known and not use.name.startswith("_")]
    if missing:
        # Asked only now: hardly any notebook needs the builtins of a Python that is not ours.
        theirs = set(_builtins_of(python))
        missing = [use for use in missing if use.name not in theirs]
    problems = []
    for function in FUNCTIONS:
        sure = [use for use in missing if use.sure and use.function == function]
        if sure:
            problems.append(_problem(sure, notebook, uses.defined))
    return problems, [_note(use, notebook) for use in missing if not use.sure]


def needs(cells: Sequence[Cell], notebook: Path) -> list[tuple[str, str, str]]:
    """Return (function, name, place) of the names that each call of predictor or validator comes to."""
    sure = [use for use in Uses(cells).all() if use.sure]
    return [(use.function, use.name, use.cell.where(str(notebook), use.line)) for use in sure]


def _problem(uses: Sequence[Use], notebook: Path, defined: set[str]) -> NameUndefined:
    first = uses[0]
    names = " and ".join(f"'{use.name}'" for use in uses)
    alike = [close for use in uses for close in difflib.get_close_matches(use.name, sorted(defined), 1)]
    hint = f" Is it {' or '.join(map(repr, alike))}?" if alike else ""
    where = first.cell.where(str(notebook), first.line)
    problem = NameUndefined(function=first.function, names=names, where=where, hint=hint, notebook=notebook)
    problem.at(notebook, first.cell, first.line)
    return problem


def _note(use: Use, notebook: Path) -> str:
    place = use.cell.where(str(notebook), use.line)
    return f"{use.function} uses '{use.name}' ({place}), which nothing defines: it fails where it comes to that line."


def _builtins_of(python: Path) -> list[str]:
    ran = subprocess.run([python, "-I", "-c", _BUILTINS], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def _binds_anything(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any(alias.name in ("*", "builtins", "__main__") for alias in node.names)
    if isinstance(node, ast.Constant):
        return node.value == "__main__"
    return isinstance(node, ast.Name) and node.id in _BIND_ANYTHING


def _outside_names(function: _Function) -> set[str]:
    """Return the names that `function`, and whatever is defined in it, reads from the notebook's globals."""
    try:
        tables = [symtable.symtable(ast.unparse(function), "<function>", "exec").get_children()[0]]
    except (SyntaxError, ValueError, RecursionError):
        # Older Pythons can't write every f-string down again: then nothing is said of this function.
        return set()
    names: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return names


def _read_unguarded(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names that the body of a function reads, but in a `try` that has handlers."""
    body = node.body if isinstance(node, _Function) else None
    children: Iterable[ast.AST] = [body] if isinstance(body, ast.AST) else body or ast.iter_child_nodes(node)
    if isinstance(node, ast.Try) and node.handlers:
        children = [*node.handlers, *node.orelse, *node.finalbody]
    if isinstance(node, ast.AnnAssign):
        # The hint of a local variable is not evaluated.
        children = [node.target, *([node.value] if node.value else [])]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node
    for child in children:
        yield from _read_unguarded(child)


def _certain(function: _Function) -> Iterator[ast.Name | ast.Call]:
    """Yield the names and calls that each call of `function` comes to, unless it raises before."""
    if isinstance(function, ast.Lambda):
        yield from _evaluated(function.body)
        return
    for statement in function.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for part in _evaluated_first(statement):
            yield from _evaluated(part)
        # What comes after a `return` in a branch is for some samples only.
        if any(isinstance(node, _LEAVE) for node in ast.walk(statement)):
            return


def _evaluated_first(statement: ast.stmt) -> list[ast.AST]:
    """Return the expressions of a statement that are evaluated whatever becomes of its blocks."""
    for kinds, parts in _FIRST:
        if isinstance(statement, kinds):
            return parts(statement)
    return [] if hasattr(statement, "body") else list(ast.iter_child_nodes(statement))


def _evaluated(node: ast.AST) -> Iterator[ast.Name | ast.Call]:
    """Yield the names and calls in an expression that are evaluated whatever its other parts give."""
    if isinstance(node, ast.Call) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
        yield node
    for part in _sure_parts(node):
        yield from _evaluated(part)


def _sure_parts(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Lambda):
        return []
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return [node.generators[0].iter]
    if isinstance(node, ast.IfExp):
        return [node.test]
    if isinstance(node, ast.BoolOp):
        return [node.values[0]]
    if isinstance(node, ast.Compare):
        return [node.left, node.comparators[0]]
    return list(ast.iter_child_nodes(node))
