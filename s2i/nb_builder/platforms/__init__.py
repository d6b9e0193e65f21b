"""Handles code that only runs on Colab, Databricks, Windows and others: leaves it out if unused, or reports it early.

Only statements at a cell's top level count, because they always run; under `if`, `try` or in a function, the author may
support other platforms. Names and magics count as a platform's only in a notebook that was written there: elsewhere,
`spark` is the author's own variable, and `%sql` comes from an extension.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.platforms import files, uses
from nb_builder.platforms.catalog import PLATFORMS, Platform, platform_of
from nb_builder.problems.build_problem import Place
from nb_builder.problems.cells import ElsewhereOnly
from nb_builder.repository import file_writers, source_tree
from nb_builder.rewrite.scripts import author_cells

__all__ = ["findings", "of_error", "of_module", "platform_of", "without_setup"]

_OTHERWISE = "Replace it with code that works in every Python, or put it under an 'if' that is true only there"


def without_setup(node: NotebookNode, notebook: Path, repository: Path, log: Log) -> NotebookNode:
    """Comment out the statements that only set up a platform, log a note about them, and return the notebook.

    If the notebook also uses the platform for anything else, its setup stays. `node` is changed in place.
    """
    uses_by_cell = uses.by_cell(author_cells(node), node.metadata, repository)
    needed = {use.platform.name for _, cell_uses in uses_by_cell for use in cell_uses if not use.removable}
    cells_by_position = {cell.position: cell for cell, _ in uses_by_cell}
    removable_by_position = {
        cell.position: [use for use in cell_uses if use.platform.name not in needed] for cell, cell_uses in uses_by_cell
    }
    for position, cell in enumerate(node.cells, start=1):
        removable = removable_by_position.get(position)
        if removable and (source := uses.commented(cell.source, removable)) is not None:
            cell.source = source
            first, last = removable[0], removable[-1]
            where = cells_by_position[position].where(str(notebook), first.statement.lineno)
            log.note(
                f"{where}: {last.what}, which only {first.platform.name} has, is left out because nothing else "
                "needs it."
            )
    return node


def findings(node: NotebookNode, cells: Sequence[Cell], notebook: Path, repository: Path) -> Iterator[ElsewhereOnly]:
    """Yield a problem for each use of a platform that always runs, and for each file that is read from one.

    An import is reported only if nothing that it imports is used. Setup statements are not reported in addition to a
    use, because they are left out once the use is removed.
    """
    uses_by_cell = uses.by_cell(cells, node.metadata, repository)
    certain = [(cell, use) for cell, cell_uses in uses_by_cell for use in cell_uses if use.sure]
    used = {use.platform.name for _, use in certain if not use.imports}
    needed = {use.platform.name for _, use in certain if not use.removable}
    for cell, use in certain:
        name = use.platform.name
        if not (use.removable and name in needed) and not (use.imports and name in used):
            line = use.statement.lineno
            place: Place = {"cell": cell, "notebook": str(notebook), "line": line}
            yield _problem(use.platform, use.what, repository, place)
    for cell, platform, path, line in files.read(cells):
        place = {"cell": cell, "notebook": str(notebook), "line": line}
        yield _problem(platform, path, repository, place)


def of_module(module: str, place: Place) -> ElsewhereOnly | None:
    """Return the problem of an import that only one platform provides; None if a package may provide the module.

    `place` is where the cell's problem is: cell, notebook, perhaps line and traceback.
    """
    platform = platform_of(module)
    return (
        ElsewhereOnly(**place, thing=module, platform=platform.name, way=_way(platform, module)) if platform else None
    )


def of_error(name: str, message: str, repository: Path, place: Place) -> ElsewhereOnly | None:
    """Return the problem of an error in a cell that doesn't occur on one particular platform; None for any other.

    `name` and `message` are those of the exception, `place` is as in `of_module`.
    """
    match = re.search(r"'([^']+)'", message)
    if not match:
        return None
    what = match[1]
    if name == "ModuleNotFoundError":
        # If no package `google` is installed, Python's message names that instead of the module that was imported.
        return of_module("google.colab" if what == "google" and "google.colab" in place["cell"].source else what, place)
    for platform in PLATFORMS:
        # A NameError of `spark` or `sc` proves nothing, because notebooks for other platforms use these names, too.
        of_a_name = name == "NameError" and what in ("dbutils", "displayHTML") and what in platform.names
        of_a_file = name in ("FileNotFoundError", "PermissionError", "OSError") and what.startswith(platform.roots)
        if of_a_file and file_writers.writes(place["cell"], what):
            return ElsewhereOnly(**place, thing=what, platform=platform.name, way=_elsewhere(what))
        if of_a_name or (name == "FileNotFoundError" and of_a_file):
            return _problem(platform, what, repository, place)
    return None


def _elsewhere(path: str) -> str:
    """Return the fix for a cell that writes the file `path` of a platform."""
    return (
        f"Write {os.path.basename(path)!r} next to the notebook instead, or remove the line if nothing reads the file"
    )


def _problem(platform: Platform, what: str, repository: Path, place: Place) -> ElsewhereOnly:
    way = _way(platform, what)
    file_name = os.path.basename(what.rstrip("/")) if what.startswith(("/", "dbfs:")) else ""
    candidates = (
        path for file in source_tree.files(repository) for path in (file, *file.parents) if path.name == file_name
    )
    if file_name and (path := next(candidates, None)):
        way = f"Read {str(path)!r} instead, which is in the repository"
    return ElsewhereOnly(**place, thing=what, platform=platform.name, way=way)


def _way(platform: Platform, what: str) -> str:
    """Return the fix for a notebook that uses `what` of a platform."""
    return next((way for prefix, way in platform.ways if what.startswith(prefix)), _OTHERWISE)
