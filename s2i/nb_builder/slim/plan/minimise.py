"""Drops distributions that code imports only if they are installed: hides each, and runs the selftest without it."""

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

NEEDLESS = "an optional import: without it, every prediction is the same"
# Bytes. Dropping smaller distributions is not worth the seconds of a selftest.
MIN_BYTES = 200_000
_ERROR = re.compile(r"[A-Za-z_.]+(Error|Exception|Warning): ")


def run(plan: Plan, root: Path, app_root: Path, *, home: Path, log: Log) -> Plan:
    """Return `plan` without the distributions that turned out to be needless, and remove those from the tree.

    Below `root`, APP_ROOT has its usual path, `app_root`. The selftest runs with the service's environment in `home`.
    Without golden rows, or if predictions aren't repeatable, nothing is tried, and a note in the plan reports that.
    """
    if plan.level == OFF:
        return plan
    tree_app_root = root / str(app_root).lstrip("/")
    trial = Trial(root, lambda: tracer.run(tree_app_root, home=home))
    reason = trial.begin()
    if reason:
        return replace(plan, notes=(*plan.notes, f"No package was tried for removal: {reason}."))
    first, second = trial.verdicts
    tolerance = manifest.read(app_root / paths.MODEL).get("tolerance", compare_answers.TOLERANCE)
    trial.baseline = Baseline(first, second, tolerance)
    python = python_of(app_root)
    for choice in plan.kept:
        if choice in plan.kept and choice.distribution.bytes >= MIN_BYTES and not _is_needed(choice, plan, python):
            plan = _try_without(plan, choice, trial, python, log)
    return plan


def _is_needed(choice: Choice, plan: Plan, python: str) -> bool:
    """Return whether `choice` stays regardless of predictions, because another distribution needs it.

    Without it, golden rows may get the same predictions, but other samples may not: without patsy, statsmodels falls
    back to another engine.
    """
    others = [other.distribution for other in plan.kept if other != choice]
    return choice.fixed or choice.distribution.name in optional_imports.needs(others, [choice.distribution], python)


def _try_without(plan: Plan, choice: Choice, trial: "Trial", python: str, log: Log) -> Plan:
    """Return `plan` without `choice` and what only that used, if the service is the same; else return `plan`."""
    difference = trial.difference_without(files_without(plan, [choice]))
    log.line(f"     without {choice.distribution.name}: {difference or 'no difference, so it is left out'}")
    if difference:
        return plan
    plan = without(plan, [choice], NEEDLESS)
    used = tracer.used(trial.files, tuple(other.distribution for other in plan.kept))
    unused = [
        other for other in plan.kept if other.distribution.name not in used and not _is_needed(other, plan, python)
    ]
    if not unused or trial.difference_without(files_without(plan, unused)):
        return plan
    log.line(f"     without {', '.join(other.distribution.name for other in unused)}: no difference")
    return without(plan, unused, f"only used by {choice.distribution.name}, which is dropped")


class Trial:
    """Runs the selftest of a tree while some of its files are hidden; `files` are what the last run used.

    `trace` traces that service. Two runs of the whole service come first: `baseline` is what they have in common.
    """

    def __init__(self, root: Path, trace: Callable[[], Trace]) -> None:
        self._root = root
        self._trace = trace
        self.verdicts: list[Verdict] = []
        self.baseline: Baseline | None = None
        self.files: frozenset[str] = frozenset()

    def begin(self) -> str:
        """Run the selftest of the whole service twice; return why it can't serve as baseline, or ""."""
        try:
            self.verdicts = [self._selftest(), self._selftest()]
        except SelftestEnded as error:
            return f"the service can't be reached ({gist(str(error))})"
        for verdict in self.verdicts:
            if not verdict.same:
                return f"the service does not give the expected responses ({gist(verdict.differences[0])})"
            if not (verdict.rows and verdict.deterministic):
                return "there are no predictions to compare"
        return ""

    def difference_without(self, files: Iterable[str]) -> str:
        """Hide `files` and return how the service differs without them; if it doesn't (""), delete them permanently."""
        hidden = HiddenFiles(self._root)
        difference = "it could not be called"
        try:
            hidden.hide(files)
            difference = self._difference()
        except SelftestEnded as error:
            difference = gist(str(error))
        finally:
            if difference:
                hidden.restore()
            else:
                hidden.delete()
        return difference

    def _difference(self) -> str:
        verdict = self._selftest()
        baseline = self.baseline
        if baseline is None:
            raise RuntimeError("the complete service was not called before")
        difference = baseline.difference(verdict)
        # Repeated, because a line of the log may differ once by chance.
        return baseline.difference(self._selftest()) if difference and verdict.same else difference

    def _selftest(self) -> Verdict:
        trace = self._trace()
        self.files = frozenset("/" + os.path.relpath(file, self._root) for file in trace.files)
        return trace.verdict


def without(plan: Plan, choices: Collection[Choice], reason: str) -> Plan:
    """Return `plan` with `choices` dropped."""
    kept = tuple(choice for choice in plan.kept if choice not in choices)
    return replace(plan, kept=kept, dropped=(*plan.dropped, *(replace(choice, reason=reason) for choice in choices)))


def gist(text: str) -> str:
    """Return the most informative line of `text`: the last error, else the first line; at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines[:1])[-1][:200]


class Baseline:
    """The common behaviour of two runs of the whole service, with which other runs are compared."""

    def __init__(self, first: Verdict, second: Verdict, tolerance: float) -> None:
        self._tolerance = tolerance
        self._answers = {
            name: answer for name, answer in first.answers.items() if self._is_same(answer, second.answers.get(name))
        }
        self._log = first.stderr if first.stderr == second.stderr else None

    def difference(self, verdict: Verdict) -> str:
        """Return the first difference in `verdict`, as text, or ""."""
        if not verdict.same:
            return gist(verdict.differences[0])
        for name, answer in self._answers.items():
            if not self._is_same(answer, verdict.answers.get(name)):
                return f"{name} gets a different prediction"
        if self._log is not None and verdict.stderr != self._log:
            new_lines = sorted(set(verdict.stderr.splitlines()) - set(self._log.splitlines()))
            return f"the log differs: {(new_lines or ['lines are missing'])[0][:200]}"
        return ""

    def _is_same(self, one: tuple, other: tuple | None) -> bool:
        return other is not None and one[0] == other[0] and compare_answers.same(one[1], other[1], self._tolerance)


def files_without(plan: Plan, choices: Collection[Choice]) -> list[str]:
    """Return the files of `choices` that no other distribution kept by `plan` shares."""
    shared = {file for choice in plan.kept if choice not in choices for file in choice.distribution.files}
    return [file for choice in choices for file in choice.distribution.files if file not in shared]


class HiddenFiles:
    """Files of the tree under `root` that are moved aside, with the folders that this leaves empty.

    Folders matter, because Python imports an empty one as a namespace package.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = Path(tempfile.mkdtemp(dir=root.parent))
        self._files: list[tuple[str, str]] = []
        self._folders: list[tuple[str, int]] = []

    def hide(self, files: Iterable[str]) -> None:
        """Move these `files`, given as paths in the image, aside."""
        paths = sorted({path for file in files for path in existing_forms(str(self._root / file.lstrip("/")))})
        for path in paths:
            target = str(self._aside / str(len(self._files)))
            os.rename(path, target)
            self._files.append((path, target))
        for path in paths:
            self._remove_empty(os.path.dirname(path))

    def restore(self) -> None:
        """Move everything back."""
        for folder, mode in reversed(self._folders):
            os.mkdir(folder)
            os.chmod(folder, mode)
        for path, moved in self._files:
            os.rename(moved, path)
        self.delete()

    def delete(self) -> None:
        """Delete the hidden files."""
        shutil.rmtree(self._aside)

    def _remove_empty(self, folder: str) -> None:
        while folder != str(self._root) and os.path.isdir(folder) and not os.listdir(folder):
            self._folders.append((folder, stat.S_IMODE(os.stat(folder).st_mode)))
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def existing_forms(path: str) -> list[str]:
    """Return which of `path` and its bytecode exist: a module may be present as source, bytecode, or both."""
    compiled = [path + "c", *installed.bytecode_of(path)] if path.endswith(".py") else []
    return [form for form in [path, *compiled] if os.path.lexists(form)]
