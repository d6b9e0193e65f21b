"""Finds imports of packages in a notebook and its own modules, with location and certainty, from the syntax trees."""

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
from nb_builder.analysis import notebook_contract
from nb_builder.common import inside, syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.packages import RequirementsEmpty, RequirementsMissing, RequirementsUnreadable
from nb_builder.repository import source_tree
from nb_builder.requirements.import_names import entry, known_name, providing
from nb_builder.requirements.sources import Declaration
from nb_builder.rewrite.magics import as_python

# Modules that the standard library of an older model Python may have, although this one's lacks them, and IPython's
# own.
_NOT_PACKAGES = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd", "cgi", "telnetlib"}
_NOT_PACKAGES |= {"IPython", "ipykernel", "__main__"}
# Extensions included in IPython: `%load_ext` accepts their short names, which no package has.
_OF_IPYTHON = {"autoreload", "storemagic"}

# `%pip install` and `!pip install` as MagicsToPython writes them, and pip as programs call it.
_RUNS_PIP = re.compile(r"\bpip3? install\b|run_line_magic\('pip', ['\"]install\b|['\"]pip3?['\"], *['\"]install['\"]")
# Other ways to install packages, or to use those of the machine.
_INSTALLS = re.compile(
    r"\b(?:conda|mamba|micromamba|uv|poetry|pdm|apt|apt-get|make|setup\.py)\b.*\b(?:install|add)\b"
    r"|\bfindspark\b|\b(?:sys\.path|addsitedir)\b.*['\"]/"
)
# Code that may provide a module that is neither installed nor in the repository.
_BRINGS = re.compile(
    r"get_ipython\(\)\.(?:system|getoutput|run_cell_magic\('(?!time'|capture'))"
    r"|run_line_magic\('(?:run|cd|load_ext|sx|system|script)'"
    r"|\bsubprocess\b|\bos\.(?:system|popen|chdir)\b|\bsys\.(?:path|modules|meta_path)\b|addsitedir|urlretrieve"
    r"|\bexec\(|\.(?:py|zip|whl|egg)['\"]"
)
# A folder added to sys.path, such as sys.path.append(".."); os.path.abspath(…) may be around it.
_ADDS = re.compile(r"\bsys\.path\.(?:append|insert)\((?P<what>.*)\)")
_CHANGES_PATH = re.compile(r"\bsys\.path\.(?:append|insert|extend)\(|\bsys\.path\[?.*\]? *\+?=|\bos\.chdir\(|'cd',")
_QUOTED = re.compile(r"['\"]([^'\"/][^'\"]*)['\"]")
_WRAPS = re.compile(r"\s*get_ipython\(\)\.run_cell_magic\('(?:time|capture)',")
# `%load_ext dotenv` as MagicsToPython writes it: an extension is a module.
_LOADS = re.compile(r"run_line_magic\('load_ext', '(\w+)[\w.]*'\)")
# tqdm.notebook needs ipywidgets to draw its bars, but doesn't declare it; tqdm.auto works without.
WIDGETS = "ipywidgets"
_BARS_OF_TQDM = {"tqdm_notebook", "tnrange", "notebook"}
_WRITES = re.compile(r"run_cell_magic\('writefile', '(?:-a )?([^']+\.py)'")

_CONTRACT = ("predictor", "validator")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAY_FAIL = "raises-exception"


@dataclass(frozen=True)
class Import:
    """An import of a module from outside the repository.

    `module` is its dotted name, `names` are those in `from module import …`. It is in `line` of `cell`, or of `file`
    (relative to the repository). `sure` is true if it certainly runs and nothing before it may install or create the
    module.
    """

    module: str
    names: tuple[str, ...]
    line: int
    cell: Cell | None = None
    file: Path | None = None
    sure: bool = False

    @property
    def package(self) -> str:
        """Return the name that users know it by: the first part, or as many parts as identify one distribution."""
        return known_name(self.module) or self.module.split(".")[0]

    def where(self, notebook: str) -> str:
        """Return its location: the cell or file, and the line."""
        return self.cell.where(notebook, self.line) if self.cell else f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class _Piece:
    """The code of a cell, or of a module of the repository, whose imports are yet to be collected."""

    tree: ast.Module
    cell: Cell | None = None
    file: Path | None = None
    sure: bool = True
    # Whether this cell, or one before it, installs packages or may create modules in another way.
    installs: bool = False
    may_install: bool = False
    # Its functions that every request calls.
    always: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...] = ()


def require_declared(
    cells: Sequence[Cell], folder: Path, src: Path, notebook: Path, silent: Sequence[Declaration] = ()
) -> None:
    """Raise a problem, with a cell to paste, if a notebook imports packages and nothing declares any.

    The problem is RequirementsMissing or, if there are `silent` declarations, RequirementsUnreadable or
    RequirementsEmpty. If it imports only modules of other platforms, ElsewhereOnly is raised for the first. A notebook
    that runs pip itself is not checked, because what it installs is unknown before the run.
    """
    if installs(cells):
        return
    imports = of_notebook(cells, folder, src)
    from_packages = [imported for imported in imports if not platforms.platform_of(imported.module)]
    if from_packages:
        problem = _undeclared(from_packages, notebook, silent)
        first = next(((imported.cell, imported.line) for imported in from_packages if imported.cell), None)
        raise problem.at(notebook, *first) if first else problem
    for imported in imports:
        elsewhere = imported.cell and platforms.of_module(
            imported.package, {"cell": imported.cell, "notebook": str(notebook), "line": imported.line}
        )
        if elsewhere and imported.sure:
            raise elsewhere


def _undeclared(imports: Sequence[Import], notebook: Path, silent: Sequence[Declaration]) -> BuildProblem:
    modules = sorted({imported.package for imported in imports})
    entries = ", ".join(sorted({entry(module) for module in modules}))
    facts: dict[str, Any] = {"notebook": notebook, "modules": ", ".join(modules), "cell": f"[{entries}]"}
    unreadable = next((declaration for declaration in silent if declaration.error), None)
    if unreadable:
        return RequirementsUnreadable(file=unreadable.file, reason=unreadable.error, **facts)
    if silent:
        return RequirementsEmpty(files=" and ".join(declaration.file for declaration in silent), **facts)
    return RequirementsMissing(**facts)


def installs(cells: Sequence[Cell]) -> bool:
    """Return whether a cell installs packages itself."""
    return any(_installs(cell) for cell in cells)


def installs_otherwise(cell: Cell) -> bool:
    """Return whether a cell installs packages without pip, or uses those of the machine."""
    return bool(_INSTALLS.search(_without_comments(cell.source)))


def of_notebook(cells: Sequence[Cell], folder: Path, src: Path) -> list[Import]:
    """Return what the cells and the repository's own modules import from outside, in order.

    `folder` is the notebook's folder. Imports in a `try` with `except` are left out, because a notebook that handles
    their absence doesn't need them. So are those under `if TYPE_CHECKING`, which never run. The bars of tqdm.notebook
    count as an import of ipywidgets.
    """
    added_folders = _added(cells, folder, src)
    own_modules = _modules_of(src)
    if not _path_is_computed(cells):
        _leave_out_packages(own_modules, [folder, *added_folders])
    for written_file in (name for cell in cells for name in _WRITES.findall(cell.source)):
        own_modules[Path(written_file).stem].add(folder / written_file)
        own_modules[Path(written_file).parent.name].add(folder / written_file)
    pieces = list(_pieces_of(cells))
    # Modules that may be imported. They are read last, because a later piece may certainly import some of them.
    optional_files: dict[Path, _Piece] = {}
    seen: set[Path] = set()
    imports: list[Import] = []
    while pieces or optional_files:
        piece = pieces.pop(0) if pieces else _module(*optional_files.popitem(), src, seen, sure=False)
        if piece is None:
            continue
        for node, sure in _imports_of(piece):
            base_folder = _base(node, piece, folder, src)
            for module, names in _named(node):
                own_files = own_modules.get(module.split(".")[0]) if not _level(node) else None
                candidates = (
                    _files(base, module, names) for base in [base_folder, *(() if _level(node) else added_folders)]
                )
                module_files = next(filter(None, candidates), [])
                optional_files.update(
                    (path, piece) for path in [*(own_files or ()), *(module_files if not sure else ())]
                )
                pieces += [
                    code for path in module_files if sure and (code := _module(path, piece, src, seen, sure=True))
                ]
                if own_files is None and not _level(node) and module.split(".")[0] not in _NOT_PACKAGES:
                    imports.append(_import(module, names, node, piece, sure=sure))
                    if module == "tqdm.notebook" or (module == "tqdm" and _BARS_OF_TQDM & set(names)):
                        # Without ipywidgets, only drawing a bar fails.
                        imports.append(_import(WIDGETS, (), node, piece, sure=False))
    imports += [imported for cell in cells for imported in _loaded(cell) if imported.module not in own_modules]
    return sorted(imports, key=_place)


def _loaded(cell: Cell) -> Iterator[Import]:
    """Yield what `%load_ext` imports in a cell, as imports that may not run."""
    for match in _LOADS.finditer(cell.source):
        if match[1] not in _OF_IPYTHON:
            yield Import(match[1], (), cell.source.count("\n", 0, match.start()) + 1, cell)


def _place(imported: Import) -> tuple:
    return (imported.cell is None, imported.cell.number if imported.cell else 0, str(imported.file), imported.line)


def _pieces_of(cells: Sequence[Cell]) -> Iterator[_Piece]:
    last_bindings = [notebook_contract.bindings(name, cells)[-1:] for name in _CONTRACT]
    contract_functions = {
        (binding.cell, binding.statement.lineno) for bindings in last_bindings for binding in bindings
    }
    installs = may_install = False
    for cell in cells:
        installs = installs or _installs(cell)
        may_install = may_install or bool(_BRINGS.search(_without_comments(cell.source)))
        tree = syntax_trees.tree(_unwrapped(cell.source))
        if tree:
            always = tuple(
                node for node in tree.body if isinstance(node, _FUNCTIONS) and (cell, node.lineno) in contract_functions
            )
            sure = _MAY_FAIL not in cell.tags
            yield _Piece(tree, cell, sure=sure, installs=installs, may_install=may_install, always=always)


def _installs(cell: Cell) -> bool:
    return bool(_RUNS_PIP.search(_without_comments(cell.source))) or installs_otherwise(cell)


def _without_comments(source: str) -> str:
    """Return the source without comment lines, such as `# !pip install numpy`."""
    return "\n".join(line for line in source.split("\n") if not line.lstrip().startswith("#"))


def _module(path: Path, by: _Piece, src: Path, seen: set[Path], *, sure: bool) -> _Piece | None:
    """Return the code in a file that `by` imports; None if it was `seen` before or can't be parsed."""
    is_readable = path not in seen and os.path.isfile(path) and not inside.unreadable_reason(path, src)
    tree = syntax_trees.tree(path.read_text("utf-8", "replace")) if is_readable else None
    seen.add(path)
    if tree is None:
        return None
    return replace(by, tree=tree, cell=None, file=path.relative_to(src), sure=sure, always=())


def _import(
    module: str, names: tuple[str, ...], node: ast.Import | ast.ImportFrom, piece: _Piece, *, sure: bool
) -> Import:
    # A module in our tables comes only from an installer; any other may be created by the code before it.
    may_be_installed = piece.installs or (
        piece.may_install and providing(module) is None and not platforms.platform_of(module)
    )
    return Import(module, names, node.lineno, piece.cell, piece.file, sure and not may_be_installed)


def _imports_of(piece: _Piece) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield each import of `piece`, and whether it certainly runs."""
    unconditional = {statement for function in piece.always for statement in _first_of(function)}
    yield from _walk(piece.tree.body, unconditional, sure=piece.sure)


def _walk(
    statements: Iterable[ast.AST], unconditional: set[ast.stmt], *, sure: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, sure or node in unconditional
        elif isinstance(node, ast.Try):
            if not node.handlers:
                yield from _walk([*node.body, *node.finalbody], unconditional, sure=sure)
        elif isinstance(node, ast.If):
            body = [] if _is_never(node.test) else node.body
            yield from _walk([*body, *node.orelse], unconditional, sure=False)
        elif not isinstance(node, getattr(ast, "TryStar", ())):
            yield from _walk(ast.iter_child_nodes(node), unconditional, sure=False)


def _is_never(test: ast.expr) -> bool:
    """Return whether a condition never holds at run time: TYPE_CHECKING, or a false constant."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING" or (isinstance(test, ast.Constant) and not test.value)


def _first_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    """Yield the statements that every call of `function` runs: those before the first that may leave it."""
    for statement in function.body if not function.decorator_list else ():
        if any(isinstance(inner, (ast.Return, ast.Raise, ast.Yield)) for inner in ast.walk(statement)):
            return
        yield statement


def _added(cells: Sequence[Cell], folder: Path, src: Path) -> list[Path]:
    """Return the folders of the repository that cells add to sys.path as a string relative to the notebook's folder."""
    calls = (match["what"] for cell in cells for match in _ADDS.finditer(cell.source))
    paths = (Path(os.path.normpath(folder / text)) for arguments in calls for text in _QUOTED.findall(arguments))
    return [path for path in dict.fromkeys(paths) if path.is_relative_to(src) and os.path.isdir(path)]


def _path_is_computed(cells: Sequence[Cell]) -> bool:
    """Return whether a cell changes sys.path or the working folder in a way that `_added` can't read."""
    texts = [_without_comments(cell.source) for cell in cells]
    changes = sum(len(_CHANGES_PATH.findall(text)) for text in texts)
    return changes > sum(len(_QUOTED.findall(match["what"])) > 0 for text in texts for match in _ADDS.finditer(text))


def _named(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (module, names) for each module that an import statement names."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, ()) for alias in node.names)
        return
    module = node.module or ""
    names = tuple(alias.name for alias in node.names)
    # Several distributions may share a namespace: `from google.cloud import storage, bigquery`.
    parts = [] if node.level else [name for name in names if known_name(f"{module}.{name}") == f"{module}.{name}"]
    yield from ((f"{module}.{name}", ()) for name in parts)
    rest = tuple(name for name in names if name not in parts)
    if rest:
        yield module, rest


def _level(node: ast.Import | ast.ImportFrom) -> int:
    """Return the number of leading dots of an import."""
    return getattr(node, "level", 0)


def _base(node: ast.Import | ast.ImportFrom, piece: _Piece, folder: Path, src: Path) -> Path:
    """Return the folder that is searched first for the modules of an import statement."""
    level = _level(node)
    if not level or piece.file is None:
        return folder
    file = src / piece.file
    return file.parents[min(level, len(file.parents)) - 1]


def _files(base: Path, module: str, names: tuple[str, ...]) -> list[Path]:
    """Return the files below `base` that importing `names` from `module` runs, in order."""
    files: list[Path] = []
    path = base
    for part in module.split(".") if module else ():
        if os.path.isfile(path / f"{part}.py") and not os.path.isfile(path / part / "__init__.py"):
            return [*files, path / f"{part}.py"]
        path = path / part
        if not os.path.isdir(path):
            return []
        files += [path / "__init__.py"] if os.path.isfile(path / "__init__.py") else []
    for name in names:
        files += [file for file in (path / f"{name}.py", path / name / "__init__.py") if os.path.isfile(file)]
    return files


def _unwrapped(source: str) -> str:
    """Return what a cell under %%time or %%capture runs, with the same line numbers; any other cell unchanged."""
    tree = syntax_trees.tree(source) if _WRAPS.match(source) else None
    statement = tree.body[0] if tree and len(tree.body) == 1 else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    last_argument = call.args[-1] if isinstance(call, ast.Call) and call.args else None
    body = last_argument.value if isinstance(last_argument, ast.Constant) else None
    return "\n" + as_python(body) if isinstance(body, str) else source


def _leave_out_packages(modules: dict[str, set[Path]], folders: Sequence[Path]) -> None:
    """Remove the names of known packages that no module in `folders` shadows: Python looks nowhere else."""
    for name in [name for name in modules if providing(name) is not None]:
        if not any(_files(folder, name, ()) or os.path.isdir(folder / name) for folder in folders):
            del modules[name]


def _modules_of(src: Path) -> dict[str, set[Path]]:
    """Return {name: files} for all that `import name` could mean, because a notebook may add any folder to sys.path."""
    files: dict[str, set[Path]] = defaultdict(set)
    for path in source_tree.files(src):
        if path.suffix == ".py":
            for name in (path.stem, *path.parent.parts):
                files[name].add(src / path)
    return files
