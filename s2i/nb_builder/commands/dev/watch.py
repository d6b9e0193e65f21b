"""Polls a folder to detect which files have changed, once they are complete.

Unlike inotify, polling detects changes on every kind of disk, including those that a container shares with its host.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path

from nb_builder.repository import source_tree

# Scanning takes at most a tenth of the time, however large the folder is.
MIN_PAUSE = 0.15
SHARE = 10
# A file counts as complete when it hasn't changed for this long; editors write large files in several steps.
STEADY_SECONDS = 0.06
# The time to wait for a file that can't be read yet: it may be incomplete, or damaged.
WHOLE_SECONDS = 2.0

# Modification time, size and inode: an editor changes at least one of them when it saves a file.
State = tuple[int, int, int]
Snapshot = Mapping[Path, State]


def snapshot(folder: Path) -> Snapshot:
    """Return {relative path: state} of all files of the repository in `folder`."""
    states = {}
    for name in source_tree.files(folder):
        if is_scratch(name.name):
            continue
        try:
            status = os.stat(folder / name)
        except OSError:
            # Removed since the folder was listed, or a dangling link.
            continue
        states[name] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return states


def is_scratch(name: str) -> bool:
    """Return whether editors and Jupyter use this name for a temporary file next to the file being saved."""
    return (
        name.startswith((".~", ".#", ".goutputstream-"))
        or name.endswith(("~", ".swp", ".swx", ".tmp"))
        or (name.startswith("#") and name.endswith("#"))
        # vim tests write permission with a file of this name.
        or name == "4913"
    )


def changed(before: Snapshot, after: Snapshot) -> set[Path]:
    """Return the files that are new, removed or changed."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


async def saves(folder: Path, is_whole: Callable[[Path], bool], *, seen: Snapshot) -> AsyncIterator[Collection[Path]]:
    """Yield the sets of files changed since `seen`, each once the folder is stable and its files are complete.

    `is_whole` returns whether a file can be read; it is called for at most WHOLE_SECONDS.
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
    """Return a snapshot that stayed the same for STEADY_SECONDS, and whose changed files are complete."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        await asyncio.sleep(STEADY_SECONDS)
        later = await asyncio.to_thread(snapshot, folder)
        if later == now and (time.monotonic() > deadline or are_whole(changed(seen, later))):
            return later
        now = later
