"""Which packages a notebook imports, found in its syntax tree and that of the modules it brings along."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from nb_builder.cells import Cell
from nb_builder.distributions import providing
from nb_builder.problems import RequirementsEmpty, RequirementsMissing, RequirementsUnreadable
from nb_builder.sources import Declaration

# In the standard library of an older model Python, gone in newer ones; and what IPython itself provides.
_NOT_PACKAGES = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd", "cgi", "telnetlib"}
_NOT_PACKAGES |= {"IPython", "ipykernel", "__main__"}

# As MagicsToPython writes `%pip install` and `!pip install`, and as programs call pip.
_RUNS_PIP = re.compile(r"\bpip3? install\b|run_line_magic\('pip', 'install\b|['\"]pip3?['\"], *['\"]install['\"]")
_WRITES = re.compile(r"run_cell_magic\('writefile', '(?:-a )?([^']+\.py)'")


def require_declared(
    cells: Sequence[Cell], folder: Path, src: Path, notebook: Path, silent: Sequence[Declaration] = ()
) -> None:
    """Raise a problem, with a cell to paste, if a notebook imports packages and nothing declares any.

    That is RequirementsMissing, or where there are `silent` declarations RequirementsUnreadable or RequirementsEmpty.
    A notebook that runs pip itself is left to the run: what it installs is not known before.
    """
    if any(_RUNS_PIP.search(cell.source) for cell in cells):
        return
    modules = sorted(of_notebook(cells, folder, src))
    if modules:
        entries = ", ".join(f'["{name}", ""]' for name in sorted({providing(module) for module in modules}))
        facts = {"notebook": notebook, "modules": ", ".join(modules), "cell": f"[{entries}]"}
        wrong = next((each for each in silent if each.wrong), None)
        if wrong:
            raise RequirementsUnreadable(file=wrong.file, reason=wrong.wrong, **facts)
        if silent:
            raise RequirementsEmpty(files=" and ".join(each.file for each in silent), **facts)
        raise RequirementsMissing(**facts)


def first(modules: Sequence[str], cells: Sequence[Cell]) -> tuple[Cell, int] | None:
    """Return the cell and line that import one of `modules` first; None where only the repository's modules do."""
    for cell in cells:
        for node in ast.walk(_tree(cell.source) or ast.Module([], [])):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and {*_imported(ast.Module([node], []))} & {*modules}:
                return cell, node.lineno
    return None


def of_notebook(cells: Sequence[Cell], folder: Path, src: Path) -> set[str]:
    """Return the top-level names of packages that the cells and the repository's own modules import.

    Imports in a `try` are left out: a notebook that provides for their absence does not need them.
    """
    trees = [tree for tree in (_tree(cell.source) for cell in cells) if tree]
    own_modules = _modules_of(src)
    for written in (found for cell in cells for found in _WRITES.findall(cell.source)):
        own_modules[Path(written).stem].add(folder / written)
        own_modules[Path(written).parent.name].add(folder / written)
    seen: set[Path] = set()
    packages: set[str] = set()
    while trees:
        for name in _imported(trees.pop()):
            own = own_modules.get(name, set())
            trees += [tree for path in own - seen if path.exists() and (tree := _tree(_text(path)))]
            seen |= own
            if not own and name not in _NOT_PACKAGES:
                packages.add(name)
    return packages


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
            yield child.module.split(".")[0]
        elif not isinstance(child, ast.Try):
            yield from _imported(child)


def _modules_of(src: Path) -> dict[str, set[Path]]:
    """Return {name: files} for what `import name` could mean: a notebook may add any folder to sys.path."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path in src.rglob("*.py"):
        found[path.stem].add(path)
        for name in path.relative_to(src).parent.parts:
            found[name].add(path)
    return found


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")
