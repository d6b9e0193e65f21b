"""`check`: every finding about a repository that needs no cell to run and no package to be installed."""

import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.problem import Problem

from nb_builder import contract, given, preflight, requirements
from nb_builder.log import Log
from nb_builder.preflight import Checked
from nb_builder.requirements import Wanted
from nb_builder.rewrite.keep_requirements import NAME
from nb_builder.settings import Settings

USAGE = "Usage: check [--json] FOLDER|NOTEBOOK|GIT_URL"
CONTRACT = ("predictor", "validator", "batch_predictor", "examples")


@dataclass
class Result:
    """What is known of the repository: findings first, then what could be read in spite of them."""

    findings: list[Problem] = field(default_factory=list)
    checked: Checked | None = None
    wanted: Wanted | None = None

    @property
    def defines(self) -> list[str]:
        """Return the names of the contract that the last notebook binds."""
        cells = self.checked.last.cells if self.checked and self.checked.notebooks else ()
        defined = [name for name in CONTRACT if contract.bindings(name, cells)]
        return [name for name in defined if name != "validator" or not contract.imported(name, cells)]


class Notes(Log):
    """A log that also keeps its notes, for those who read JSON."""

    def __init__(self, stream=None):
        super().__init__(stream)
        self.kept: list[str] = []

    def note(self, text: str) -> None:
        """Print a note and keep it."""
        self.kept.append(text)
        super().note(text)


def main(arguments: Sequence[str]) -> None:
    """Check what the argument names and print every finding; leave with 0 for none, 1, or 2 for a wrong call."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    as_json = "--json" in arguments
    named = [word for word in arguments if word != "--json"]
    if len(named) != 1 or named[0].startswith("-"):
        print(USAGE)
        sys.exit(2)
    log = Notes(io.StringIO() if as_json else None)
    try:
        result = _of_named(named[0], log)
    except Problem as problem:
        if not as_json:
            raise
        # Those who read JSON get it as they get all else.
        _print_object(Result([problem]), log)
        sys.exit(problem.exit_status)
    if as_json:
        _print_object(result, log)
    else:
        show(result, log)
    sys.exit(1 if result.findings else 0)


def _of_named(named: str, log: Log) -> Result:
    """Return what is found about the folder, notebook or URL `named`; raise the problem of one that is none."""
    with (
        tempfile.TemporaryDirectory(prefix="nb-check-") as scratch,
        given.repository(named, Path(scratch) / "clone", log) as (folder, notebook),
    ):
        log.step(f"Checking {notebook or named}")
        result = examine(folder, {**os.environ, **given.choice(notebook)}, Path(scratch), log)
        if result.findings:
            given.tell_what_is_above(folder, log)
        return result


def _print_object(result: Result, log: Notes) -> None:
    print(json.dumps(as_object(result, log.kept), indent=1, ensure_ascii=False))


def examine(folder: Path, environ: Mapping[str, str], scratch: Path, log: Log) -> Result:
    """Return all that is found about the repository in `folder`; files of our own go to `scratch`."""
    result = Result()
    found = result.findings.append
    with preflight.passing(found):
        settings = Settings({**given.s2i_environment(folder), **environ, "S2I_SRC": str(folder)})
        result.checked = preflight.look(settings, folder, log, found)
        read_requirements(result, scratch, log, settings.allow_indexes)
    return result


def read_requirements(result: Result, scratch: Path, log: Log, allowed: Sequence[str]) -> None:
    """Read into `result` what its notebooks ask for, and what is found in that; `allowed` as in preflight."""
    if not _requirements_are_unreadable(result):
        found, checked = result.findings.append, result.checked
        result.wanted = preflight.read_requirements(checked, checked.repository, scratch, log, found, allowed=allowed)


def look(settings: Settings, kept: Path, log: Log) -> Checked:
    """Return what preflight knows of the repository; where it finds something, raise the first and print the others.

    The others go before it, as the last lines of a log are what everybody sees.
    """
    result = Result()
    with preflight.passing(result.findings.append):
        result.checked = preflight.look(settings, kept, log, result.findings.append)
    if not result.findings:
        return result.checked
    if result.checked:
        with tempfile.TemporaryDirectory(prefix="nb-check-") as scratch, preflight.passing(result.findings.append):
            read_requirements(result, Path(scratch), log, settings.allow_indexes)
    first, *others = result.findings
    for problem in others:
        _show(problem, log)
    raise first


def _requirements_are_unreadable(result: Result) -> bool:
    """Tell whether a cell with a syntax error may hold the requirements: what it lacks is no finding of its own."""
    cells = [problem.cell for problem in result.findings if getattr(problem, "cell", None)]
    return not result.checked.notebooks or any(NAME in cell.source for cell in cells if contract.parse(cell) is None)


def as_object(result: Result, notes: Sequence[str]) -> dict:
    """Return the result as JSON has it; documented in docs/how-to/check-before-the-build.md."""
    checked = result.checked
    return {
        "ok": not result.findings,
        "notebooks": [str(each.name) for each in checked.notebooks] if checked else [],
        "python": checked.python.minor if checked else None,
        "defines": result.defines,
        "requirements": [str(entry) for entry in result.wanted.cell] if result.wanted else [],
        "notes": list(notes),
        "findings": [_finding(problem) for problem in result.findings],
    }


def _finding(problem: Problem) -> dict:
    facts = getattr(problem, "facts", {})
    cell, line, notebook = (getattr(problem, name, None) for name in ("cell", "line", "notebook"))
    return {
        "code": problem.code,
        "what": problem.what,
        "why": problem.why,
        "fix": problem.fix,
        "notebook": str(notebook) if notebook else None,
        "cell": cell.number if cell else None,
        "position": cell.position if cell else None,
        "line": line,
        "file_line": cell.first_line + line - 1 if cell and line and cell.first_line else facts.get("line"),
    }


def show(result: Result, log: Log) -> None:
    """Print the findings, each as a build would."""
    for problem in result.findings:
        _show(problem, log)
    if result.findings:
        count = len(result.findings)
        log.step("1 finding" if count == 1 else f"{count} findings")
        return
    log.step(f"Fine: {', '.join(result.defines)}; {requirements.counted(len(result.wanted))}")


def _show(problem: Problem, log: Log) -> None:
    if detail := getattr(problem, "detail", ""):
        log.line(detail)
    log.line(str(problem))
