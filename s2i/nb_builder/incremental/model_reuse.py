"""Determines from all inputs of a model whether this build would create the same model as the previous one."""

import json
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nb_scorer
from nb_scorer.common import paths

from nb_builder.common import digests
from nb_builder.common.build_facts import Circumstances, Inputs
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.incremental.artifacts import PreviousBuild
from nb_builder.install.interpreters import Python


def circumstances(python: Python) -> Circumstances:
    """Return the circumstances of a build with this Python."""
    packages = [Path(__file__).parents[1], Path(nb_scorer.__file__).parent]
    code = {
        path.name: digests.digests(path, (str(file.relative_to(path)) for file in path.rglob("*.py")))
        for path in packages
    }
    return Circumstances(
        python=python.full,
        platform="-".join([platform.machine(), *platform.libc_ver()]),
        builder=f"{version('nb-build')}-{digests.fingerprint(code)[:12]}",
    )


class Ingredients:
    """The inputs of a model: script two, the lock, the repository's files before the run, and `extra`."""

    def __init__(self, workspace: Workspace, notebooks: Iterable[Path], **extra: object) -> None:
        """List the repository's files; call it before any cell has run."""
        self.workspace = workspace
        self.notebooks = {str(name) for name in notebooks}
        # Only the last of several notebooks is watched; the others may have read any file.
        self.watched = len(self.notebooks) == 1
        self.states_before = {name: digests.state(workspace.src / name) for name in digests.all_files(workspace.src)}
        self.files_before = set(self.states_before)
        self.extra = extra

    def used(self, states: Mapping[Path, digests.State] | None = None) -> Inputs:
        """Return, after the run, the files read, the files written, and a digest of all inputs.

        `states` are those of files after the author's cells, if later changes have been undone.
        """
        reads = json.loads((self.workspace.build / paths.READS).read_text(encoding="utf-8"))
        reads["complete"] = reads["complete"] and self.watched
        written = sorted(self._written(states or {}))
        names = self._names(reads)
        read = digests.digests(self.workspace.src, names)
        return Inputs(read=read, read_complete=reads["complete"], written=written, recipe=self._recipe(names))

    def difference_from(self, previous: PreviousBuild) -> str:
        """Return "" if the previous build's model has the same inputs, else what differs, as a clause."""
        if previous.facts.get("brought_by_pip"):
            return "the notebook's cells install packages"
        written = previous.facts.get("written")
        if written:
            return f"the notebook writes files ({written[0]}), which are part of its result"
        names = (
            set(previous.facts.get("read", ()))
            if previous.facts.get("read_complete")
            else self.files_before - self.notebooks
        )
        names |= {name for name in self.files_before if name.endswith(".py")}
        if self._recipe(names) != previous.facts.get("recipe"):
            return "cells, parameters, packages, modules or files that it reads have changed"
        return ""

    def _written(self, states: Mapping[Path, digests.State]) -> Iterator[str]:
        """Yield the files that cells have created, changed or removed."""
        files = set(digests.all_files(self.workspace.src))
        yield from files - self.files_before
        for name, before in self.states_before.items():
            # Restoring a file changes its state.
            after = states.get(Path(name)) or (digests.state(self.workspace.src / name) if name in files else None)
            if after != before:
                yield name

    def _names(self, reads: Mapping[str, Any]) -> set[str]:
        """Return the files that the model may depend on; script two represents the notebooks themselves."""
        modules = {name for name in self.files_before if name.endswith(".py")}
        read = set(reads["files"]) & self.files_before if reads["complete"] else self.files_before
        return (modules | read) - self.notebooks

    def _recipe(self, names: Iterable[str]) -> str:
        build = self.workspace.build
        scripts = {path.name: digests.digest(path) for path in build.glob("*model_script*.py")}
        files = digests.digests(self.workspace.src, names)
        lock = digests.digest(build / paths.LOCK)
        return digests.fingerprint({"scripts": scripts, "files": files, "lock": lock, **self.extra})


def take_model(previous: PreviousBuild, workspace: Workspace, log: Log) -> Inputs:
    """Copy the previous model and executed notebook to the workspace; return the model's inputs."""
    previous.take_model(workspace)
    # This build has its own manifest and signature.
    (workspace.model / paths.SIGNATURE).unlink(missing_ok=True)
    for name in (paths.EXECUTED, paths.NOTEBOOK_PAGE, paths.READS):
        file = previous.path(paths.BUILD, name)
        if file.is_file():
            shutil.copyfile(file, workspace.build / name)
    log.detail("the model of the previous build is reused: nothing that it depends on has changed")
    return Inputs(**{field.name: previous.facts[field.name] for field in fields(Inputs)})
