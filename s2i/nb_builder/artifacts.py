"""save-artifacts: what the next incremental build may take over, as a tar."""

import tarfile
from pathlib import Path
from typing import BinaryIO

from nb_scorer import layout


def save(app_root: Path, stream: BinaryIO) -> None:
    """Write a tar to `stream` with what this build leaves for the next; an empty one where there is nothing."""
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        for name in (layout.REQUIREMENTS, layout.LOCK):
            path = app_root / layout.BUILD / name
            if path.is_file():
                tar.add(path, arcname=f"{layout.BUILD}/{name}")
