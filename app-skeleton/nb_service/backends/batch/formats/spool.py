"""A stream kept on disk, for formats that are read from their end, or to and fro."""

import shutil
import tempfile
from typing import IO, Any

from nb_service import problems

_BLOCK = 1 << 20


def spooled(stream: IO[bytes], name: str) -> Any:
    """Return the rest of a stream as a file that has no name; raise BatchInput where it has no room."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the input
        shutil.copyfileobj(stream, file, _BLOCK)
        file.seek(0)
    except OSError as error:
        reason = error.strerror or error
        raise problems.BatchInput(name, f"it must be kept in a temporary file to be read: {reason}") from error
    return file
