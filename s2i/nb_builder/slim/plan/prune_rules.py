"""Files that no service reads: tests, headers, stubs, sources of what is compiled already."""

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from nb_builder.common.slim_levels import OFF
from nb_builder.slim.imports.import_scan import Modules
from nb_builder.slim.plan.planner import Plan
from nb_builder.slim.trace import tracer

# Of the standard library: its tests, its editor, its installer, what draws windows and talks to terminals.
LIBRARY = frozenset(
    {"test", "tests", "idlelib", "idle_test", "lib2to3", "ensurepip", "tkinter", "turtledemo", "pydoc_data", "curses"}
)
# Its modules for a terminal, a sound card and old directories and databases pull in large libraries of the system.
# Others are twins in Python of what is compiled, or for other systems.
_LIBRARY_FILES = re.compile(
    r"((turtle|antigravity|_pyio|_pydecimal|_aix_support|_osx_support)\.py"
    r"|(windows_events|windows_utils|proactor_events|popen_spawn_win32)\.py"
    r"|(_tkinter|_curses(_panel)?|readline|nis|_dbm|_gdbm|ossaudiodev|_test\w*|xx\w+|_ctypes_test)\.cpython-.*\.so"
    r"|.*\.a)$"
)
_BESIDE = re.compile(r"(site-packages|dist-packages|__phello__|config-\d.*)$")

# Of a distribution: what compilers read, what type checkers read, what Windows runs.
SUFFIXES = frozenset(
    {".pyi", ".pyx", ".pxd", ".pxi", ".tp", ".h", ".hpp", ".hh", ".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".a"}
    | {".la", ".pc", ".pdb", ".lib", ".dll", ".exe", ".orig"}
)
TESTS = frozenset({"tests", "test"})
_TEST_MODULE = re.compile(r"(test_.*|.*_tests?|conftest|__init__)\.py$")
# Of numpy: what builds extensions with compilers that are not there, and what only tests its code for each CPU.
_UNUSED = re.compile(
    r"/numpy/(distutils|f2py)/|/numpy/_?core/_simd\.[^/]*\.so$|/_pyinstaller/|/_build_utils/|/conftest\.py$|/share/man/"
)
_OF_TESTS = re.compile(rb"^(import|from)\b.*\btests?\b", re.MULTILINE)
_SITE = "/site-packages"
_NATIVE_TEST = re.compile(r"(_test_\w+|_\w+_tests)\.(cpython-.*|abi3)?\.so$")


def of_library(files: Iterable[str], folder: str, plan: Plan) -> set[str]:
    """Return those of the standard library's `files` in `folder` that nothing needs when serving.

    At level `off` that is only what is no part of the library at all. What the notebook's code names stays.
    """
    beside, found = set(), set()
    for file in files:
        name = file.removeprefix(folder).lstrip("/")
        if _BESIDE.match(name.split("/")[0]):
            beside.add(file)
        elif plan.level != OFF and _is_library_junk(name):
            found.add(file)
    named = Modules([folder]).closure([], plan.named, within=found) if found else set()
    return (beside | (found - named)) - tracer.with_sources(plan.opened)


def _is_library_junk(name: str) -> bool:
    *folders, last = name.split("/")
    return bool(LIBRARY & set(folders)) or bool(_LIBRARY_FILES.match(last))


def of_packages(plan: Plan, whole: Collection[str] = ()) -> set[str]:
    """Return the junk of the kept distributions but those named in `whole`; at level `off` there is none.

    What the trace saw in use is no junk, nor is what the notebook's code names, or a module that is no junk.
    """
    if plan.level == OFF:
        return set()
    free = [choice.distribution.files for choice in plan.kept if choice.distribution.name not in whole]
    in_use = tracer.with_sources(plan.opened)
    found = set().union(*(_of_one(files, in_use) for files in free)) - in_use
    return found - _named(set().union(*free), found, plan.named)


def _named(files: set[str], found: set[str], names: Iterable[str]) -> set[str]:
    """Return those of `found`, junk among `files`, that is called one of `names` or named by what is no junk."""
    modules = Modules(sorted({file.partition(_SITE)[0] + _SITE for file in files if _SITE in file}))
    sound = files - found
    about = [file for file in modules.all() if file in sound and _tells_of_tests(file)]
    return modules.closure(about, names, within=found)


def _tells_of_tests(file: str) -> bool:
    """Return whether the source `file` imports a module of tests, as numpy.testing does one of numpy._core.tests."""
    if not file.endswith(".py") or TESTS.intersection(file.split("/")):
        return False
    with open(file, "rb") as source:
        return bool(_OF_TESTS.search(source.read()))


def _of_one(files: Iterable[str], opened: set[str]) -> set[str]:
    suffixes = SUFFIXES
    if any(file.endswith(".pyi") for file in files if file in opened):
        # A loader of lazy modules reads its stubs: those of modules that were not asked for, too.
        suffixes = SUFFIXES - {".pyi"}
    folders = _test_folders(files)
    return {file for file in files if _is_junk(PurePosixPath(file), suffixes, folders)}


def _is_junk(file: PurePosixPath, suffixes: frozenset[str], folders: set[str]) -> bool:
    if file.suffix in suffixes or _NATIVE_TEST.match(file.name) or _UNUSED.search(str(file)):
        return True
    return file.name != "__init__.py" and any(str(parent) in folders for parent in file.parents)


def _test_folders(files: Iterable[str]) -> set[str]:
    """Return the folders of tests: they have the name, and most of their modules have it, too."""
    modules: dict[str, list[str]] = {}
    for file in files:
        for parent in PurePosixPath(file).parents:
            if parent.name in TESTS:
                modules.setdefault(str(parent), []).append(file)
    return {folder for folder, inside in modules.items() if _is_tests(inside)}


def _is_tests(files: list[str]) -> bool:
    names = [PurePosixPath(file).name for file in files if file.endswith(".py")]
    return 2 * sum(bool(_TEST_MODULE.match(name)) for name in names) >= len(names)
