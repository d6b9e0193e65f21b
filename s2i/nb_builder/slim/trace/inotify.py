"""Records which files processes open, as the kernel reports it (inotify(7)): opening in C code raises no audit event.

Suitable only for folders in which few files are opened, because the kernel's queue is short, and is not read until the
end.
"""

import ctypes
import os
import select
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_OPENED, _OVERFLOW, _ONLY_FOLDERS, _IS_FOLDER = 0x20, 0x4000, 0x01000000, 0x40000000
_CLOSE_ON_EXEC = 0o2000000
_EVENT = struct.Struct("iIII")  # struct inotify_event: watch, mask, cookie, length of the name
_BUFFER = 1 << 16


@dataclass
class Opened:
    """The files that were opened, filled when the watch ends; `complete` is False if some may be missing."""

    files: set[str] = field(default_factory=set)
    complete: bool = True


@contextmanager
def watched(folders: Iterable[str]) -> Iterator[Opened]:
    """Watch which files directly in `folders` any process opens, until the end of the block."""
    opened = Opened()
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(_CLOSE_ON_EXEC | os.O_NONBLOCK)
    if queue < 0:
        opened.complete = False
        yield opened
        return
    try:
        watches = {
            libc.inotify_add_watch(queue, os.fsencode(folder), _OPENED | _ONLY_FOLDERS): folder for folder in folders
        }
        opened.complete = -1 not in watches
        yield opened
        for watch, mask, name in _events(queue):
            if mask & _OVERFLOW:
                opened.complete = False
            elif mask & _OPENED and not mask & _IS_FOLDER:
                opened.files.add(os.path.join(watches[watch], name))
    finally:
        os.close(queue)


def _events(queue: int) -> Iterator[tuple[int, int, str]]:
    """Yield (watch, mask, name of the file) for every event in the queue."""
    while select.select([queue], [], [], 0)[0]:
        data = os.read(queue, _BUFFER)
        offset = 0
        while offset < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            yield watch, mask, os.fsdecode(data[offset : offset + length].rstrip(b"\0"))
            offset += length
