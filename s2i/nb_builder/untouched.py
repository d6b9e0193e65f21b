"""The repository's files while predictor is asked for proof: what it writes then is no part of the model."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nb_builder.log import Log
from nb_builder.workspace import Workspace

SHOWN = 3
# Compiled modules are welcome: without them each start of the service would compile anew.
_NOT_OURS = {"__pycache__", ".git"}

# What an entry is by: any change of a file's content or mode shows in one of these.
_Look = tuple[int, int, int, int, int]


@contextlib.contextmanager
def files(place: Workspace, log: Log) -> Iterator["Files"]:
    """Yield the Files of a build, and remove their copy at the end."""
    made = Files(place, log)
    try:
        yield made
    finally:
        made.remove()


class Files:
    """The files below `src`; `keep` copies them, `put_back` makes them what they were then."""

    def __init__(self, place: Workspace, log: Log):
        self._src = place.src
        self._build = place.build
        self._log = log
        self._before: dict[Path, _Look] = {}
        self._folders: set[Path] = set()
        self._copy: Path | None = None
        self._full = False

    def keep(self) -> None:
        """Copy the files as they are now, if there is no copy yet; on a full disk say that there is none."""
        if self._copy is not None or self._full:
            return
        self._copy = Path(tempfile.mkdtemp(prefix="src-", dir=self._build))
        try:
            for name, entry in self._entries():
                self._before[name] = _look(entry)
                _copy(entry, self._copy / name)
        except OSError as wrong:
            if wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.remove()
            self._full = True
            self._log.note(
                "the disk has no room for a copy of the repository's files: "
                "what predictor writes into them while it is proved stays there."
            )

    def put_back(self) -> None:
        """Make every file what it was at `keep`, and say which were not."""
        if self._copy is None:
            return
        changed = sorted({*self._remove_new(), *self._restore()})
        if changed:
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            names = ", ".join(map(str, changed[:SHOWN])) + more
            self._log.note(f"predictor writes files when it is called ({names}): they are as the notebook left them.")

    def _remove_new(self) -> Iterator[Path]:
        known = {*self._before, *self._folders}
        for name, entry in list(self._entries()):
            if name not in known:
                entry.unlink()
                yield name
        for folder, inner, _ in os.walk(self._src, topdown=False):
            new = Path(folder).relative_to(self._src) not in self._folders
            if new and Path(folder).name not in _NOT_OURS and not _NOT_OURS & {*inner, *Path(folder).parts}:
                os.rmdir(folder)

    def _restore(self) -> Iterator[Path]:
        for name, before in self._before.items():
            entry = self._src / name
            if os.path.lexists(entry) and _look(entry) == before:
                continue
            entry.parent.mkdir(parents=True, exist_ok=True)
            if entry.is_symlink() or (self._copy / name).is_symlink():
                entry.unlink(missing_ok=True)
            _copy(self._copy / name, entry)
            self._before[name] = _look(entry)
            yield name

    def _entries(self) -> Iterator[tuple[Path, Path]]:
        """Yield the relative name and the path of each file and link; the first time, note the folders."""
        first = not self._folders
        for folder, inner, files in os.walk(self._src):
            inner[:] = [name for name in inner if name not in _NOT_OURS]
            here = Path(folder)
            if first:
                self._folders.add(here.relative_to(self._src))
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
