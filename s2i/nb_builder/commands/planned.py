"""`run` for a notebook without predictor: a plan, a build of a copy with the plan's additions, and one question."""

import io
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nb_scorer.common import paths
from nb_scorer.model import golden_rows

from nb_builder.common.log import Log
from nb_builder.common.settings import PROBLEM_FILE, Settings
from nb_builder.repository import author_variables

if TYPE_CHECKING:
    from nb_builder.fix.plan import Plan
    from nb_builder.fix.resolver import Candidate, Resolution

# The check of the build reads larger files.
_MAX_BYTES = 50_000_000
_MAX_FILES = 200
# Problems that other versions of packages may solve.
_OF_VERSIONS = {
    *("package-changed", "version-missing", "wheel-missing", "install-failed", "requirements-conflict", "kernel-died"),
    *("not-yet-published", "verification-failed"),
}
_OF_PACKAGES = re.compile(
    r"ImportError|ModuleNotFoundError|AttributeError|TypeError: .*(?:argument|operand|dtype)|numpy\.dtype size"
    r"|InvalidParameterError|could not convert|ValueError: .*(?:must be|got an unexpected|parameter)"
    r"|NotImplementedError"
)
# {problem of the proposed predictor: what it means for the proposal, as a clause}
_OF_PROPOSALS = {
    "not-serializable": "its model can't be saved",
    "example-fails": "it gives no prediction for a sample",
    "model-does-not-load": "its model does not load in the service",
}
_SAMPLE_CHARACTERS = 200

MAX_PROPOSALS = 3
# The time limit of a dry run for reading the cells. Ordinary notebooks take a second or two.
DRY_RUN_SECONDS = 30

# A function that builds a folder with these variables, and returns the exit status.
Build = Callable[[Path, Mapping[str, str]], int]


@dataclass
class Outcome:
    """The result of a plan: the exit status, or None if the notebook should be built unchanged.

    `environ` contains the variables of the successful build. If the proposed predictor caused a failure, `rejected` is
    the reason as a clause.
    """

    status: int | None = None
    rejected: str = ""
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Consent:
    """The user's choices on the command line: accept the plan, only show it, or write it into the notebook."""

    yes: bool = False
    dry_run: bool = False
    fix: bool = False

    @property
    def is_asked(self) -> bool:
        """Return whether a user can be prompted."""
        return sys.stdin.isatty() and not self.yes


def may_lack_predictor(folder: Path, notebook: str | None) -> bool:
    """Return whether no candidate notebook defines a predictor; fast, and False if uncertain."""
    files = [folder / notebook] if notebook else sorted(folder.rglob("*.ipynb"))[: _MAX_FILES + 1]
    files = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    if not files or len(files) > _MAX_FILES:
        return False
    return not any(_names_predictor(file) for file in files)


def _names_predictor(file: Path) -> bool:
    try:
        # Matches a function's name, but not prose about predictors. Opening a pipe would block.
        return (
            not file.is_file()
            or file.stat().st_size > _MAX_BYTES
            or bool(
                re.search(
                    rb"def predictor\b|\bpredictor *=|\bpredictors *= *\{|import [^\"]*\bpredictor\b", file.read_bytes()
                )
            )
        )
    except OSError:
        return True


def run(target: str, folder: Path, environ: Mapping[str, str], build: Build, consent: Consent, log: Log) -> Outcome:
    """Plan a service for the notebook in `folder`, build it, and ask whether to serve it.

    Without a terminal and without consent, print the plan and the command that accepts it. The caller then builds the
    unchanged notebook, and that build reports what is missing.
    """
    # Imported here, because notebooks with a predictor don't need it.
    from nb_builder.commands import check
    from nb_builder.fix import plan as plans

    settings = Settings(environ)
    try:
        # A dry run must be safe for repositories that are not trusted yet, so it runs nothing, not even computed
        # requirements.
        with (
            check.ended_after(DRY_RUN_SECONDS if consent.dry_run else 0),
            tempfile.TemporaryDirectory(prefix="nb-plan-") as scratch,
        ):
            computes = not consent.dry_run
            result = check.examine(folder, environ, Path(scratch), Log(io.StringIO()), computes=computes)
            plan = plans.draw(result, settings, environ)
    except check.TimeUp:
        raise check.CheckTooLong(seconds=DRY_RUN_SECONDS) from None
    if plan is None:
        reason = plans.why_not(result)
        if reason:
            log.note(f"no predictor can be proposed: {reason}.")
        if consent.dry_run:
            check.show(result, log)
            return Outcome(1 if result.findings else 0)
        return Outcome()
    if consent.dry_run:
        return _dry_run(target, plan, environ, log)
    if not consent.yes and not consent.is_asked:
        _print_plan(plan, plan.candidates[0], None, log)
        log.line(
            f"     nb-builder builds this only with your consent. To build and serve it: nb-builder run {target} --yes"
        )
        return Outcome()
    outcome = _built(folder, plan, environ, build, consent, log)
    for number in range(1, MAX_PROPOSALS):
        following = plans.draw(result, settings, environ, number) if outcome.rejected else None
        if following is None:
            break
        log.step("That predictor was rejected; trying the next one")
        outcome = _built(folder, following, environ, build, consent, log)
    if outcome.rejected:
        log.line(
            f"     The proposed predictor was rejected because {outcome.rejected}. "
            "Correct that, or add your own 'def predictor(x): ...'."
        )
    return outcome


def _dry_run(target: str, plan: "Plan", environ: Mapping[str, str], log: Log) -> Outcome:
    from nb_builder.fix import resolver

    for candidate in plan.candidates:
        resolution = resolver.resolve(plan.wishes, candidate, environ)
        if not isinstance(resolution, str):
            _print_plan(plan, candidate, resolution, log)
            for line in plan.proposal.source.splitlines():
                log.line(f"       {line}".rstrip())
            log.line(f"     Nothing was run. To build and serve this: nb-builder run {target} --yes")
            return Outcome(0)
        log.note(f"{candidate}: {resolution}")
    log.line("     A dry run considers only packages that have wheels, because building a package runs its code.")
    log.line(f"     To build and serve the notebook with other packages, too: nb-builder run {target} --yes")
    return Outcome(1)


def _print_plan(plan: "Plan", candidate: "Candidate", resolution: "Resolution | None", log: Log) -> None:
    from nb_builder.fix import plan as plans

    log.step(f"{plan.notebook} has no predictor. Plan for a service:")
    for line in plans.lines(plan, candidate, resolution):
        log.line(f"     {line}")


def _built(
    folder: Path,
    plan: "Plan",
    environ: Mapping[str, str],
    build: Build,
    consent: Consent,
    log: Log,
) -> Outcome:
    from nb_builder.fix import plan as plans
    from nb_builder.fix import resolver

    app_root = Path(environ["APP_ROOT"])
    copied = app_root.with_name(f"{app_root.name}-planned")
    status = 1
    for number, candidate in enumerate(plan.candidates, start=1):
        resolution = resolver.resolve(plan.wishes, candidate, environ, builds=True)
        if isinstance(resolution, str):
            log.note(f"{candidate}: no compatible versions ({resolution})")
            if resolution == resolver.UNREACHABLE:
                break
            continue
        _print_plan(plan, candidate, resolution, log)
        plans.copy(plan, resolution, copied)
        chosen = {**environ, **plans.settings_of(plan, candidate), "S2I_SRC": str(copied)}
        with tempfile.TemporaryDirectory(prefix="nb-plan-") as scratch:
            chosen[PROBLEM_FILE] = environ.get(PROBLEM_FILE) or f"{scratch}/problem.json"
            Path(chosen[PROBLEM_FILE]).unlink(missing_ok=True)
            status = build(copied, chosen)
            problem = _problem(Path(chosen[PROBLEM_FILE]))
        if status == 0:
            return _asked(folder, plan, candidate, resolution, chosen, consent, log)
        if rejected := _fault_of_the_proposal(problem, plan):
            return Outcome(status, rejected=rejected)
        if number == len(plan.candidates) or not _is_of_versions(problem):
            break
        log.step(f"{candidate} failed; trying the next one")
    return Outcome(status)


def _asked(
    folder: Path,
    plan: "Plan",
    candidate: "Candidate",
    resolution: "Resolution",
    environ: dict[str, str],
    consent: Consent,
    log: Log,
) -> Outcome:
    """Show a prediction, ask whether to serve it, and write the predictor into the notebook if the user agrees."""
    from nb_builder.fix import plan as plans

    if consent.is_asked:
        _print_plan(plan, candidate, resolution, log)
        rows = golden_rows.read(Path(environ["APP_ROOT"]) / paths.MODEL)
        for row in rows[:1]:
            sample = json.dumps(row["sample"])[:_SAMPLE_CHARACTERS]
            log.line(f"     sample: {sample} -> {json.dumps(row['answer'])[:_SAMPLE_CHARACTERS]}")
        if plan.proposal.check:
            log.line("     compared with the notebook's own model: the predictions are equal")
        print("     Serve it? [Y/n] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("", "y", "yes"):
            log.line("     Nothing is served.")
            return Outcome(0)
    if consent.fix and plan.undone:
        first = plan.undone[0].number
        log.note(
            f"{plan.notebook} was not changed: --fix removes no cells. Delete those from [{first}] on, and run it "
            "again."
        )
    elif consent.fix:
        plans.write(plan, resolution, folder, checks=False)
        _write_settings(folder, plans.settings_of(plan, candidate))
        log.step(f"Written into {plan.notebook} and .s2i/environment")
    else:
        log.note(f"{plan.notebook} was not changed. To write the plan into it, add --fix.")
    return Outcome(None, environ=environ)


def _write_settings(folder: Path, chosen: Mapping[str, str]) -> None:
    """Add settings to .s2i/environment; existing ones stay."""
    file = folder / ".s2i" / "environment"
    found = author_variables.read(folder)
    has = {*found.taken, *found.ignored}
    lines = [f"{name}={value}\n" for name, value in chosen.items() if name not in has]
    file.parent.mkdir(exist_ok=True)
    before = file.read_text("utf-8") if file.is_file() else ""
    separator = "\n" if before and not before.endswith("\n") else ""
    file.write_text(before + separator + "".join(lines), encoding="utf-8")


def _problem(file: Path) -> Mapping[str, object]:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _fault_of_the_proposal(problem: Mapping[str, object], plan: "Plan") -> str:
    """Return, as a clause, why the proposed predictor caused a failure; "" if something else did."""
    last = max(cell.number or 0 for cell in plan.checked.last.cells)
    code, number = str(problem.get("code")), problem.get("cell")
    if code in ("cell-failed", "package-changed") and isinstance(number, int) and number > last:
        if "The proposed predictor answers" in str(problem.get("what")):
            return "its predictions differ from those of the notebook's own model"
        return "it can't be compared with the notebook's own model, for the reason above"
    return _OF_PROPOSALS.get(code, "")


def _is_of_versions(problem: Mapping[str, object]) -> bool:
    """Return whether other versions of packages may solve a problem."""
    return problem.get("code") in _OF_VERSIONS or (
        problem.get("code") == "cell-failed" and bool(_OF_PACKAGES.search(json.dumps(problem)))
    )
