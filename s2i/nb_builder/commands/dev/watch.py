"""Sees by polling which files of a folder have changed, once they are whole.

Polling and not inotify: it sees saves on every disk, those that a container shares with its host included.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path

from nb_builder.repository import source_tree

# Looking takes at most a tenth of the time, whatever the size of the folder.
MIN_PAUSE = 0.15
SHARE = 10
# A file counts as whole when it has not changed for this long; editors write a large one in several steps.
STEADY_SECONDS = 0.06
# So long a file that its reader can't take yet is waited for: it may be half of one, or really be broken.
WHOLE_SECONDS = 2.0

# Modification, size and inode: what an editor's save changes at least one of.
State = tuple[int, int, int]
Snapshot = Mapping[Path, State]


def snapshot(folder: Path) -> Snapshot:
    """Return the state of each file of the repository in `folder`, by its path relative to it."""
    states = {}
    for name in source_tree.files(folder):
        if is_scratch(name.name):
            continue
        try:
            status = os.stat(folder / name)
        except OSError:
            # Gone since the folder was listed, or a link to nowhere.
            continue
        states[name] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return states


def is_scratch(name: str) -> bool:
    """Return whether editors and Jupyter use this name for a temporary file next to the one that they save."""
    return (
        name.startswith((".~", ".#", ".goutputstream-"))
        or name.endswith(("~", ".swp", ".swx", ".tmp"))
        or (name.startswith("#") and name.endswith("#"))
        # vim tries with this name whether it may write.
        or name == "4913"
    )


def changed(before: Snapshot, after: Snapshot) -> set[Path]:
    """Return the files that are new, gone or different."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


async def saves(folder: Path, is_whole: Callable[[Path], bool], *, seen: Snapshot) -> AsyncIterator[Collection[Path]]:
    """Yield the files that have changed since `seen`, again and again, when what is there is steady and whole.

    `is_whole` says of one of the files whether it can be read; it is asked for WHOLE_SECONDS at most.
    """
    while True:
        began = time.monotonic()
        now = await asyncio.to_thread(snapshot, folder)
        if changed(seen, now):
            now = await _settled(folder, now, lambda names: all(map(is_whole, names)), seen)
            if names := changed(seen, now):
                yield names
            seen = now
            continue
        await asyncio.sleep(max(MIN_PAUSE, SHARE * (time.monotonic() - began)))


async def _settled(
    folder: Path, now: Snapshot, are_whole: Callable[[Collection[Path]], bool], seen: Snapshot
) -> Snapshot:
    """Return a snapshot that stayed the same for STEADY_SECONDS, and whose changed files are whole."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        await asyncio.sleep(STEADY_SECONDS)
        later = await asyncio.to_thread(snapshot, folder)
        if later == now and (time.monotonic() > deadline or are_whole(changed(seen, later))):
            return later
        now = later
