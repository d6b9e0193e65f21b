"""What a notebook imports from packages, where, and how surely: by its syntax tree and that of its own modules."""

import ast
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nb_builder import platforms
from nb_builder.analysis import contract
from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.requirements import RequirementsEmpty, RequirementsMissing, RequirementsUnreadable
from nb_builder.repository import source_tree
from nb_builder.requirements.import_names import entry, known_name, providing
from nb_builder.requirements.sources import Declaration
from nb_builder.rewrite.magics import as_python

# In the standard library of an older model Python, gone in newer ones; and what IPython itself provides.
_NOT_PACKAGES = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd", "cgi", "telnetlib"}
_NOT_PACKAGES |= {"IPython", "ipykernel", "__main__"}
# Extensions that IPython has under names of their own.
_OF_IPYTHON = {"autoreload", "storemagic"}

# As MagicsToPython writes `%pip install` and `!pip install`, and as programs call pip.
_RUNS_PIP = re.compile(r"\bpip3? install\b|run_line_magic\('pip', 'install\b|['\"]pip3?['\"], *['\"]install['\"]")
# What installs packages in another way, or reaches for those of the machine.
_INSTALLS = re.compile(
    r"\b(?:conda|mamba|micromamba|uv|poetry|pdm|apt|apt-get|make|setup\.py)\b.*\b(?:install|add)\b"
    r"|\bfindspark\b|\b(?:sys\.path|addsitedir)\b.*['\"]/"
)
# What may bring a module that is neither installed nor in the repository.
_BRINGS = re.compile(
    r"get_ipython\(\)\.(?:system|getoutput|run_cell_magic\('(?!time'|capture'))"
    r"|run_line_magic\('(?:run|cd|load_ext|sx|system|script)'"
    r"|\bsubprocess\b|\bos\.(?:system|popen|chdir)\b|\bsys\.(?:path|modules|meta_path)\b|addsitedir|urlretrieve"
    r"|\bexec\(|\.(?:py|zip|whl|egg)['\"]"
)
# A folder that is put on the path: sys.path.append(".."), also within os.path.abspath(…).
_ADDS = re.compile(r"\bsys\.path\.(?:append|insert)\((?P<what>.*)\)")
_QUOTED = re.compile(r"['\"]([^'\"/][^'\"]*)['\"]")
_WRAPS = re.compile(r"\s*get_ipython\(\)\.run_cell_magic\('(?:time|capture)',")
# As MagicsToPython writes `%load_ext dotenv`: an extension is a module.
_LOADS = re.compile(r"run_line_magic\('load_ext', '(\w+)[\w.]*'\)")
_WRITES = re.compile(r"run_cell_magic\('writefile', '(?:-a )?([^']+\.py)'")

_CONTRACT = ("predictor", "validator")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAY_FAIL = "raises-exception"


@dataclass(frozen=True)
class Import:
    """An import of what is no module of the repository's own.

    `module` is its dotted name, `names` what is taken from it by `from module import …`. It stands in `line` of
    `cell`, or of `file` (relative to the repository). `sure`: that it is run, and that nothing before it brings
    what it imports.
    """

    module: str
    names: tuple[str, ...]
    line: int
    cell: Cell | None = None
    file: Path | None = None
    sure: bool = False

    @property
    def package(self) -> str:
        """Return the name that a user knows it by: the first part, or as much as tells one distribution."""
        return known_name(self.module) or self.module.split(".")[0]

    def where(self, notebook: str) -> str:
        """Return the words for its place."""
        return self.cell.where(notebook, self.line) if self.cell else f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class _Piece:
    """The code of a cell, or of a module of the repository, that is still to be read."""

    tree: ast.Module
    cell: Cell | None = None
    file: Path | None = None
    sure: bool = True
    # What a cell before it, or itself, does: install packages, bring modules.
    installs: bool = False
    brings: bool = False
    # Functions of it that each request runs.
    always: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...] = ()


def require_declared(
    cells: Sequence[Cell], folder: Path, src: Path, notebook: Path, silent: Sequence[Declaration] = ()
) -> None:
    """Raise a problem, with a cell to paste, if a notebook imports packages and nothing declares any.

    That is RequirementsMissing, or where there are `silent` declarations RequirementsUnreadable or RequirementsEmpty.
    A notebook that runs pip itself is left to the run: what it installs is not known before. Where all that it
    imports is of other places, ElsewhereOnly is raised for the first.
    """
    if installs(cells):
        return
    found = of_notebook(cells, folder, src)
    wanted = [each for each in found if not platforms.world_of(each.module)]
    if wanted:
        problem = _undeclared(wanted, notebook, silent)
        first = next(((each.cell, each.line) for each in wanted if each.cell), None)
        raise problem.at(notebook, *first) if first else problem
    for each in found:
        elsewhere = each.cell and platforms.of_module(
            each.package, {"cell": each.cell, "notebook": str(notebook), "line": each.line}
        )
        if elsewhere and each.sure:
            raise elsewhere


def _undeclared(wanted: Sequence[Import], notebook: Path, silent: Sequence[Declaration]) -> BuildProblem:
    modules = sorted({each.package for each in wanted})
    entries = ", ".join(sorted({entry(module) for module in modules}))
    facts: dict[str, Any] = {"notebook": notebook, "modules": ", ".join(modules), "cell": f"[{entries}]"}
    wrong = next((each for each in silent if each.wrong), None)
    if wrong:
        return RequirementsUnreadable(file=wrong.file, reason=wrong.wrong, **facts)
    if silent:
        return RequirementsEmpty(files=" and ".join(each.file for each in silent), **facts)
    return RequirementsMissing(**facts)


def installs(cells: Sequence[Cell]) -> bool:
    """Return whether a cell installs packages itself."""
    return any(_installs(cell) for cell in cells)


def of_notebook(cells: Sequence[Cell], folder: Path, src: Path) -> list[Import]:
    """Return what the cells and the repository's own modules import from elsewhere, in their order.

    `folder` is the notebook's. Imports in a `try` with `except` are left out: a notebook that provides for their
    absence does not need them. So are those under `if TYPE_CHECKING`, which are never run.
    """
    own_modules = _modules_of(src)
    for written in (found for cell in cells for found in _WRITES.findall(cell.source)):
        own_modules[Path(written).stem].add(folder / written)
        own_modules[Path(written).parent.name].add(folder / written)
    pieces = list(_pieces_of(cells))
    added = _added(cells, folder, src)
    # Modules that may be imported, read last: some of them are imported for sure by then.
    perhaps: dict[Path, _Piece] = {}
    seen: set[Path] = set()
    found: list[Import] = []
    while pieces or perhaps:
        piece = pieces.pop(0) if pieces else _module(*perhaps.popitem(), src, seen, sure=False)
        if piece is None:
            continue
        for node, sure in _imports_of(piece):
            base = _base(node, piece, folder, src)
            for module, names in _named(node):
                own = own_modules.get(module.split(".")[0]) if not _level(node) else None
                looked = (_files(place, module, names) for place in [base, *(() if _level(node) else added)])
                exact = next(filter(None, looked), [])
                perhaps.update((path, piece) for path in [*(own or ()), *(exact if not sure else ())])
                pieces += [each for path in exact if sure and (each := _module(path, piece, src, seen, sure=True))]
                if own is None and not _level(node) and module.split(".")[0] not in _NOT_PACKAGES:
                    found.append(_import(module, names, node, piece, sure=sure))
    found += [each for cell in cells for each in _loaded(cell) if each.module not in own_modules]
    return sorted(found, key=_place)


def _loaded(cell: Cell) -> Iterator[Import]:
    """Yield what `%load_ext` imports in a cell; whether it is run is not looked at."""
    for written in _LOADS.finditer(cell.source):
        if written[1] not in _OF_IPYTHON:
            yield Import(written[1], (), cell.source.count("\n", 0, written.start()) + 1, cell)


def _place(each: Import) -> tuple:
    return (each.cell is None, each.cell.number if each.cell else 0, str(each.file), each.line)


def _pieces_of(cells: Sequence[Cell]) -> Iterator[_Piece]:
    last = [contract.bindings(name, cells)[-1:] for name in _CONTRACT]
    asked = {(each.cell, each.statement.lineno) for found in last for each in found}
    installed = brought = False
    for cell in cells:
        installed = installed or _installs(cell)
        brought = brought or bool(_BRINGS.search(cell.source))
        tree = syntax_trees.tree(_unwrapped(cell.source))
        if tree:
            always = tuple(node for node in tree.body if isinstance(node, _FUNCTIONS) and (cell, node.lineno) in asked)
            sure = _MAY_FAIL not in cell.tags
            yield _Piece(tree, cell, sure=sure, installs=installed, brings=brought, always=always)


def _installs(cell: Cell) -> bool:
    return bool(_RUNS_PIP.search(cell.source) or _INSTALLS.search(cell.source))


def _module(path: Path, by: _Piece, src: Path, seen: set[Path], *, sure: bool) -> _Piece | None:
    """Return the code in a file of the repository that `by` imports; None where it was `seen` before."""
    tree = syntax_trees.tree(path.read_text("utf-8", "replace")) if path not in seen and path.is_file() else None
    seen.add(path)
    if tree is None:
        return None
    return replace(by, tree=tree, cell=None, file=path.relative_to(src), sure=sure, always=())


def _import(
    module: str, names: tuple[str, ...], node: ast.Import | ast.ImportFrom, piece: _Piece, *, sure: bool
) -> Import:
    # A module that nobody knows may come from anywhere; one that is a package only from an installer.
    brought = piece.installs or (piece.brings and providing(module) is None and not platforms.world_of(module))
    return Import(module, names, node.lineno, piece.cell, piece.file, sure and not brought)


def _imports_of(piece: _Piece) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield each import of `piece`, and whether it is run for sure."""
    always = {statement for function in piece.always for statement in _first_of(function)}
    yield from _walk(piece.tree.body, always, sure=piece.sure)


def _walk(
    statements: Iterable[ast.AST], always: set[ast.stmt], *, sure: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, sure or node in always
        elif isinstance(node, ast.Try):
            if not node.handlers:
                yield from _walk([*node.body, *node.finalbody], always, sure=sure)
        elif isinstance(node, ast.If):
            body = [] if _is_never(node.test) else node.body
            yield from _walk([*body, *node.orelse], always, sure=False)
        elif not isinstance(node, getattr(ast, "TryStar", ())):
            yield from _walk(ast.iter_child_nodes(node), always, sure=False)


def _is_never(test: ast.expr) -> bool:
    """Return whether a condition only holds for type checkers, or never."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING" or (isinstance(test, ast.Constant) and not test.value)


def _first_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    """Yield the statements that each call of `function` runs: those before it may return."""
    for statement in function.body if not function.decorator_list else ():
        if any(isinstance(inner, (ast.Return, ast.Raise, ast.Yield)) for inner in ast.walk(statement)):
            return
        yield statement


def _added(cells: Sequence[Cell], folder: Path, src: Path) -> list[Path]:
    """Return the folders of the repository that cells put on sys.path by a plain text, relative to the notebook's."""
    calls = (match["what"] for cell in cells for match in _ADDS.finditer(cell.source))
    paths = (Path(os.path.normpath(folder / text)) for call in calls for text in _QUOTED.findall(call))
    return [path for path in dict.fromkeys(paths) if path.is_relative_to(src) and path.is_dir()]


def _named(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (module, names) for each module that an import statement names."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, ()) for alias in node.names)
        return
    module = node.module or ""
    names = tuple(alias.name for alias in node.names)
    # Several distributions may share a first part: `from google.cloud import storage, bigquery`.
    parts = [] if node.level else [name for name in names if known_name(f"{module}.{name}") == f"{module}.{name}"]
    yield from ((f"{module}.{name}", ()) for name in parts)
    rest = tuple(name for name in names if name not in parts)
    if rest:
        yield module, rest


def _level(node: ast.Import | ast.ImportFrom) -> int:
    """Return how many dots an import begins with."""
    return getattr(node, "level", 0)


def _base(node: ast.Import | ast.ImportFrom, piece: _Piece, folder: Path, src: Path) -> Path:
    """Return the folder in which an import statement's modules are looked for first."""
    level = _level(node)
    if not level or piece.file is None:
        return folder
    here = src / piece.file
    return here.parents[min(level, len(here.parents)) - 1]


def _files(base: Path, module: str, names: tuple[str, ...]) -> list[Path]:
    """Return the files below `base` that are run, in this order, where `module` and `names` of it are imported."""
    found: list[Path] = []
    place = base
    for part in module.split(".") if module else ():
        if (place / f"{part}.py").is_file() and not (place / part / "__init__.py").is_file():
            return [*found, place / f"{part}.py"]
        place = place / part
        if not place.is_dir():
            return []
        found += [place / "__init__.py"] if (place / "__init__.py").is_file() else []
    for name in names:
        found += [path for path in (place / f"{name}.py", place / name / "__init__.py") if path.is_file()]
    return found


def _unwrapped(source: str) -> str:
    """Return what a cell under %%time or %%capture runs, each line where it was; any other cell as it is."""
    tree = syntax_trees.tree(source) if _WRAPS.match(source) else None
    only = tree.body[0] if tree and len(tree.body) == 1 else None
    call = only.value if isinstance(only, ast.Expr) else None
    inner = call.args[-1] if isinstance(call, ast.Call) and call.args else None
    wrapped = inner.value if isinstance(inner, ast.Constant) else None
    return "\n" + as_python(wrapped) if isinstance(wrapped, str) else source


def _modules_of(src: Path) -> dict[str, set[Path]]:
    """Return {name: files} for what `import name` could mean: a notebook may add any folder to sys.path."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path in source_tree.files(src):
        if path.suffix == ".py":
            for name in (path.stem, *path.parent.parts):
                found[name].add(src / path)
    return found
