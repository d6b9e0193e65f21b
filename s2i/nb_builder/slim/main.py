"""The door of slim images, inside of the service image: `prepare`, then `settle`, then `prove`."""

import os
from collections.abc import Sequence
from pathlib import Path

from nb_scorer import manifest
from nb_service import identity

from nb_builder.log import Log
from nb_builder.settings import Settings
from nb_builder.slim import lay
from nb_builder.slim.plan import OFF, Plan
from nb_builder.slim.tree import Tree
from nb_builder.workspace import Workspace

WORK = Path("/slim")


def main(arguments: Sequence[str]) -> None:
    """Do the step that the one argument names."""
    settings = Settings()
    place = lay.Place(Workspace(settings.app_root), settings.home, settings.ca_bundle)
    prepare(place, Log())


def prepare(place: lay.Place, log: Log) -> None:
    """Lay /slim/root."""
    plan = Plan(os.environ.get("S2I_SLIM", OFF), kept=())
    date = identity.version_of(manifest.read(place.app.model).get("built", ""))
    tree = Tree(WORK / "root")
    log.step("Laying")
    lay.everything(tree, plan, place)
    log.step("Finishing")
    lay.finish(tree, plan, place, date)
    log.line(f"{tree.bytes() / 1e6:.1f} MB")
