"""Collects all findings about a repository: `check` prints them, and a build fails with them."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.common.problem import Problem

from nb_builder.analysis import notebook_contract
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.preflight import checks
from nb_builder.preflight.checks import Checked
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.requirements.collect import Wanted
from nb_builder.rewrite.keep_requirements import NAME

CONTRACT = ("predictor", "validator", "batch_predictor", "examples", "setup", "teardown")


@dataclass
class Result:
    """The findings about a repository, and what could be read despite them."""

    findings: list[Problem] = field(default_factory=list)
    checked: Checked | None = None
    wanted: Wanted | None = None

    @property
    def defines(self) -> list[str]:
        """Return the names of the contract that the last notebook binds."""
        cells = self.checked.last.cells if self.checked and self.checked.notebooks else ()
        defined = [name for name in CONTRACT if notebook_contract.bindings(name, cells)]
        if notebook_contract.named_predictors(cells):
            defined.append("predictors")
        return [name for name in defined if name != "validator" or not notebook_contract.imported(name, cells)]

    @property
    def has_predictor(self) -> bool:
        """Return whether the last notebook binds predictor, or named functions as `predictors`."""
        return not {"predictor", "predictors"}.isdisjoint(self.defines)


def require_none(settings: Settings, app_src: Path, log: Log, environ: Mapping[str, str] = os.environ) -> Checked:
    """Return the checked notebooks; if there are findings, print all but the first and raise the first.

    A Python that the notebook requests is downloaded with the variables in `environ`, if it is not installed.

    The first is printed last, by the caller, because users read the last lines of a log: `check` prints them in the
    same order.
    """
    result = Result()
    with checks.passing(result.findings.append):
        result.checked = checks.look(settings, app_src, log, result.findings.append, may_download=True, environ=environ)
    if not result.findings:
        return result.checked
    if result.checked:
        with tempfile.TemporaryDirectory(prefix="nb-check-") as scratch, checks.passing(result.findings.append):
            read_requirements(result, Path(scratch), log, settings.allow_indexes)
    *others, first = in_print_order(result.findings)
    for problem in others:
        print_problem(problem, log)
    raise first


def in_print_order(found: Sequence[Problem]) -> list[Problem]:
    """Return the findings in print order: the first one last."""
    return [*found[1:], *found[:1]]


def read_requirements(
    result: Result, scratch: Path, log: Log, allowed: Sequence[str], *, computes: bool = True
) -> None:
    """Set `result.wanted` to the notebooks' requirements, and add the findings; see `checks.read_requirements`."""
    checked = result.checked
    if checked and not _requirements_are_unreadable(result, checked):
        handle = result.findings.append
        result.wanted = checks.read_requirements(
            checked, checked.repository, scratch, log, handle, allowed=allowed, computes=computes
        )


def _requirements_are_unreadable(result: Result, checked: Checked) -> bool:
    """Return whether a cell with a syntax error may contain the requirements, so that their absence isn't a finding."""
    cells = [problem.cell for problem in result.findings if isinstance(problem, BuildProblem) and problem.cell]
    return not checked.notebooks or any(NAME in cell.source for cell in cells if cell.statements is None)


def print_problem(problem: Problem, log: Log) -> None:
    """Print a problem's detail (a tool's output or a traceback), if any, and then the problem."""
    if detail := getattr(problem, "detail", ""):
        log.line(detail)
    log.line(str(problem))
