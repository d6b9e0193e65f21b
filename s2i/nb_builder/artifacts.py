"""What an incremental build has of the one before: saved as a tar, then compared and thrown away.

Only the list of packages is handed on, never packages: an old venv may be another Python's.
"""

import shutil
import tarfile
from pathlib import Path
from typing import BinaryIO

from nb_scorer import layout

from nb_builder import source

# s2i lays what save-artifacts of the image before has written beside the repository.
FOLDER = "artifacts"


def save(app_root: Path, stream: BinaryIO) -> None:
    """Write a tar to `stream` with what this build leaves for the next; an empty one where there is nothing."""
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        for name in (layout.REQUIREMENTS, layout.LOCK):
            path = app_root / layout.BUILD / name
            if path.is_file():
                tar.add(path, arcname=f"{layout.BUILD}/{name}")


def take(src: Path, uploaded: Path = source.UPLOADED) -> list[str] | None:
    """Return the packages of the build before as `name==version`, or None; the artifacts go as far as they may.

    Nothing is touched where `src` is not s2i's own place. The artifacts were written by another version
    of this program: what can't be read counts as not there.
    """
    if src != uploaded:
        return None
    folder = src.with_name(FOLDER)
    try:
        text = (folder / layout.BUILD / layout.LOCK).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = None
    shutil.rmtree(folder, ignore_errors=True)
    return None if text is None else text.splitlines()


def changes(before: list[str], now: list[str]) -> str:
    """Return in one line what has changed between two lists of packages."""
    gone, new = sorted({*before} - {*now}), sorted({*now} - {*before})
    if not gone and not new:
        return "the same packages as in the build before"
    return "since the build before: " + ", ".join([f"- {line}" for line in gone] + [f"+ {line}" for line in new])
