"""Rules for files that no service reads: tests, headers, stubs, sources of compiled modules."""

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from nb_builder.common.slim_levels import OFF
from nb_builder.slim.imports.import_scan import Modules
from nb_builder.slim.plan.planner import Plan
from nb_builder.slim.trace import tracer

# Folders of the standard library: its tests, editor, installer, GUI and terminal modules.
LIBRARY = frozenset(
    {"test", "tests", "idlelib", "idle_test", "lib2to3", "ensurepip", "tkinter", "turtledemo", "pydoc_data", "curses"}
)
# Modules for terminals, sound cards, NIS and old databases, which require large system libraries; Python twins of
# compiled modules; and modules for other systems.
_LIBRARY_FILES = re.compile(
    r"((turtle|antigravity|_pyio|_pydecimal|_aix_support|_osx_support)\.py"
    r"|(windows_events|windows_utils|proactor_events|popen_spawn_win32)\.py"
    r"|(_tkinter|_curses(_panel)?|readline|nis|_dbm|_gdbm|ossaudiodev|_test\w*|xx\w+|_ctypes_test)\.cpython-.*\.so"
    r"|.*\.a)$"
)
_FOREIGN = re.compile(r"(site-packages|dist-packages|__phello__|config-\d.*)$")

# Files of a distribution that only compilers, type checkers or Windows use.
SUFFIXES = frozenset(
    {".pyi", ".pyx", ".pxd", ".pxi", ".tp", ".h", ".hpp", ".hh", ".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".a"}
    | {".la", ".pc", ".pdb", ".lib", ".dll", ".exe", ".orig"}
)
TESTS = frozenset({"tests", "test"})
_TEST_MODULE = re.compile(r"(test_.*|.*_tests?|conftest|__init__)\.py$")
# In numpy: what builds extensions with compilers that the image lacks, and what only tests its code for each CPU.
_UNUSED = re.compile(
    r"/numpy/(distutils|f2py)/|/numpy/_?core/_simd\.[^/]*\.so$|/_pyinstaller/|/_build_utils/|/conftest\.py$|/share/man/"
)
_OF_TESTS = re.compile(rb"^(import|from)\b.*\btests?\b", re.MULTILINE)
_SITE = "/site-packages"
_NATIVE_TEST = re.compile(r"(_test_\w+|_\w+_tests)\.(cpython-.*|abi3)?\.so$")


def of_library(files: Iterable[str], folder: str, plan: Plan) -> set[str]:
    """Return the standard library's `files`, below `folder`, that serving doesn't need.

    At level `off` these are only files that don't belong to the library. What the notebook's code names stays.
    """
    foreign, junk = set(), set()
    for file in files:
        name = file.removeprefix(folder).lstrip("/")
        if _FOREIGN.match(name.split("/")[0]):
            foreign.add(file)
        elif plan.level != OFF and _is_library_junk(name):
            junk.add(file)
    named = Modules([folder]).closure([], plan.named, within=junk) if junk else set()
    return (foreign | (junk - named)) - tracer.with_sources(plan.opened)


def _is_library_junk(name: str) -> bool:
    *folders, file_name = name.split("/")
    return bool(LIBRARY & set(folders)) or bool(_LIBRARY_FILES.match(file_name))


def of_packages(plan: Plan, unpruned: Collection[str] = ()) -> set[str]:
    """Return the junk of the kept distributions, except those named in `unpruned`; none at level `off`.

    Files that the trace saw in use are not junk, nor are modules that the notebook's code or a needed module names.
    """
    if plan.level == OFF:
        return set()
    candidates = [choice.distribution.files for choice in plan.kept if choice.distribution.name not in unpruned]
    in_use = tracer.with_sources(plan.opened)
    junk = set().union(*(_junk_in(files, in_use) for files in candidates)) - in_use
    return junk - _named_junk(set().union(*candidates), junk, plan.named)


def _named_junk(files: set[str], junk: set[str], names: Iterable[str]) -> set[str]:
    """Return the `junk` that must stay: modules in `names`, and test modules that the rest of `files` imports."""
    modules = Modules(sorted({file.partition(_SITE)[0] + _SITE for file in files if _SITE in file}))
    needed = files - junk
    sources = [file for file in modules.all() if file in needed and _imports_tests(file)]
    return modules.closure(sources, names, within=junk)


def _imports_tests(file: str) -> bool:
    """Return whether the source `file` imports a module of tests, as numpy.testing imports from numpy._core.tests."""
    if not file.endswith(".py") or TESTS.intersection(file.split("/")):
        return False
    with open(file, "rb") as source:
        return bool(_OF_TESTS.search(source.read()))


def _junk_in(files: Iterable[str], in_use: set[str]) -> set[str]:
    suffixes = SUFFIXES
    if any(file.endswith(".pyi") for file in files if file in in_use):
        # lazy_loader and similar packages read stubs at run time, so those of modules that were not loaded yet stay,
        # too.
        suffixes = SUFFIXES - {".pyi"}
    test_folders = _test_folders(files)
    return {file for file in files if _is_junk(PurePosixPath(file), suffixes, test_folders)}


def _is_junk(file: PurePosixPath, suffixes: frozenset[str], test_folders: set[str]) -> bool:
    if file.suffix in suffixes or _NATIVE_TEST.match(file.name) or _UNUSED.search(str(file)):
        return True
    return file.name != "__init__.py" and any(str(parent) in test_folders for parent in file.parents)


def _test_folders(files: Iterable[str]) -> set[str]:
    """Return the folders of tests: those with such a name in which at least half of the modules are named as tests."""
    modules: dict[str, list[str]] = {}
    for file in files:
        for parent in PurePosixPath(file).parents:
            if parent.name in TESTS:
                modules.setdefault(str(parent), []).append(file)
    return {folder for folder, contents in modules.items() if _is_tests(contents)}


def _is_tests(files: list[str]) -> bool:
    names = [PurePosixPath(file).name for file in files if file.endswith(".py")]
    return 2 * sum(bool(_TEST_MODULE.match(name)) for name in names) >= len(names)
