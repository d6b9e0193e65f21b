"""Finds modules named in the repository's pickles: unpickling a model imports them without import statements.

Searches pickles and joblib files, including those compressed with zlib, gzip, bzip2 or xz. They are never unpickled.
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

# SHORT_BINUNICODE, a string after its length in one byte; and GLOBAL of older protocols: `cmodule\nname\n`.
_SHORT_STRING = re.compile(rb"\x8c(.)([A-Za-z_][\w.]*)", re.DOTALL)
_GLOBAL = re.compile(rb"c([A-Za-z_][\w.]*)\n[A-Za-z_][\w.]*\n")
_PICKLE = b"\x80"
# The magic number of a compressed file, and the function that decompresses it.
_COMPRESSED = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ", lzma.decompress),
    (b"\x78", zlib.decompress),
)
# Larger files are not read into memory.
MAX_BYTES = 500_000_000


def named(folder: Path, modules: Iterable[str]) -> dict[str, str]:
    """Return {module: the file that names it} for the pickles below `folder`, limited to `modules`."""
    known = set(modules)
    files: dict[str, str] = {}
    for path in sorted(files_below(os.fspath(folder))):
        if os.path.isfile(path) and os.path.getsize(path) <= MAX_BYTES:
            for name in known & names_in(Path(path)):
                files.setdefault(name, os.path.relpath(path, folder))
    return files


def names_in(file: Path) -> set[str]:
    """Return the possible module names in `file`; none if it is not a pickle."""
    with file.open("rb") as stream:
        head = stream.read(8)
    if not head.startswith((_PICKLE, *(magic for magic, _ in _COMPRESSED))):
        return set()
    data = _decompressed(file.read_bytes())
    if not data.startswith(_PICKLE):
        return set()
    strings = {text[: length[0]] for length, text in _SHORT_STRING.findall(data) if len(text) >= length[0]}
    return {name.decode("utf-8", "replace") for name in strings | set(_GLOBAL.findall(data))}


def _decompressed(data: bytes) -> bytes:
    """Return `data` decompressed; unchanged if it is not compressed, empty if it is damaged."""
    for magic, decompress in _COMPRESSED:
        if data.startswith(magic):
            try:
                return decompress(data)
            except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
                return b""
    return data
