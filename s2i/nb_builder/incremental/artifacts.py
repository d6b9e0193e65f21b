"""What one build hands to the next: its environment, its model and its report, as a tar by save-artifacts.

s2i runs save-artifacts in the image of the build before, by that image's own code, and lays the files beside
the repository. So what arrives may be of another Python, platform or builder: then it is dropped with a note.
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
from nb_builder.install.installer import Before
from nb_builder.repository import source_tree

# s2i lays what save-artifacts has written beside the repository.
FOLDER = "artifacts"

# One file and not thousands: s2i unpacks what it gets on its own machine and packs it again, and loses times.
VENV_ARCHIVE = "venv.tar"

# Compressed where that can be: s2i reads it from a container's output, which engines carry at 30 MB/s or so.
# A third of the bytes for a second's work; tar itself sees, on reading, what an archive is.
_COMPRESSOR = ("zstd", "-1", "-T0")

# Facts of the report that must be equal, with the words for what differs.
_MUST_AGREE = (("python", "Python"), ("platform", "platform"), ("builder", "version of nb-builder"))


class Earlier:
    """The build before: its folder, and the facts of its report."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Take what `find` has found."""
        self.folder = folder
        self.facts = facts

    def path(self, *names: str) -> Path:
        """Return the path of one of its files."""
        return self.folder.joinpath(*names)

    @property
    def installed(self) -> Before:
        """Return what it had installed, for the installer."""
        resolved = self.facts.get("resolved")
        as_of = resolved.get("as_of") if isinstance(resolved, dict) else None
        return Before(self.facts.get("asked"), as_of, self.path(paths.BUILD, paths.LOCK))

    def unpack_venv(self, place: Workspace) -> None:
        """Put its environment into its place, times of files included: bytecode stays good."""
        shutil.rmtree(place.venv, ignore_errors=True)
        archive = self.path(VENV_ARCHIVE)
        subprocess.run(["tar", "-C", place.root, "-xf", archive, paths.VENV], check=True)
        archive.unlink()


def save(app_root: Path, stream: BinaryIO) -> None:
    """Write a tar to `stream` with what this build leaves for the next; an empty one where there is nothing."""
    with tempfile.TemporaryDirectory() as folder:
        what: list[str | Path] = ["-T", os.devnull]
        if (app_root / paths.MODEL).is_dir():
            _tar(app_root, paths.VENV, target=Path(folder) / VENV_ARCHIVE)
            what = [paths.BUILD, paths.MODEL, "-C", folder, VENV_ARCHIVE]
        subprocess.run(["tar", "-C", app_root, "-cf", "-", *what], stdout=stream, check=True)


def _tar(folder: Path, name: str, *, target: Path) -> None:
    # tar itself and not Python's: three times as fast, and an s2i image has it by contract.
    compressed = ["-I", " ".join(_COMPRESSOR)] if shutil.which(_COMPRESSOR[0]) else []
    subprocess.run(["tar", "-C", folder, *compressed, "-cf", target, name], check=True)


def find(src: Path, facts: Mapping[str, object], log: Log, uploaded: Path = source_tree.UPLOADED) -> Earlier | None:
    """Return the build before, if s2i brought one that fits `facts`; a note says why one is dropped."""
    folder = src.with_name(FOLDER)
    if src != uploaded or not (folder.is_dir() and any(folder.iterdir())):
        return None
    earlier = _read(folder)
    differing = "can't be read" if earlier is None else _differing(earlier.facts, facts)
    if differing:
        log.note(f"the artifacts of the build before are dropped: {differing}.")
        remove(src, uploaded)
        return None
    return earlier


def remove(src: Path, uploaded: Path = source_tree.UPLOADED) -> None:
    """Remove what is left of the artifacts, so that they are not in the image twice."""
    if src == uploaded:
        shutil.rmtree(src.with_name(FOLDER), ignore_errors=True)


def _read(folder: Path) -> Earlier | None:
    try:
        facts = json.loads((folder / paths.BUILD / paths.REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = (folder / VENV_ARCHIVE).is_file() and (folder / paths.MODEL).is_dir()
    return Earlier(folder, facts) if isinstance(facts, dict) and complete else None


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    for name, words in _MUST_AGREE:
        if before.get(name) != now[name]:
            if name == "builder":
                return f"they are of another {words}"
            return f"they are of {words} {before.get(name)}, and this build has {now[name]}"
    return ""
