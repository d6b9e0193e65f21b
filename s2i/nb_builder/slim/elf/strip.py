"""Takes off shared objects what only debuggers and linkers read; what the loader maps stays byte for byte.

Fields and their places are those of the ELF specification (System V ABI, chapters 4 and 5).
"""

import struct
from itertools import pairwise

from nb_builder.slim.elf.headers import SECTION, SEGMENT, Elf, Section

_SHT_NULL, _SHT_NOBITS, _SHT_SYMTAB_SHNDX, _SHT_SYSTEM = 0, 8, 18, 0x60000000
_SHF_ALLOC = 2
_X86_64 = 62
_PAGE = 4096


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
    places = _packed(elf)
    out = bytearray(max(places[each.offset] + each.size for each in elf.loaded))
    for each in elf.loaded:
        out[places[each.offset] : places[each.offset] + each.size] = data[each.offset : each.end]
    _point(out, elf, places)
    return bytes(out) if len(out) < len(data) else None


def _packed(elf: Elf) -> dict[int, int]:
    """Return {offset of a segment: its new one}: as low as a page of the processor lets it.

    On x86-64 all pages are of 4 KiB, whatever larger ones a linker was prepared for.
    """
    places, end = {}, 0
    for each in elf.loaded:
        step = _PAGE if elf.machine == _X86_64 else max(each.align, _PAGE)
        place = each.offset - (each.offset - end) // step * step if each.offset > end else each.offset
        places[each.offset] = place
        end = place + each.size
    return places


def _point(out: bytearray, elf: Elf, places: dict[int, int]) -> None:
    """Let the headers in `out` say where things are now, and that there are no sections."""

    def moved(offset: int, size: int) -> int:
        home = next(each for each in elf.loaded if each.holds(offset, size))
        return offset - home.offset + places[home.offset]

    table = moved(elf.phoff, SEGMENT * elf.phnum)
    for each in elf.segments:
        if each.size:
            here = table + each.place - elf.phoff
            struct.pack_into("<Q", out, here + 8, moved(each.offset, each.size))
            if each.is_loaded and (moved(each.offset, each.size) - each.address) % max(each.align, 1):
                struct.pack_into("<Q", out, here + 48, _PAGE)  # p_align
    struct.pack_into("<QQ", out, 32, table, 0)  # e_phoff, e_shoff
    struct.pack_into("<HH", out, 60, 0, 0)  # e_shnum, e_shstrndx


def _is_sound(elf: Elf, size: int) -> bool:
    """Return whether the segments are as the loader wants them, and everything that headers name is in one of them."""
    loaded = elf.loaded
    named = [(each.offset, each.size) for each in elf.segments if each.size] + [(elf.phoff, SEGMENT * elf.phnum)]
    return (
        bool(loaded)
        and loaded[0].offset == 0
        and loaded[-1].end <= size
        and all(one.end <= other.offset for one, other in pairwise(loaded))
        and all((each.offset - each.address) % max(each.align, _PAGE) == 0 for each in loaded)
        and all(any(each.holds(*there) for each in loaded) for there in named)
    )


def _is_all_known(elf: Elf, data: bytes) -> bool:
    """Return whether all outside of the segments is a table of sections, sections never loaded, or zeros."""
    known = [(each.offset, each.end) for each in elf.loaded]
    known.append((elf.shoff, elf.shoff + SECTION * elf.shnum))
    for each in elf.sections:
        if each.kind in (_SHT_NULL, _SHT_NOBITS) or not each.size:
            continue
        if each.flags & _SHF_ALLOC and not any(one.holds(each.offset, each.size) for one in elf.loaded):
            return False
        known.append((each.offset, each.offset + each.size))
    end = 0
    for start, stop in sorted(known):
        if any(data[end:start]) and not _is_old_table(data[end:start], len(data)):
            return False
        end = max(end, stop)
    return not any(data[end:])


def _is_old_table(gap: bytes, size: int) -> bool:
    """Return whether there is a table of sections in `gap` and nothing else: patchelf moves it and leaves the old one.

    `size` is that of the file. A table begins with an entry of zeros; behind it there may be zeros, too.
    """
    begin = len(gap) - len(gap.lstrip(b"\0")) - SECTION
    table = gap[begin:].rstrip(b"\0") if begin >= 0 else b""
    table += bytes(-len(table) % SECTION)
    entries = [Section(table, place) for place in range(SECTION, len(table), SECTION)]
    return len(entries) > 1 and all(_is_entry(each, size) for each in entries)


def _is_entry(entry: Section, size: int) -> bool:
    kind = entry.kind
    fits = kind == _SHT_NOBITS or entry.offset + entry.size <= size
    return fits and (_SHT_NULL < kind <= _SHT_SYMTAB_SHNDX or kind >= _SHT_SYSTEM)
