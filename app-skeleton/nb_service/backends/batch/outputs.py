"""Outputs: stdout, and files that get their final names only when they are complete."""

import contextlib
import fcntl
import gzip
import io
import os
from collections.abc import Callable, Iterator
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.inputs import reason

STDOUT = "-"
_BLOCK = 1 << 20


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Convert errors of writing a file to BatchOutput."""
    try:
        yield
    except BrokenPipeError as error:
        raise problems.BatchOutput(
            name, "the reading process has exited", "Let the reading process read all of it."
        ) from error
    except OSError as error:
        raise problems.BatchOutput(name, reason(error)) from error


def lock(file: IO[bytes], path: str) -> None:
    """Lock a file until it is closed; raise BatchOutput if another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise problems.BatchOutput(path, "another process is working on it", "Wait until it has finished.") from error


class Growing:
    """A growing file; data flushed with `keep` survives a crash of the machine.

    Raises BatchOutput if another process is writing to it, or if it is a link, which another user may have created to
    redirect the output.
    """

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        with guarded(path):
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if size else os.O_CREAT)
            self._file = open(os.open(path, flags, 0o666), "r+b", buffering=_BLOCK)  # noqa: SIM115 - until `close`
            lock(self._file, path)
            if os.fstat(self._file.fileno()).st_size < size:
                self._file.close()
                raise problems.BatchOutput(path, "it has become shorter", "Start again with --restart.")
            self._file.truncate(size)
            self._file.seek(size)
        self.size = size

    def write(self, data: bytes) -> None:
        """Append `data`."""
        with guarded(self.path):
            self._file.write(data)
        self.size += len(data)

    def keep(self) -> int:
        """Flush all data to disk; return the size."""
        with guarded(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return self.size

    def close(self) -> None:
        """Close it; if the disk is full, data that was not flushed is lost."""
        with contextlib.suppress(OSError):
            self._file.close()

    def give_name(self, path: str) -> None:
        """Rename it to its final name, which must be on the same file system."""
        give_name(self.path, path)


class Stream:
    """Stdout, where written data can't be taken back."""

    def __init__(self, descriptor: int, *, packed: bool) -> None:
        self._descriptor = descriptor
        self._file: Any = os.fdopen(descriptor, "wb", buffering=_BLOCK)
        self._packed = gzip.GzipFile(fileobj=self._file, mode="wb", mtime=0) if packed else None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write `data`."""
        with guarded("stdout"):
            (self._packed or self._file).write(data)

    def keep(self) -> int:
        """Flush all data to the reader; return 0, because stdout needs no position."""
        with guarded("stdout"):
            if self._packed is not None:
                self._packed.flush()
            self._file.flush()
        return 0

    def finish(self) -> None:
        """Write the footer."""
        with guarded("stdout"):
            if self._packed is not None:
                self._packed.close()
            self._file.flush()

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()


def give_name(staged: str, path: str) -> None:
    """Rename a complete file, durably."""
    with guarded(path):
        os.replace(staged, path)
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_whole(path: str, fill: Callable[[IO[bytes]], None], compression: str) -> None:
    """Write a compressed file by calling `fill`, and flush it to disk."""
    with guarded(path), open(path, "wb", buffering=_BLOCK) as file:
        with packed(file, compression) as sink:
            fill(sink)
        file.flush()
        os.fsync(file.fileno())


class _Borrowed(io.RawIOBase):
    """A file wrapper that ignores a library's close()."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write `data`."""
        return self._file.write(data)


@contextlib.contextmanager
def packed(file: IO[bytes], compression: str) -> Iterator[Any]:
    """Yield a file that writes its compressed content to `file`."""
    if compression == "gzip":
        # Without a name and a time, equal predictions give equal bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as sink:
            yield sink
    elif compression == "zstd":
        import pyarrow as pa

        with pa.CompressedOutputStream(pa.PythonFile(_Borrowed(file), mode="w"), "zstd") as sink:
            yield sink
    else:
        yield file
