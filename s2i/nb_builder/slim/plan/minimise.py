"""Drops distributions that are only imported because they are there: hides each, and asks the service."""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import compare_answers, manifest

from nb_builder.common import installed
from nb_builder.common.log import Log
from nb_builder.common.slim_levels import OFF
from nb_builder.slim.imports import optional_imports
from nb_builder.slim.plan.planner import Choice, Plan, python_of
from nb_builder.slim.trace import tracer
from nb_builder.slim.trace.selftest import SelftestEnded, Verdict
from nb_builder.slim.trace.tracer import Trace

NEEDLESS = "only imported where it is there: without it every answer is the same"
# Smaller ones are not worth the seconds that asking takes.
SMALLEST = 200_000
_ERROR = re.compile(r"[A-Za-z_.]+(Error|Exception|Warning): ")


def run(plan: Plan, root: Path, app_root: Path, *, home: Path, log: Log) -> Plan:
    """Return `plan` without what proved needless, and remove that from the tree under `root`.

    The tree holds APP_ROOT at `root` / `app_root`; the service that is asked is that of `home`. Without
    golden rows, or where answers change by themselves, nothing is tried, and a note in the plan says so.
    """
    if plan.level == OFF:
        return plan
    place = root / str(app_root).lstrip("/")
    trial = Trial(root, lambda: tracer.run(place, home=home))
    lack = trial.begin()
    if lack:
        return replace(plan, notes=(*plan.notes, f"Nothing was tried without: {lack}."))
    first, second = trial.verdicts
    tolerance = manifest.read(app_root / paths.MODEL).get("tolerance", compare_answers.TOLERANCE)
    trial.steady = Steady(first, second, tolerance)
    python = python_of(app_root)
    for choice in plan.kept:
        if choice in plan.kept and choice.distribution.bytes >= SMALLEST and not _needed(choice, plan, python):
            plan = _tried(plan, choice, trial, python, log)
    return plan


def _needed(choice: Choice, plan: Plan, python: str) -> bool:
    """Return whether `choice` stays whatever the answers are: the code of another one counts on it.

    Answers to golden rows may be the same without it, and others not: statsmodels has another engine for patsy.
    """
    others = [each.distribution for each in plan.kept if each != choice]
    return choice.fixed or choice.distribution.name in optional_imports.needs(others, [choice.distribution], python)


def _tried(plan: Plan, choice: Choice, trial: "Trial", python: str, log: Log) -> Plan:
    """Return `plan` without `choice`, and without what only that used, if the service does not miss it."""
    missed = trial.missed(files_without(plan, [choice]))
    log.line(f"     without {choice.distribution.name}: {missed or 'all is the same, so it is dropped'}")
    if missed:
        return plan
    plan = without(plan, [choice], NEEDLESS)
    used = tracer.used(trial.files, tuple(each.distribution for each in plan.kept))
    idle = [each for each in plan.kept if each.distribution.name not in used and not _needed(each, plan, python)]
    if not idle or trial.missed(files_without(plan, idle)):
        return plan
    log.line(f"     without {', '.join(each.distribution.name for each in idle)}: all is the same, too")
    return without(plan, idle, f"only used by {choice.distribution.name}, which is dropped")


class Trial:
    """Asks the service of a tree while some of its files are hidden; `files` are what it used the last time.

    `run` traces that service. Two runs come first: what they agree on is what `steady` compares others with.
    """

    def __init__(self, root: Path, run: Callable[[], Trace]) -> None:
        self._root = root
        self._run = run
        self.verdicts: list[Verdict] = []
        self.steady: Steady | None = None
        self.files: frozenset[str] = frozenset()

    def begin(self) -> str:
        """Ask the whole service twice; return why nothing can be compared with that, "" where it can."""
        try:
            self.verdicts = [self._ask(), self._ask()]
        except SelftestEnded as reason:
            return f"the service can't be asked ({gist(str(reason))})"
        for verdict in self.verdicts:
            if not verdict.same:
                return f"the service does not answer as it ought to ({gist(verdict.differences[0])})"
            if not (verdict.rows and verdict.deterministic):
                return "that takes answers to compare"
        return ""

    def missed(self, files: Iterable[str]) -> str:
        """Return how the service misses `files`; without a word they stay away for good."""
        hiding = Hiding(self._root)
        missed = "it could not be asked"
        try:
            hiding.hide(files)
            missed = self._missed()
        except SelftestEnded as reason:
            missed = gist(str(reason))
        finally:
            if missed:
                hiding.undo()
            else:
                hiding.end()
        return missed

    def _missed(self) -> str:
        verdict = self._ask()
        steady = self.steady
        if steady is None:
            raise RuntimeError("the whole service was not asked before")
        missed = steady.missed_by(verdict)
        # A line of the log that comes by chance does not come twice.
        return steady.missed_by(self._ask()) if missed and verdict.same else missed

    def _ask(self) -> Verdict:
        traced = self._run()
        self.files = frozenset("/" + os.path.relpath(file, self._root) for file in traced.files)
        return traced.verdict


def without(plan: Plan, choices: Collection[Choice], reason: str) -> Plan:
    """Return `plan` with `choices` dropped."""
    kept = tuple(each for each in plan.kept if each not in choices)
    return replace(plan, kept=kept, dropped=(*plan.dropped, *(replace(each, reason=reason) for each in choices)))


def gist(words: str) -> str:
    """Return the line of `words` that says most: the last error in it, else the first line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()] or [""]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines[:1])[-1][:200]


class Steady:
    """What two runs of a whole service had in common: what a third one is compared with."""

    def __init__(self, first: Verdict, second: Verdict, tolerance: float) -> None:
        self._tolerance = tolerance
        self._answers = {
            name: told for name, told in first.answers.items() if self._alike(told, second.answers.get(name))
        }
        self._log = first.stderr if first.stderr == second.stderr else None

    def missed_by(self, verdict: Verdict) -> str:
        """Return in words what is different in `verdict`; "" where nothing is."""
        if not verdict.same:
            return gist(verdict.differences[0])
        for name, told in self._answers.items():
            if not self._alike(told, verdict.answers.get(name)):
                return f"{name} is answered differently"
        if self._log is not None and verdict.stderr != self._log:
            new = sorted(set(verdict.stderr.splitlines()) - set(self._log.splitlines()))
            return f"the log differs: {(new or ['lines are missing'])[0][:200]}"
        return ""

    def _alike(self, one: tuple, other: tuple | None) -> bool:
        return other is not None and one[0] == other[0] and compare_answers.same(one[1], other[1], self._tolerance)


def files_without(plan: Plan, choices: Collection[Choice]) -> list[str]:
    """Return the files of `choices` that nothing else in `plan` has."""
    shared = {file for each in plan.kept if each not in choices for file in each.distribution.files}
    return [file for each in choices for file in each.distribution.files if file not in shared]


class Hiding:
    """Files of the tree under `root` that are put aside, with the folders that are empty without them.

    Folders count: Python imports an empty one as a package of nothing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = Path(tempfile.mkdtemp(dir=root.parent))
        self._files: list[tuple[str, str]] = []
        self._folders: list[tuple[str, int]] = []

    def hide(self, files: Iterable[str]) -> None:
        """Put these `files`, given as paths of the image, aside."""
        there = sorted({place for file in files for place in forms(str(self._root / file.lstrip("/")))})
        for place in there:
            aside = str(self._aside / str(len(self._files)))
            os.rename(place, aside)
            self._files.append((place, aside))
        for place in there:
            self._remove_empty(os.path.dirname(place))

    def undo(self) -> None:
        """Put everything back."""
        for folder, mode in reversed(self._folders):
            os.mkdir(folder)
            os.chmod(folder, mode)
        for place, aside in self._files:
            os.rename(aside, place)
        self.end()

    def end(self) -> None:
        """Remove what is aside for good."""
        shutil.rmtree(self._aside)

    def _remove_empty(self, folder: str) -> None:
        while folder != str(self._root) and os.path.isdir(folder) and not os.listdir(folder):
            self._folders.append((folder, stat.S_IMODE(os.stat(folder).st_mode)))
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def forms(place: str) -> list[str]:
    """Return what there is of the file `place`: a module may be there as bytecode only, or as that, too."""
    others = [place + "c", *installed.bytecode_of(place)] if place.endswith(".py") else []
    return [each for each in [place, *others] if os.path.lexists(each)]
