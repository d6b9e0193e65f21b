"""The artifacts that one build passes to the next: its environment, model and report, as a tar from save-artifacts.

s2i runs save-artifacts in the image of the previous build, with that image's own code, and puts the files next to the
repository. So the artifacts may be from another Python, platform or builder; they are then dropped with a note.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nb_scorer.common import paths

from nb_builder.common.build_facts import Circumstances
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.install import venv
from nb_builder.install.installer import Previous
from nb_builder.repository import source_tree

# s2i unpacks the tar of save-artifacts to this folder next to the repository.
FOLDER = "artifacts"

# One file instead of thousands, because s2i unpacks the tar on its own machine, packs it again, and loses mtimes.
VENV_ARCHIVE = "venv.tar"

# The interpreters that the previous build downloaded, to which its environment links.
PYTHON_ARCHIVE = "python.tar"

# A copy of the other build's environment, ready to become that of the next build.
COPY = "venv.next"

# Compressed if zstd is installed: s2i reads the tar from a container's output, at about 30 MB/s. Compression takes
# about a second and leaves a third of the bytes; on reading, tar itself detects the format.
_COMPRESSOR = ("zstd", "-1", "-T0")

# Facts of the report that must be equal, each with a noun for messages.
_MUST_AGREE = (("python", "Python"), ("platform", "platform"), ("builder", "version of nb-builder"))


class PreviousBuild:
    """The previous build: the folder with its artifacts, and the facts of its report."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Take the artifacts' folder and the report's facts."""
        self.folder = folder
        self.facts = facts

    def path(self, *names: str) -> Path:
        """Return the path of one of the artifacts."""
        return self.folder.joinpath(*names)

    # Whether only builds can have changed its environment; artifacts have been outside their control.
    is_ours = False

    @property
    def installed(self) -> Previous:
        """Return what that build installed, for the installer."""
        resolved = self.facts.get("resolved")
        as_of = resolved.get("as_of") if isinstance(resolved, dict) else None
        is_exact = self.is_ours and self.facts.get("as_locked") is True
        return Previous(self.facts.get("asked"), as_of, self.path(paths.BUILD, paths.LOCK), is_exact)

    def unpack_venv(self, workspace: Workspace) -> None:
        """Move that build's environment to the workspace, keeping mtimes, so that bytecode stays valid."""
        shutil.rmtree(workspace.venv, ignore_errors=True)
        archive = self.path(VENV_ARCHIVE)
        subprocess.run(["tar", "-C", workspace.root, "-xf", archive, paths.VENV], check=True)
        archive.unlink()

    def take_model(self, workspace: Workspace) -> None:
        """Move its model to the workspace."""
        shutil.move(self.path(paths.MODEL), workspace.model)


class ServedBuild(PreviousBuild):
    """A previous build in another APP_ROOT, which is still being served: nothing of it is moved."""

    is_ours = True

    def unpack_venv(self, workspace: Workspace) -> None:
        """Move the copy of its environment that `prepare` made to the workspace, or make one."""
        try:
            (workspace.root / COPY).rename(workspace.venv)
        except FileNotFoundError:
            venv.copy(self.path(paths.VENV), workspace.venv)

    def take_model(self, workspace: Workspace) -> None:
        """Copy its model to the workspace."""
        shutil.copytree(self.path(paths.MODEL), workspace.model)


def prepare(app_root: Path, previous: Path | None) -> None:
    """Prepare a build under `app_root` in advance: empty it, and copy the environment of `previous`.

    `app_root` must not be in use by a service, and `previous` must not change until then.
    """
    scratch = app_root / f"{COPY}.part"
    for folder in (scratch, app_root / COPY, app_root / paths.VENV, app_root / paths.MODEL):
        shutil.rmtree(folder, ignore_errors=True)
    if previous is not None:
        venv.copy(previous / paths.VENV, scratch, app_root / paths.VENV)
        scratch.rename(app_root / COPY)


def save(app_root: Path, stream: BinaryIO) -> None:
    """Write a tar with the artifacts for the next build to `stream`; an empty one if there is no model."""
    with tempfile.TemporaryDirectory() as folder:
        members: list[str | Path] = ["-T", os.devnull]
        if (app_root / paths.MODEL).is_dir():
            _tar(app_root, paths.VENV, target=Path(folder) / VENV_ARCHIVE)
            members = [paths.BUILD, paths.MODEL, "-C", folder, VENV_ARCHIVE]
            if (app_root / paths.PYTHONS).is_dir():
                _tar(app_root, paths.PYTHONS, target=Path(folder) / PYTHON_ARCHIVE)
                members.append(PYTHON_ARCHIVE)
        subprocess.run(["tar", "-C", app_root, "-cf", "-", *members], stdout=stream, check=True)


def restore_pythons(src: Path, app_root: Path, uploaded: Path = source_tree.UPLOADED) -> None:
    """Unpack the interpreters that the previous build downloaded, so that this one needs no mirror for them.

    An archive that can't be unpacked is ignored: the build then downloads what it needs.
    """
    archive = src.with_name(FOLDER) / PYTHON_ARCHIVE
    pythons = app_root / paths.PYTHONS
    if src != uploaded or pythons.exists() or not archive.is_file():
        return
    command: list[str | Path] = ["tar", "-C", app_root, "-xf", archive, paths.PYTHONS]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        shutil.rmtree(pythons, ignore_errors=True)


def _tar(folder: Path, name: str, *, target: Path) -> None:
    # tar instead of tarfile: three times as fast, and every s2i image must have it.
    compressed = ["-I", " ".join(_COMPRESSOR)] if shutil.which(_COMPRESSOR[0]) else []
    subprocess.run(["tar", "-C", folder, *compressed, "-cf", target, name], check=True)


def find(
    src: Path, circumstances: Circumstances, log: Log, uploaded: Path = source_tree.UPLOADED
) -> PreviousBuild | None:
    """Return the previous build if s2i provides one with the same circumstances; a note reports why one is dropped."""
    folder = src.with_name(FOLDER)
    if src != uploaded or not (folder.is_dir() and any(folder.iterdir())):
        return None
    previous = _read(folder)
    difference = "can't be read" if previous is None else _difference(previous.facts, circumstances)
    if difference:
        log.note(f"results of the previous build can't be reused: {difference}.")
        remove(src, uploaded)
        return None
    return previous


def find_served(app_root: Path, circumstances: Circumstances, log: Log) -> PreviousBuild | None:
    """Return the build in another APP_ROOT if it is complete and its circumstances are equal; note any difference."""
    previous = _facts(app_root)
    if previous is None or not all((app_root / name).is_dir() for name in (paths.VENV, paths.MODEL)):
        return None
    if difference := _difference(previous, circumstances):
        log.note(f"results of the previous build can't be reused: {difference}.")
        return None
    return ServedBuild(app_root, previous)


def remove(src: Path, uploaded: Path = source_tree.UPLOADED) -> None:
    """Remove the remaining artifacts, so that the image doesn't contain them twice."""
    if src == uploaded:
        shutil.rmtree(src.with_name(FOLDER), ignore_errors=True)


def _read(folder: Path) -> PreviousBuild | None:
    facts = _facts(folder)
    complete = (folder / VENV_ARCHIVE).is_file() and (folder / paths.MODEL).is_dir()
    return PreviousBuild(folder, facts) if facts is not None and complete else None


def _facts(folder: Path) -> dict | None:
    """Return the facts in the report of the build in `folder`, or None if it can't be read."""
    try:
        facts = json.loads((folder / paths.BUILD / paths.REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _difference(previous: Mapping[str, object], current: Circumstances) -> str:
    for name, noun in _MUST_AGREE:
        before, now = previous.get(name), getattr(current, name)
        if before != now:
            if name == "builder":
                return f"they belong to another {noun}"
            return f"they belong to {noun} {before}, and this build has {now}"
    return ""
