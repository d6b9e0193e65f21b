"""Gives bytecode the date of the build instead of that of its installation, so that two dated builds are the same.

Python writes bytecode where it first imports a module, with the time and the size of its source in the header; it takes
it again only if both still fit. So source and header get the same date.
"""

import os
from pathlib import Path

_HEADER = 16
# Bytes of the header: flags, 0 where time and size of the source count, and both of these.
_FLAGS, _TIME, _SIZE = slice(4, 8), slice(8, 12), slice(12, 16)


def date(folder: Path, seconds: int) -> None:
    """Date all bytecode below `folder` that belongs to the source next to it, and that source.

    A source that is also in a cache of uv's, by a hard link, keeps its date: other environments have it, too.
    """
    for compiled in folder.rglob("__pycache__/*.pyc"):
        source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
        if source.is_symlink() or not source.is_file() or compiled.is_symlink():
            continue
        status = source.stat()
        with compiled.open("r+b") as file:
            header = file.read(_HEADER)
            if status.st_nlink > 1 or not _belongs(header, int(status.st_mtime), status.st_size):
                continue
            file.seek(_TIME.start)
            file.write(_number(seconds))
        os.utime(source, (seconds, seconds))


def _belongs(header: bytes, time: int, size: int) -> bool:
    """Return whether bytecode with this header is of a source with these."""
    return header[_FLAGS] == bytes(4) and (header[_TIME], header[_SIZE]) == (_number(time), _number(size))


def _number(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")
