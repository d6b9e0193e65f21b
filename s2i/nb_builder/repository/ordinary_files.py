"""Access to the repository files that a build or a check reads itself."""

import os
from pathlib import Path

from nb_builder.common import inside, text_files, visible
from nb_builder.problems.notebooks import FileEncoding, FileRefused


def require(path: Path, top: Path) -> Path:
    """Return `path`, which need not exist; raise FileRefused if it is outside the repository `top` or special.

    Also raises FileRefused for implausibly large files.
    """
    reason = inside.unreadable_reason(path, top)
    if reason:
        raise FileRefused(file=visible.line(os.path.relpath(path, top)), reason=visible.line(reason))
    return path


def is_file(path: Path, top: Path) -> bool:
    """Return whether there is a file; raise FileRefused for what `require` rejects."""
    return os.path.lexists(path) and require(path, top).is_file()


def text(path: Path, top: Path) -> str:
    """Return the text of a file in UTF-8 or UTF-16, without a byte order mark; raise FileRefused or FileEncoding."""
    name = visible.line(os.path.relpath(path, top))
    try:
        return text_files.read(require(path, top))
    except UnicodeDecodeError:
        raise FileEncoding(subject=name, file=name, encoding="UTF-8 or UTF-16") from None
