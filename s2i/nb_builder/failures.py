"""From what went wrong in a cell to the problem that its author reads."""

import re
import sys
from pathlib import Path

from nb_builder import blame, problems, system_needs
from nb_builder.cells import Cell
from nb_builder.distributions import providing

NOT_THERE = re.compile(r"No module named '(\w+)'$")
# As pandas says it, in an ImportError of its own.
OPTIONAL = re.compile(r"Missing optional dependency '([\w.-]+)'")
NO_SPACE = ("[Errno 28]", "[Errno 122]")  # the disk is full, or the user's share of it
ERROR_WIDTH = 300
TRACEBACK_LINES = 200


def of_error(cell: Cell, error: dict, *, notebook: str, repository: Path) -> problems.BuildProblem:
    """Return the problem for an `error` of the kernel (ename, evalue, traceback) that `cell` caused."""
    traceback = blame.plain_traceback(error.get("traceback", []))
    name, words = error["ename"], error["evalue"]
    line = blame.line_of(cell.source, error=words, traceback=traceback)
    place = {"cell": cell, "notebook": notebook, "line": line}
    if name == "SystemExit":
        return problems.CellExits(**place)
    if name == "StdinNotImplementedError":
        return problems.CellAsksInput(**place)
    if name == "OSError" and words.startswith(NO_SPACE):
        return problems.DiskFull(folder=repository)
    shown = shorten(traceback)
    if name in ("ModuleNotFoundError", "ImportError") and (module := undeclared(words, repository)):
        return problems.ImportUndeclared(**place, module=module, distribution=providing(module), traceback=shown)
    needed = system_needs.missing(words)
    if needed:
        thing, package = needed
        error = one_line(name, words)
        return problems.SystemPackageNeeded(**place, thing=thing, package=package, error=error, traceback=shown)
    kind = problems.CellSyntax if blame.is_syntax_error(name, traceback) else problems.CellFailed
    # Python names the compiled file there, which is none of the author's; the line is told already.
    return kind(**place, error=one_line(name, blame.SYNTAX_LINE.sub("", words)), traceback=shown)


def undeclared(words: str, repository: Path) -> str | None:
    """Return the module that an ImportError misses, if `requirements` could provide it.

    None for a part of a package that is there (another version of it is needed), for what belongs to
    Python itself, and for what the repository has (sys.path is wrong then).
    """
    found = NOT_THERE.search(words) or OPTIONAL.search(words)
    if not found:
        return None
    module = found[1]
    if module in sys.stdlib_module_names or module.startswith("_"):
        return None
    own = any(True for pattern in (f"{module}.py", f"{module}/") for _ in repository.rglob(pattern))
    return None if own else module


def one_line(name: str, words: str) -> str:
    """Return an error as Python's last line has it, within one bounded line."""
    first = next((line for line in words.splitlines() if line.strip()), "")
    text = f"{name}: {first}" if first else name
    return text if len(text) <= ERROR_WIDTH else text[:ERROR_WIDTH] + " …"


def shorten(traceback: str) -> str:
    """Return a traceback of bounded length: the start tells the cell's line, the end the cause."""
    lines = [line[:1000] for line in traceback.splitlines()]
    if len(lines) <= TRACEBACK_LINES:
        return "\n".join(lines)
    half = TRACEBACK_LINES // 2
    return "\n".join([*lines[:half], f"… {len(lines) - 2 * half} lines left out …", *lines[-half:]])
