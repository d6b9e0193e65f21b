"""Replaces duplicate libraries with links: wheels bundle their own, and some bundle the same one."""

import hashlib
import os
from collections.abc import Iterable

from nb_builder.slim.elf import headers
from nb_builder.slim.tree import Tree

# Bytes. Linking smaller files saves too little to be worth it.
MIN_SIZE = 100_000


def link(tree: Tree, libraries: Iterable[str]) -> int:
    """Replace each of `libraries` that duplicates an earlier one with a link to it; return the bytes saved.

    Two files are duplicates if they have the same name and the same bytes: a process that needs both loads only one of
    them anyway, because the loader goes by name. They are also duplicates if they come from the same linker run and
    differ only in names, which auditwheel changes: the loader maps a file once, whatever names it is requested by.
    """
    first_paths: dict[tuple, str] = {}
    saved = 0
    for path in sorted(libraries):
        size = tree.at(path).stat().st_size
        if size < MIN_SIZE:
            continue
        candidates = {first_paths.setdefault(key, path) for key in _keys(tree, path)} - {path}
        twin = next((candidate for candidate in sorted(candidates) if _can_replace(tree, candidate, path)), None)
        if twin:
            tree.at(path).unlink()
            tree.at(path).symlink_to(os.path.relpath(twin, os.path.dirname(path)))
            saved += size
    return saved


def _can_replace(tree: Tree, other: str, path: str) -> bool:
    """Return whether the folder of `path`, where the loader looks, has every library that `other` finds in its own."""
    other_folder, folder = os.path.dirname(other), os.path.dirname(path)
    names = headers.needed(tree.at(other).read_bytes())
    return all(tree.holds(f"{folder}/{name}") for name in names if tree.holds(f"{other_folder}/{name}"))


def _keys(tree: Tree, path: str) -> list[tuple]:
    """Return the keys that a library shares with its duplicates, and with no other file."""
    data = tree.at(path).read_bytes()
    keys: list[tuple] = [(os.path.basename(path), hashlib.sha256(data).hexdigest())]
    identity = headers.program_of(data)
    if identity:
        build, code = identity
        keys.append((build, hashlib.sha256(code).hexdigest()))
    return keys
