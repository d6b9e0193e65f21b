"""Stores files by digest in a folder that processes may share: each file is either complete or missing."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from nb_scorer.common.digests import sha256_of

LOCK_LOOK_SECONDS = 0.2
# A callback for progress: its argument is the number of bytes read or written.
Count = Callable[[int], object]


class Store:
    """The folder `root`, with `sha256/ab/abcd…` for each file and `parts` for incomplete ones."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Return the path for the file with this digest, whether or not it exists."""
        return self.root / "sha256" / digest[:2] / digest

    def has(self, digest: str, size: int) -> bool:
        """Return whether there is a file with this digest and size, without reading its content."""
        try:
            status = self.path(digest).lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == size

    def remove(self, digest: str) -> None:
        """Remove the file with this digest, because its content differs."""
        self.path(digest).unlink(missing_ok=True)

    @contextlib.contextmanager
    def part(self, key: str, wait: Callable[[], object]) -> Iterator["Part"]:
        """Yield the incomplete file `key`, locked for this process; raise OSError.

        `wait` is called repeatedly while another process has the lock.
        """
        folder = self.root / "parts"
        _make(folder)
        # Users of a shared folder can't write each other's files.
        path = folder / f"{key}.{os.geteuid()}"
        with _locked(folder / f"{key}.lock", wait):
            _remove_unless_own(path)
            yield Part(self, path)

    def free(self) -> int:
        """Return the disk's free space in bytes."""
        folder = self.root
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free


class Part:
    """An incomplete file, which remains when the process exits, and is continued later."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path

    @property
    def size(self) -> int:
        """Return the number of received bytes."""
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def drop(self) -> None:
        """Remove the received bytes."""
        self._path.unlink(missing_ok=True)

    def append(self, blocks: Iterator[bytes], limit: int, count: Count) -> None:
        """Append blocks; raise OSError if that fails, or if the total exceeds `limit` bytes."""
        # Opening a pipe would wait for its reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(self._path, flags, 0o600), "ab") as file:
            size = file.tell()
            for block in blocks:
                size += len(block)
                if size > limit:
                    raise OSError(errno.EFBIG, f"the source sends more than the {limit} bytes expected")
                file.write(block)
                count(len(block))
            file.flush()
            os.fsync(file.fileno())

    def digest(self, count: Count) -> str:
        """Return the SHA-256 of the received bytes."""
        return sha256_of(self._path, count)

    def keep(self, digest: str) -> None:
        """Move the received file into the store under its digest."""
        target = self._store.path(digest)
        _make(target.parent)
        os.chmod(self._path, 0o444)
        os.replace(self._path, target)


def lay(folder: Path, targets: Mapping[str, Path]) -> None:
    """Replace the links in `folder` with `targets`, {name: path}, each atomically.

    Raises OSError if a link can't be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and os.readlink(link) == str(target):
            continue
        new = link.parent / f".{os.getpid()}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        os.replace(new, link)
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if str(path.relative_to(folder)) not in targets:
                path.unlink(missing_ok=True)


def _remove_unless_own(path: Path) -> None:
    """Remove what others may have put at `path`: a link, a pipe, or a file that they can change; raise OSError."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink > 1:
            path.unlink()


@contextlib.contextmanager
def _locked(path: Path, wait: Callable[[], object]) -> Iterator[None]:
    """Hold the file's lock; continue without one if another user's file or the file system prevents it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except PermissionError:
        yield
        return
    try:
        while _is_taken(descriptor):
            wait()
            time.sleep(LOCK_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Take the lock if it is free; return whether another process has it. False if the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _make(folder: Path) -> None:
    """Create a folder with write permission for its group: each pod of a namespace has another user, all in group 0."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for each in (folder, folder.parent):
            with contextlib.suppress(OSError):
                each.chmod(each.stat().st_mode | 0o070)
