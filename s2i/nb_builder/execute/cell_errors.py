"""From what went wrong in a cell to the problem that its author reads."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nb_scorer.common import phrases

from nb_builder import platforms
from nb_builder.common.cell import Cell
from nb_builder.execute import error_causes, traceback_parser
from nb_builder.execute.outputs import ANSI
from nb_builder.install import system_libraries
from nb_builder.problems.base import BuildProblem, Place
from nb_builder.problems.cells import CellAsksInput, CellExits, CellFailed, CellSyntax, SystemPackageNeeded
from nb_builder.problems.imports import ImportUndeclared
from nb_builder.problems.model import DiskFull
from nb_builder.problems.surroundings import FileIsPointer
from nb_builder.repository import source_tree
from nb_builder.requirements import import_names

NOT_THERE = re.compile(r"No module named '([\w.]+)'$")
# As pandas says it, in an ImportError of its own.
OPTIONAL = re.compile(r"Missing optional dependency '([\w.-]+)'")
NO_SPACE = ("[Errno 28]", "[Errno 122]")  # the disk is full, or the user's share of it
# Errors of the place where a notebook is run: Jupyter on another machine need not show them.
OF_THE_PLACE = re.compile(
    r"OSError$|IOError$|^(?:File|Permission|IsADirectory|NotADirectory|Connection|Timeout|Memory|"
    r"Import|ModuleNotFound|BlockingIO|BrokenPipe|CalledProcess)\w*Error$"
)
AGAIN = " (in Jupyter, 'Restart the kernel and run all' shows the same)"
ERROR_WIDTH = 300
TRACEBACK_LINES = 200


def of_error(cell: Cell, error: dict, *, notebook: str, repository: Path, pointers: Sequence[str] = ()) -> BuildProblem:
    """Return the problem for an `error` of the kernel (ename, evalue, traceback) that `cell` caused.

    `pointers` are the files that the notebook has read and that are pointers of Git LFS.
    """
    traceback = traceback_parser.plain_traceback(error.get("traceback", []))
    # Some libraries colour what they say.
    name, words = error["ename"], ANSI.sub("", error["evalue"])
    line = traceback_parser.line_of(cell.source, error=words, traceback=traceback)
    place: Place = {"cell": cell, "notebook": notebook, "line": line}
    if name == "SystemExit":
        return CellExits(**place)
    if name == "StdinNotImplementedError":
        return CellAsksInput(**place)
    if name == "OSError" and words.startswith(NO_SPACE):
        return DiskFull(folder=repository)
    # Python names the compiled file there, which is none of the author's; the line is told already.
    said = one_line(name, traceback_parser.SYNTAX_LINE.sub("", words))
    place["traceback"], place["error"] = shorten(traceback), said
    if traceback_parser.is_syntax_error(name, traceback):
        return CellSyntax(**place)
    return _of_surroundings(name, words, repository, pointers, place) or CellFailed(
        **place, again="" if OF_THE_PLACE.search(name) else AGAIN
    )


def of_predictor(
    traceback: str,
    cells: Sequence[Cell],
    *,
    notebook: str,
    repository: Path,
    pointers: Sequence[str] = (),
    asked: str,
) -> BuildProblem | None:
    """Return the problem of a predictor that fails at a golden row for want of something outside; None for all else.

    `traceback` is Python's own, `cells` are the author's, `asked` says in a line what predictor was asked, and where.
    """
    number = traceback_parser.number_of(traceback)
    cell = next((cell for cell in cells if number is not None and cell.number == number), None)
    if cell is None:
        return None
    name, words = traceback_parser.raised(traceback)
    line = traceback_parser.line_of(cell.source, error=words, traceback=traceback)
    place: Place = {"cell": cell, "notebook": notebook, "line": line, "error": one_line(name, words)}
    place["traceback"] = f"{asked}\n{shorten(traceback)}"
    return _of_surroundings(name, words, repository, pointers, place)


def _of_surroundings(
    name: str, words: str, repository: Path, pointers: Sequence[str], place: Place
) -> BuildProblem | None:
    """Return the problem of an error that tells of something outside the cell, be it a package or a file."""
    elsewhere = platforms.of_error(name, words, repository, place)
    if elsewhere:
        return elsewhere
    if name in ("ModuleNotFoundError", "ImportError") and (module := undeclared(words, repository)):
        return not_installed(module, place)
    needed = system_libraries.missing(words)
    if needed:
        thing, package = needed
        return SystemPackageNeeded(**place, thing=thing, package=package)
    if pointers:
        return FileIsPointer(**place, path=pointers[0])
    return error_causes.problem(name, words, repository, place)


def not_installed(module: str, place: Place) -> BuildProblem:
    """Return the problem of a cell that imports `module`; `place` has cell, notebook, line and traceback."""
    return platforms.of_module(module, place) or ImportUndeclared(
        **place, module=module, entry=import_names.entry(module)
    )


def undeclared(words: str, repository: Path) -> str | None:
    """Return the module that an ImportError misses, if `requirements` could provide it.

    None for a part of a package that is there (another version of it is needed), for what belongs to
    Python itself, and for what the repository has (sys.path is wrong then).
    """
    found = NOT_THERE.search(words) or OPTIONAL.search(words)
    if not found:
        return None
    module = found[1]
    if "." in module and import_names.known_name(module) != module:
        return None
    if module in sys.stdlib_module_names or module.startswith("_"):
        return None
    return None if source_tree.has_module(repository, module) else module


def one_line(name: str, words: str) -> str:
    """Return an error as Python's last line has it, within one bounded line."""
    # A line without a letter or a digit is an ornament, as nltk puts them around its words.
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    first = next((line for line in lines if re.search(r"\w", line)), lines[0] if lines else "")
    text = f"{name}: {first}" if first else name
    return phrases.cut(text, ERROR_WIDTH)


def shorten(traceback: str) -> str:
    """Return a traceback of bounded length: the start tells the cell's line, the end the cause."""
    lines = [line[:1000] for line in traceback.splitlines()]
    if len(lines) <= TRACEBACK_LINES:
        return "\n".join(lines)
    half = TRACEBACK_LINES // 2
    return "\n".join([*lines[:half], f"… {len(lines) - 2 * half} lines left out …", *lines[-half:]])
