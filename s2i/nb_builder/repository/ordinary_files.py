"""The door to the files of a repository that a build or a check reads itself."""

import os
from pathlib import Path

from nb_builder.common import inside, text_files, visible
from nb_builder.problems.notebooks import FileEncoding, FileRefused

# What is read at once, notebooks with their outputs included.
MAX_SIZE = 256 << 20


def require(path: Path, top: Path) -> Path:
    """Return `path`, which need not exist; raise FileRefused if it leads out of the repository `top` or is special.

    So it does for a file that nobody has written by hand, nor with Jupyter.
    """
    reason = inside.refusal(path, top) or _too_large(path)
    if reason:
        raise FileRefused(file=visible.line(os.path.relpath(path, top)), reason=visible.line(reason))
    return path


def _too_large(path: Path) -> str:
    try:
        size = os.stat(path).st_size if path.is_file() else 0
    except (OSError, ValueError):
        return ""
    return f"it has {size >> 20} MB, and {MAX_SIZE >> 20} at most are read" if size > MAX_SIZE else ""


def is_file(path: Path, top: Path) -> bool:
    """Return whether there is a file; raise FileRefused for what `require` refuses."""
    return os.path.lexists(path) and require(path, top).is_file()


def text(path: Path, top: Path) -> str:
    """Return the text of a file in UTF-8 or UTF-16, without a byte order mark; raise FileRefused or FileEncoding."""
    name = visible.line(os.path.relpath(path, top))
    try:
        return text_files.read(require(path, top))
    except UnicodeDecodeError:
        raise FileEncoding(subject=name, file=name, encoding="UTF-8 or UTF-16") from None
