"""What one build hands to the next: its environment, its model and its report, as a tar by save-artifacts.

s2i runs save-artifacts in the image of the previous build, with that image's own code, and puts the files beside
the repository. So the artifacts may be of another Python, platform or builder; then they are dropped with a note.
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

from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.install.installer import Previous
from nb_builder.repository import source_tree

# s2i unpacks the tar of save-artifacts into this folder beside the repository.
FOLDER = "artifacts"

# One file and not thousands: s2i unpacks the tar on its own machine and packs it again, and loses mtimes.
VENV_ARCHIVE = "venv.tar"

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

    @property
    def installed(self) -> Previous:
        """Return what that build installed, for the installer."""
        resolved = self.facts.get("resolved")
        as_of = resolved.get("as_of") if isinstance(resolved, dict) else None
        return Previous(self.facts.get("asked"), as_of, self.path(paths.BUILD, paths.LOCK))

    def unpack_venv(self, workspace: Workspace) -> None:
        """Move its environment into the workspace, with mtimes, so that bytecode stays valid."""
        shutil.rmtree(workspace.venv, ignore_errors=True)
        archive = self.path(VENV_ARCHIVE)
        subprocess.run(["tar", "-C", workspace.root, "-xf", archive, paths.VENV], check=True)
        archive.unlink()


def save(app_root: Path, stream: BinaryIO) -> None:
    """Write a tar with the artifacts for the next build to `stream`; an empty one if there is no model."""
    with tempfile.TemporaryDirectory() as folder:
        members: list[str | Path] = ["-T", os.devnull]
        if (app_root / paths.MODEL).is_dir():
            _tar(app_root, paths.VENV, target=Path(folder) / VENV_ARCHIVE)
            members = [paths.BUILD, paths.MODEL, "-C", folder, VENV_ARCHIVE]
        subprocess.run(["tar", "-C", app_root, "-cf", "-", *members], stdout=stream, check=True)


def _tar(folder: Path, name: str, *, target: Path) -> None:
    # tar and not tarfile: three times as fast, and every s2i image must have it.
    compressed = ["-I", " ".join(_COMPRESSOR)] if shutil.which(_COMPRESSOR[0]) else []
    subprocess.run(["tar", "-C", folder, *compressed, "-cf", target, name], check=True)


def find(
    src: Path, facts: Mapping[str, object], log: Log, uploaded: Path = source_tree.UPLOADED
) -> PreviousBuild | None:
    """Return the previous build, if s2i brought one that agrees with `facts`; a note says why one is dropped."""
    folder = src.with_name(FOLDER)
    if src != uploaded or not (folder.is_dir() and any(folder.iterdir())):
        return None
    previous = _read(folder)
    difference = "can't be read" if previous is None else _difference(previous.facts, facts)
    if difference:
        log.note(f"the artifacts of the build before are dropped: {difference}.")
        remove(src, uploaded)
        return None
    return previous


def remove(src: Path, uploaded: Path = source_tree.UPLOADED) -> None:
    """Remove what is left of the artifacts, so that the image does not have them twice."""
    if src == uploaded:
        shutil.rmtree(src.with_name(FOLDER), ignore_errors=True)


def _read(folder: Path) -> PreviousBuild | None:
    try:
        facts = json.loads((folder / paths.BUILD / paths.REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = (folder / VENV_ARCHIVE).is_file() and (folder / paths.MODEL).is_dir()
    return PreviousBuild(folder, facts) if isinstance(facts, dict) and complete else None


def _difference(previous: Mapping[str, object], current: Mapping[str, object]) -> str:
    for name, noun in _MUST_AGREE:
        if previous.get(name) != current[name]:
            if name == "builder":
                return f"they are of another {noun}"
            return f"they are of {noun} {previous.get(name)}, and this build has {current[name]}"
    return ""
