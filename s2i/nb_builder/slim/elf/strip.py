"""Removes from shared objects what only debuggers and linkers read; the rest stays byte for byte.

Fields and their offsets are those of the ELF specification (System V ABI, chapters 4 and 5).
"""

import struct
from itertools import pairwise

from nb_builder.slim.elf.headers import SECTION, SEGMENT, Elf, Section

_SHT_NULL, _SHT_NOBITS, _SHT_SYMTAB_SHNDX, _SHT_SYSTEM = 0, 8, 18, 0x60000000
_SHF_ALLOC = 2
_X86_64 = 62
_PAGE = 4096


def stripped(data: bytes) -> bytes | None:
    """Return the file with only what the loader maps; None if it can't be shortened, or not safely.

    Section headers, symbols and debug sections are removed, after the last segment and in the holes that patchelf
    leaves between segments. Segments keep their addresses, their bytes and their offset within a page: tools that move
    them in any other way have produced libraries that don't load.
    """
    try:
        elf = Elf(data)
    except ValueError:
        return None
    if not _is_sound(elf, len(data)) or not _is_all_accounted_for(elf, data):
        return None
    offsets = _pack(elf)
    out = bytearray(max(offsets[segment.offset] + segment.size for segment in elf.loaded))
    for segment in elf.loaded:
        out[offsets[segment.offset] : offsets[segment.offset] + segment.size] = data[segment.offset : segment.end]
    _rewrite_headers(out, elf, offsets)
    return bytes(out) if len(out) < len(data) else None


def _pack(elf: Elf) -> dict[int, int]:
    """Return {offset of a segment: its new offset}, the lowest that the processor's page size allows.

    On x86-64 the loader maps pages of 4 KiB, whatever larger alignment the linker chose.
    """
    offsets, end = {}, 0
    for segment in elf.loaded:
        step = _PAGE if elf.machine == _X86_64 else max(segment.align, _PAGE)
        offset = segment.offset - (segment.offset - end) // step * step if segment.offset > end else segment.offset
        offsets[segment.offset] = offset
        end = offset + segment.size
    return offsets


def _rewrite_headers(out: bytearray, elf: Elf, offsets: dict[int, int]) -> None:
    """Write the new offsets to the headers in `out`, and that there are no sections."""

    def moved(offset: int, size: int) -> int:
        holder = next(segment for segment in elf.loaded if segment.holds(offset, size))
        return offset - holder.offset + offsets[holder.offset]

    table_offset = moved(elf.phoff, SEGMENT * elf.phnum)
    for segment in elf.segments:
        if segment.size:
            entry = table_offset + segment.header_offset - elf.phoff
            struct.pack_into("<Q", out, entry + 8, moved(segment.offset, segment.size))
            if segment.is_loaded and (moved(segment.offset, segment.size) - segment.address) % max(segment.align, 1):
                struct.pack_into("<Q", out, entry + 48, _PAGE)  # p_align
    struct.pack_into("<QQ", out, 32, table_offset, 0)  # e_phoff, e_shoff
    struct.pack_into("<HH", out, 60, 0, 0)  # e_shnum, e_shstrndx


def _is_sound(elf: Elf, size: int) -> bool:
    """Return whether the segments are in order and aligned, and contain everything that the headers refer to."""
    loaded = elf.loaded
    extents = [(segment.offset, segment.size) for segment in elf.segments if segment.size] + [
        (elf.phoff, SEGMENT * elf.phnum)
    ]
    return (
        bool(loaded)
        and loaded[0].offset == 0
        and loaded[-1].end <= size
        and all(segment.end <= following.offset for segment, following in pairwise(loaded))
        and all((segment.offset - segment.address) % max(segment.align, _PAGE) == 0 for segment in loaded)
        and all(any(segment.holds(*extent) for segment in loaded) for extent in extents)
    )


def _is_all_accounted_for(elf: Elf, data: bytes) -> bool:
    """Return whether everything outside the segments is a section table, a section that is never loaded, or zeros."""
    extents = [(section.offset, section.end) for section in elf.loaded]
    extents.append((elf.shoff, elf.shoff + SECTION * elf.shnum))
    for section in elf.sections:
        if section.kind in (_SHT_NULL, _SHT_NOBITS) or not section.size:
            continue
        if section.flags & _SHF_ALLOC and not any(
            segment.holds(section.offset, section.size) for segment in elf.loaded
        ):
            return False
        extents.append((section.offset, section.offset + section.size))
    end = 0
    for start, stop in sorted(extents):
        if any(data[end:start]) and not _is_old_table(data[end:start], len(data)):
            return False
        end = max(end, stop)
    return not any(data[end:])


def _is_old_table(gap: bytes, size: int) -> bool:
    """Return whether `gap` contains only a section table: patchelf moves the table and leaves the old one.

    `size` is that of the file. A table starts with an entry of zeros; zeros may also precede and follow it.
    """
    start = len(gap) - len(gap.lstrip(b"\0")) - SECTION
    table = gap[start:].rstrip(b"\0") if start >= 0 else b""
    table += bytes(-len(table) % SECTION)
    entries = [Section(table, offset) for offset in range(SECTION, len(table), SECTION)]
    return len(entries) > 1 and all(_is_entry(entry, size) for entry in entries)


def _is_entry(entry: Section, size: int) -> bool:
    kind = entry.kind
    fits = kind == _SHT_NOBITS or entry.offset + entry.size <= size
    return fits and (_SHT_NULL < kind <= _SHT_SYMTAB_SHNDX or kind >= _SHT_SYSTEM)
