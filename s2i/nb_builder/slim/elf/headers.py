"""Shared objects: what their headers say, and which libraries they need."""

import os
import re
import struct
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE = 1, 2, 3, 4
_DT_NEEDED, _DT_STRTAB, _DT_INIT = 1, 5, 12
_BUILD_ID = struct.pack("<I4s", 3, b"GNU\0")  # the type of the note, and whose type it is
SEGMENT, SECTION = 56, 64  # bytes of a program header, of a section header
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

    def __init__(self, data: bytes) -> None:
        """Read them; raises ValueError for another kind of ELF, or headers that point outside of the file."""
        if data[:4] != MAGIC or data[4:6] != b"\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        try:
            head = struct.unpack_from("<16xHHIQQQIHHHHHH", data)
            self.machine = head[1]
            self.phoff, self.shoff = head[4], head[5]
            self.phnum, self.shnum = head[9], head[11]
            self.segments = [Segment(data, self.phoff + SEGMENT * index) for index in range(self.phnum)]
            self.sections = [Section(data, self.shoff + SECTION * index) for index in range(self.shnum)]
        except struct.error as wrong:
            raise ValueError("its headers lie outside of the file") from wrong

    @property
    def loaded(self) -> "list[Segment]":
        """Return the segments that the loader maps, as they lie in the file."""
        return sorted((each for each in self.segments if each.is_loaded), key=lambda each: each.offset)

    def dynamic(self, data: bytes) -> list[tuple[int, int]]:
        """Return the (tag, value) pairs that the loader reads."""
        tables = [data[each.offset : each.end] for each in self.segments if each.kind == _PT_DYNAMIC]
        return [pair for table in tables for pair in struct.iter_unpack("<QQ", table[: len(table) // 16 * 16])]

    def offset_of(self, address: int) -> int:
        """Return where in the file that is which the loader puts at `address`; raises ValueError if it is nowhere."""
        for each in self.loaded:
            if each.address <= address < each.address + each.size:
                return address - each.address + each.offset
        raise ValueError(f"nothing is loaded at {address:#x}")


def needed(data: bytes) -> list[str]:
    """Return the names of the libraries that this ELF file says it needs; a file of another kind says nothing."""
    try:
        elf = Elf(data)
        names = next((elf.offset_of(value) for tag, value in elf.dynamic(data) if tag == _DT_STRTAB), 0)
    except ValueError:
        return []
    starts = [names + value for tag, value in elf.dynamic(data) if tag == _DT_NEEDED]
    return [data[start : data.index(b"\0", start)].decode() for start in starts]


def program_of(data: bytes) -> tuple[bytes, bytes] | None:
    """Return what a run of a linker gave this ELF file: its build id and its code; None where it has no build id.

    Tools that change names in a file later (its own, those of what it needs) leave both as they are. Names
    lie before the code, which begins with the function that the loader calls first.
    """
    try:
        elf = Elf(data)
        first = next((elf.offset_of(value) for tag, value in elf.dynamic(data) if tag == _DT_INIT), None)
    except ValueError:
        return None
    notes = [data[each.offset : each.end] for each in elf.segments if each.kind == _PT_NOTE]
    found = [note[place - 4 :] for note in notes if (place := note.find(_BUILD_ID)) >= 4]
    code = next((each for each in elf.loaded if first is not None and each.holds(first, 0)), None)
    if not found or code is None:
        return None
    size = int.from_bytes(found[0][:4], "little")  # in a note: size of the name, size of the id, type, name, id
    return found[0][12 : 12 + size], data[first : code.end]


class Segment:
    """One program header, at `place` in the file."""

    def __init__(self, data: bytes, place: int) -> None:
        self.place = place
        self.kind, self.offset, self.address, self.size, self.align = struct.unpack_from("<I4xQQ8xQ8xQ", data, place)

    @property
    def is_loaded(self) -> bool:
        """Return whether the loader maps it."""
        return self.kind == _PT_LOAD

    @property
    def end(self) -> int:
        """Return where it ends in the file."""
        return self.offset + self.size

    def holds(self, offset: int, size: int) -> bool:
        """Return whether these bytes of the file are in it."""
        return self.offset <= offset and offset + size <= self.end


class Section:
    """One section header."""

    def __init__(self, data: bytes, place: int) -> None:
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
        told = _listed(loader, file)
        found.update(os.path.normpath(path) for path in _FOUND.findall(told))
        missing.update(_MISSING.findall(told))
    beside = {os.path.join(os.path.dirname(path), _UNSAID) for path in found}
    return found | {path for path in beside if os.path.exists(path)}, missing


@cache
def _listed(loader: str, file: str) -> str:
    """Return what the loader says of a file of the service image, which does not change while it is asked."""
    return subprocess.run([loader, "--list", file], capture_output=True, text=True, errors="replace").stdout
