"""Drops distributions that are only imported because they are there: hides each, and asks the service."""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from nb_scorer import answers, layout, manifest

from nb_builder.log import Log
from nb_builder.slim import asking, distributions, trace
from nb_builder.slim.asking import SelftestEnded, Verdict
from nb_builder.slim.distributions import Distribution
from nb_builder.slim.plan import OFF, Choice, Plan

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
    traced, place = plan, root / str(app_root).lstrip("/")
    first, second = (asking.ask(place, home=home) for _ in range(2))
    if not (first.rows and first.deterministic and first.same):
        return replace(plan, notes=(*plan.notes, "Nothing was tried without: that takes answers to compare."))
    tolerance = manifest.read(app_root / layout.MODEL).get("tolerance", answers.TOLERANCE)
    steady = Steady(first, second, tolerance)
    for choice in plan.kept:
        if not choice.fixed and choice.distribution.bytes >= SMALLEST:
            plan = _tried(plan, choice, root, steady, lambda: asking.ask(place, home=home), log)
    return _followed(plan, root, place, steady, home) if plan.dropped != traced.dropped else plan


def _tried(plan: Plan, choice: Choice, root: Path, steady: "Steady", ask, log: Log) -> Plan:
    """Return `plan` without `choice` if the service does not miss it."""
    others = [each.distribution for each in plan.kept if each is not choice]
    missed = missed_without(own_files(choice.distribution, others), root, lambda: steady.missed_by(ask()))
    log.line(f"     without {choice.distribution.name}: {missed or 'all is the same, so it is dropped'}")
    if missed:
        return plan
    return without(plan, [choice], NEEDLESS)


def _followed(plan: Plan, root: Path, place: Path, steady: "Steady", home: Path) -> Plan:
    """Return `plan` without what only the dropped ones used."""
    held = tuple(choice.distribution for choice in plan.kept)
    seen = trace.run(place, home=home).files
    used = trace.used({"/" + os.path.relpath(file, root) for file in seen}, held)
    idle = [choice for choice in plan.kept if not choice.fixed and choice.distribution.name not in used]
    others = [choice.distribution for choice in plan.kept if choice not in idle]
    files = [file for choice in idle for file in own_files(choice.distribution, others)]
    if not idle or missed_without(files, root, lambda: steady.missed_by(asking.ask(place, home=home))):
        return plan
    return without(plan, idle, "only used by what is dropped")


def missed_without(files: Iterable[str], root: Path, ask: Callable[[], str]) -> str:
    """Return what `ask` says while `files` are not there; they come back unless it says nothing."""
    hiding = Hiding(root)
    missed = "it could not be asked"
    try:
        hiding.hide(files)
        missed = ask()
    except SelftestEnded as reason:
        missed = gist(str(reason))
    finally:
        if missed:
            hiding.undo()
        else:
            hiding.end()
    return missed


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

    def __init__(self, first: Verdict, second: Verdict, tolerance: float):
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
        return other is not None and one[0] == other[0] and answers.same(one[1], other[1], self._tolerance)


def own_files(distribution: Distribution, others: Iterable[Distribution]) -> list[str]:
    """Return the files of `distribution` that none of `others` has."""
    shared = {file for each in others for file in each.files}
    return [file for file in distribution.files if file not in shared]


class Hiding:
    """Files of the tree under `root` that are put aside, with the folders that are empty without them.

    Folders count: Python imports an empty one as a package of nothing.
    """

    def __init__(self, root: Path):
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
    others = [place + "c", *distributions.bytecode_of(place)] if place.endswith(".py") else []
    return [each for each in [place, *others] if os.path.lexists(each)]
