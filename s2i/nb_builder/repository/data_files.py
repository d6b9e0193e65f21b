"""Data files that cells read, found by the paths in the source."""

import ast
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nb_builder.common.cell import Cell
from nb_builder.problems.surroundings import FileNotCheckedOut
from nb_builder.repository import git_metadata

_ENDINGS = {
    *(".arff", ".bz2", ".csv", ".data", ".dat", ".feather", ".gz", ".h5", ".hdf5", ".jpg", ".json", ".jsonl", ".npy"),
    *(".npz", ".parquet", ".pickle", ".pkl", ".png", ".sav", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".zip"),
}
_READERS = re.compile(r"read_\w+|open|load\w*|genfromtxt|imread|fromfile|ExcelFile|Path|reader")

# The modes of open() that create a file, such as wb; r+ needs an existing one.
_CREATES = re.compile(r"[bt]?[wax]")


def paths(cell: Cell) -> Iterator[tuple[str, str]]:
    """Yield (as written, as text) for each string that is a complete path of a data file."""
    for statement in cell.statements or ():
        for node in ast.walk(statement):
            for value, text in dict(_texts(node)).items():
                literal = ast.get_source_segment(cell.source, value)
                if literal and "\n" not in text:
                    yield literal, text


def _texts(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield the strings, with their nodes, that are assigned or passed to a reading function, and may be paths."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [*node.args[:1], *(keyword.value for keyword in node.keywords)] if _READERS.fullmatch(name) else []
        # Some data file names have no extension.
        needs_no_ending = node.args[:1] if name.startswith("read_") else []
    else:
        given, needs_no_ending = [node.value] if isinstance(node, ast.Assign) else [], []
    for value in given:
        text = value.value if isinstance(value, ast.Constant) else None
        if isinstance(text, str) and (value in needs_no_ending or Path(text).suffix.lower() in _ENDINGS):
            yield value, text


def not_checked_out(cells: Sequence[Cell], notebook: Path, repository: Path) -> list[FileNotCheckedOut]:
    """Return a problem for each file that a cell reads and git tracks, but the working copy lacks.

    A path that a cell also opens for writing, or passes to another function, is not reported, because the cell may
    create the file.
    """
    reads = []
    others: set[str] = set()
    for cell in cells:
        for node in (node for statement in cell.statements or () for node in ast.walk(statement)):
            if isinstance(node, ast.Call):
                texts = [] if _opens_for_writing(node) else [text for _, text in _texts(node)]
                reads += [(cell, node.lineno, text) for text in texts]
                others |= _constants(node) - set(texts)
    missing: dict[str, tuple[Cell, int, str]] = {}
    for cell, line, text in reads:
        target = os.path.normpath(os.path.join(notebook.parent, text))
        is_below = not target.startswith((os.pardir, os.sep))
        # Not Path.exists: it raises for names that no file system accepts.
        if text not in others and is_below and not os.path.exists(repository / target):
            missing.setdefault(target, (cell, line, text))
    tracked = git_metadata.tracked(repository, list(missing)) if missing else ()
    return [
        FileNotCheckedOut(cell=cell, notebook=str(notebook), line=line, path=text, file=target)
        for target, (cell, line, text) in missing.items()
        if target in tracked
    ]


def _opens_for_writing(call: ast.Call) -> bool:
    """Return whether a call is open() with a mode that creates the file."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return name == "open" and any(isinstance(mode, ast.Constant) and _CREATES.match(str(mode.value)) for mode in modes)


def _constants(call: ast.Call) -> set[str]:
    """Return the strings among a call's arguments."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)}
