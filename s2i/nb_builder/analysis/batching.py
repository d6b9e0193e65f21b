"""Determines from the syntax of the cells, before any cell runs, why predictor can't be called in batches.

The rules are those of nb_scorer.batching.rewrite, which the build applies to live objects. Here, the objects are
created from the source: functions and classes are defined but never called, literals are evaluated, and everything from
a package is a stand-in with only its package and name.
"""

import ast
import builtins
import collections
import copy
import functools
import importlib
import linecache
import os
import random
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nb_scorer.batching import rewrite
from nb_scorer.batching.syntax_nodes import UNKNOWN, literal
from nb_scorer.model import streams

from nb_builder.analysis import notebook_contract
from nb_builder.common import inside, syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.rewrite.names import bound
from nb_builder.rewrite.unfold import unfold

# Standard library modules that are used as they are, because importing them has no side effects.
_PLAIN = frozenset(
    """collections contextlib datetime functools io itertools json logging math os pathlib pickle random re secrets
    socket sqlite3 statistics string subprocess threading time urllib uuid warnings""".split()  # noqa: SIM905
)
_CONTAINERS: dict[type, type] = {
    ast.Dict: dict,
    ast.DictComp: dict,
    ast.List: list,
    ast.ListComp: list,
    ast.Set: set,
    ast.SetComp: set,
}
# Objects that can be created without running the author's code.
_MADE: dict[Any, Any] = {
    **{kind: kind for kind in (dict, list, set, collections.deque, collections.OrderedDict, collections.Counter)},
    collections.defaultdict: dict,
    random.Random: random.Random,
}
_MAIN = "__main__"
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Hindrance:
    """Why predictor would be called with one sample at a time; `file` is a cell's or a module's, None if unknown."""

    reason: str
    cell: Cell | None
    file: Path | None
    line: int | None

    @property
    def note(self) -> str:
        """Return the text of a note for users."""
        place = ""
        if self.line is not None and (self.cell or self.file):
            of_file = self.cell and self.cell.first_line
            more = f"; line {of_file + self.line - 1} of the file" if of_file else ""
            place = f" ({f'cell {self.cell.number}' if self.cell else self.file}, line {self.line}{more})"
        return (
            f"predictor would score samples one by one, not in batches: {self.reason}{place}. "
            "To speed it up, rewrite that code, or define batch_predictor."
        )


def hindrance(cells: Sequence[Cell], folder: Path, repository: Path) -> Hindrance | None:
    """Return why predictor, as defined in `cells`, can't run in batches; None if nothing prevents it, or if unknown.

    `folder` is the notebook's folder in `repository`; modules in both are read as well.
    """
    if any(_binds_unseen(cell) for cell in cells) or notebook_contract.bindings("batch_predictor", cells):
        return None
    labels = {id(cell): f"cell [{cell.number}] at {id(cells)}" for cell in cells}
    with _Shown({labels[id(cell)]: cell.source for cell in cells}):
        world = _World(folder, repository)
        for cell in cells:
            written = cell.statements or []
            for statement in unfold(written).statements:
                # The source of code that a magic runs is not available, neither here nor in a build.
                label = labels[id(cell)] if any(statement is each for each in written) else rewrite.TIMED
                world.add(world.main, statement, label)
        predictor = world.main.get("predictor", UNKNOWN)
        if world.is_own(type(predictor)):
            predictor = getattr(predictor, "__call__", UNKNOWN)  # noqa: B004 - the method itself is wanted
        if not isinstance(predictor, (types.FunctionType, types.MethodType)):
            return None
        # A stream is never scored in batches, so rewriting predictor would not help.
        if streams.is_streaming(predictor):
            return None
        try:
            rewrite.derive(predictor, world.is_own, world)
        except rewrite.Underivable as reason:
            # Without a model call, batches gain nothing, and only the run shows whether a call is one.
            if reason.reason == rewrite.CALLS_NO_MODEL:
                return None
            place = next((cell for cell in cells if labels[id(cell)] == reason.file), None)
            file = None if place or not reason.file else Path(reason.file)
            if file and file.is_relative_to(repository):
                file = file.relative_to(repository)
            return Hindrance(reason.reason, place, file, reason.line)
    return None


def _binds_unseen(cell: Cell) -> bool:
    """Return whether a cell may bind names that its syntax doesn't show."""
    statements = cell.statements
    return statements is None or unfold(statements).opaque


class _Shown:
    """Makes the source of functions without a file available to `inspect`."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __enter__(self) -> None:
        for name, source in self._sources.items():
            linecache.cache[name] = (len(source), None, [line + "\n" for line in source.split("\n")], name)

    def __exit__(self, *_: object) -> None:
        for name in self._sources:
            linecache.cache.pop(name, None)


class _StandIn:
    """Stands in for an object of a package; its attributes and return values also stand in for that package."""

    def __init__(self, home: str, name: str) -> None:
        self.__module__ = home
        self.__name__ = name

    def __getattr__(self, name: str) -> "_StandIn":
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(f"{self.__module__}.{self.__name__}" if self.__name__ else self.__module__, name)


class _World:
    """The objects that cells and modules of a repository would create, derived from their syntax."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.main: dict[str, Any] = {"__name__": _MAIN}
        self._folders = (folder, repository)
        self._modules: dict[str, Any] = {}
        self._own = {_MAIN}

    def is_own(self, value: object) -> bool:
        """Return whether the notebook or its repository defines this function or class."""
        return getattr(value, "__module__", None) in self._own

    def get(self, name: str | None, default: object = UNKNOWN) -> Any:
        """Return the module called `name`: a standard one, the repository's, or a stand-in for a package's."""
        if name is None:
            return default
        if name not in self._modules:
            self._modules[name] = self._module(name)
        return self._modules[name]

    def add(self, names: dict[str, Any], statement: ast.stmt, file: str) -> None:
        """Bind in `names` what `statement` of `file` would bind, except for names that Python itself reads.

        Otherwise, a module's `__getattr__` would be called here, and `__builtins__` would control how classes are
        created.
        """
        kept = {"__name__": names["__name__"], "__builtins__": builtins}
        self._add(names, statement, file)
        for name in filter(_is_special, bound([statement])):
            names.pop(name, None)
        names.update(kept)

    def _add(self, names: dict[str, Any], statement: ast.stmt, file: str) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = self.get(alias.name if alias.asname else top)
        elif isinstance(statement, ast.ImportFrom):
            module = UNKNOWN if statement.level else self.get(statement.module)
            for alias in statement.names:
                names[alias.asname or alias.name] = getattr(module, alias.name, UNKNOWN)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names[statement.name] = UNKNOWN if statement.decorator_list else _defined(statement, names, file)
        elif isinstance(statement, ast.ClassDef):
            names[statement.name] = _class(statement, names, file)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            self._assign(names, statement, statement.value, file)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            for inner in _statements_in(statement):
                self.add(names, inner, file)
        else:
            names.update(dict.fromkeys(bound([statement]), UNKNOWN))

    def _assign(self, names: dict[str, Any], statement: ast.Assign | ast.AnnAssign, value: ast.expr, file: str) -> None:
        names.update(dict.fromkeys(bound([statement]), UNKNOWN))
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        made = self._value(names, value, file)
        names.update({target.id: made for target in targets if isinstance(target, ast.Name)})

    def _value(self, names: dict[str, Any], node: ast.expr, file: str) -> Any:
        written = literal(node)
        if written is not UNKNOWN:
            return written
        if type(node) in _CONTAINERS:
            return _CONTAINERS[type(node)]()
        if isinstance(node, ast.Lambda):
            return _defined(node, names, file)
        if isinstance(node, ast.Name):
            return names.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            return getattr(self._value(names, node.value, file), node.attr, UNKNOWN)
        return self._returned(names, node, file) if isinstance(node, ast.Call) else UNKNOWN

    def _returned(self, names: dict[str, Any], node: ast.Call, file: str) -> Any:
        called = self._value(names, node.func, file)
        if isinstance(node.func, ast.Name) and node.func.id not in names:
            called = {"dict": dict, "list": list, "set": set}.get(node.func.id, UNKNOWN)
        if isinstance(called, type) and self.is_own(called):
            return object.__new__(called)
        if isinstance(called, type) and called in _MADE:
            return _MADE[called]()
        if called is functools.partial and node.args:
            return self._value(names, node.args[0], file)
        if called is UNKNOWN or self.is_own(called):
            return UNKNOWN
        return _StandIn((getattr(called, "__module__", None) or "").lstrip("_"), getattr(called, "__name__", ""))

    def _module(self, name: str) -> Any:
        if name.partition(".")[0] in _PLAIN:
            return _quietly_imported(name)
        path = self._file_of(name)
        if path is None:
            return _StandIn(name, "")
        module = types.ModuleType(name)
        # Before its statements, because modules may import each other.
        self._modules[name] = module
        self._own.add(name)
        for statement in syntax_trees.statements(path.read_text(encoding="utf-8", errors="replace")):
            self.add(vars(module), statement, str(path))
        return module

    def _file_of(self, name: str) -> Path | None:
        inner = Path(*name.split("."))
        files = (inner.with_suffix(".py"), inner / "__init__.py")
        paths = (folder / file for folder in self._folders for file in files)
        return next(
            (path for path in paths if os.path.isfile(path) and not inside.unreadable_reason(path, self._folders[-1])),
            None,
        )


def _quietly_imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return UNKNOWN


def _statements_in(statement: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.ExceptHandler):
            yield from child.body
        elif isinstance(child, ast.stmt):
            yield child


def _defined(function: _Function, names: dict[str, Any], file: str) -> Any:
    """Return the defined function, without evaluating its defaults and hints."""
    bare = _bare(function)
    target = ast.parse("made = 0").body[0]
    if isinstance(bare, ast.Lambda) and isinstance(target, ast.Assign):
        target.value = bare
    return _run(target if isinstance(bare, ast.Lambda) else bare, names, file, getattr(bare, "name", "made"))


def _class(node: ast.ClassDef, names: dict[str, Any], file: str) -> Any:
    """Return the defined class, with its methods only; UNKNOWN for a subclass.

    `__call__` is the only special method, because Python would call others here, such as `__getattr__` and `__del__`.
    """
    if node.bases or node.keywords or node.decorator_list:
        return UNKNOWN
    bare = ast.copy_location(ast.parse("class Made: pass").body[0], node)
    if not isinstance(bare, ast.ClassDef):
        return UNKNOWN
    methods = [each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    methods = [each for each in methods if each.name == "__call__" or not _is_special(each.name)]
    kept = [_bare(each) for each in methods if not each.decorator_list]
    bare.name, bare.body = node.name, [*[each for each in kept if isinstance(each, ast.stmt)], *bare.body]
    return _run(bare, names, file, node.name)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _bare(function: _Function) -> _Function:
    bare = copy.deepcopy(function)
    known = bare.args
    known.defaults = [ast.Constant(None) for _ in known.defaults]
    known.kw_defaults = [each and ast.Constant(None) for each in known.kw_defaults]
    for parameter in [*known.posonlyargs, *known.args, *known.kwonlyargs, known.vararg, known.kwarg]:
        if parameter is not None:
            parameter.annotation = None
    if not isinstance(bare, ast.Lambda):
        bare.returns = None
    if hasattr(bare, "type_params"):
        bare.type_params = []
    return bare


def _run(definition: ast.stmt, names: dict[str, Any], file: str, name: str) -> Any:
    """Return what `definition`, a function or class that evaluates nothing, binds to `name`; UNKNOWN if invalid."""
    module = ast.fix_missing_locations(ast.Module([definition], []))
    local: dict[str, Any] = {}
    try:
        # Only a definition, which calls nothing.
        exec(compile(module, file, "exec"), names, local)  # noqa: S102
    except SyntaxError:
        # Such as an await outside an async function, which the parser accepts; the check of the cell reports it.
        return UNKNOWN
    return local[name]
