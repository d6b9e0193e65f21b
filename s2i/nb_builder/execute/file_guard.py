"""The repository's files while predictor is asked for proof: what it writes then is no part of the model."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace

SHOWN = 3
ROOM = 2
# Compiled modules are welcome: without them each start of the service would compile anew.
_NOT_OURS = {"__pycache__", ".git"}

# What an entry is by: any change of a file's content or mode shows in one of these.
_Look = tuple[int, int, int, int, int]


@contextlib.contextmanager
def files(place: Workspace, log: Log) -> Iterator["Files"]:
    """Yield the Files of a build; at the end, however it comes, put them back and remove their copy."""
    made = Files(place, log)
    try:
        yield made
    finally:
        made.put_back()
        made.remove()


class Files:
    """The files below `src`; `keep` copies them, `put_back` makes them what they were then."""

    def __init__(self, place: Workspace, log: Log) -> None:
        self._src = place.src
        self._build = place.build
        self._log = log
        self._before: dict[Path, _Look] = {}
        self._known: set[Path] = set()
        self._folders: set[Path] = set()
        self._copy: Path | None = None
        self._full = False

    def keep(self) -> None:
        """Copy the files as they are now, if there is no copy yet; on a full disk say that there is none."""
        if self._copy is not None or self._full:
            return
        copy = Path(tempfile.mkdtemp(prefix="src-", dir=self._build))
        try:
            self._take(copy)
            # Only now: of half a copy nothing may be put back.
            self._copy = copy
        except OSError as wrong:
            if wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._full = True
            self._log.note(
                "the disk has no room for a copy of the repository's files: "
                "what predictor writes into them while it is proved stays there."
            )

        finally:
            if self._copy is None:
                shutil.rmtree(copy, ignore_errors=True)

    def _take(self, copy: Path) -> None:
        entries = list(self._entries(self._folders.add))
        size = sum(entry.lstat().st_size for _, entry in entries)
        # The model needs room as well, and goes before.
        if shutil.disk_usage(self._build).free < ROOM * size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(copy))
        for name, entry in entries:
            self._known.add(name)
            # Not ours to read, or gone meanwhile: a process that a cell has started may still be at work.
            with contextlib.suppress(PermissionError, FileNotFoundError):
                look = _look(entry)
                _copy(entry, copy / name)
                self._before[name] = look

    def put_back(self) -> None:
        """Make every file what it was at `keep`, and say which were not."""
        if self._copy is None:
            return
        changed = sorted({*self._remove_new(), *self._restore(self._copy)})
        if changed:
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            names = ", ".join(map(str, changed[:SHOWN])) + more
            self._log.note(f"predictor writes files when it is called ({names}): they are as the notebook left them.")

    def _remove_new(self) -> Iterator[Path]:
        folders: set[Path] = set()
        for name, entry in list(self._entries(folders.add)):
            if name not in self._known:
                entry.unlink()
                yield name
        for folder in sorted(folders - self._folders, reverse=True):
            # One that has compiled modules in it stays.
            with contextlib.suppress(OSError):
                (self._src / folder).rmdir()

    def _restore(self, copy: Path) -> Iterator[Path]:
        for folder in self._folders:
            (self._src / folder).mkdir(parents=True, exist_ok=True)
        for name, before in self._before.items():
            entry = self._src / name
            if os.path.lexists(entry) and _look(entry) == before:
                continue
            if entry.is_symlink() or (copy / name).is_symlink():
                entry.unlink(missing_ok=True)
            _copy(copy / name, entry)
            self._before[name] = _look(entry)
            yield name

    def _entries(self, see_folder: Callable[[Path], None]) -> Iterator[tuple[Path, Path]]:
        """Yield the relative name and the path of each file and link; `see_folder` gets the name of each folder."""
        for folder, inner, files in os.walk(self._src):
            inner[:] = [name for name in inner if name not in _NOT_OURS]
            here = Path(folder)
            see_folder(here.relative_to(self._src))
            for name in [*files, *(name for name in inner if (here / name).is_symlink())]:
                mode = (here / name).lstat().st_mode
                if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                    yield (here / name).relative_to(self._src), here / name

    def remove(self) -> None:
        """Remove the copy; nothing can be put back from now on."""
        if self._copy is not None:
            shutil.rmtree(self._copy, ignore_errors=True)
            self._copy = None


def _look(entry: Path) -> _Look:
    now = entry.lstat()
    return now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a link, with its mode, and its times where this user may set them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
        return
    shutil.copyfile(source, target)
    # A file of another user, which a build under a foreign UID may write and not own.
    with contextlib.suppress(PermissionError):
        shutil.copystat(source, target)
