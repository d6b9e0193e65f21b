"""Which packages a notebook imports, found in its syntax tree and that of the modules it brings along."""

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nb_builder.cells import Cell
from nb_builder.distributions import providing
from nb_builder.problems import RequirementsMissing

# In the standard library of an older model Python, gone in newer ones; and what IPython itself provides.
_NOT_PACKAGES = {*sys.stdlib_module_names, "distutils", "imp", "asyncore", "asynchat", "smtpd", "cgi", "telnetlib"}
_NOT_PACKAGES |= {"IPython", "ipykernel", "__main__"}


def require_declared(cells: Sequence[Cell], folder: Path, src: Path, notebook: Path) -> None:
    """Raise RequirementsMissing, with a cell to paste, if a notebook that declares nothing imports packages."""
    modules = sorted(of_notebook(cells, folder, src))
    if modules:
        entries = ", ".join(f'["{name}", ""]' for name in sorted({providing(module) for module in modules}))
        raise RequirementsMissing(notebook=notebook, modules=", ".join(modules), cell=f"[{entries}]")


def of_notebook(cells: Sequence[Cell], folder: Path, src: Path) -> set[str]:
    """Return the top-level names of packages that the cells and the repository's own modules import.

    Imports in a `try` are left out: a notebook that provides for their absence does not need them.
    """
    trees = [tree for tree in (_tree(cell.source) for cell in cells) if tree]
    seen: set[Path] = set()
    packages: set[str] = set()
    while trees:
        for name in _imported(trees.pop()):
            own = _own_files(name, folder, src)
            trees += [tree for path in own - seen if (tree := _tree(path.read_text("utf-8", "replace")))]
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


def _own_files(name: str, folder: Path, src: Path) -> set[Path]:
    """Return the files of the repository that `import name` could mean."""
    return {path for place in (folder, src) for path in _of_module(place, name)}


def _of_module(place: Path, name: str) -> Iterable[Path]:
    if (place / f"{name}.py").is_file():
        return [place / f"{name}.py"]
    return (place / name).rglob("*.py") if (place / name).is_dir() else []
