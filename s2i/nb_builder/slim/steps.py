"""The steps that build a slim image, run inside the service image: `prepare`, `lay`, `settle`, `prove`.

Before `settle` and `prove`, stages of s2i/runtime.Dockerfile run the selftest in the new image. `prepare` runs in a
stage of its own, so that files which predictor writes during the trace don't get into the slim image.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nb_scorer.model import manifest
from nb_scorer.model.problems import ModelMissing
from nb_service import identity, model_folder
from nb_service.settings import Settings as ServiceSettings
from nb_service.weights import lock

from nb_builder.common import installed, slim_levels
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.install import gpu_advice
from nb_builder.problems import slim_images
from nb_builder.slim import build_rootfs, trial_launcher
from nb_builder.slim.attest import proof
from nb_builder.slim.plan import minimise, planner
from nb_builder.slim.rootfs.layout import Layout
from nb_builder.slim.tree import Tree

# In the root folder of the service image, in build stages that are discarded.
WORK = Path("/slim")
ROOT, LAUNCHER, PROVED = "root", "launcher", "proved"
PLAN, TRIAL, PROOF = "plan.json", "trial", "proof"
STEPS = ("prepare", "lay", "settle", "prove")


def main(arguments: Sequence[str]) -> None:
    """Run the step that the only argument names; raise SystemExit with the usage for any other arguments."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        raise SystemExit(f"Usage: nb_builder slim {{{'|'.join(STEPS)}}}")
    Slimming(Settings(), WORK, Log()).do(arguments[0])


class Slimming:
    """The steps of one slim image, which store their files in the folder `work` of the service image."""

    def __init__(self, settings: Settings, work: Path, log: Log) -> None:
        """Take the settings; raise SlimNoService if there is no model."""
        self.settings, self.work, self.log = settings, work, log
        self.digests: Mapping[str, str] | None = None
        app = Workspace(settings.app_root)
        self.layout = Layout(app, settings.home, settings.ca_bundle, settings.slim_base)
        try:
            self.date = identity.version_of(manifest.read(app.model).get("built", ""))
        except ModelMissing as error:
            raise slim_images.SlimNoService(missing=f"model ({app.model})") from error

    def do(self, step: str) -> None:
        """Run one of STEPS."""
        {"prepare": self.prepare, "lay": self.lay, "settle": self.settle, "prove": self.prove}[step]()

    def prepare(self) -> None:
        """Determine what the service needs, and write the plan."""
        settings = self.settings
        # Before anything loads the model, which includes the traced service.
        served = ServiceSettings(dict(os.environ))
        model = model_folder.read(self.layout.app.root, served.trust)
        lock.require_none(model, "a slim image")
        self.digests = model.digests
        build_rootfs.interpreters(self.layout)
        _check_keep(settings.keep, self.layout.app.venv)
        self.log.step(f"Tracing the service to find the files that it needs (S2I_SLIM={settings.slim})")
        plan = self._minimise(self._make_plan())
        advice = gpu_advice.sentences(choice.distribution for choice in plan.kept)
        self._write_plan(replace(plan, notes=(*plan.notes, *advice)))

    def lay(self) -> None:
        """Build the tree of the plan, and the launcher that runs its selftest."""
        self._lay(self._read_plan())
        trial_launcher.lay(Tree(self.work / LAUNCHER), self.layout.pythons[0])

    def settle(self) -> None:
        """Keep the tree if its selftest passed; otherwise rebuild it one level lower.

        Raises SlimUnproved if there is no lower level.
        """
        verdict, plan = trial_launcher.read_verdict(self.work / TRIAL), self._read_plan()
        if verdict["same"]:
            self.log.step("The slim image gives the expected responses")
            return
        if plan.level == slim_levels.OFF:
            raise proof.unproved(verdict, plan.level)
        lower = plan.lower()
        self.log.step(f"The slim image differs from the service image: S2I_SLIM={lower.level} instead of {plan.level}")
        for line in proof.failures(verdict):
            self.log.line(f"     {line}")
        self._write_plan(lower)
        self._lay(lower)

    def prove(self) -> None:
        """Write the verification record of the final image; raise SlimUnproved if its selftest failed."""
        verdict, plan = trial_launcher.read_verdict(self.work / PROOF), self._read_plan()
        if not verdict["same"]:
            raise proof.unproved(verdict, plan.level)
        proof.write(Tree(self.work / PROVED), plan, verdict, self.date)
        proof.show(Tree(self.work / ROOT), plan, verdict, self.log)

    def _make_plan(self) -> planner.Plan:
        settings = self.settings
        try:
            return planner.make(
                settings.app_root,
                home=settings.home,
                level=settings.slim,
                keep=settings.keep,
                log=self.log,
                digests=self.digests,
            )
        except planner.Unproved as error:
            first, *rest = error.differences
            raise slim_images.SlimServiceDiffers(difference=first, detail="\n".join(rest)) from error

    def _minimise(self, plan: planner.Plan) -> planner.Plan:
        """Return the plan without the distributions that its service doesn't need, tried in a temporary tree."""
        if plan.level == slim_levels.OFF:
            return plan
        tree = Tree(self.work / ROOT)
        self.log.line("     checking what else can be left out")
        build_rootfs.everything(tree, plan, self.layout, self.settings.keep)
        plan = minimise.run(plan, tree.root, self.settings.app_root, home=self.settings.home, log=self.log)
        shutil.rmtree(tree.root)
        return planner.with_note(plan, planner.python_of(self.settings.app_root))

    def _lay(self, plan: planner.Plan) -> None:
        tree = Tree(self.work / ROOT, clear=True)
        self.log.step("Creating the file system of the slim image")
        build_rootfs.everything(tree, plan, self.layout, self.settings.keep)
        for sentence in build_rootfs.finish(tree, plan, self.layout, self.date):
            self.log.note(sentence)

    def _read_plan(self) -> planner.Plan:
        return planner.from_json((self.work / PLAN).read_text(encoding="utf-8"))

    def _write_plan(self, plan: planner.Plan) -> None:
        self.work.mkdir(exist_ok=True)
        (self.work / PLAN).write_text(plan.as_json(), encoding="utf-8")


def _check_keep(keep: Sequence[str], venv: Path) -> None:
    distributions = installed.installed(venv)
    unknown = planner.not_installed(keep, distributions)
    if unknown:
        known = sorted(distribution.name for distribution in distributions)
        raise slim_images.SlimKeepUnknown(names=", ".join(unknown), known=", ".join(known))
