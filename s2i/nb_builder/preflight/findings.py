"""All findings about a repository at once, for `check` that shows them and for a build that stops at them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.analysis import contract
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.preflight import checks
from nb_builder.preflight.checks import Checked
from nb_builder.problems.base import BuildProblem
from nb_builder.requirements.collect import Wanted
from nb_builder.rewrite.keep_requirements import NAME

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


def require_none(settings: Settings, kept: Path, log: Log) -> Checked:
    """Return what preflight knows of the repository; where it finds something, raise the first and print the others.

    The others go before it, as the last lines of a log are what everybody sees.
    """
    result = Result()
    with checks.passing(result.findings.append):
        result.checked = checks.look(settings, kept, log, result.findings.append)
    if not result.findings:
        return result.checked
    if result.checked:
        with tempfile.TemporaryDirectory(prefix="nb-check-") as scratch, checks.passing(result.findings.append):
            read_requirements(result, Path(scratch), log, settings.allow_indexes)
    first, *others = result.findings
    for problem in others:
        tell(problem, log)
    raise first


def read_requirements(result: Result, scratch: Path, log: Log, allowed: Sequence[str]) -> None:
    """Read into `result` what its notebooks ask for, and what is found in that; `allowed` as in preflight."""
    checked = result.checked
    if checked and not _requirements_are_unreadable(result, checked):
        found = result.findings.append
        result.wanted = checks.read_requirements(checked, checked.repository, scratch, log, found, allowed=allowed)


def _requirements_are_unreadable(result: Result, checked: Checked) -> bool:
    """Tell whether a cell with a syntax error may hold the requirements: what it lacks is no finding of its own."""
    cells = [one.cell for one in result.findings if isinstance(one, BuildProblem) and one.cell]
    return not checked.notebooks or any(NAME in cell.source for cell in cells if contract.parse(cell) is None)


def tell(problem: Problem, log: Log) -> None:
    """Print a problem, below what it shows of a tool's words or of a traceback."""
    if detail := getattr(problem, "detail", ""):
        log.line(detail)
    log.line(str(problem))
