"""Files that no service reads: tests, headers, stubs, sources of what is compiled already."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from nb_builder.slim.plan import OFF, Plan

# Of the standard library: its tests, its editor, its installer, what draws windows.
LIBRARY = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "pydoc_data", "idle_test"}
)
LIBRARY_FILES = re.compile(r"(turtle\.py|turtle\.cpython.*\.pyc|_?tkinter\..*\.so|_test\w*\..*\.so|xx\w+\..*\.so|\.a)$")
LIBRARY_FOLDERS = re.compile(r"^config-\d")

# Of a distribution: what compilers read, what type checkers read, what Windows runs.
SUFFIXES = frozenset(
    {".pyi", ".pyx", ".pxd", ".pxi", ".h", ".hpp", ".hh", ".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".a", ".la", ".pc"}
    | {".pdb", ".lib", ".dll", ".exe", ".orig"}
)
TESTS = frozenset({"tests", "test"})
_TEST_MODULE = re.compile(r"(test_.*|.*_test|conftest|__init__)\.py$")


def of_library(files: Iterable[str], folder: str) -> set[str]:
    """Return those of the standard library's `files` in `folder` that nothing needs when serving."""
    return {file for file in files if _is_library_junk(file.removeprefix(folder).lstrip("/"))}


def _is_library_junk(name: str) -> bool:
    first, *rest = name.split("/")
    optimised = name.endswith((".opt-1.pyc", ".opt-2.pyc"))
    beside = first in ("site-packages", "dist-packages", "__phello__") or bool(LIBRARY_FOLDERS.match(first))
    part = bool(LIBRARY & set(name.split("/")[:-1]))
    return optimised or beside or part or bool(LIBRARY_FILES.search(name.split("/")[-1]))


def of_packages(plan: Plan, packages: str, whole: Iterable[str] = ()) -> set[str]:
    """Return the junk of the kept distributions in the folder `packages`; at level `off` there is none.

    What the trace saw in use is no junk, nor is anything of a distribution named in `whole`.
    """
    if plan.level == OFF:
        return set()
    found: set[str] = set()
    for choice in plan.kept:
        if choice.distribution.name not in set(whole):
            found |= _of_one([file for file in choice.distribution.files if file.startswith(packages)], plan.opened)
    return found - plan.opened


def _of_one(files: list[str], opened: frozenset[str]) -> set[str]:
    suffixes = SUFFIXES
    if any(file.endswith(".pyi") for file in files if file in opened):
        # A loader of lazy modules reads its stubs: those of modules that were not asked for, too.
        suffixes = SUFFIXES - {".pyi"}
    folders = _test_folders(files, opened)
    return {file for file in files if PurePosixPath(file).suffix in suffixes or _is_below(file, folders)}


def _is_below(file: str, folders: set[str]) -> bool:
    return any(str(parent) in folders for parent in PurePosixPath(file).parents)


def _test_folders(files: list[str], opened: frozenset[str]) -> set[str]:
    """Return the folders of tests: named so, most of their modules too, and none of them was in use."""
    modules: dict[str, list[str]] = {}
    for file in files:
        for parent in PurePosixPath(file).parents:
            if parent.name in TESTS:
                modules.setdefault(str(parent), []).append(file)
    return {folder for folder, inside in modules.items() if _is_tests(inside) and not opened.intersection(inside)}


def _is_tests(files: list[str]) -> bool:
    names = [PurePosixPath(file).name for file in files if file.endswith(".py")]
    return 2 * sum(bool(_TEST_MODULE.match(name)) for name in names) >= len(names)
