"""The door of slim images, inside of the service image: `prepare`, `lay`, `settle`, `prove`.

Before `settle` and `prove`, stages of s2i/runtime.Dockerfile let the image that was laid test itself. `prepare` runs in
a stage of its own: what predictor writes while it is asked is not in the image from which the others lay.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nb_scorer import manifest
from nb_scorer.model_problems import ModelMissing
from nb_service import identity

from nb_builder import gpu_libraries
from nb_builder.log import Log
from nb_builder.settings import Settings
from nb_builder.slim import distributions, launcher, lay, levels, minimise, plan, problems, proof
from nb_builder.slim.tree import Tree
from nb_builder.workspace import Workspace

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

    def __init__(self, settings: Settings, work: Path, log: Log):
        """Take the settings; raise SlimNoService where there is no model."""
        self.settings, self.work, self.log = settings, work, log
        app = Workspace(settings.app_root)
        self.place = lay.Place(app, settings.home, settings.ca_bundle, settings.slim_base)
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
        lay.interpreters(self.place)
        _check_keep(settings.keep, self.place.app.venv)
        self.log.step(f"Tracing the service, to leave out what it does not need (S2I_SLIM={settings.slim})")
        made = self._smaller(self._planned())
        words = gpu_libraries.sentences(choice.distribution for choice in made.kept)
        self._write(replace(made, notes=(*made.notes, *words)))

    def lay(self) -> None:
        """Lay the tree of the plan, and what asks it."""
        self._lay(self._plan())
        launcher.lay(Tree(self.work / LAUNCHER), self.place.pythons[0])

    def settle(self) -> None:
        """Keep the tree if it answered as it ought to; else lay it again, one level lower."""
        verdict, made = launcher.said(self.work / TRIAL), self._plan()
        if verdict["same"]:
            self.log.step("The slim image answers as it ought to")
            return
        if made.level == levels.OFF:
            raise proof.unproved(verdict, made.level)
        lower = made.lower()
        self.log.step(f"The slim image is not the same service: S2I_SLIM={lower.level} instead of {made.level}")
        for line in proof.told(verdict):
            self.log.line(f"     {line}")
        self._write(lower)
        self._lay(lower)

    def prove(self) -> None:
        """Write what the final image proved, or raise SlimUnproved."""
        verdict, made = launcher.said(self.work / PROOF), self._plan()
        if not verdict["same"]:
            raise proof.unproved(verdict, made.level)
        proof.write(Tree(self.work / PROVED), made, verdict, self.date)
        proof.show(Tree(self.work / ROOT), made, verdict, self.log)

    def _planned(self) -> plan.Plan:
        asked = self.settings
        try:
            return plan.make(asked.app_root, home=asked.home, level=asked.slim, keep=asked.keep, log=self.log)
        except plan.Unproved as unproved:
            first, *rest = unproved.differences
            raise problems.SlimServiceDiffers(difference=first, detail="\n".join(rest)) from unproved

    def _smaller(self, made: plan.Plan) -> plan.Plan:
        """Return the plan without what a tree of it, laid for that alone, can do without."""
        if made.level == levels.OFF:
            return made
        tree = Tree(self.work / ROOT)
        self.log.line("     trying what else can be left out")
        lay.everything(tree, made, self.place, self.settings.keep)
        made = minimise.run(made, tree.root, self.settings.app_root, home=self.settings.home, log=self.log)
        shutil.rmtree(tree.root)
        return plan.noted(made, plan.python_of(self.settings.app_root))

    def _lay(self, made: plan.Plan) -> None:
        tree = Tree(self.work / ROOT, afresh=True)
        self.log.step("Laying the file system of the slim image")
        lay.everything(tree, made, self.place, self.settings.keep)
        for sentence in lay.finish(tree, made, self.place, self.date):
            self.log.note(sentence)

    def _plan(self) -> plan.Plan:
        return plan.from_json((self.work / PLAN).read_text(encoding="utf-8"))

    def _write(self, made: plan.Plan) -> None:
        self.work.mkdir(exist_ok=True)
        (self.work / PLAN).write_text(made.as_json(), encoding="utf-8")


def _check_keep(keep: Sequence[str], venv: Path) -> None:
    held = distributions.installed(venv)
    unknown = plan.not_installed(keep, held)
    if unknown:
        raise problems.SlimKeepUnknown(names=", ".join(unknown), known=", ".join(sorted(one.name for one in held)))
