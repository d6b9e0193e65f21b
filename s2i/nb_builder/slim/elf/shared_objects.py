"""The shared objects of the tree: what they need comes along, what none needs goes, all are as small as can be."""

import os
from collections.abc import Iterable
from pathlib import Path

from nb_builder.common import installed
from nb_builder.common.slim_levels import FILES
from nb_builder.slim.elf import dedupe, headers, strip
from nb_builder.slim.plan.planner import KEPT, Plan
from nb_builder.slim.tree import Tree

# Beside a package, where auditwheel puts the libraries that the package's own objects need, and those of these.
_GRAFTED = ".libs"


def lay(tree: Tree, plan: Plan, loader: str) -> None:
    """Lay the loader and every shared library of the system that something in the tree needs.

    At level `files`, libraries that a wheel brought for modules that are left out go before.
    """
    objects = [path for path in tree.files() if _is_elf(tree.at(path))]
    if plan.level == FILES:
        lone = unneeded(objects, plan, loader)
        tree.remove(lone)
        objects = [path for path in objects if path not in lone]
    used = {path for path in plan.opened if not tree.holds(path) and _is_library(path)}
    found, _ = headers.libraries(loader, objects)
    for path in sorted({loader, *found, *used}):
        if not tree.holds(path) and path not in plan.gone:
            tree.carry(path)


def unneeded(objects: Iterable[str], plan: Plan, loader: str) -> set[str]:
    """Return those of `objects` that a wheel brought with it, that the trace did not see and no other one needs.

    Such folders hold what the wheel's own objects are linked with, and nothing that is opened by its name.
    """
    whole = {file for choice in plan.kept if choice.reason == KEPT for file in choice.distribution.files}
    free = {path for path in objects if _is_grafted(path)} - plan.opened - whole
    needed, _ = headers.libraries(loader, [path for path in objects if path not in free])
    return free - needed


def make_smaller(tree: Tree, environments: Iterable[Path]) -> None:
    """Strip shared objects, and keep one of those that are there twice."""
    for path in [path for path in tree.files() if _is_elf(tree.at(path))]:
        left = strip.stripped(tree.at(path).read_bytes())
        if left is not None:
            tree.at(path).write_bytes(left)
    for environment in environments:
        dedupe.link(tree, [path for path in tree.files(str(environment)) if _is_elf(tree.at(path))])


def _is_grafted(path: str) -> bool:
    folder = os.path.dirname(path)
    return folder.endswith(_GRAFTED) and os.path.basename(os.path.dirname(folder)) in ("site-packages", "dist-packages")


def _is_library(path: str) -> bool:
    return installed.is_shared_object(os.path.basename(path)) and os.path.isfile(path) and headers.is_elf(path)


def _is_elf(path: Path) -> bool:
    return not path.is_symlink() and headers.is_elf(path)
