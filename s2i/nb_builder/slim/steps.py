"""The door of slim images, inside of the service image: `prepare`, `lay`, `settle`, `prove`.

Before `settle` and `prove`, stages of s2i/runtime.Dockerfile let the image that was laid test itself. `prepare` runs in
a stage of its own: what predictor writes while it is asked is not in the image from which the others lay.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nb_scorer.model import manifest
from nb_scorer.model.problems import ModelMissing
from nb_service import identity

from nb_builder.common import installed, slim_levels
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.install import gpu_advice
from nb_builder.slim import build_rootfs, problems, trial_launcher
from nb_builder.slim.attest import proof
from nb_builder.slim.plan import minimise, planner
from nb_builder.slim.tree import Tree

# At the top of the service image, in stages that are thrown away.
WORK = Path("/slim")
ROOT, LAUNCHER, PROVED = "root", "launcher", "proved"
PLAN, TRIAL, PROOF = "plan.json", "trial", "proof"
STEPS = ("prepare", "lay", "settle", "prove")


def main(arguments: Sequence[str]) -> None:
    """Do the step that the one argument names."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        raise SystemExit(f"Usage: nb_builder slim {{{'|'.join(STEPS)}}}")
    Slimming(Settings(), WORK, Log()).do(arguments[0])


class Slimming:
    """The making of one slim image, in the folder `work` of its service image."""

    def __init__(self, settings: Settings, work: Path, log: Log) -> None:
        """Take the settings; raise SlimNoService where there is no model."""
        self.settings, self.work, self.log = settings, work, log
        app = Workspace(settings.app_root)
        self.place = build_rootfs.Place(app, settings.home, settings.ca_bundle, settings.slim_base)
        try:
            self.date = identity.version_of(manifest.read(app.model).get("built", ""))
        except ModelMissing as lack:
            raise problems.SlimNoService(missing=f"model ({app.model})") from lack

    def do(self, step: str) -> None:
        """Do one step."""
        {"prepare": self.prepare, "lay": self.lay, "settle": self.settle, "prove": self.prove}[step]()

    def prepare(self) -> None:
        """Find what the service needs, and write the plan of it."""
        settings = self.settings
        build_rootfs.interpreters(self.place)
        _check_keep(settings.keep, self.place.app.venv)
        self.log.step(f"Tracing the service, to leave out what it does not need (S2I_SLIM={settings.slim})")
        made = self._smaller(self._planned())
        words = gpu_advice.sentences(choice.distribution for choice in made.kept)
        self._write(replace(made, notes=(*made.notes, *words)))

    def lay(self) -> None:
        """Lay the tree of the plan, and what asks it."""
        self._lay(self._plan())
        trial_launcher.lay(Tree(self.work / LAUNCHER), self.place.pythons[0])

    def settle(self) -> None:
        """Keep the tree if it answered as it ought to; else lay it again, one level lower."""
        verdict, made = trial_launcher.said(self.work / TRIAL), self._plan()
        if verdict["same"]:
            self.log.step("The slim image answers as it ought to")
            return
        if made.level == slim_levels.OFF:
            raise proof.unproved(verdict, made.level)
        lower = made.lower()
        self.log.step(f"The slim image is not the same service: S2I_SLIM={lower.level} instead of {made.level}")
        for line in proof.told(verdict):
            self.log.line(f"     {line}")
        self._write(lower)
        self._lay(lower)

    def prove(self) -> None:
        """Write what the final image proved, or raise SlimUnproved."""
        verdict, made = trial_launcher.said(self.work / PROOF), self._plan()
        if not verdict["same"]:
            raise proof.unproved(verdict, made.level)
        proof.write(Tree(self.work / PROVED), made, verdict, self.date)
        proof.show(Tree(self.work / ROOT), made, verdict, self.log)

    def _planned(self) -> planner.Plan:
        asked = self.settings
        try:
            return planner.make(asked.app_root, home=asked.home, level=asked.slim, keep=asked.keep, log=self.log)
        except planner.Unproved as unproved:
            first, *rest = unproved.differences
            raise problems.SlimServiceDiffers(difference=first, detail="\n".join(rest)) from unproved

    def _smaller(self, made: planner.Plan) -> planner.Plan:
        """Return the plan without what a tree of it, laid for that alone, can do without."""
        if made.level == slim_levels.OFF:
            return made
        tree = Tree(self.work / ROOT)
        self.log.line("     trying what else can be left out")
        build_rootfs.everything(tree, made, self.place, self.settings.keep)
        made = minimise.run(made, tree.root, self.settings.app_root, home=self.settings.home, log=self.log)
        shutil.rmtree(tree.root)
        return planner.noted(made, planner.python_of(self.settings.app_root))

    def _lay(self, made: planner.Plan) -> None:
        tree = Tree(self.work / ROOT, afresh=True)
        self.log.step("Laying the file system of the slim image")
        build_rootfs.everything(tree, made, self.place, self.settings.keep)
        for sentence in build_rootfs.finish(tree, made, self.place, self.date):
            self.log.note(sentence)

    def _plan(self) -> planner.Plan:
        return planner.from_json((self.work / PLAN).read_text(encoding="utf-8"))

    def _write(self, made: planner.Plan) -> None:
        self.work.mkdir(exist_ok=True)
        (self.work / PLAN).write_text(made.as_json(), encoding="utf-8")


def _check_keep(keep: Sequence[str], venv: Path) -> None:
    held = installed.installed(venv)
    unknown = planner.not_installed(keep, held)
    if unknown:
        raise problems.SlimKeepUnknown(names=", ".join(unknown), known=", ".join(sorted(one.name for one in held)))
