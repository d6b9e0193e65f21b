"""Which files processes open, by the word of the kernel (inotify(7)): code in C tells nobody else.

Only for folders in which few files are opened: the kernel's queue is short, and nobody reads it meanwhile.
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
_EVENT = struct.Struct("iIII")  # watch, what happened, cookie, length of the name
_BUFFER = 1 << 16


@dataclass
class Opened:
    """The files that were opened, once the watch is over; `complete` is False where the kernel lost sight."""

    files: set[str] = field(default_factory=set)
    complete: bool = True


@contextmanager
def watched(folders: Iterable[str]) -> Iterator[Opened]:
    """Watch the files directly in `folders`, by any process, until the end of the block."""
    found = Opened()
    library = ctypes.CDLL(None, use_errno=True)
    queue = library.inotify_init1(_CLOSE_ON_EXEC | os.O_NONBLOCK)
    if queue < 0:
        found.complete = False
        yield found
        return
    try:
        watches = {
            library.inotify_add_watch(queue, os.fsencode(folder), _OPENED | _ONLY_FOLDERS): folder for folder in folders
        }
        found.complete = -1 not in watches
        yield found
        for watch, happened, name in _events(queue):
            if happened & _OVERFLOW:
                found.complete = False
            elif happened & _OPENED and not happened & _IS_FOLDER:
                found.files.add(os.path.join(watches[watch], name))
    finally:
        os.close(queue)


def _events(queue: int) -> Iterator[tuple[int, int, str]]:
    """Yield (watch, what happened, name of the file) for all that is in the queue."""
    while select.select([queue], [], [], 0)[0]:
        data = os.read(queue, _BUFFER)
        place = 0
        while place < len(data):
            watch, happened, _, length = _EVENT.unpack_from(data, place)
            place += _EVENT.size
            yield watch, happened, os.fsdecode(data[place : place + length].rstrip(b"\0"))
            place += length
