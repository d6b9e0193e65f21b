"""Includes the files that a notebook runs with `%run`: their requirements and imports count as the notebook's own."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

from nb_scorer.common.problem import Problem
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from nb_builder.repository import notebook_file
from nb_builder.rewrite.magics import as_python
from nb_builder.rewrite.number_cells import INJECTED

# `%run -i "other notebook.ipynb" argument`, as MagicsToPython writes it.
_RUNS = re.compile(r"^get_ipython\(\)\.run_line_magic\('run', (.*)\)$", re.MULTILINE)
_FILE = re.compile(r"(?:-\w+\s+)*(?:\"([^\"]+)\"|'([^']+)'|(\S+))")


def expanded(node: NotebookNode, folder: Path, src: Path) -> NotebookNode:
    """Return the notebook with the code cells of each file that it runs inserted once, before the cell that runs it.

    `folder` is the notebook's, `src` the repository's; files outside `src` are ignored.
    """
    result = NotebookNode(node)
    result.cells = list(_expanded(node, folder, src, set()))
    return result


def _expanded(node: NotebookNode, folder: Path, src: Path, seen: set[Path]) -> Iterator[NotebookNode]:
    for cell in node.cells:
        for path in _included(cell, folder, src) if cell.cell_type == "code" else ():
            if path not in seen:
                seen.add(path)
                yield from (_as_injected(inner, path) for inner in _code_cells(path, folder, src, seen))
        yield cell


def _included(cell: NotebookNode, folder: Path, src: Path) -> Iterator[Path]:
    for arguments in _RUNS.findall(as_python(cell.source)):
        match = _FILE.match(ast.literal_eval(arguments))
        name = next(filter(None, match.groups())) if match else ""
        # IPython adds .py to a name without a suffix.
        # Not Path.resolve: before Python 3.13 it raises for links that lead to themselves.
        paths = [Path(os.path.realpath(folder / each)) for each in (name, f"{name}.py")]
        yield from [path for path in paths if os.path.isfile(path) and path.is_relative_to(src.resolve())][:1]


def _code_cells(path: Path, folder: Path, src: Path, seen: set[Path]) -> Iterator[NotebookNode]:
    """Yield the code cells of a file; none if it can't be read, which will fail when the notebook runs it."""
    try:
        node = notebook_file.read(path.parent, Path(path.name))
    except Problem:
        return
    yield from (cell for cell in _expanded(node, folder, src, seen) if cell.cell_type == "code")


def _as_injected(cell: NotebookNode, path: Path) -> NotebookNode:
    metadata = cell.metadata.get("nb_builder", {})
    title = metadata["title"] if INJECTED in metadata else f"{path.name}, which %run runs"
    return new_code_cell(cell.source, metadata={"nb_builder": {INJECTED: True, "title": title}})
