"""The shared objects of the tree: adds the libraries that they need, removes unneeded ones, and shrinks the rest."""

import os
from collections.abc import Iterable
from pathlib import Path

from nb_builder.common import installed
from nb_builder.common.slim_levels import FILES
from nb_builder.slim.elf import dedupe, headers, strip
from nb_builder.slim.plan.planner import KEPT, Plan
from nb_builder.slim.tree import Tree

# The folder next to a package where auditwheel puts the libraries that its objects need, even indirectly.
_GRAFTED = ".libs"


def lay(tree: Tree, plan: Plan, loader: str) -> None:
    """Copy the loader and every shared system library that something in the tree needs.

    At level `files`, libraries that wheels bundle only for omitted modules are removed first.
    """
    objects = [path for path in tree.files() if _is_elf(tree.at(path))]
    if plan.level == FILES:
        unused = unneeded(objects, plan, loader)
        tree.remove(unused)
        objects = [path for path in objects if path not in unused]
    traced = {path for path in plan.opened if not tree.holds(path) and _is_library(path)}
    libraries, _ = headers.libraries(loader, objects)
    for path in sorted({loader, *libraries, *traced}):
        if not tree.holds(path) and path not in plan.gone:
            tree.carry(path)


def unneeded(objects: Iterable[str], plan: Plan, loader: str) -> set[str]:
    """Return the `objects` that a wheel bundles, and that neither the trace saw nor another object needs.

    That is safe: auditwheel's folders contain only libraries that the wheel's objects are linked with, and none that is
    opened by name.
    """
    kept_in_full = {file for choice in plan.kept if choice.reason == KEPT for file in choice.distribution.files}
    candidates = {path for path in objects if _is_grafted(path)} - plan.opened - kept_in_full
    needed, _ = headers.libraries(loader, [path for path in objects if path not in candidates])
    return candidates - needed


def make_smaller(tree: Tree, environments: Iterable[Path]) -> None:
    """Strip shared objects, and replace duplicates within each environment with links."""
    for path in [path for path in tree.files() if _is_elf(tree.at(path))]:
        smaller = strip.stripped(tree.at(path).read_bytes())
        if smaller is not None:
            tree.at(path).write_bytes(smaller)
    for environment in environments:
        dedupe.link(tree, [path for path in tree.files(str(environment)) if _is_elf(tree.at(path))])


def _is_grafted(path: str) -> bool:
    folder = os.path.dirname(path)
    return folder.endswith(_GRAFTED) and os.path.basename(os.path.dirname(folder)) in ("site-packages", "dist-packages")


def _is_library(path: str) -> bool:
    return installed.is_shared_object(os.path.basename(path)) and os.path.isfile(path) and headers.is_elf(path)


def _is_elf(path: Path) -> bool:
    return not path.is_symlink() and headers.is_elf(path)
