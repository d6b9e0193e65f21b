"""Copies a stream to disk, for formats that need random access."""

import shutil
import tempfile
from typing import IO, Any

from nb_service import problems

_BLOCK = 1 << 20


def spooled(stream: IO[bytes], name: str) -> Any:
    """Return the rest of a stream as an unnamed file; raise BatchInput if the disk is full."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the input
        shutil.copyfileobj(stream, file, _BLOCK)
        file.seek(0)
    except OSError as error:
        reason = error.strerror or error
        raise problems.BatchInput(name, f"it must be kept in a temporary file to be read: {reason}") from error
    return file
