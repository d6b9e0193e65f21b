"""Libraries that are in the tree twice: wheels bring their own, and some bring the same."""

import hashlib
import os
from collections.abc import Iterable

from nb_builder.slim.tree import Tree

# Of smaller ones a link saves nothing worth the while.
SMALLEST = 100_000


def link(tree: Tree, libraries: Iterable[str]) -> int:
    """Replace those of `libraries` that are the same as one before by a link to it; return the bytes saved.

    They must have one name, too: then a process that loads both has had one of them only, by its name.
    """
    first: dict[tuple[str, str], str] = {}
    saved = 0
    for path in sorted(libraries):
        here = tree.at(path)
        size = here.stat().st_size
        if size < SMALLEST:
            continue
        key = (os.path.basename(path), hashlib.sha256(here.read_bytes()).hexdigest())
        if first.setdefault(key, path) != path:
            here.unlink()
            here.symlink_to(os.path.relpath(first[key], os.path.dirname(path)))
            saved += size
    return saved
