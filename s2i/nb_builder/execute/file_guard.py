"""Protects the repository's files while predictor is called for verification, by undoing its writes."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nb_scorer.common import phrases

from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace

SHOWN_FILES = 3
# Required free disk space as a multiple of the copied bytes: the model must still fit next to the copy.
HEADROOM = 2
# Bytecode may stay: otherwise each start of the service would compile the modules again.
_NOT_OURS = {"__pycache__", ".git"}


@contextlib.contextmanager
def files(workspace: Workspace, log: Log) -> Iterator["Files"]:
    """Yield the Files of a build; when the block exits, even with an error, restore them and remove the copy."""
    guard = Files(workspace, log)
    try:
        yield guard
    finally:
        guard.put_back()
        guard.remove()


class Files:
    """The files below `src`; `keep` copies them, `put_back` restores the copied state."""

    def __init__(self, workspace: Workspace, log: Log) -> None:
        self._src = workspace.src
        self._build = workspace.build
        self._log = log
        self._states: dict[Path, digests.State] = {}
        # As `keep` found them; `put_back` changes the state of files.
        self.states_at_keep: dict[Path, digests.State] = {}
        self._known: set[Path] = set()
        self._folders: set[Path] = set()
        self._copy: Path | None = None
        self._disk_full = False

    def keep(self) -> None:
        """Copy the files if there is no copy yet; if the disk is full, log a note instead."""
        if self._copy is not None or self._disk_full:
            return
        copy = Path(tempfile.mkdtemp(prefix="src-", dir=self._build))
        try:
            self._copy_all(copy)
            # Set only now, because an incomplete copy must never be restored.
            self._copy = copy
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._disk_full = True
            self._log.note(
                "the disk is too full for a copy of the repository's files, "
                "so changes that predictor makes to them during verification stay."
            )

        finally:
            if self._copy is None:
                shutil.rmtree(copy, ignore_errors=True)

    def _copy_all(self, copy: Path) -> None:
        entries = list(self._entries(self._folders.add))
        size = sum(entry.lstat().st_size for _, entry in entries)
        # The model needs space as well, and is more important than this copy.
        if shutil.disk_usage(self._build).free < HEADROOM * size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(copy))
        for name, entry in entries:
            self._known.add(name)
            # Not readable, or removed: a process started by a cell may still be changing files.
            with contextlib.suppress(PermissionError, FileNotFoundError):
                state = digests.state(entry)
                _copy(entry, copy / name)
                self._states[name] = self.states_at_keep[name] = state

    def put_back(self) -> None:
        """Restore every file to its state at `keep`, and log which had changed."""
        if self._copy is None:
            return
        changed = sorted({*self._remove_new(), *self._restore(self._copy)})
        if changed:
            names = phrases.listed(changed, SHOWN_FILES)
            self._log.note(
                f"predictor writes files when it is called ({names}). The service starts with the content that "
                "the notebook left."
            )

    def _remove_new(self) -> Iterator[Path]:
        folders: set[Path] = set()
        for name, entry in list(self._entries(folders.add)):
            if name not in self._known:
                entry.unlink()
                yield name
        for folder in sorted(folders - self._folders, reverse=True):
            # rmdir fails if the folder still contains bytecode, which stays.
            with contextlib.suppress(OSError):
                (self._src / folder).rmdir()

    def _restore(self, copy: Path) -> Iterator[Path]:
        for folder in self._folders:
            (self._src / folder).mkdir(parents=True, exist_ok=True)
        for name, state in self._states.items():
            entry = self._src / name
            if os.path.lexists(entry) and digests.state(entry) == state:
                continue
            if entry.is_symlink() or (copy / name).is_symlink():
                entry.unlink(missing_ok=True)
            _copy(copy / name, entry)
            self._states[name] = digests.state(entry)
            yield name

    def _entries(self, on_folder: Callable[[Path], None]) -> Iterator[tuple[Path, Path]]:
        """Yield the relative name and path of each file and link; call `on_folder` with the name of each folder."""
        for folder, subfolders, files in os.walk(self._src):
            subfolders[:] = [name for name in subfolders if name not in _NOT_OURS]
            parent = Path(folder)
            on_folder(parent.relative_to(self._src))
            for name in [*files, *(name for name in subfolders if (parent / name).is_symlink())]:
                mode = (parent / name).lstat().st_mode
                if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                    yield (parent / name).relative_to(self._src), parent / name

    def remove(self) -> None:
        """Remove the copy; afterwards, `put_back` does nothing."""
        if self._copy is not None:
            shutil.rmtree(self._copy, ignore_errors=True)
            self._copy = None


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a link, with its mode, and with its times if this user may set them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
        return
    shutil.copyfile(source, target)
    # A build with an arbitrary UID may write to another owner's files, but can't set their times.
    with contextlib.suppress(PermissionError):
        shutil.copystat(source, target)
