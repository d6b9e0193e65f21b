"""Finds modules of the repository that a notebook imports from folders that Python doesn't search."""

import ast
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nb_builder.common.cell import Cell
from nb_builder.fix.late_imports import LateImport
from nb_builder.repository import source_tree
from nb_builder.requirements.import_names import providing


def find(cells: Sequence[Cell], folder: Path, src: Path) -> list[LateImport]:
    """Return statements that add the needed folders to sys.path, each for the first cell that needs it.

    Empty if cells compute paths themselves. `folder` is the notebook's folder, `src` the repository's top.
    """
    added = {os.path.normpath(folder)}
    found: dict[Path, LateImport] = {}
    # Delayed, because listing a large repository takes longer than everything else, and most notebooks don't need it.
    files = functools.cache(lambda: list(source_tree.files(src)))
    for cell in cells:
        for statement in cell.statements or ():
            if any(isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path" for node in ast.walk(statement)):
                texts = list(_texts(statement))
                if not texts:
                    return []
                added |= {os.path.normpath(folder / text) for text in texts}
            for module in _modules(statement):
                own = _own_folder(module, folder, files)
                if own is not None and os.path.normpath(src / own) not in added:
                    path = os.path.relpath(src / own, folder)
                    found.setdefault(own, LateImport(cell, f"import sys; sys.path.append({path!r})", module, None))
    return list(found.values())


def _texts(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _modules(statement: ast.stmt) -> Iterator[str]:
    """Yield the dotted names of the modules that a statement imports."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _own_folder(module: str, folder: Path, files: Callable[[], Sequence[Path]]) -> Path | None:
    """Return the only folder of the repository that provides a module; None if something else may provide it."""
    top = module.split(".", maxsplit=1)[0]
    is_found = (folder / top).is_dir() or (folder / f"{top}.py").is_file()
    if is_found or top in sys.stdlib_module_names or providing(module) is not None:
        return None
    folders = source_tree.folders_of_module(files(), module)
    return folders[0] if len(folders) == 1 else None
