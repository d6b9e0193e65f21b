"""Inputs: files, folders, file name patterns and stdin, decompressed."""

import contextlib
import glob
import gzip
import hashlib
import io
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from stat import S_ISREG
from typing import Any, NamedTuple

from nb_service import problems
from nb_service.backends.batch import formats, sample_files
from nb_service.backends.batch.formats import COMPRESSIONS, FORMATS, Format, columns
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.backends.batch.formats.spool import spooled

STDIN = "-"
# The value of --from for a folder in which each file is a row.
FILES = "files"
# The number of leading bytes that distinguish files of the same size and time.
HEAD = 1 << 16
PEEK = 1 << 12
_BUFFER = 1 << 18


class Source(NamedTuple):
    """An input: its path (- is stdin), its format (None: detect it) and compression."""

    path: str
    format: Format | None
    compression: str
    # Whether it is a folder in which each file is a row.
    is_folder: bool = False

    @property
    def name(self) -> str:
        """Return the name for messages."""
        return "stdin" if self.path == STDIN else self.path

    @property
    def is_lasting(self) -> bool:
        """Return whether it can be read again, unlike a pipe."""
        return self.is_folder or (self.path != STDIN and os.path.isfile(self.path))

    def fingerprint(self) -> dict:
        """Return values that identify this version of the file; raise BatchInput."""
        try:
            stat = os.stat(self.path)
            with _raw(self) as file:
                digest = hashlib.sha256(file.read() if self.is_folder else file.read(HEAD)).hexdigest()
        except OSError as error:
            raise unreadable(self.path, error) from error
        return {"path": os.path.abspath(self.path), "bytes": stat.st_size, "mtime": stat.st_mtime_ns, "head": digest}


def resolve(arguments: Sequence[str], from_format: str) -> list[Source]:
    """Return the inputs for the arguments, with folders and patterns sorted by name; raise BatchInput."""
    sources: list[Source] = []
    for argument in arguments:
        if from_format == FILES:
            sources.append(_folder(argument))
            continue
        paths = _paths(argument, from_format)
        if not paths:
            raise problems.BatchInput(
                argument, "it names no file", "Check the name; a folder must contain files to score."
            )
        sources += [_source(path, from_format) for path in paths]
    return sources


def _folder(path: str) -> Source:
    if not os.path.isdir(path):
        raise problems.BatchInput(path, "it is not a folder", "--from files reads the folder whose files are the rows.")
    return Source(path, FORMATS["ndjson"], "", is_folder=True)


def _paths(argument: str, from_format: str) -> list[str]:
    if argument == STDIN:
        return [argument]
    if os.path.isdir(argument):
        with guarded(argument):
            entries = list(os.scandir(argument))
        found = [entry.path for entry in entries if entry.is_file() and not entry.name.startswith(".")]
        return sorted(path for path in found if from_format or formats.of_name(path)[0] is not None)
    if os.path.lexists(argument):
        return [argument]
    return sorted(path for path in glob.glob(argument, recursive=True) if os.path.isfile(path))


def _source(path: str, from_format: str) -> Source:
    by_name, compression = formats.of_name(path)
    chosen = FORMATS[from_format] if from_format else by_name
    if chosen is None and path != STDIN:
        endings = " ".join(ending for each in FORMATS.values() for ending in each.endings)
        raise problems.BatchInput(
            path,
            f"its suffix is none of {endings}",
            "Set its format, for example --from csv; `batch --help` lists them.",
        )
    return Source(path, chosen, compression)


class Opened:
    """An open input: its decompressed bytes, its format, and how much has been read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._raw: Any = _raw(source)
        self._stat = os.fstat(self._raw.fileno())
        # A compressed file may lack the usual extension.
        head = bytes(self._raw.peek(PEEK)[:PEEK])
        compression = source.compression or next(
            (name for name, (_, magic) in COMPRESSIONS.items() if head.startswith(magic)), ""
        )
        self.stream: Any = _unpacked(self._raw, compression, source.name)
        if source.format is not None:
            self.format = source.format
        else:
            self.format = formats.of_head(bytes(self.stream.peek(PEEK)[:PEEK]))
        self.format.require(source.name)
        if self.format.name == "parquet" and not self.stream.seekable():
            self.stream = spooled(self.stream, source.name)

    def reader(self, options: ReadOptions) -> Any:
        """Return a reader that yields the rows in chunks; raise BatchInput."""
        if self.format.name == "tsv":
            options = options._replace(delimiter="\t")
        with guarded(self.source.name):
            return self.format.read(self.stream, self.source.name, options)

    def share_read(self) -> float | None:
        """Return the share of the input that has been read, from 0 to 1; None if unknown."""
        try:
            size = os.fstat(self._raw.fileno()).st_size
            return self._raw.tell() / size if size and self.source.path != STDIN else None
        except (OSError, ValueError):
            return None

    def check_unchanged(self) -> None:
        """Raise BatchInput if the file changed since it was opened: rows may be missing or of two versions."""
        stat = os.fstat(self._raw.fileno())
        if S_ISREG(stat.st_mode) and (stat.st_size, stat.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns):
            raise problems.BatchInput(
                self.source.name,
                "it has changed while it was read",
                "Score it again once no other process writes to it.",
            )

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()
            self._raw.close()


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Open an input until the block exits; raise BatchInput."""
    with guarded(source.name):
        given = Opened(source)
    try:
        yield given
    finally:
        given.close()


def _raw(source: Source) -> Any:
    if source.path == STDIN:
        # Not sys.stdin, because the interpreter can't exit while a thread is blocked reading it.
        return open(0, "rb", buffering=_BUFFER, closefd=False)
    try:
        return _listing(source.path) if source.is_folder else open(source.path, "rb", buffering=_BUFFER)
    except OSError as error:
        raise unreadable(source.path, error) from error


def _listing(folder: str) -> Any:
    """Return a file that has the name of each file in a folder as a JSON line."""
    with tempfile.TemporaryFile() as file:
        file.writelines(json.dumps(name).encode("ascii") + b"\n" for name in sample_files.listed(folder))
        file.seek(0)
        return open(os.dup(file.fileno()), "rb", buffering=_BUFFER)


def _unpacked(raw: Any, compression: str, name: str) -> Any:
    if compression == "gzip":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER)
    if compression == "zstd":
        columns.require(f"{name}, compressed with zstd,")
        import pyarrow as pa

        # Wrapped, because pyarrow's stream has no peek and a slow readline.
        return io.BufferedReader(_Raw(pa.CompressedInputStream(raw, "zstd")), _BUFFER)
    return raw


class _Raw(io.RawIOBase):
    """A pyarrow stream as a Python raw stream."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into `buffer`; return how many."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Convert errors of reading or decompressing a file to BatchInput."""
    try:
        yield
    except problems.Problem:
        raise
    except (gzip.BadGzipFile, zlib.error) as error:
        raise problems.BatchInput(name, f"it is not gzip, despite its name ({error})") from error
    except EOFError as error:
        raise problems.BatchInput(name, "it is truncated") from error
    except OSError as error:
        raise unreadable(name, error) from error


def unreadable(name: str, error: OSError) -> problems.BatchInput:
    """Return the problem for a file that can't be read."""
    return problems.BatchInput(
        name, f"it can't be read: {reason(error)}", "Check its name, and give this user read permission (chmod, chown)."
    )


def reason(error: OSError) -> str:
    """Return the operating system's text for an error."""
    return error.strerror or str(error)
