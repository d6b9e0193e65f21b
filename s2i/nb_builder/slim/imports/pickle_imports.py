"""Which modules the pickles in a repository name: a model in a file is loaded by whoever asks for it, and by no import.

Read are pickles and joblib's files, also as zlib, gzip, bzip2 and xz compress them. Nothing in them is loaded.
"""

import bz2
import gzip
import lzma
import os
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

from nb_builder.slim.tree import files_below

# A text with its length before it, and the way of old protocols: `cmodule\nname\n`.
_NEW = re.compile(rb"\x8c(.)([A-Za-z_][\w.]*)", re.DOTALL)
_OLD = re.compile(rb"c([A-Za-z_][\w.]*)\n[A-Za-z_][\w.]*\n")
_PICKLE = b"\x80"
# What a compressed file begins with, and what unpacks it.
_PACKED = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ", lzma.decompress),
    (b"\x78", zlib.decompress),
)
MOST_BYTES = 500_000_000


def named(folder: Path, known: Iterable[str]) -> dict[str, str]:
    """Return {module: the file that names it} for the pickles below `folder`; only modules that are `known`."""
    wanted = set(known)
    found: dict[str, str] = {}
    for path in sorted(files_below(os.fspath(folder))):
        if os.path.isfile(path) and os.path.getsize(path) <= MOST_BYTES:
            for name in wanted & names_in(Path(path)):
                found.setdefault(name, os.path.relpath(path, folder))
    return found


def names_in(file: Path) -> set[str]:
    """Return what may be names of modules in `file`; nothing for what is no pickle."""
    with file.open("rb") as opened:
        head = opened.read(8)
    if not head.startswith((_PICKLE, *(magic for magic, _ in _PACKED))):
        return set()
    data = _unpacked(file.read_bytes())
    new = {text[: length[0]] for length, text in _NEW.findall(data) if len(text) >= length[0]}
    return {name.decode("utf-8", "replace") for name in new | set(_OLD.findall(data))} if data[:1] == _PICKLE else set()


def _unpacked(data: bytes) -> bytes:
    """Return `data` without its compression; as it is where that is another one, or broken."""
    for magic, unpack in _PACKED:
        if data.startswith(magic):
            try:
                return unpack(data)
            except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
                return b""
    return data
