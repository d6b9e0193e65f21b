"""Reads the headers of shared objects, and resolves the libraries that they need."""

import os
import re
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from nb_builder.common import programs

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE = 1, 2, 3, 4
_DT_NEEDED, _DT_STRTAB, _DT_INIT = 1, 5, 12
_BUILD_ID = struct.pack("<I4s", 3, b"GNU\0")  # n_type NT_GNU_BUILD_ID, and the owner of that type
SEGMENT, SECTION = 56, 64  # size in bytes of a program header, of a section header
# Output of the loader's --list: `libz.so.1 => /lib/libz.so.1 (0x…)`, or only a path for the loader itself.
_RESOLVED = re.compile(r"^\s*(?:\S+ => )?(/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_MISSING = re.compile(r"^\s*(\S+) => not found$", re.MULTILINE)
# glibc opens it by name when a thread exits early (pthread_exit, pthread_cancel), so no file lists it as needed.
_LIBGCC = "libgcc_s.so.1"


def is_elf(path: str | Path) -> bool:
    """Return whether the file starts with the ELF magic number."""
    with open(path, "rb") as file:
        return file.read(4) == MAGIC


class Elf:
    """The headers of a 64-bit little-endian ELF file, as specified in chapter 4 of the System V ABI."""

    def __init__(self, data: bytes) -> None:
        """Parse the headers; raise ValueError for any other kind of ELF, or headers that point outside the file."""
        if data[:4] != MAGIC or data[4:6] != b"\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        try:
            fields = struct.unpack_from("<16xHHIQQQIHHHHHH", data)
            self.machine = fields[1]
            self.phoff, self.shoff = fields[4], fields[5]
            self.phnum, self.shnum = fields[9], fields[11]
            self.segments = [Segment(data, self.phoff + SEGMENT * index) for index in range(self.phnum)]
            self.sections = [Section(data, self.shoff + SECTION * index) for index in range(self.shnum)]
        except struct.error as error:
            raise ValueError("its headers are outside the file") from error

    @property
    def loaded(self) -> "list[Segment]":
        """Return the segments that the loader maps, ordered by file offset."""
        return sorted((segment for segment in self.segments if segment.is_loaded), key=lambda segment: segment.offset)

    def dynamic(self, data: bytes) -> list[tuple[int, int]]:
        """Return the (tag, value) pairs of the dynamic section."""
        tables = [data[segment.offset : segment.end] for segment in self.segments if segment.kind == _PT_DYNAMIC]
        return [pair for table in tables for pair in struct.iter_unpack("<QQ", table[: len(table) // 16 * 16])]

    def offset_of(self, address: int) -> int:
        """Return the file offset of what the loader maps at `address`; raise ValueError if nothing is mapped there."""
        for segment in self.loaded:
            if segment.address <= address < segment.address + segment.size:
                return address - segment.address + segment.offset
        raise ValueError(f"nothing is loaded at {address:#x}")


def needed(data: bytes) -> list[str]:
    """Return the DT_NEEDED names of this ELF file; none for any other kind of file."""
    try:
        elf = Elf(data)
        string_table = next((elf.offset_of(value) for tag, value in elf.dynamic(data) if tag == _DT_STRTAB), 0)
    except ValueError:
        return []
    starts = [string_table + value for tag, value in elf.dynamic(data) if tag == _DT_NEEDED]
    return [data[start : data.index(b"\0", start)].decode() for start in starts]


def program_of(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the build ID and the code of this ELF file, which identify a linker run; None without a build ID.

    Tools that change names in a file later (its own, or those of the libraries it needs) leave both unchanged: names
    come before the code, which starts with the function that the loader calls first (DT_INIT).
    """
    try:
        elf = Elf(data)
        init = next((elf.offset_of(value) for tag, value in elf.dynamic(data) if tag == _DT_INIT), None)
    except ValueError:
        return None
    notes = [data[segment.offset : segment.end] for segment in elf.segments if segment.kind == _PT_NOTE]
    build_ids = [note[position - 4 :] for note in notes if (position := note.find(_BUILD_ID)) >= 4]
    code = next((segment for segment in elf.loaded if init is not None and segment.holds(init, 0)), None)
    if not build_ids or code is None:
        return None
    # Each starts at n_descsz, the size of the ID; n_type, the name "GNU\0" and the ID itself follow.
    size = int.from_bytes(build_ids[0][:4], "little")
    return build_ids[0][12 : 12 + size], data[init : code.end]


class Segment:
    """One program header, at `header_offset` in the file."""

    def __init__(self, data: bytes, header_offset: int) -> None:
        self.header_offset = header_offset
        self.kind, self.offset, self.address, self.size, self.align = struct.unpack_from(
            "<I4xQQ8xQ8xQ", data, header_offset
        )

    @property
    def is_loaded(self) -> bool:
        """Return whether the loader maps this segment."""
        return self.kind == _PT_LOAD

    @property
    def end(self) -> int:
        """Return the file offset of the segment's end."""
        return self.offset + self.size

    def holds(self, offset: int, size: int) -> bool:
        """Return whether the segment contains these `size` bytes of the file."""
        return self.offset <= offset and offset + size <= self.end


class Section:
    """One section header."""

    def __init__(self, data: bytes, header_offset: int) -> None:
        self.kind, self.flags, self.offset, self.size = struct.unpack_from("<4xIQ8xQQ", data, header_offset)


def interpreter(path: str | Path) -> str:
    """Return the path of the loader that a program names (PT_INTERP); raise ValueError if it names none."""
    data = Path(path).read_bytes()
    for segment in Elf(data).segments:
        if segment.kind == _PT_INTERP:
            return data[segment.offset : segment.end].rstrip(b"\0").decode()
    raise ValueError(f"{path} names no loader")


def libraries(loader: str, files: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return (paths, names not found) of all shared libraries that `files` load, as the loader itself resolves them."""
    resolved: set[str] = set()
    missing: set[str] = set()
    for file in files:
        listing = _list_libraries(loader, file)
        resolved.update(os.path.normpath(path) for path in _RESOLVED.findall(listing))
        missing.update(_MISSING.findall(listing))
    libgcc = {os.path.join(os.path.dirname(path), _LIBGCC) for path in resolved}
    return resolved | {path for path in libgcc if os.path.exists(path)}, missing


@cache
def _list_libraries(loader: str, file: str) -> str:
    """Return the output of `loader --list` for `file`; cached, because the service image doesn't change meanwhile."""
    return programs.run([loader, "--list", file]).stdout
