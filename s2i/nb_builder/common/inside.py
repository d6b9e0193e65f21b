"""Determines which paths of an untrusted repository may be read: it may contain symlinks or FIFOs."""

import os
import stat
from pathlib import Path

# Maximum size of a file to read: of notebooks, which contain outputs, and of all others.
_MAX_NOTEBOOK, _MAX_SIZE = 256 << 20, 32 << 20
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special(path: str | Path) -> str:
    """Return a description of a path that is neither a file, a folder nor a link, such as "a FIFO"; "" for others."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "")


def unreadable_reason(path: Path, top: Path) -> str:
    """Return why a path below `top` must not be read, as a clause; "" if it may be read or doesn't exist.

    It may be read if it is a file, or a link to a file below `top`, and not implausibly large.
    """
    resolved = Path(os.path.realpath(path))
    if not resolved.is_relative_to(os.path.realpath(top)):
        return f"it is a link that leads out of the repository, to {resolved}"
    kind = special(resolved)
    return f"it is {kind} and not a file" if kind else _too_large(resolved)


def _too_large(path: Path) -> str:
    try:
        size = os.stat(path).st_size if os.path.isfile(path) else 0
    except (OSError, ValueError):
        return ""
    largest = _MAX_NOTEBOOK if path.suffix == ".ipynb" else _MAX_SIZE
    return f"it is {size >> 20} MB, and the limit is {largest >> 20} MB" if size > largest else ""
