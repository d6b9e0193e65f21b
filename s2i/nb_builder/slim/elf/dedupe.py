"""Libraries that are in the tree twice: wheels bring their own, and some bring the same."""

import hashlib
import os
from collections.abc import Iterable

from nb_builder.slim.elf import headers
from nb_builder.slim.tree import Tree

# Of smaller ones a link saves nothing worth the while.
SMALLEST = 100_000


def link(tree: Tree, libraries: Iterable[str]) -> int:
    """Replace those of `libraries` that are the same as one before by a link to it; return the bytes saved.

    A copy is the same if it has its name and its bytes: then a process that loads both has had one of them
    only, by its name. Or if it is of the same run of a linker, and only the names in it were changed, as
    auditwheel does: the loader takes one file for one library, whatever the names that it is asked for.
    """
    first: dict[tuple, str] = {}
    saved = 0
    for path in sorted(libraries):
        size = tree.at(path).stat().st_size
        if size < SMALLEST:
            continue
        same = {first.setdefault(key, path) for key in _keys(tree, path)} - {path}
        stand_in = next((each for each in sorted(same) if _can_stand_in(tree, each, path)), None)
        if stand_in:
            tree.at(path).unlink()
            tree.at(path).symlink_to(os.path.relpath(stand_in, os.path.dirname(path)))
            saved += size
    return saved


def _can_stand_in(tree: Tree, other: str, path: str) -> bool:
    """Return whether `other` finds in the folder of `path` all that it finds in its own: the loader looks there."""
    there, here = os.path.dirname(other), os.path.dirname(path)
    names = headers.needed(tree.at(other).read_bytes())
    return all(tree.holds(f"{here}/{name}") for name in names if tree.holds(f"{there}/{name}"))


def _keys(tree: Tree, path: str) -> list[tuple]:
    """Return what a library has in common with its twins, and with nothing else."""
    data = tree.at(path).read_bytes()
    keys: list[tuple] = [(os.path.basename(path), hashlib.sha256(data).hexdigest())]
    program = headers.program_of(data)
    if program:
        build, code = program
        keys.append((build, hashlib.sha256(code).hexdigest()))
    return keys
