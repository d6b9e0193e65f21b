"""The table of removals compared with the packages themselves: each name is there before a release, and gone in it.

The wheels are read, not installed: releases of so many years fit no single Python.
"""

import ast
import subprocess
import sys
import zipfile
from functools import cache

import pytest
from nb_builder.analysis.removed_apis import TABLE

pytestmark = pytest.mark.long

_PYTHONS = ("3.7", "3.6", "3.9", "3.11", "3.12")
_PLATFORMS = ("manylinux1", "manylinux2010", "manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
# What a syntax tree does not show: values of arguments, styles, and names that stay only to raise an error.
_NOT_BY_READING = {
    *("use(seaborn)", "use(seaborn-*)", "spacy.load(en)", "plotly.plotly", "SGDClassifier(log)"),
    *("RandomForestClassifier(auto)", "RandomForestRegressor(auto)", "ExtraTreesClassifier(auto)"),
    *("ExtraTreesRegressor(auto)", "GradientBoostingClassifier(deviance)", "GradientBoostingRegressor(ls)"),
    *("statsmodels.tsa.arima_model.ARIMA", "statsmodels.tsa.arima_model.ARMA"),
    # It takes any keyword, and passes it on.
    *("lightgbm.train(early_stopping_rounds=)", "lightgbm.train(verbose_eval=)"),
}
# Wheels of hundreds of megabytes.
_TOO_LARGE = {"tensorflow"}
# pandas resolves some names when they are asked for; only names that it has are in that function.
_LAZY = {"pandas"}
_TABLES = {"DataFrame", "Series", "NDFrame", "GenericArrayLike", "_IXIndexer"}


class Release:
    """What the wheel of a release defines, by its syntax trees."""

    def __init__(self, package, wheel):
        self.package = package
        self.modules = {}
        self.functions = []
        self.methods = set()
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(".py") and "/tests/" not in name:
                    dotted = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                    self.modules[dotted] = self._tree(archive.read(name)), name.endswith("/__init__.py")

    def _tree(self, source):
        try:
            tree = ast.parse(source)
        except SyntaxError:
            # Templates, and code of Python 2.
            return ast.Module([], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, (ast.FunctionDef, ast.Assign)):
                        self.methods |= {(node.name, each) for each in names_of(inner)}
                    if isinstance(inner, ast.FunctionDef) and inner.name in ("__init__", "__new__"):
                        self.functions.append((node.name, inner))
            elif isinstance(node, ast.FunctionDef):
                self.functions.append((node.name, node))
        return tree

    def has(self, name):
        """Return whether the release has what the table calls `name`."""
        if name.startswith((".", "x=x.")):
            owners = _TABLES if self.package == "pandas" else {owner for owner, _ in self.methods}
            method = name.rpartition(".")[2]
            return any((owner, method) in self.methods for owner in owners) or (
                method == "ix" and "_IXIndexer" in {owner for owner, _ in self.methods}
            )
        if name.endswith("(,)"):
            return any(takes_two(function) for own, function in self.functions if own == short(name[:-3]))
        if name.endswith("=)"):
            called, _, keyword = name[:-2].partition("(")
            return any(keyword in arguments(function) for own, function in self.functions if own == short(called))
        if name.endswith("="):
            return any(name[:-1] in arguments(function) for _, function in self.functions)
        return self.has_member(name)

    def has_member(self, dotted):
        if self.package == "numpy":
            return dotted.removeprefix("numpy.") not in self.expired()
        if dotted in self.modules:
            return True
        module, _, member = dotted.rpartition(".")
        return module in self.modules and member in self.members(module, frozenset())

    def members(self, module, seen):
        """Return the names that a module binds, also by star imports."""
        if module in seen or module not in self.modules:
            return set()
        tree, is_package = self.modules[module]
        found = set()
        for node in ast.walk(tree) if self.package in _LAZY else tree.body:
            found |= names_of(node)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                base = module.split(".") if is_package else module.split(".")[:-1]
                above = base[: len(base) - node.level + 1] if node.level else []
                found |= self.members(".".join([*above, *([node.module] if node.module else [])]), seen | {module})
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__" and self.package in _LAZY:
                found |= {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
        return found

    def expired(self):
        """Return the names of which numpy only says that they are gone."""
        found = set()
        for module in ("numpy", "numpy._expired_attrs_2_0"):
            tree = self.modules.get(module, (ast.Module([], []), False))[0]
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign) and names_of(node) & {"__former_attrs__", "__expired_attributes__"}:
                    found |= {each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)}
        return found


def names_of(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def short(name):
    return name.rpartition(".")[2]


def arguments(function):
    return {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}


def takes_two(function):
    """Return whether a function takes two arguments by position, if only with a warning."""
    warns = any("_deprecate_positional_args" in ast.unparse(each) for each in function.decorator_list)
    return warns or len(function.args.args) > 1


@cache
def release(package, wanted, folder):
    """Return the newest release that fits, from a wheel for whichever Python there is one."""
    for python in _PYTHONS:
        place = folder / f"{package}{abs(hash((wanted, python)))}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        platforms = [word for each in _PLATFORMS for word in ("--platform", f"{each}_x86_64")]
        run = subprocess.run(
            [*command, "--python-version", python, *platforms, "--dest", place, f"{package}{wanted}"],
            capture_output=True,
        )
        if run.returncode == 0:
            return Release(package, next(place.glob("*.whl")))
    raise AssertionError(f"no wheel of {package}{wanted}: {run.stderr.decode()[-300:]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("wheels")


@pytest.mark.parametrize(
    "removal", [row for row in TABLE if row.package not in _TOO_LARGE], ids=lambda row: f"{row.package}-{row.version}"
)
def test_each_name_is_there_before_the_release_and_gone_in_it(removal, folder):
    names = [name for name in removal.names if name not in _NOT_BY_READING]
    if not names:
        return
    before = release(removal.package, f"<{removal.version}", folder)
    after = release(removal.package, f">={removal.version},<{removal.version}.99", folder)
    assert [name for name in names if not before.has(name)] == []
    assert [name for name in names if after.has(name)] == []
