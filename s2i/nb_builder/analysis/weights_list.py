"""Reads a notebook's list `weights`: the files to download, their sources, and their folders.

`weights` is a common name, so a list counts only if it contains a source's address.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nb_service.weights import sources
from nb_service.weights.lock import Entry, is_inside

from nb_builder.analysis.notebook_contract import Binding, bindings
from nb_builder.common.cell import Cell
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.weights import WeightsMalformed, WeightsNotAllowed, WeightsSourceInvalid

NAME = "weights"
MAX_ENTRIES = 100
_LISTS = (ast.List, ast.Tuple)


@dataclass(frozen=True)
class Faulty(Exception):
    """The reason why an entry can't be used, and its line in the cell."""

    reason: str
    line: int
    is_source: bool = False


@dataclass(frozen=True)
class Place:
    """The location of a list of weights: its notebook, relative to the repository, and the repository.

    `earlier` are the entries of notebooks that run before it, in the same copy of the repository.
    """

    notebook: Path
    repository: Path
    earlier: tuple[Entry, ...] = ()


def read(cells: Sequence[Cell], notebook: Path) -> list[Entry]:
    """Return the entries of a valid list; their folders are relative to the repository."""
    binding = _binding(cells)
    value = getattr(binding.statement, "value", None) if binding else None
    return [_entry(item, notebook.parent) for item in value.elts] if isinstance(value, _LISTS) else []


def findings(cells: Sequence[Cell], place: Place, allowed: Sequence[str]) -> Iterator[BuildProblem]:
    """Yield the problems of the list, with cell and line: WeightsMalformed, WeightsSourceInvalid, WeightsNotAllowed."""
    binding = _binding(cells)
    if binding is None:
        return
    cell, notebook = binding.cell, str(place.notebook)
    value = getattr(binding.statement, "value", None)
    if not isinstance(value, _LISTS) or not isinstance(binding.statement, (ast.Assign, ast.AnnAssign)):
        reason = "it is not one assignment of a list"
        yield WeightsMalformed(cell=cell, notebook=notebook, line=binding.statement.lineno, reason=reason)
        return
    if len(value.elts) > MAX_ENTRIES:
        reason = f"it has more than {MAX_ENTRIES} entries"
        yield WeightsMalformed(cell=cell, notebook=notebook, line=value.lineno, reason=reason)
        return
    seen = [entry.folder for entry in place.earlier]
    for item in value.elts:
        try:
            entry = _entry(item, place.notebook.parent)
            if entry in place.earlier:
                continue
            _check_folder(entry.folder, place, seen, item.lineno)
            seen.append(entry.folder)
        except Faulty as faulty:
            kind = WeightsSourceInvalid if faulty.is_source else WeightsMalformed
            yield kind(cell=cell, notebook=notebook, line=faulty.line, reason=faulty.reason)
            continue
        if allowed and not any(_begins(entry.source, beginning) for beginning in allowed):
            listed = ", ".join(allowed)
            yield WeightsNotAllowed(cell=cell, notebook=notebook, line=item.lineno, source=entry.source, allowed=listed)


def _binding(cells: Sequence[Cell]) -> Binding | None:
    """Return the last statement that binds the name to a list with a source address, if any."""
    found = [binding for binding in bindings(NAME, cells) if _names_source(getattr(binding.statement, "value", None))]
    return found[-1] if found else None


def _names_source(value: ast.expr | None) -> bool:
    """Return whether the first item of any element is text that starts like an address."""
    items = value.elts if isinstance(value, _LISTS) else []
    if isinstance(value, ast.ListComp):
        items = [value.elt]
    heads = [item.elts[0] for item in items if isinstance(item, _LISTS) and item.elts]
    # The author probably meant a list of pairs.
    return any("://" in _beginning(each) for each in [*heads, *items])


def _beginning(node: ast.expr) -> str:
    """Return the text that a literal, an f-string or a concatenation starts with."""
    if isinstance(node, ast.BinOp):
        return _beginning(node.left)
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _entry(item: ast.expr, folder: Path) -> Entry:
    """Return an entry; raise Faulty."""
    if not isinstance(item, _LISTS) or len(item.elts) not in (2, 3):
        raise Faulty("each entry must be a list of a source, a folder and, optionally, a list of patterns", item.lineno)
    try:
        source, into, *rest = [ast.literal_eval(part) for part in item.elts]
    except (ValueError, TypeError) as error:
        raise Faulty("an entry is computed, but only literals are allowed", item.lineno) from error
    patterns = rest[0] if rest else []
    if not isinstance(source, str) or not isinstance(into, str):
        raise Faulty("source and folder must be strings", item.lineno)
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(each, str) and each for each in patterns):
        raise Faulty("patterns must be a list of strings", item.lineno)
    if reason := sources.fault(source):
        raise Faulty(reason, item.lineno, is_source=True)
    plain = into.removesuffix("/")
    if not is_inside(plain):
        raise Faulty(f"the folder {into!r} must be a path below the notebook's own folder, without '..'", item.lineno)
    return Entry(source, str(PurePosixPath(folder.as_posix()) / plain), tuple(patterns))


def _check_folder(folder: str, place: Place, seen: Sequence[str], line: int) -> None:
    """Raise Faulty for a folder that is a file or a link, contains the notebook, or overlaps with another one."""
    path = PurePosixPath(folder)
    for parent in [*reversed(path.parents), path][1:]:
        real = place.repository / parent
        if real.is_symlink():
            raise Faulty(f"{parent} is a link, which could lead out of the repository", line)
        if real.exists() and not real.is_dir():
            raise Faulty(f"{parent} is a file of the repository", line)
    if PurePosixPath(place.notebook.as_posix()).is_relative_to(path):
        raise Faulty(f"the folder {folder!r} contains the notebook", line)
    for other in map(PurePosixPath, seen):
        if path.is_relative_to(other) or other.is_relative_to(path):
            raise Faulty(f"the folders {str(other)!r} and {folder!r} overlap", line)


def _begins(source: str, beginning: str) -> bool:
    """Return whether an address starts with a prefix of whole parts: hf://team doesn't match hf://team-of-others."""
    rest = source.removeprefix(beginning)
    return source.startswith(beginning) and (beginning.endswith(("/", "@")) or rest[:1] in ("", "/", "@"))
