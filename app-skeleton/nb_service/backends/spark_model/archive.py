"""Writes the archive as a zip file; equal contents give equal bytes."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import IO

from nb_service.backends.spark_model import layout
from nb_service.backends.spark_model.contents import Contents
from nb_service.export.zip_entries import Forward, entry

# Most of it is libraries, for which the last few percent of compression take most of the time.
LEVEL = 1
AT_ONCE = 1 << 20


def write(contents: Contents, stream: IO[bytes]) -> int:
    """Write the archive; return its size."""
    forward = Forward(stream)
    manifest = json.dumps(contents.manifest(), sort_keys=True, indent=1).encode("ascii") + b"\n"
    with zipfile.ZipFile(forward, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:  # type: ignore[call-overload]
        archive.writestr(entry(layout.MANIFEST, len(manifest)), manifest)
        for name, path in sorted(contents.files.items()):
            _write_file(archive, name, path)
    forward.flush()
    return forward.size


def _write_file(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    with open(path, "rb") as source:
        state = os.fstat(source.fileno())
        with archive.open(entry(name, state.st_size, state.st_mode & 0o100), "w") as sink:
            shutil.copyfileobj(source, sink, AT_ONCE)
