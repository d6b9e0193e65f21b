"""Whether the model of the build before would come out again: by all that it was made of."""

import json
import platform
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nb_scorer
from nb_scorer.common import paths

from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.incremental.artifacts import Earlier
from nb_builder.install.interpreters import Python


def circumstances(python: Python) -> dict[str, str]:
    """Return what must agree before anything of an earlier build is used: Python, platform, builder."""
    ours = [Path(__file__).parents[1], Path(nb_scorer.__file__).parent]
    code = {
        path.name: digests.digests(path, (str(file.relative_to(path)) for file in path.rglob("*.py"))) for path in ours
    }
    return {
        "python": python.full,
        "platform": "-".join([platform.machine(), *platform.libc_ver()]),
        "builder": f"{version('nb-builder')}-{digests.fingerprint(code)[:12]}",
    }


class Ingredients:
    """What a model is made of: script two, the lock, the repository's files before the run, the tolerance."""

    def __init__(self, place: Workspace, notebooks: Iterable[Path], **more: object) -> None:
        """Look at the repository as it is before any cell has run."""
        self.place = place
        self.notebooks = {str(name) for name in notebooks}
        # Only the last of several notebooks is watched, so that the others may have read anything.
        self.watched = len(self.notebooks) == 1
        self.before = set(digests.all_files(place.src))
        self.more = more

    def facts(self) -> dict[str, object]:
        """Return, after the run, the facts for the report: what was read, what was written, and the recipe."""
        reads = json.loads((self.place.build / paths.READS).read_text(encoding="utf-8"))
        reads["complete"] = reads["complete"] and self.watched
        written = sorted(set(digests.all_files(self.place.src)) - self.before)
        names = self._names(reads)
        return {
            "read": digests.digests(self.place.src, names),
            "read_complete": reads["complete"],
            "written": written,
            "recipe": self._recipe(names),
        }

    def same_as(self, earlier: Earlier) -> str:
        """Return "" if the earlier build's model is made of the same, else what is not."""
        if earlier.facts.get("brought_by_pip"):
            return "the notebook's cells install packages"
        written = earlier.facts.get("written")
        if written:
            return f"the notebook writes files ({written[0]}), and they are part of its result"
        names = (
            set(earlier.facts.get("read", ())) if earlier.facts.get("read_complete") else self.before - self.notebooks
        )
        names |= {name for name in self.before if name.endswith(".py")}
        if self._recipe(names) != earlier.facts.get("recipe"):
            return "cells, parameters, packages, modules or files that it reads have changed"
        return ""

    def _names(self, reads: Mapping[str, Any]) -> set[str]:
        """Return the files that the model may depend on; the notebooks' own cells count by script two."""
        modules = {name for name in self.before if name.endswith(".py")}
        read = set(reads["files"]) & self.before if reads["complete"] else self.before
        return (modules | read) - self.notebooks

    def _recipe(self, names: Iterable[str]) -> str:
        build = self.place.build
        scripts = {path.name: digests.digest(path) for path in build.glob("*model_script*.py")}
        files = digests.digests(self.place.src, names)
        lock = digests.digest(build / paths.LOCK)
        return digests.fingerprint({"scripts": scripts, "files": files, "lock": lock, **self.more})


def take_model(earlier: Earlier, place: Workspace, log: Log) -> dict[str, object]:
    """Put the earlier model and its executed notebook into their places; return its facts for the report."""
    shutil.move(earlier.path(paths.MODEL), place.model)
    for name in (paths.EXECUTED, paths.NOTEBOOK_PAGE, paths.READS):
        kept = earlier.path(paths.BUILD, name)
        if kept.is_file():
            shutil.copyfile(kept, place.build / name)
    log.line("     the model is taken over from the build before: nothing that it is made of has changed")
    return {
        name: earlier.facts[name] for name in ("read", "read_complete", "written", "recipe") if name in earlier.facts
    }
