"""Puts a new file in the place of an old one, whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write `text` in the place of the file `path`, with its mode and owner; of a link, in the place of its target.

    Raises OSError, and leaves the file as it was then.
    """
    target = path.resolve()
    old = target.stat()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, old.st_mode & 0o7777)
        with suppress(PermissionError):
            # As root, in a container for instance, the file stays the user's.
            os.chown(name, old.st_uid, old.st_gid)
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
