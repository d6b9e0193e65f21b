"""What may be stripped from ELF files."""

import ctypes
import importlib.util
import struct
from pathlib import Path

import pytest
from nb_builder.slim.elf import strip
from nb_builder.slim.elf.headers import Elf


def elf_file(*, tail=b"symbols!", hole=b"", flags=0, align=0x1000, offset=0):
    """Return a small ELF file: a loaded segment of 256 bytes, a section of `tail`, the table of sections."""
    loaded_size = 256
    section_at = loaded_size + len(hole)
    table_at = section_at + len(tail)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, table_at, 0, 64, 56, 1, 64, 2, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, offset, offset, loaded_size, loaded_size, align)
    body = (header + segment).ljust(loaded_size, b"\x90") + hole + tail
    sections = bytes(64) + struct.pack("<IIQQQQIIQQ", 1, 1, flags, 0, section_at, len(tail), 0, 0, 1, 0)
    return body + sections


def test_symbols_behind_what_is_loaded_are_cut_off_and_the_headers_say_so():
    cut = strip.stripped(elf_file())
    assert len(cut) == 256
    assert cut[40:48] == bytes(8)
    assert cut[60:64] == bytes(4)
    assert cut[64:] == elf_file()[64:256]
    assert Elf(cut).sections == []


ADDRESS = 0x400000
HOLE = b"symbols!" * 1500
SYMBOLS = len(HOLE)


def patched_file(*, hole=HOLE, symbol_bytes=SYMBOLS, step=4096, machine=62):
    """Return a file as patchelf leaves it: a hole between two segments, and the program headers in the second.

    A section of symbols spans the first `symbol_bytes` bytes of the hole; segments lie at multiples of `step`.
    """
    second = b"the segment that patchelf added"
    second_at = -(-(4096 + len(hole)) // step) * step
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 4096, 4096, step)
    size = 3 * 56 + len(second)
    headers += struct.pack("<IIQQQQQQ", 1, 6, second_at, ADDRESS, ADDRESS, size, size, step)
    headers += struct.pack("<IIQQQQQQ", 2, 6, second_at + 3 * 56, ADDRESS + 168, 0, len(second), len(second), 8)
    table_at = second_at + size
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, second_at, table_at, 0, 64, 56, 3, 64, 2, 1)
    symbols = struct.pack("<IIQQQQIIQQ", 1, 2, 0, 0, 4096, symbol_bytes, 0, 0, 1, 0)
    body = header.ljust(4096, b"\x90") + hole.ljust(second_at - 4096, b"\0")
    return body + headers + second + bytes(64) + symbols, second


def test_a_hole_between_segments_is_closed_and_all_is_found_where_it_is_then():
    data, second = patched_file()
    cut = strip.stripped(data)
    assert len(cut) == 4096 + 3 * 56 + len(second)
    headers = Elf(cut)
    assert [segment.offset for segment in headers.segments] == [0, 4096, 4096 + 168]
    assert [segment.address for segment in headers.segments] == [0, ADDRESS, ADDRESS + 168]
    assert cut[headers.segments[2].offset :] == second
    assert strip.stripped(cut) is None


def test_a_hole_with_something_unknown_in_it_stays():
    assert strip.stripped(patched_file(symbol_bytes=8)[0]) is None


def old_table(*entries):
    """Return the table of sections that patchelf leaves where it was; entries are (kind, offset, size)."""
    packed = [struct.pack("<IIQQQQIIQQ", 27, kind, 2, 0, offset, size, 0, 0, 1, 0) for kind, offset, size in entries]
    return bytes(8 + 64) + b"".join(packed) + bytes(100)


def test_a_table_of_sections_that_was_left_behind_goes_with_the_hole():
    data, second = patched_file(hole=old_table((7, 568, 36), (8, 9_999_999, 70), (0x6FFFFFF6, 640, 28)), symbol_bytes=0)
    assert len(strip.stripped(data)) == 4096 + 3 * 56 + len(second)


@pytest.mark.parametrize(
    "hole",
    [
        old_table((7, 568, 36), (3, 9_999_999, 70)),
        old_table((7, 568, 36), (77, 568, 36)),
        old_table((7, 568, 36)) + b"more",
        old_table((7, 568, 36)),
        b"no table" + bytes(56),
    ],
    ids=["past the end", "of no known kind", "something behind it", "a single entry", "no first entry"],
)
def test_what_only_looks_like_an_old_table_stays(hole):
    assert strip.stripped(patched_file(hole=hole, symbol_bytes=0)[0]) is None


def test_on_x86_64_a_hole_of_large_pages_is_closed_and_the_alignment_says_so():
    data, second = patched_file(step=0x200000)
    cut = strip.stripped(data)
    assert len(cut) == 4096 + 3 * 56 + len(second)
    assert [segment.align for segment in Elf(cut).segments] == [0x200000, 4096, 8]
    assert cut.endswith(second)


def test_on_other_processors_the_pages_stay_as_large_as_the_linker_made_them():
    data, second = patched_file(step=0x10000, machine=183)
    assert len(strip.stripped(data)) == 0x10000 + 3 * 56 + len(second)


def test_a_stripped_file_has_nothing_more_to_cut():
    assert strip.stripped(strip.stripped(elf_file())) is None


@pytest.mark.parametrize(
    "data",
    [
        elf_file(hole=b"payload of somebody else"),
        elf_file() + b"an archive behind the table",
        elf_file(flags=2),
        elf_file(offset=0x10),
        b"\x7fELF\x01\x01" + bytes(100),
        elf_file()[:100],
        b"no ELF at all",
    ],
    ids=["unknown bytes", "appended", "needed at run time", "not page-aligned", "32 bits", "cut short", "text"],
)
def test_a_file_that_holds_something_else_stays_as_it_is(data):
    assert strip.stripped(data) is None


def test_a_stripped_library_is_still_a_module(tmp_path):
    specs = [importlib.util.find_spec(name) for name in ("_uuid", "_queue", "_json", "_struct", "_heapq")]
    source = next(Path(spec.origin) for spec in specs if spec and spec.origin != "built-in")
    data = source.read_bytes()
    library = tmp_path / source.name
    library.write_bytes(strip.stripped(data))
    assert library.stat().st_size < len(data)
    assert hasattr(ctypes.PyDLL(str(library)), f"PyInit_{source.name.split('.')[0]}")
