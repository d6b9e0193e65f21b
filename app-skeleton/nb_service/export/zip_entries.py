"""Zip entries without times and owners, so that equal contents give equal bytes."""

import zipfile
from typing import IO

from nb_scorer.zipapp import one_reading

AT_ONCE = 1 << 20
# The earliest time in a zip file.
NO_TIME = (1980, 1, 1, 0, 0, 0)


class Forward:
    """A stream that can't seek, so that writing to a file gives the same bytes as writing to a pipe."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._stream.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


def runnable(stream: IO[bytes]) -> tuple[zipfile.ZipFile, Forward]:
    """Return a zip file that Python can run, to be filled and closed, and its underlying stream."""
    forward = Forward(stream)
    forward.write(one_reading.SHEBANG)
    return zipfile.ZipFile(forward, "w"), forward  # type: ignore[call-overload] # it is a stream of its own


def entry(name: str, size: int, executable: int = 0) -> zipfile.ZipInfo:
    """Return the entry for a file of that size."""
    made = zipfile.ZipInfo(name, NO_TIME)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.create_system = 3  # Unix, which defines the attributes
    made.external_attr = (0o100755 if executable else 0o100644) << 16
    made.file_size = size
    return made


def stored(name: str, size: int, executable: int = 0) -> zipfile.ZipInfo:
    """Return the entry for an uncompressed file: its bytes don't depend on the version of zlib."""
    made = entry(name, size, executable)
    made.compress_type = zipfile.ZIP_STORED
    return made


def copy(sink: zipfile.ZipFile, name: str, file: IO[bytes], size: int, executable: int = 0) -> None:
    """Copy the contents of `file` into an open archive as an entry of that name."""
    with sink.open(stored(name, size, executable), "w") as target:
        while block := file.read(AT_ONCE):
            target.write(block)
