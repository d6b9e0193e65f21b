"""What only Colab, Databricks, Windows or the like have: left out where nothing depends on it, else refused early.

Only what a cell surely runs is judged, that is statements at its top level: under `if`, `try` or in a function the
author may have provided for other places. Names and magics are a world's only in a notebook that was written there:
elsewhere `spark` is the author's own, and `%sql` an extension's.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.platforms import files, uses
from nb_builder.platforms.catalog import NONE, WORLDS, World, world_of
from nb_builder.problems.base import Place
from nb_builder.problems.cells import ElsewhereOnly
from nb_builder.repository import source_tree
from nb_builder.rewrite.scripts import author_cells

__all__ = ["findings", "of_error", "of_module", "settled", "world_of"]

_OTHERWISE = "Replace it by what every Python has, or put it under an 'if' that only holds there"


def settled(node: NotebookNode, notebook: Path, repository: Path, log: Log) -> NotebookNode:
    """Return the notebook with what only prepares a world as comments; a note says where.

    Nothing is left out of a world that the notebook needs for anything else.
    """
    found = uses.by_cell(author_cells(node), node.metadata, repository)
    wanted = {use.world.name for _, each in found for use in each if not use.spare}
    numbers = {cell.position: cell for cell, _ in found}
    spared = {cell.position: [use for use in each if use.world.name not in wanted] for cell, each in found}
    for position, cell in enumerate(node.cells, start=1):
        left = spared.get(position)
        if left and (rest := uses.commented(cell.source, left)) is not None:
            cell.source = rest
            where = numbers[position].where(str(notebook), left[0].statement.lineno)
            log.note(
                f"{where}: what only {left[0].world.name} has ({left[-1].what}) is left out; nothing else needs it."
            )
    return node


def findings(node: NotebookNode, cells: Sequence[Cell], notebook: Path, repository: Path) -> Iterator[ElsewhereOnly]:
    """Yield what a notebook surely needs of a world, with cell and line: uses, else the import, and files.

    What only prepares a world is left out once nothing else needs it, and so is no finding beside what does.
    """
    found = uses.by_cell(cells, node.metadata, repository)
    sure = [(cell, use) for cell, each in found for use in each if use.sure]
    used = {use.world.name for _, use in sure if not use.imports}
    needed = {use.world.name for _, use in sure if not use.spare}
    for cell, use in sure:
        name = use.world.name
        if not (use.spare and name in needed) and not (use.imports and name in used):
            line = use.statement.lineno
            place: Place = {"cell": cell, "notebook": str(notebook), "line": line}
            yield _problem(use.world, use.what, repository, place)
    for cell, world, path, line in files.read(cells):
        place = {"cell": cell, "notebook": str(notebook), "line": line}
        yield _problem(world, path, repository, place)


def of_module(module: str, place: Place) -> ElsewhereOnly | None:
    """Return the problem of an import that only one world meets; None where a package may bring the module.

    `place` is what a problem of a cell needs: cell, notebook, perhaps line and traceback.
    """
    world = world_of(module)
    return ElsewhereOnly(**place, thing=module, world=world.name, way=_way(world, module)) if world else None


def of_error(name: str, words: str, repository: Path, place: Place) -> ElsewhereOnly | None:
    """Return the problem of an error of the kernel that only a world would not have raised; else None.

    `place` is what a problem of a cell needs.
    """
    quoted = re.search(r"'([^']+)'", words)
    if not quoted:
        return None
    what = quoted[1]
    if name == "ModuleNotFoundError":
        # Until Python has `google` it names that, whatever of it was asked for.
        return of_module("google.colab" if what == "google" and "google.colab" in place["cell"].source else what, place)
    for world in WORLDS:
        # `spark` and `sc` are missed in other places, too.
        of_a_name = name == "NameError" and what in ("dbutils", "displayHTML") and what in world.names
        if of_a_name or (name == "FileNotFoundError" and what.startswith(world.places or NONE)):
            return _problem(world, what, repository, place)
    return None


def _problem(world: World, what: str, repository: Path, place: Place) -> ElsewhereOnly:
    way = _way(world, what)
    name = os.path.basename(what.rstrip("/")) if what.startswith(("/", "dbfs:")) else ""
    paths = (path for file in source_tree.files(repository) for path in (file, *file.parents) if path.name == name)
    if name and (here := next(paths, None)):
        way = f"Read {str(here)!r} instead, which the repository has"
    return ElsewhereOnly(**place, thing=what, world=world.name, way=way)


def _way(world: World, what: str) -> str:
    """Return the way out for who uses `what` of a world."""
    return next((way for first, way in world.ways if what.startswith(first)), _OTHERWISE)
