"""Converts an error raised by a cell to the problem that is shown to its author."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import gpu_errors, phrases

from nb_builder import platforms
from nb_builder.common.cell import Cell
from nb_builder.execute import error_causes, traceback_parser
from nb_builder.execute.outputs import ANSI
from nb_builder.install import system_libraries
from nb_builder.problems.build_problem import BuildProblem, Place
from nb_builder.problems.cells import CellAsksInput, CellExits, CellFailed, CellSyntax, SystemPackageNeeded
from nb_builder.problems.model import DiskFull
from nb_builder.problems.modules import OWN_LIST, ImportUndeclared, ModuleNotOnPath
from nb_builder.problems.surroundings import FileIsPointer, GpuMissing
from nb_builder.repository import source_tree
from nb_builder.requirements import import_names

NO_MODULE = re.compile(r"No module named '([\w.]+)'$")
# pandas' ImportError for a missing optional dependency.
NO_OPTIONAL_MODULE = re.compile(r"Missing optional dependency '([\w.-]+)'")
# tqdm's ImportError, which doesn't name a missing module.
NO_WIDGETS = re.compile(r"^IProgress not found\. Please update jupyter and (ipywidgets)")
# The message of lightgbm, xgboost and others.
ASKS_FOR = re.compile(r"^You (?:must|need to) install ([A-Za-z][\w-]*)")
NO_SPACE = ("[Errno 28]", "[Errno 122]")  # the disk is full, or the user's quota is used up
# Errors that depend on where the notebook runs, so Jupyter may not show them on another machine.
OF_THE_ENVIRONMENT = re.compile(
    r"OSError$|IOError$|^(?:File|Permission|IsADirectory|NotADirectory|Connection|Timeout|Memory|"
    r"Import|ModuleNotFound|BlockingIO|BrokenPipe|CalledProcess)\w*Error$"
)
AGAIN = " (in Jupyter, 'Restart the kernel and run all' shows the same)"
ERROR_WIDTH = 300
TRACEBACK_LINES = 200


def of_error(cell: Cell, error: dict, *, notebook: str, repository: Path, pointers: Sequence[str] = ()) -> BuildProblem:
    """Return the problem for an `error` of the kernel (ename, evalue, traceback) that `cell` caused.

    `pointers` are Git LFS pointers among the files that the notebook has read.
    """
    traceback = traceback_parser.plain_traceback(error.get("traceback", []))
    # Some libraries add colours to their messages.
    name, message = error["ename"], ANSI.sub("", error["evalue"])
    line = traceback_parser.line_of(cell.source, error=message, traceback=traceback)
    location: Place = {"cell": cell, "notebook": notebook, "line": line}
    if name == "SystemExit":
        return CellExits(**location)
    if name == "StdinNotImplementedError":
        return CellAsksInput(**location)
    if name == "OSError" and message.startswith(NO_SPACE):
        return DiskFull(folder=repository)
    # Without Python's suffix, which names a compiled file that the author doesn't have: we report the line ourselves.
    summary = one_line(name, traceback_parser.SYNTAX_LINE.sub("", message))
    location["traceback"], location["error"] = shorten(traceback), summary
    if traceback_parser.is_syntax_error(name, traceback):
        return CellSyntax(**location)
    return _of_surroundings(name, message, repository, pointers, location) or CellFailed(
        **location, again="" if OF_THE_ENVIRONMENT.search(name) else AGAIN
    )


def of_predictor(
    traceback: str,
    cells: Sequence[Cell],
    *,
    notebook: str,
    repository: Path,
    pointers: Sequence[str] = (),
    headline: str,
) -> BuildProblem | None:
    """Return the problem of a predictor that fails because something outside the notebook is missing, else None.

    `traceback` is Python's own, `cells` are the author's; `headline`, one line, states which call failed and where.
    """
    number = traceback_parser.number_of(traceback)
    cell = next((cell for cell in cells if number is not None and cell.number == number), None)
    if cell is None:
        return None
    name, message = traceback_parser.raised(traceback)
    line = traceback_parser.line_of(cell.source, error=message, traceback=traceback)
    location: Place = {"cell": cell, "notebook": notebook, "line": line, "error": one_line(name, message)}
    location["traceback"] = f"{headline}\n{shorten(traceback)}"
    return _of_surroundings(name, message, repository, pointers, location)


def _of_surroundings(
    name: str, message: str, repository: Path, pointers: Sequence[str], location: Place
) -> BuildProblem | None:
    """Return the problem of an error caused by something outside the cell, such as a package or a file."""
    platform_problem = platforms.of_error(name, message, repository, location)
    if platform_problem:
        return platform_problem
    if name in ("ModuleNotFoundError", "ImportError") and (problem := _of_import(message, repository, location)):
        return problem
    # Checked before the system's packages: the missing library belongs to the driver, and therefore to the machine.
    if gpu_errors.means_no_gpu(message):
        return GpuMissing(**location)
    library = system_libraries.missing(message)
    if library:
        thing, package = library
        return SystemPackageNeeded(**location, thing=thing, package=package)
    if pointers:
        return FileIsPointer(**location, path=pointers[0])
    return error_causes.problem(name, message, repository, location)


def _of_import(message: str, repository: Path, location: Place) -> BuildProblem | None:
    """Return the problem of a failed import: a missing package, or a folder of the repository that isn't searched."""
    module = undeclared(message, repository)
    if module:
        return not_installed(module, location, needs="imports" if NO_MODULE.search(message) else "needs")
    match = NO_MODULE.search(message)
    folders = source_tree.folders_of_module(source_tree.files(repository), match[1]) if match else []
    own = Path(location["notebook"]).parent
    if match is None or len(folders) != 1 or folders[0] == own:
        return None
    folder = "its top folder" if folders[0] == Path() else f"'{folders[0]}'"
    path = repr(os.path.relpath(folders[0], own))
    return ModuleNotOnPath(**location, module=match[1], folder=folder, path=path)


def not_installed(module: str, location: Place, needs: str = "imports") -> BuildProblem:
    """Return the problem of a cell that imports `module`; `location` has cell, notebook, line and traceback.

    `needs` is "needs" if a package imports it for the cell.
    """
    other = caution = ""
    if import_names.providing(module) is None:
        other = f", or commit '{module}' if it is a module of your own"
        caution = f" No package is installed just because it is also called '{module}': anyone may have published it."
    return platforms.of_module(module, location) or ImportUndeclared(
        **location,
        module=module,
        needs=needs,
        entries=import_names.entry(module),
        place=OWN_LIST,
        other=other,
        caution=caution,
    )


def undeclared(message: str, repository: Path) -> str | None:
    """Return the name of a module that was not found and that `requirements` could provide, else None.

    None for a submodule of an installed package, which needs another version; for the standard library; and for a
    module of the repository, which needs another sys.path.
    """
    match = NO_MODULE.search(message) or NO_OPTIONAL_MODULE.search(message)
    match = match or NO_WIDGETS.search(message) or ASKS_FOR.search(message)
    if not match:
        return None
    module = match[1]
    if "." in module and import_names.known_name(module) != module:
        return None
    if module in sys.stdlib_module_names or module.startswith("_"):
        return None
    return None if source_tree.has_module(repository, module) else module


def one_line(name: str, message: str) -> str:
    """Return an error as `Name: message`, on one line of bounded length."""
    # A line without a letter or a digit is decoration: nltk, for example, frames its messages with asterisks.
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    first = next((line for line in lines if re.search(r"\w", line)), lines[0] if lines else "")
    text = f"{name}: {first}" if first else name
    return phrases.cut(text, ERROR_WIDTH)


def shorten(traceback: str) -> str:
    """Return a traceback of bounded length: its start, with the cell's line, and its end, with the cause."""
    lines = [line[:1000] for line in traceback.splitlines()]
    if len(lines) <= TRACEBACK_LINES:
        return "\n".join(lines)
    half = TRACEBACK_LINES // 2
    return "\n".join([*lines[:half], f"… {len(lines) - 2 * half} lines left out …", *lines[-half:]])
