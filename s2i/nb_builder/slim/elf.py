"""Shared objects: which libraries of the system they need, and how to take off what only debuggers read."""

import os
import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_INTERP = 1, 3
_SHT_NULL, _SHT_NOBITS = 0, 8
_SHF_ALLOC = 2
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
    """The headers of a 64-bit little-endian ELF file, as the ELF specification has them; `None` fields where cut."""

    def __init__(self, data: bytes):
        """Read them; raises ValueError for another kind of ELF, or headers that point outside of the file."""
        if data[:4] != MAGIC or data[4:6] != b"\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        try:
            head = struct.unpack_from("<16xHHIQQQIHHHHHH", data)
            self.phoff, self.shoff = head[4], head[5]
            self.phnum, self.shnum = head[9], head[11]
            self.segments = [_Segment(data, self.phoff + 56 * index) for index in range(self.phnum)]
            self.sections = [_Section(data, self.shoff + 64 * index) for index in range(self.shnum)]
        except struct.error as wrong:
            raise ValueError("its headers lie outside of the file") from wrong

    @property
    def loaded_end(self) -> int:
        """Return where the last byte that any segment needs ends; 0 without segments."""
        return max((each.offset + each.size for each in self.segments), default=0)


class _Segment:
    def __init__(self, data: bytes, at: int):
        self.kind, self.offset, self.address, self.size, self.align = struct.unpack_from("<I4xQQ8xQ8xQ", data, at)


class _Section:
    def __init__(self, data: bytes, at: int):
        self.kind, self.flags, self.offset, self.size = struct.unpack_from("<4xIQ8xQQ", data, at)

    @property
    def in_file(self) -> bool:
        return self.kind not in (_SHT_NULL, _SHT_NOBITS) and self.size > 0


def interpreter(path: str | Path) -> str:
    """Return the loader that a program names; raises ValueError for one that names none."""
    data = Path(path).read_bytes()
    for segment in Elf(data).segments:
        if segment.kind == _PT_INTERP:
            return data[segment.offset : segment.offset + segment.size].rstrip(b"\0").decode()
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
    """Return the file without section headers, symbols and debug sections; None where it had better stay.

    Only what lies behind all that the loader maps is cut off, so that no offset changes: tools that move
    segments have broken libraries that patchelf had touched before.
    """
    try:
        elf = Elf(data)
    except ValueError:
        return None
    end = elf.loaded_end
    if not elf.segments or end >= len(data) or not _is_sound(elf, end) or not _is_all_known(elf, data, end):
        return None
    cut = bytearray(data[:end])
    struct.pack_into("<Q", cut, 40, 0)  # e_shoff
    struct.pack_into("<HH", cut, 60, 0, 0)  # e_shnum, e_shstrndx
    return bytes(cut)


def _is_sound(elf: Elf, end: int) -> bool:
    """Return whether the loader can map it, and the program headers are in what stays."""
    loaded = [each for each in elf.segments if each.kind == _PT_LOAD]
    aligned = all((each.offset - each.address) % max(each.align, _PAGE) == 0 for each in loaded)
    return bool(loaded) and aligned and elf.phoff + 56 * elf.phnum <= end


def _is_all_known(elf: Elf, data: bytes, end: int) -> bool:
    """Return whether all behind `end` is the table of sections, or sections that are never loaded, or zeros."""
    behind = [each for each in elf.sections if each.in_file and each.offset + each.size > end]
    if not elf.sections or any(each.flags & _SHF_ALLOC or each.offset < end for each in behind):
        return False
    known = sorted([(each.offset, each.offset + each.size) for each in behind] + [_table(elf)])
    for start, stop in known:
        if any(data[end:start]):
            return False
        end = max(end, stop)
    return not any(data[end:])


def _table(elf: Elf) -> tuple[int, int]:
    return elf.shoff, elf.shoff + 64 * elf.shnum
