"""Finds undefined names in predictor and validator from the syntax tree, before any cell runs.

If every call evaluates the name, every request would fail, so it is a problem. If the name is in an `if` or a loop, it
may never be evaluated, so it gets a note. If a notebook can bind names in ways that its syntax trees don't show,
nothing is reported.
"""

import ast
import builtins
import difflib
import json
import symtable
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nb_builder.analysis import notebook_contract
from nb_builder.common import programs
from nb_builder.common.cell import Cell
from nb_builder.problems.contract import NameUndefined
from nb_builder.rewrite.names import bound

FUNCTIONS = ("predictor", "validator")
# Names that IPython defines; names with a leading "_" are excluded separately.
_OF_JUPYTER = {"get_ipython", "display", "In", "Out", "exit", "quit"}
# Code that uses one of these names can bind any name.
_BIND_ANYTHING = {"exec", "eval", "globals", "locals", "vars", "setattr", "builtins", "__builtins__", "__main__"}
_BUILTINS = "import builtins, json; print(json.dumps(dir(builtins)))"

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_LEAVE = (ast.Return, ast.Raise)
# The expressions of a compound statement that are always evaluated; its blocks may be skipped.
_FIRST = (
    ((ast.If, ast.While, ast.Assert), lambda statement: [statement.test]),
    ((ast.For, ast.AsyncFor), lambda statement: [statement.iter]),
    ((ast.With, ast.AsyncWith), lambda statement: [statement.items[0].context_expr]),
    (ast.Match, lambda statement: [statement.subject]),
    # Inside a function, annotations of local variables are not evaluated.
    (ast.AnnAssign, lambda statement: [statement.value] if statement.value else []),
)


@dataclass(frozen=True)
class Use:
    """A name that `function` reads, directly or in a function that it calls; `sure` if every call evaluates it."""

    function: str
    name: str
    cell: Cell
    line: int
    sure: bool


class Uses:
    """The global names that predictor and validator in `cells` read, and the names that the cells define."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._statements, self._opaque = notebook_contract.unfolded(cells)
        named = notebook_contract.named_predictors(cells).values()
        self.roots = tuple(dict.fromkeys((*FUNCTIONS, *filter(None, named))))

    @cached_property
    def opaque(self) -> bool:
        """Return whether the notebook may bind names that its syntax trees don't show."""
        nodes = (node for binding in self._statements for node in ast.walk(binding.statement))
        return self._opaque or any(_binds_anything(node) for node in nodes)

    @cached_property
    def defined(self) -> set[str]:
        """Return the names that a cell binds at its top level, or that a function declares global."""
        names = set(self._bindings)
        for binding in self._statements:
            for node in ast.walk(binding.statement):
                names |= set(node.names) if isinstance(node, ast.Global) else set()
        return names

    @cached_property
    def _bindings(self) -> dict[str, list[notebook_contract.Binding]]:
        bindings: dict[str, list[notebook_contract.Binding]] = defaultdict(list)
        for binding in self._statements:
            for name in bound([binding.statement]):
                bindings[name].append(binding)
        return bindings

    def all(self) -> list[Use]:
        """Return the first use of each name in each of these functions; a sure use takes precedence."""
        uses: dict[tuple[str, str], Use] = {}
        for function in self.roots:
            for use in sorted(self._uses(function, function, True, set()), key=lambda use: not use.sure):
                uses.setdefault((function, use.name), use)
        return list(uses.values())

    def last_binding(self, name: str) -> notebook_contract.Binding | None:
        """Return the last top-level statement that binds `name`, or None if no cell does."""
        return self._bindings[name][-1] if name in self._bindings else None

    def _uses(self, root: str, name: str, sure: bool, seen: set[tuple[str, bool]]) -> Iterator[Use]:
        """Yield the uses in the function `name`, which `root` calls: always if `sure`, otherwise possibly."""
        definition = self._function(name)
        if definition is None or (name, sure) in seen:
            return
        seen.add((name, sure))
        cell, function = definition
        outside = _outside_names(function)
        certain = list(_certain(function)) if sure else []
        called = {node.func.id for node in certain if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        certain_ids = {id(node) for node in certain}
        for node in _read_unguarded(function):
            if node.id in outside:
                yield Use(root, node.id, cell, node.lineno, id(node) in certain_ids)
        for callee in sorted(outside & self.defined):
            yield from self._uses(root, callee, sure and callee in called, seen)

    def _function(self, name: str) -> tuple[Cell, _Function] | None:
        """Return the plain function that `name` is bound to, with its cell; None for anything else.

        Generators are excluded, because a call doesn't run their body. Names bound more than once are excluded, too,
        except predictor and validator, whose last binding counts.
        """
        bindings = self._bindings.get(name, [])
        if not bindings or (len(bindings) > 1 and name not in self.roots):
            return None
        last = bindings[-1]
        function: ast.AST = last.statement
        if isinstance(function, (ast.Assign, ast.AnnAssign)) and isinstance(function.value, ast.Lambda):
            function = function.value
        if not isinstance(function, _Function) or getattr(function, "decorator_list", None):
            return None
        yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function))
        return None if yields else (last.cell, function)


def findings(cells: Sequence[Cell], notebook: Path, python: Path) -> tuple[list[NameUndefined], list[str]]:
    """Return (problems, notes): one problem per function for the names that every call needs, a note for each other."""
    uses = Uses(cells)
    if uses.opaque:
        return [], []
    known = uses.defined | set(dir(builtins)) | _OF_JUPYTER
    missing = [use for use in uses.all() if use.name not in known and not use.name.startswith("_")]
    if missing:
        # Delayed, because it starts a process: few notebooks use a builtin that this Python lacks.
        builtin_names = set(_builtins_of(python))
        missing = [use for use in missing if use.name not in builtin_names]
    problems = []
    for function in uses.roots:
        certain = [use for use in missing if use.sure and use.function == function]
        if certain:
            problems.append(_problem(certain, notebook, uses.defined))
    return problems, [_note(use, notebook) for use in missing if not use.sure]


def needs(cells: Sequence[Cell], notebook: Path) -> list[tuple[str, str, str]]:
    """Return (function, name, place) for each name that every call of predictor or validator evaluates."""
    certain = [use for use in Uses(cells).all() if use.sure]
    return [(use.function, use.name, use.cell.where(str(notebook), use.line)) for use in certain]


def _problem(uses: Sequence[Use], notebook: Path, defined: set[str]) -> NameUndefined:
    first = uses[0]
    names = " and ".join(f"'{use.name}'" for use in uses)
    suggestions = [match for use in uses for match in difflib.get_close_matches(use.name, sorted(defined), 1)]
    hint = f" Is it {' or '.join(map(repr, suggestions))}?" if suggestions else ""
    where = first.cell.where(str(notebook), first.line)
    problem = NameUndefined(function=first.function, names=names, where=where, hint=hint, notebook=notebook)
    problem.at(notebook, first.cell, first.line)
    return problem


def _note(use: Use, notebook: Path) -> str:
    where = use.cell.where(str(notebook), use.line)
    return f"{use.function} uses '{use.name}' ({where}), which nothing defines: it fails when that line runs."


def _builtins_of(python: Path) -> list[str]:
    completed = programs.run([python, "-I", "-c", _BUILTINS], check=True)
    return json.loads(completed.stdout)


def _binds_anything(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any(alias.name in ("*", "builtins", "__main__") for alias in node.names)
    if isinstance(node, ast.Constant):
        return node.value == "__main__"
    return isinstance(node, ast.Name) and node.id in _BIND_ANYTHING


def _outside_names(function: _Function) -> set[str]:
    """Return the globals that `function`, including its nested functions, reads."""
    try:
        # The function's own table is the last one. Those of lambdas in its default values come first, and since Python
        # 3.14 those of its annotations.
        tables = [symtable.symtable(ast.unparse(function), "<function>", "exec").get_children()[-1]]
    except (SyntaxError, ValueError, RecursionError):
        # ast.unparse of older Pythons fails for some f-strings. Nothing is reported for such a function.
        return set()
    names: set[str] = set()
    while tables:
        table = tables.pop()
        # Since Python 3.14, a call doesn't evaluate the annotations of an inner function.
        tables += [child for child in table.get_children() if child.get_name() != "__annotate__"]
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return names


def _read_unguarded(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names that a function's body reads, except in the body of a `try` with handlers."""
    body = node.body if isinstance(node, _Function) else None
    children: Iterable[ast.AST] = [body] if isinstance(body, ast.AST) else body or ast.iter_child_nodes(node)
    if isinstance(node, ast.Try) and node.handlers:
        children = [*node.handlers, *node.orelse, *node.finalbody]
    if isinstance(node, ast.AnnAssign):
        # Annotations of local variables are not evaluated.
        children = [node.target, *([node.value] if node.value else [])]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node
    for child in children:
        yield from _read_unguarded(child)


def _certain(function: _Function) -> Iterator[ast.Name | ast.Call]:
    """Yield the names and calls that every call of `function` evaluates, unless it raises first."""
    if isinstance(function, ast.Lambda):
        yield from _evaluated(function.body)
        return
    for statement in function.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for part in _evaluated_first(statement):
            yield from _evaluated(part)
        # Some samples may not reach statements after a possible return.
        if any(isinstance(node, _LEAVE) for node in ast.walk(statement)):
            return


def _evaluated_first(statement: ast.stmt) -> list[ast.AST]:
    """Return the expressions of a statement that are evaluated whether or not its blocks run."""
    for kinds, parts in _FIRST:
        if isinstance(statement, kinds):
            return parts(statement)
    return [] if hasattr(statement, "body") else list(ast.iter_child_nodes(statement))


def _evaluated(node: ast.AST) -> Iterator[ast.Name | ast.Call]:
    """Yield the names and calls in an expression that are evaluated regardless of the values of its other parts."""
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
