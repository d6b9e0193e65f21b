"""Sets the timestamps of bytecode to the build date, so that dated builds are reproducible.

Python writes bytecode when it first imports a module, with the time and size of its source in the header, and reuses it
only if both still match. So source and header get the same date.
"""

import os
from pathlib import Path

_HEADER = 16
# Bytes of the header: flags (0 if time and size of the source are checked), time and size.
_FLAGS, _TIME, _SIZE = slice(4, 8), slice(8, 12), slice(12, 16)


def date(folder: Path, seconds: int) -> None:
    """Set the date of all bytecode below `folder` that matches the source next to it, and of that source.

    A source with a hard link in a uv cache keeps its date, because other environments share it.
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
    """Return whether this bytecode header matches a source with this time and size."""
    return header[_FLAGS] == bytes(4) and (header[_TIME], header[_SIZE]) == (_number(time), _number(size))


def _number(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")
