"""`check`: every finding about a repository that needs no cell to run and no package to be installed."""

import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from nb_scorer.common.problem import Problem

from nb_builder.analysis import batching
from nb_builder.commands import target
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.preflight import checks, findings
from nb_builder.preflight.findings import Result
from nb_builder.requirements import collect

USAGE = "Usage: check [--json] FOLDER|NOTEBOOK|GIT_URL"


class NotesLog(Log):
    """A log that also collects its notes, for the JSON output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Print a note and collect it."""
        self.notes.append(text)
        super().note(text)


def main(arguments: Sequence[str]) -> None:
    """Check what the argument names and print every finding; exit with 0 for none, else 1, or 2 for wrong usage."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    as_json = "--json" in arguments
    targets = [argument for argument in arguments if argument != "--json"]
    if len(targets) != 1 or targets[0].startswith("-"):
        print(USAGE)
        sys.exit(2)
    log = NotesLog(io.StringIO() if as_json else None)
    try:
        result = _check(targets[0], log)
    except Problem as problem:
        if not as_json:
            raise
        # With --json this problem, too, is reported as JSON.
        _print_object(Result([problem]), log)
        sys.exit(problem.exit_status)
    if as_json:
        _print_object(result, log)
    else:
        show(result, log)
    sys.exit(1 if result.findings else 0)


def _check(name: str, log: Log) -> Result:
    """Return the findings about the folder, notebook or URL `name`; raise the problem if it is none of these."""
    with (
        tempfile.TemporaryDirectory(prefix="nb-check-") as scratch,
        target.repository(name, Path(scratch) / "clone", log) as (folder, notebook),
    ):
        log.step(f"Checking {notebook or name}")
        result = examine(folder, {**os.environ, **target.choice(notebook)}, Path(scratch), log)
        if result.findings:
            target.tell_what_is_above(folder, log)
        return result


def _print_object(result: Result, log: NotesLog) -> None:
    print(json.dumps(as_object(result, log.notes), indent=1, ensure_ascii=False))


def examine(folder: Path, environ: Mapping[str, str], scratch: Path, log: Log) -> Result:
    """Return all findings about the repository in `folder`; our own files go to `scratch`."""
    result = Result()
    report = result.findings.append
    with checks.passing(report):
        settings = Settings({**target.s2i_environment(folder), **environ, "S2I_SRC": str(folder)})
        result.checked = checks.look(settings, folder, log, report)
        findings.read_requirements(result, scratch, log, settings.allow_indexes)
        if result.checked and result.checked.notebooks and settings.batching == "auto":
            last = result.checked.last
            hindrance = batching.hindrance(last.cells, last.folder(folder), folder)
            if hindrance:
                log.note(hindrance.note)
    return result


def as_object(result: Result, notes: Sequence[str]) -> dict:
    """Return the result as a JSON object, which docs/how-to/check-before-the-build.md documents."""
    checked = result.checked
    return {
        "ok": not result.findings,
        "notebooks": [str(notebook.name) for notebook in checked.notebooks] if checked else [],
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
    """Print the findings, each as a build would print it."""
    for problem in result.findings:
        findings.tell(problem, log)
    if result.findings:
        count = len(result.findings)
        log.step("1 finding" if count == 1 else f"{count} findings")
        return
    log.step(f"Fine: {', '.join(result.defines)}; {collect.counted(len(result.wanted or ()))}")
