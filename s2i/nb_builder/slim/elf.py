"""Shared objects: which libraries of the system they need, and how to take off what only debuggers read."""

import os
import re
import struct
import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_INTERP = 1, 3
_SHT_NULL, _SHT_NOBITS = 0, 8
_SHF_ALLOC = 2
_PH_SIZE, _SH_SIZE = 56, 64
_PAGE = 4096
# What the loader's --list prints: `libz.so.1 => /lib/libz.so.1 (0x…)`, or a path alone for the loader itself.
_FOUND = re.compile(r"^\s*(?:\S+ => )?(/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_MISSING = re.compile(r"^\s*(\S+) => not found$", re.MULTILINE)
# Opened by name when a thread ends early; no file says that it is needed.
_UNSAID = "libgcc_s.so.1"


def is_elf(path: str | Path) -> bool:
    """Return whether the file begins as an ELF file does."""
    with open(path, "rb") as file:
        return file.read(4) == MAGIC


class Elf:
    """The headers of a 64-bit little-endian ELF file, as the ELF specification (System V ABI, chapter 4) has them."""

    def __init__(self, data: bytes):
        """Read them; raises ValueError for another kind of ELF, or headers that point outside of the file."""
        if data[:4] != MAGIC or data[4:6] != b"\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        try:
            head = struct.unpack_from("<16xHHIQQQIHHHHHH", data)
            self.phoff, self.shoff = head[4], head[5]
            self.phnum, self.shnum = head[9], head[11]
            self.segments = [Segment(data, self.phoff + _PH_SIZE * index) for index in range(self.phnum)]
            self.sections = [Section(data, self.shoff + _SH_SIZE * index) for index in range(self.shnum)]
        except struct.error as wrong:
            raise ValueError("its headers lie outside of the file") from wrong

    @property
    def loaded(self) -> "list[Segment]":
        """Return the segments that the loader maps, as they lie in the file."""
        return sorted((each for each in self.segments if each.kind == _PT_LOAD), key=lambda each: each.offset)


class Segment:
    """One program header, at `place` in the file."""

    def __init__(self, data: bytes, place: int):
        self.place = place
        self.kind, self.offset, self.address, self.size, self.align = struct.unpack_from("<I4xQQ8xQ8xQ", data, place)

    @property
    def end(self) -> int:
        """Return where it ends in the file."""
        return self.offset + self.size

    def holds(self, offset: int, size: int) -> bool:
        """Return whether these bytes of the file are in it."""
        return self.offset <= offset and offset + size <= self.end


class Section:
    """One section header."""

    def __init__(self, data: bytes, place: int):
        self.kind, self.flags, self.offset, self.size = struct.unpack_from("<4xIQ8xQQ", data, place)


def interpreter(path: str | Path) -> str:
    """Return the loader that a program names; raises ValueError for one that names none."""
    data = Path(path).read_bytes()
    for segment in Elf(data).segments:
        if segment.kind == _PT_INTERP:
            return data[segment.offset : segment.end].rstrip(b"\0").decode()
    raise ValueError(f"{path} names no loader")


def libraries(loader: str, files: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return (paths, names not found) of all shared libraries that `files` load, as the loader itself finds them."""
    found: set[str] = set()
    missing: set[str] = set()
    for file in files:
        told = subprocess.run([loader, "--list", file], capture_output=True, text=True, errors="replace").stdout
        found.update(os.path.normpath(path) for path in _FOUND.findall(told))
        missing.update(_MISSING.findall(told))
    beside = {os.path.join(os.path.dirname(path), _UNSAID) for path in found}
    return found | {path for path in beside if os.path.exists(path)}, missing


def stripped(data: bytes) -> bytes | None:
    """Return the file with nothing in it but what the loader maps; None where it had better stay as it is.

    Section headers, symbols and debug sections go, from behind the last segment and from the holes that
    patchelf leaves between two. Segments keep their addresses, their bytes and their place in a page: tools
    that move them otherwise have made libraries that do not load.
    """
    try:
        elf = Elf(data)
    except ValueError:
        return None
    if not _is_sound(elf, len(data)) or not _is_all_known(elf, data):
        return None
    places = _packed(elf.loaded)
    out = bytearray(max(places[each.offset] + each.size for each in elf.loaded))
    for each in elf.loaded:
        out[places[each.offset] : places[each.offset] + each.size] = data[each.offset : each.end]
    _point(out, elf, places)
    return bytes(out) if len(out) < len(data) else None


def _packed(loaded: list[Segment]) -> dict[int, int]:
    """Return {offset of a segment: its new one}: as low as its alignment lets it."""
    places, end = {}, 0
    for each in loaded:
        step = max(each.align, _PAGE)
        place = each.offset - (each.offset - end) // step * step if each.offset > end else each.offset
        places[each.offset] = place
        end = place + each.size
    return places


def _point(out: bytearray, elf: Elf, places: dict[int, int]) -> None:
    """Let the headers in `out` say where things are now, and that there are no sections."""

    def moved(offset: int, size: int) -> int:
        home = next(each for each in elf.loaded if each.holds(offset, size))
        return offset - home.offset + places[home.offset]

    table = moved(elf.phoff, _PH_SIZE * elf.phnum)
    for each in elf.segments:
        if each.size:
            struct.pack_into("<Q", out, table + each.place - elf.phoff + 8, moved(each.offset, each.size))
    struct.pack_into("<QQ", out, 32, table, 0)  # e_phoff, e_shoff
    struct.pack_into("<HH", out, 60, 0, 0)  # e_shnum, e_shstrndx


def _is_sound(elf: Elf, size: int) -> bool:
    """Return whether the segments are as the loader wants them, and everything that headers name is in one of them."""
    loaded = elf.loaded
    named = [(each.offset, each.size) for each in elf.segments if each.size] + [(elf.phoff, _PH_SIZE * elf.phnum)]
    return (
        bool(loaded)
        and loaded[0].offset == 0
        and loaded[-1].end <= size
        and all(one.end <= other.offset for one, other in pairwise(loaded))
        and all((each.offset - each.address) % max(each.align, _PAGE) == 0 for each in loaded)
        and all(any(each.holds(*there) for each in loaded) for there in named)
    )


def _is_all_known(elf: Elf, data: bytes) -> bool:
    """Return whether all outside of the segments is the table of sections, sections never loaded, or zeros."""
    known = [(each.offset, each.end) for each in elf.loaded]
    known.append((elf.shoff, elf.shoff + _SH_SIZE * elf.shnum))
    for each in elf.sections:
        if each.kind in (_SHT_NULL, _SHT_NOBITS) or not each.size:
            continue
        if each.flags & _SHF_ALLOC and not any(one.holds(each.offset, each.size) for one in elf.loaded):
            return False
        known.append((each.offset, each.offset + each.size))
    end = 0
    for start, stop in sorted(known):
        if any(data[end:start]):
            return False
        end = max(end, stop)
    return not any(data[end:])
