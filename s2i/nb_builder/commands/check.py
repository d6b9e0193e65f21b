"""`check`: findings about a repository, without running cells or installing packages.

It runs no code of the repository, unless `--run-requirements` evaluates a computed `requirements`. `--fix` also writes
the corrections that need no guess, and checks again.
"""

import argparse
import contextlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from nb_scorer.common.problem import Problem

from nb_builder.analysis import batching
from nb_builder.commands import target
from nb_builder.commands.command_line import UsageParser
from nb_builder.common import visible
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.preflight import checks, findings
from nb_builder.preflight.findings import Result
from nb_builder.problems import build_problem
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.contract import PredictorMissing
from nb_builder.problems.packages import RequirementsEmpty, RequirementsMissing
from nb_builder.requirements import collect

if TYPE_CHECKING:
    from nb_builder.fix.fixing import Fixed

USAGE = "Usage: check [--json] [--run-requirements] [--fix [--python PATH]] FOLDER|NOTEBOOK|GIT_URL"

_OF_REQUIREMENTS = (RequirementsMissing, RequirementsEmpty)


# The limit in seconds of CPU time. Ordinary repositories take about one; only hostile ones take this long.
TIME_LIMIT = 10
# On a busy machine, the CPU time of ordinary repositories takes longer. A check that only waits ends, too.
_WALL_PER_CPU = 6


class CheckTooLong(BuildProblem):
    """The check was stopped because it took too long."""

    code = "check-too-long"
    what_text = "The check was stopped after {seconds} seconds of CPU time, or {total} seconds in all."
    why_text = "A check of ordinary notebooks and requirements takes a second; a cell or a file here is extremely long."
    fix_text = "Look at the largest notebook and requirements file, or check the folder of a single notebook."

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds=seconds, total=seconds * _WALL_PER_CPU)


class NotesLog(Log):
    """A log that also collects its notes, for the JSON output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.notes: list[str] = []

    def note(self, text: str, *, is_routine: bool = False) -> None:
        """Print a note and collect it."""
        self.notes.append(text)
        super().note(text, is_routine=is_routine)


_PARSER = UsageParser(USAGE)
_PARSER.add_argument("--json", action="store_true")
_PARSER.add_argument("--fix", action="store_true")
_PARSER.add_argument("--python")
_PARSER.add_argument("--run-requirements", action="store_true")
_PARSER.add_argument("target")


def main(arguments: Sequence[str]) -> None:
    """Check the target and print all findings; exit with status 0 if there are none, 1 otherwise, 2 for wrong usage."""
    options = _PARSER.read(arguments)
    if options.python is not None and not options.fix:
        _PARSER.error("--python names the Python whose package versions --fix writes, so it needs --fix")
    log = NotesLog(io.StringIO() if options.json else None)
    try:
        outcome = _check(options, log)
    except Problem as problem:
        if not options.json:
            raise
        # With --json, this problem is reported as JSON, too.
        _print_object(CheckOutcome(Result([problem])), log, options)
        sys.exit(problem.exit_status)
    if options.json:
        _print_object(outcome, log, options)
    else:
        show(outcome.result, log, outcome.proposal)
    sys.exit(1 if outcome.result.findings else 0)


@dataclass(frozen=True)
class CheckOutcome:
    """The findings, a proposed cell, and the edits of `--fix`."""

    result: Result
    proposal: str | None = None
    fixed: "Fixed | None" = None


def _check(options: argparse.Namespace, log: NotesLog) -> CheckOutcome:
    """Return the findings about the target, after --fix if given; raise a problem with the options."""
    name = options.target
    if options.fix and target.is_url(name):
        from nb_builder.fix.problems import FixElsewhere

        raise FixElsewhere(named=name)
    with (
        tempfile.TemporaryDirectory(prefix="nb-check-") as scratch,
        target.repository(name, Path(scratch) / "clone", log) as (folder, notebook),
    ):
        environ = {**os.environ, **target.choice(notebook)}
        fixed = None
        if options.fix:
            fixed = _fix(folder, environ, Path(scratch), options.python, log)
        log.step(f"Checking {notebook or name}")
        computes = options.fix or options.run_requirements
        result, proposal = Result(), None
        try:
            # Evaluating requirements may take as long as a cell may.
            with ended_after(0 if computes else TIME_LIMIT):
                examine(folder, environ, Path(scratch), log, computes=computes, result=result)
                if fixed:
                    _add(fixed.findings, result)
                proposal = _proposal(result)
        except TimeUp:
            result.findings.append(CheckTooLong(seconds=TIME_LIMIT))
        if result.findings:
            target.log_unused_parents(folder, log)
        return CheckOutcome(result, proposal, fixed)


def _fix(folder: Path, environ: Mapping[str, str], scratch: Path, python: str | None, log: Log) -> "Fixed":
    """Write what the notebook in `folder` lacks, and report the edits."""
    # Imported here because only --fix needs it.
    from nb_builder.fix import fixing

    # The check that follows repeats its messages.
    before = examine(folder, environ, scratch, Log(io.StringIO()), computes=True)
    fixed = fixing.fix(before, python, environ, log)
    if before.checked and before.checked.notebooks:
        fixing.print_changes(fixed, before.checked.name, log)
    return fixed


def _add(findings_of_fix: Sequence[Problem], result: Result) -> None:
    """Put the findings of a fix before those of the check, and drop less detailed duplicates."""
    if findings_of_fix:
        others = [problem for problem in result.findings if not isinstance(problem, _OF_REQUIREMENTS)]
        result.findings[:] = [*findings_of_fix, *others]


def _proposal(result: Result) -> str | None:
    if not any(isinstance(problem, PredictorMissing) for problem in result.findings):
        return None
    from nb_builder.fix import fixing

    proposed = fixing.proposal(result)
    return proposed.source if proposed else None


def _print_object(outcome: CheckOutcome, log: NotesLog, options: argparse.Namespace) -> None:
    described = {**as_object(outcome.result, log.notes), "proposal": outcome.proposal}
    if options.fix:
        described |= {
            "versions_of": str(outcome.fixed.python) if outcome.fixed and outcome.fixed.python else None,
            "written": [change.described() for change in outcome.fixed.changes] if outcome.fixed else [],
        }
    print(visible.json_text(described, indent=1))


class TimeUp(BaseException):
    """The check timed out; not an Exception, so that no handler of other exceptions catches it."""


@contextlib.contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise TimeUp in the block after this many seconds of CPU time, or six times as many in all; 0 means no limit."""

    def end(_number: int, _frame: object) -> None:
        raise TimeUp

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, 1), signal.SIGALRM: (signal.ITIMER_REAL, _WALL_PER_CPU)}
    before = {number: signal.signal(number, end) for number in timers}
    # Raised repeatedly, in case a library swallowed the first one.
    for timer, times in timers.values():
        signal.setitimer(timer, seconds * times, 1 if seconds else 0)
    try:
        yield
    finally:
        for timer, _ in timers.values():
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def examine(
    folder: Path,
    environ: Mapping[str, str],
    scratch: Path,
    log: Log,
    *,
    computes: bool = False,
    result: Result | None = None,
) -> Result:
    """Return all findings about the repository in `folder`; temporary files go to `scratch`.

    Runs code of the repository only if this `computes` requirements. Adds findings to `result` as it finds them.
    """
    result = Result() if result is None else result
    report = result.findings.append
    with checks.passing(report):
        settings = Settings({**target.settings_of(folder, environ), "S2I_SRC": str(folder)})
        target.log_ignored_settings(folder, log)
        result.checked = checks.look(settings, folder, log, report)
        findings.read_requirements(result, scratch, log, settings.allow_indexes, computes=computes)
        if result.checked and result.wanted is not None:
            checks.note_unnamed(result.checked, result.wanted, folder, log)
        if result.checked and result.checked.notebooks and settings.batching == "auto":
            last = result.checked.last
            hindrance = batching.hindrance(last.cells, last.folder(folder), folder)
            if hindrance:
                log.note(hindrance.note)
    return result


def as_object(result: Result, notes: Sequence[str]) -> dict:
    """Return the result as a JSON object, documented in docs/reference/check.md."""
    checked = result.checked
    return {
        "ok": not result.findings,
        "notebooks": [str(notebook.name) for notebook in checked.notebooks] if checked else [],
        "python": checked.python.minor if checked else None,
        "defines": result.defines,
        "requirements": [str(entry) for entry in result.wanted.cell] if result.wanted else [],
        "notes": list(notes),
        "findings": [build_problem.as_object(problem) for problem in result.findings],
    }


def show(result: Result, log: Log, proposal: str | None = None) -> None:
    """Print the findings as a build would, and the edits that `--fix` would make."""
    for problem in findings.in_print_order(result.findings):
        findings.print_problem(problem, log)
    if proposal:
        log.line("     This could be the last cell; --fix writes it:")
        for line in proposal.splitlines():
            log.line(f"       {line}".rstrip())
    if any(isinstance(problem, _OF_REQUIREMENTS) for problem in result.findings):
        log.line("     --fix writes the requirements with the versions installed on this machine.")
    if result.findings:
        count = len(result.findings)
        log.step("1 finding" if count == 1 else f"{count} findings")
        return
    wanted = "requirements not read" if result.wanted is None else collect.counted(len(result.wanted))
    if not result.has_predictor:
        # A magic or `import *` may define predictor.
        log.step(f"No errors, but only a run shows whether the notebook defines predictor; {wanted}")
        return
    log.step(f"Fine: {', '.join(result.defines)}; {wanted}")
