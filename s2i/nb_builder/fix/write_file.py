"""Replaces files atomically."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Replace the file `path` with `text`, keeping its mode and owner; for a link, replace its target.

    Raises OSError, and leaves the file unchanged in that case.
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
            # For a build as root, for example in a container, the file still belongs to the user.
            os.chown(name, old.st_uid, old.st_gid)
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
