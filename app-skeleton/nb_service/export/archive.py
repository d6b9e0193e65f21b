"""Writes an export as a tar archive, in pieces: equal files give equal bytes, whatever their owner and time."""

import os
import tarfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from nb_scorer.model import verified_file

from nb_service.export.contents import Contents

AT_ONCE = 1 << 20
# An archive ends with two empty blocks, and tar pads it to a full record.
_END = 2 * tarfile.BLOCKSIZE


class Changed(OSError):
    """A file changed while it was read; the archive written so far is invalid."""


def pieces(contents: Contents, more: Iterable[tuple[str, BinaryIO]] = ()) -> Iterator[bytes]:
    """Yield the bytes of the archive; `more` are names and open files to append.

    Raise OSError or Changed, and ModelNotAsSigned for a file that differs from the signed one.
    """
    size = 0
    for name, file in chain(_files(contents), more):
        for piece in _entry(name, file):
            size += len(piece)
            yield piece
    yield bytes(_END + -(size + _END) % tarfile.RECORDSIZE)


def _files(contents: Contents) -> Iterator[tuple[str, BinaryIO]]:
    for name, path in sorted(contents.files.items()):
        with opened(path, contents.digests.get(name)) as file:
            yield name, file


def _entry(name: str, file: BinaryIO) -> Iterator[bytes]:
    size = os.fstat(file.fileno()).st_size
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    yield member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    left = size
    while left:
        piece = file.read(min(AT_ONCE, left))
        if not piece:
            raise Changed(0, f"{name} was truncated while it was read")
        left -= len(piece)
        yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)


def opened(path: Path, digest: str | None) -> BinaryIO:
    """Return a file to read from; with a `digest`, reading raises ModelNotAsSigned if its contents differ."""
    return path.open("rb") if digest is None else verified_file.opened(path, digest)
