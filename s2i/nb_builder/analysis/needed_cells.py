"""Finds the cells that the service needs: those that predictor depends on, and those with other possible effects.

A cell is left out only if all its statements just plot, print, or bind names that no needed cell reads. Statements that
may modify an object, the file system or a library's state are kept.
"""

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from nb_builder.analysis import notebook_contract
from nb_builder.common.cell import Cell
from nb_builder.rewrite.keep_requirements import NAME as REQUIREMENTS
from nb_builder.rewrite.names import bound, needed
from nb_builder.rewrite.unfold import unfold

# The source that replaces a cell's.
LEFT_OUT = "# Left out: predictor does not need this cell (S2I_CELLS=needed)."

# The names that a build reads; CHECK belongs to the cell that verifies a proposed predictor.
CHECK = "check_of_the_proposal"
ROOTS = frozenset(
    {
        *("predictor", "validator", "batch_predictor", "explainer", "examples", "setup", "teardown"),
        *(REQUIREMENTS, CHECK, "predictors", "validators", "batch_predictors"),
    }
)

# Libraries whose functions only display or measure, and don't modify their arguments.
_SHOWING = {
    "matplotlib",
    "seaborn",
    "plotly",
    "missingno",
    "pandas_profiling",
    "ydata_profiling",
    "yellowbrick",
    "IPython",
}
_SHOWING |= {
    "ipywidgets",
    "pprint",
    "scikitplot",
    "wordcloud",
    "altair",
    "bokeh",
    "shap",
    "lime",
    "graphviz",
    "time",
    "cufflinks",
}
_SHOWING |= {"alibi", "autoviz", "dice_ml", "dtale", "dtreeviz", "eli5", "folium", "interpret", "pdpbox", "plotnine"}
_SHOWING |= {"prettytable", "pydot", "pydotplus", "sweetviz", "tabulate", "termcolor", "treeinterpreter"}
# Other libraries whose functions modify none of their arguments, except those in _EFFECTS.
_PURE = {"sklearn", "numpy", "pandas", "scipy", "statsmodels", "math", "collections", "itertools", "datetime", "re"}
_PURE |= {"xgboost", "lightgbm", "catboost", "imblearn", "mlxtend"}
# Modules whose code is not the author's.
_PACKAGES = notebook_contract.WITHOUT_PREDICTOR
_PURE_BUILTINS = {
    *("abs", "all", "any", "bool", "dict", "dir", "display", "enumerate", "float", "format", "help", "int"),
    *("isinstance", "len", "list", "map", "max", "min", "print", "range", "repr", "reversed", "round", "set", "sorted"),
    *("str", "sum", "tuple", "type", "zip"),
}
# Functions that modify an argument, a file, or a library's state.
_EFFECTS = {
    *("append", "chdir", "dump", "dumps", "fill_diagonal", "filterwarnings", "makedirs", "mkdir", "put", "putmask"),
    *(
        "remove",
        "rename",
        "reset_option",
        "rmtree",
        "save",
        "savetxt",
        "savez",
        "seed",
        "set_option",
        "set_printoptions",
    ),
    *("set_random_seed", "set_state", "shuffle", "simplefilter", "use", "system", "copyto", "urlretrieve", "tqdm"),
    *("set_config", "register_matplotlib_converters", "set_seed", "use_inf_as_na", "download", "load_ext"),
}
# Methods that modify neither their object nor their arguments, whatever the object.
_READS = {
    *(
        "agg",
        "aggregate",
        "all",
        "any",
        "astype",
        "copy",
        "corr",
        "corrwith",
        "count",
        "cov",
        "describe",
        "diff",
        "dot",
    ),
    *("dropna", "duplicated", "feature_importances", "fillna", "get_params", "groupby", "head", "hist", "boxplot"),
    *(
        "info",
        "isin",
        "isna",
        "isnull",
        "items",
        "join",
        "keys",
        "kurt",
        "lower",
        "max",
        "mean",
        "median",
        "memory_usage",
    ),
    *("merge", "min", "mode", "nlargest", "notna", "notnull", "nsmallest", "nunique", "pivot", "pivot_table", "plot"),
    *("predict", "predict_proba", "predict_log_proba", "decision_function", "quantile", "replace", "reset_index"),
    *("reshape", "round", "sample", "score", "select_dtypes", "shape", "skew", "sort_index", "sort_values", "split"),
    *("std", "strip", "sum", "summary", "summary2", "tail", "to_dict", "to_frame", "to_numpy", "to_string", "tolist"),
    *("transpose", "unique", "upper", "value_counts", "values", "var", "rename", "apply", "map", "drop", "unstack"),
    *("stack", "melt", "bar", "barh", "pie", "scatter", "line", "kde", "density", "format", "title", "transform"),
    *("inverse_transform", "evaluate", "getparams", "staged_predict", "crosstab", "ravel", "flatten", "argsort"),
    *("applymap", "style", "background_gradient", "set_index", "filter", "query", "where", "idxmax", "idxmin"),
}
_READS |= {"feature_name", "num_trees", "trees_to_dataframe"}
# Prefixes of the names of such methods.
_READING = ("get_", "plot_")
# Keywords with which a method of _READS modifies its object.
_IN_PLACE = {"inplace", "copy"}
# A print statement of Python 2.
_PRINT = re.compile(r"^([ \t]*)print[ \t]+([^\n(=][^\n]*)$", re.MULTILINE)
# Functions that only write a file. A needed cell that reads the file fails if it is missing.
_SAVES = re.compile(r"to_|save|dump|write|export")
_FITS = {"fit", "fit_transform", "fit_predict", "fit_resample", "partial_fit"}
# Magics that only display or measure.
_MAGICS = {
    "HTML",
    "R",
    "capture",
    "html",
    "install_ext",
    "javascript",
    "js",
    "latex",
    "markdown",
    "matplotlib",
    "precision",
    "prun",
    "time",
    "timeit",
    "watermark",
    "who",
    "whos",
}
_COLLECTS = ("list", "tuple", "dict", "zip")
_MODULES = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Unneeded:
    """The cells to leave out, those that may fail without consequences, and those of which only imports are needed."""

    left_out: tuple[Cell, ...] = ()
    may_fail: tuple[Cell, ...] = ()
    imports_only: tuple[Cell, ...] = ()


def find(cells: Sequence[Cell]) -> Unneeded:
    """Return the cells that the service doesn't need, in order; none if a cell can't be parsed."""
    parsed = []
    for cell in cells:
        statements = as_python3(cell).statements
        if statements is None:
            return Unneeded()
        parsed.append((cell, statements))
    facts = _Facts([statement for _, statements in parsed for statement in statements])
    unneeded, imports_only = facts.harmless(parsed)
    # Only cells that predictor needs count here, not doubtful cells that are kept for their possible effects.
    may_fail = [cell for cell in facts.harmless(parsed, others=True)[0] if cell not in (*unneeded, *imports_only)]
    return Unneeded(tuple(cell for cell in unneeded if cell.source.strip()), tuple(may_fail), tuple(imports_only))


def as_python3(cell: Cell) -> Cell:
    """Return a cell of Python 2 with its print statements as calls, on unchanged lines; any other cell as it is."""
    if cell.statements is not None:
        return cell
    converted = replace(cell, source=_PRINT.sub(r"\1print(\2)", cell.source))
    return cell if converted.statements is None else converted


def with_imports_only(cell: Cell) -> Cell:
    """Return the cell with only its imports, on unchanged lines; other statements become empty lines."""
    cell = as_python3(cell)
    lines = cell.source.splitlines()
    kept = [
        number
        for statement in cell.statements or ()
        if _is_import(statement)
        for number in range(statement.lineno - 1, statement.end_lineno or statement.lineno)
    ]
    return replace(cell, source="\n".join(line if number in kept else "" for number, line in enumerate(lines)).rstrip())


def _is_import(statement: ast.stmt) -> bool:
    """Return whether a statement imports explicitly named objects."""
    return isinstance(statement, _MODULES) and not _imports_all(statement)


def _is_trivial(statement: ast.stmt) -> bool:
    """Return whether a statement has no effect: a constant, such as a string that describes the cell, or a magic."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    is_magic = any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(statement))
    return isinstance(value, ast.Constant) or is_magic


def _assigned(statement: ast.stmt) -> set[str]:
    """Return the names that a statement always rebinds, regardless of their earlier values."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    parts = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return {part.id for part in parts if isinstance(part, ast.Name)}


def _is_plain(statement: ast.AST) -> bool:
    """Return whether a statement defines a function that runs only when called by name."""
    return isinstance(statement, _FUNCTIONS) and not statement.decorator_list


def _reads(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names that statements read, bind or modify, except those local to a function."""
    names: set[str] = set()
    for statement in unfold(statements).statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names |= {statement.name} | needed(statement)
        else:
            names |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return names - set(dir(builtins))


def unneeded_imports(
    cells: Sequence[Cell], may_fail: Collection[int | None], modules: Collection[str]
) -> list[tuple[Cell, ast.stmt]]:
    """Return the statements, with their cells, that import only `modules` under names that no needed cell reads.

    `may_fail` are the numbers of cells that aren't needed.
    """
    statements = [(cell, statement) for cell in cells for statement in cell.statements or ()]
    read = _reads(
        statement
        for cell, statement in statements
        if not isinstance(statement, _MODULES) and cell.number not in may_fail
    )
    return [
        (cell, statement)
        for cell, statement in statements
        if modules_of(statement)
        and modules_of(statement) <= set(modules)
        and not bound([statement]) & read
        and not _imports_all(statement)
    ]


def modules_of(statement: ast.stmt) -> set[str]:
    """Return the top-level modules that an import statement names; none for other statements."""
    if isinstance(statement, ast.Import):
        return {alias.name.split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        return {statement.module.split(".")[0]}
    return set()


class _Facts:
    """Facts about a notebook's names, collected from all statements."""

    def __init__(self, statements: Sequence[ast.stmt]) -> None:
        self.modules: dict[str, str] = {}
        self.functions: dict[str, list[ast.stmt]] = {}
        # Functions under examination: a recursive one is examined only once.
        self.entered: set[str] = set()
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        self.modules[alias.asname or alias.name.split(".")[0]] = alias.name.split(".")[0]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    for alias in node.names:
                        self.modules[alias.asname or alias.name] = node.module.split(".")[0]
                elif isinstance(node, _DEFINITIONS):
                    self.functions.setdefault(node.name, []).append(node)
        unfolding = unfold(statements)
        self.bound = bound(unfolding.statements)
        if unfolding.opaque or any(_imports_all(statement) for statement in statements):
            self.bound |= _reads(statements)
        self.shared = _shared(statements)

    def harmless(
        self, parsed: Sequence[tuple[Cell, Sequence[ast.stmt]]], *, others: bool = False
    ) -> tuple[list[Cell], list[Cell]]:
        """Return the harmless cells, and the cells whose statements other than imports are harmless, both in order.

        See `is_harmless`. Above a needed cell, a name is wanted only if that cell or a later one reads it before
        rebinding it.
        """
        # {name: index of the first statement after which a function that reads the name may be called}
        pinned: dict[str, int] = {}
        while True:
            found, imports_only, kept = self._pass(parsed, pinned, others=others)
            # A kept function may read names that were not wanted before, so repeat until nothing is added.
            pins = {**self._pins(kept), **pinned}
            if pins == pinned:
                return found, imports_only
            pinned = pins

    def _pass(
        self, parsed: Sequence[tuple[Cell, Sequence[ast.stmt]]], pinned: Mapping[str, int], *, others: bool
    ) -> tuple[list[Cell], list[Cell], list[tuple[int, ast.stmt]]]:
        """Return the harmless cells, those harmless except for imports, and the other statements by index."""
        found: list[Cell] = []
        imports_only: list[Cell] = []
        kept: list[tuple[int, ast.stmt]] = []
        read = set(ROOTS) | self._read_by_functions(ROOTS)
        index = sum(len(statements) for _, statements in parsed)
        for cell, statements in reversed(parsed):
            index -= len(statements)
            wanted = read | {name for name, start in pinned.items() if start < index + len(statements)}
            harmful = [each for each in statements if not self.is_harmless(each, wanted, others=others)]
            if not harmful:
                found.insert(0, cell)
                continue
            left_out = (each for each in statements if each not in harmful and not _is_trivial(each))
            if all(map(_is_import, harmful)) and any(left_out):
                imports_only.insert(0, cell)
                continue
            for place, statement in reversed(list(enumerate(statements, start=index))):
                read = read - _assigned(statement) | self._needs(statement)
                kept.append((place, statement))
        return found, imports_only, kept

    def _pins(self, kept: Sequence[tuple[int, ast.stmt]]) -> dict[str, int]:
        """Return {name: index of the first statement that passes a function that reads it to later calls}."""
        pins: dict[str, int] = {}
        for place, statement in sorted(kept, key=lambda each: each[0]):
            for each in unfold([statement]).statements:
                called = {id(node.func) for node in ast.walk(each) if isinstance(node, ast.Call)}
                for node in ast.walk(each):
                    names: set[str] = set()
                    if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and not (node is each and _is_plain(node)):
                        names = needed(node)
                    elif isinstance(node, ast.Name) and id(node) not in called:
                        names = self._read_by_functions({node.id})
                    for name in names | self._read_by_functions(names):
                        pins.setdefault(name, place)
        return pins

    def _needs(self, statement: ast.stmt) -> set[str]:
        """Return the names that a statement needs from above, including those of the functions that it names."""
        if _is_plain(statement):
            definition = cast("ast.FunctionDef", statement)
            return {name for node in (definition.args, definition.returns) if node for name in _names(node)}
        names = _reads([statement])
        if _assigned(statement):
            nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
            names &= {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        return names | self._read_by_functions(names)

    def _read_by_functions(self, names: Iterable[str]) -> set[str]:
        """Return the names that the notebook's functions among `names` read, directly or through other functions."""
        read: set[str] = set()
        todo = set(names)
        while todo:
            definitions = [each for name in todo for each in self.functions.get(name, ())]
            found = set().union(*map(needed, definitions)) - read
            read |= found
            todo = found
        return read

    def is_harmless(self, statement: ast.stmt, wanted: set[str], *, others: bool = False) -> bool:
        """Return whether a statement can be left out if other cells need only the names in `wanted`.

        With `others`, it may call library functions that modify files or state.
        """
        if isinstance(statement, (*_MODULES, *_DEFINITIONS)):
            # A cell that is kept, above or below, may need them by name.
            return not bound([statement]) & wanted and not _imports_all(statement)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return True
        if any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(statement)):
            return self._magic_is_harmless(statement, wanted, others=others)
        if bound([statement]) & wanted or isinstance(statement, (ast.Global, ast.Nonlocal, ast.Try, ast.Raise)):
            return False
        return all(self._node_is_harmless(node, wanted, others=others) for node in ast.walk(statement))

    def _magic_is_harmless(self, statement: ast.stmt, wanted: set[str], *, others: bool) -> bool:
        """Return whether a statement is a magic that only displays or measures, with harmless Python code."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        name = call.args[0] if isinstance(call, ast.Call) and call.args else None
        unfolding = unfold([statement])
        # `unfold` handles the extensions that bind names. The output of the others isn't needed.
        shows = isinstance(name, ast.Constant) and name.value in {*_MAGICS, "load_ext"}
        if not shows or (isinstance(name, ast.Constant) and name.value == "load_ext" and unfolding.opaque):
            return False
        inside = [each for each in unfolding.statements if each is not statement]
        return all(self.is_harmless(each, wanted, others=others) for each in inside)

    def _node_is_harmless(self, node: ast.AST, wanted: set[str], *, others: bool) -> bool:
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            return not self._is_wanted(_root(node), wanted)
        if isinstance(node, ast.AugAssign):
            return not self._is_wanted(_root(node.target), wanted)
        if isinstance(node, (ast.Delete, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        return self._call_is_harmless(node, wanted, others=others) if isinstance(node, ast.Call) else True

    def _call_is_harmless(self, call: ast.Call, wanted: set[str], *, others: bool) -> bool:
        function = call.func
        if isinstance(function, ast.Name):
            return self._function_is_harmless(function.id, call, wanted, others=others)
        if not isinstance(function, ast.Attribute):
            return False
        library = self.modules.get(_root(function))
        if library is not None:
            if library in _SHOWING or (library in _PURE and function.attr not in _EFFECTS) or _plots(function.attr):
                return True
            saves = bool(_SAVES.match(function.attr))
            return others and (saves or library in _PACKAGES or not self._gets_wanted(call, wanted))
        return self._method_is_harmless(function, call, wanted, others=others)

    def _method_is_harmless(self, function: ast.Attribute, call: ast.Call, wanted: set[str], *, others: bool) -> bool:
        root, name = _root(function), function.attr
        if (name in _READS or name.startswith(_READING)) and not any(
            keyword.arg in _IN_PLACE for keyword in call.keywords
        ):
            return True
        if name in _FITS or name == "append":
            # An estimator stores what it learned, and doesn't modify its data; a list stores its items.
            made = function.value
            is_new = isinstance(made, ast.Call) and root in self.modules and not self._gets_wanted(made, wanted)
            return is_new or not self._is_wanted(root, wanted)
        if others and _SAVES.match(name):
            return True
        if name in _EFFECTS or name.startswith("to_"):
            return False
        return not self._is_wanted(root, wanted) and not self._gets_wanted(call, wanted)

    def _function_is_harmless(self, name: str, call: ast.Call, wanted: set[str], *, others: bool) -> bool:
        if name in self.functions:
            # It may modify its arguments, or a source outside the notebook.
            outside = set().union(*(needed(definition) for definition in self.functions[name]))
            changes = any(self._is_wanted(each, wanted) for each in outside - set(self.modules))
            is_apart = not changes and not self._gets_wanted(call, wanted)
            return is_apart or self._body_is_harmless(name, wanted, others=others)
        if others and name == "open":
            return True
        library = self.modules.get(name)
        if library is not None:
            if (library in _SHOWING | _PURE and name not in _EFFECTS) or _plots(name):
                return True
            return others and (library in _PACKAGES or not self._gets_wanted(call, wanted))
        # A name that nothing binds, such as Python 2's xrange, only raises an error.
        return name in _PURE_BUILTINS or (name not in self.bound and name not in dir(builtins))

    def _body_is_harmless(self, name: str, wanted: set[str], *, others: bool) -> bool:
        """Return whether a function of the notebook modifies nothing that is read elsewhere, whatever its arguments."""
        definitions = [each for each in self.functions[name] if isinstance(each, ast.FunctionDef)]
        if name in self.entered or len(definitions) < len(self.functions[name]):
            return False
        self.entered.add(name)
        harmless = all(
            not isinstance(node, (ast.Global, ast.Nonlocal))
            and self._node_is_harmless(node, wanted | _parameters(definition), others=others)
            for definition in definitions
            for statement in definition.body
            for node in ast.walk(statement)
        )
        self.entered.discard(name)
        return harmless

    def _gets_wanted(self, call: ast.Call, wanted: set[str]) -> bool:
        """Return whether a call may modify an argument that a needed cell reads."""
        arguments = {name for argument in (*call.args, *call.keywords) for name in _names(argument)}
        return any(self._is_wanted(name, wanted) for name in arguments)

    def _is_wanted(self, name: str, wanted: set[str]) -> bool:
        """Return whether a name, or an alias of a part of the same object, is read elsewhere."""
        return name == "" or bool(({name} | self.shared.get(name, set())) & wanted)


def _plots(name: str) -> bool:
    return name.startswith("plot_")


def _parameters(definition: ast.stmt) -> set[str]:
    return {node.arg for node in ast.walk(definition) if isinstance(node, ast.arg)}


def _shared(statements: Sequence[ast.stmt]) -> dict[str, set[str]]:
    """Return {name: the names that may share its objects}, transitively, through assignments and loops."""
    groups: list[set[str]] = []
    for statement in statements:
        for node in ast.walk(statement):
            pair: tuple[set[str], set[str]] | None = None
            if isinstance(node, ast.Assign):
                pair = {name for target in node.targets for name in _names(target)}, set(_held(node.value))
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
                pair = set(_names(node.target)), set(_names(node.iter))
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                pair = set(_names(node.optional_vars)), set(_names(node.context_expr))
            if pair and pair[1]:
                joined = pair[0] | pair[1]
                for group in [group for group in groups if group & joined]:
                    groups.remove(group)
                    joined |= group
                groups.append(joined)
    return {name: group for group in groups for name in group}


def _held(node: ast.expr) -> Iterator[str]:
    """Yield the names whose objects an expression's value may contain or be part of."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        yield from _held(node.value)
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for element in node.elts:
            yield from _held(element)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _held(value)
    elif isinstance(node, ast.IfExp):
        yield from (*_held(node.body), *_held(node.orelse))
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("list", "tuple", "dict", "zip")
    ):
        for argument in node.args:
            yield from _held(argument)


def _imports_all(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names)


def _names(node: ast.AST) -> Iterator[str]:
    yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
