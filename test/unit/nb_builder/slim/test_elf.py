"""ELF files: their libraries, and what may be cut off them."""

import ctypes
import importlib.util
import struct
import sys
from pathlib import Path

import pytest
from nb_builder.slim import elf

PYTHON = str(Path(sys.executable).resolve())


def made(*, tail=b"symbols!", hole=b"", flags=0, align=0x1000, offset=0):
    """Return a small ELF file: a loaded segment of 256 bytes, a section of `tail`, the table of sections."""
    loaded = 256
    section_at = loaded + len(hole)
    table_at = section_at + len(tail)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, table_at, 0, 64, 56, 1, 64, 2, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, offset, offset, loaded, loaded, align)
    body = (head + segment).ljust(loaded, b"\x90") + hole + tail
    sections = bytes(64) + struct.pack("<IIQQQQIIQQ", 1, 1, flags, 0, section_at, len(tail), 0, 0, 1, 0)
    return body + sections


def test_symbols_behind_what_is_loaded_are_cut_off_and_the_headers_say_so():
    cut = elf.stripped(made())
    assert len(cut) == 256
    assert cut[40:48] == bytes(8)
    assert cut[60:64] == bytes(4)
    assert cut[64:] == made()[64:256]
    assert elf.Elf(cut).sections == []


def patched(*, hole_is_known=True):
    """Return a file as patchelf leaves it: symbols between two segments, and the program headers in the second."""
    hole, second = b"symbols!" * 1500, b"the segment that patchelf added"
    second_at = -(-(4096 + len(hole)) // 4096) * 4096
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 4096, 4096, 4096)
    size = 3 * 56 + len(second)
    headers += struct.pack("<IIQQQQQQ", 1, 6, second_at, 0x9000, 0x9000, size, size, 4096)
    headers += struct.pack("<IIQQQQQQ", 2, 6, second_at + 3 * 56, 0x9000 + 168, 0, len(second), len(second), 8)
    table_at = second_at + size
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, second_at, table_at, 0, 64, 56, 3, 64, 2, 1)
    symbols = struct.pack("<IIQQQQIIQQ", 1, 2, 0, 0, 4096, len(hole) if hole_is_known else 8, 0, 0, 1, 0)
    body = head.ljust(4096, b"\x90") + hole.ljust(second_at - 4096, b"\0")
    return body + headers + second + bytes(64) + symbols, second


def test_a_hole_between_segments_is_closed_and_all_is_found_where_it_is_then():
    data, second = patched()
    cut = elf.stripped(data)
    assert len(cut) == 4096 + 3 * 56 + len(second)
    headers = elf.Elf(cut)
    assert [each.offset for each in headers.segments] == [0, 4096, 4096 + 168]
    assert [each.address for each in headers.segments] == [0, 0x9000, 0x9000 + 168]
    assert cut[headers.segments[2].offset :] == second
    assert elf.stripped(cut) is None


def test_a_hole_with_something_unknown_in_it_stays():
    assert elf.stripped(patched(hole_is_known=False)[0]) is None


def test_a_stripped_file_has_nothing_more_to_cut():
    assert elf.stripped(elf.stripped(made())) is None


@pytest.mark.parametrize(
    "data",
    [
        made(hole=b"payload of somebody else"),
        made() + b"an archive behind the table",
        made(flags=2),
        made(offset=0x10),
        b"\x7fELF\x01\x01" + bytes(100),
        made()[:100],
        b"no ELF at all",
    ],
    ids=["unknown bytes", "appended", "needed at run time", "not page-aligned", "32 bits", "cut short", "text"],
)
def test_a_file_that_holds_something_else_stays_as_it_is(data):
    assert elf.stripped(data) is None


def test_a_stripped_library_is_still_a_module(tmp_path):
    found = [importlib.util.find_spec(name) for name in ("_uuid", "_queue", "_json", "_struct", "_heapq")]
    source = next(Path(spec.origin) for spec in found if spec and spec.origin != "built-in")
    data = source.read_bytes()
    library = tmp_path / source.name
    library.write_bytes(elf.stripped(data))
    assert library.stat().st_size < len(data)
    assert hasattr(ctypes.PyDLL(str(library)), f"PyInit_{source.name.split('.')[0]}")


def test_the_libraries_of_the_interpreter_are_found_with_the_loader_among_them():
    loader = elf.interpreter(PYTHON)
    found, missing = elf.libraries(loader, [PYTHON])
    names = {Path(path).name for path in found}
    assert "libc.so.6" in names
    assert missing == set()
    assert all(Path(path).exists() for path in found)


def test_what_is_no_elf_file_is_told_apart(tmp_path):
    (tmp_path / "text").write_text("ELF")
    assert not elf.is_elf(tmp_path / "text")
    assert elf.is_elf(PYTHON)


def test_a_program_without_a_loader_is_refused(tmp_path):
    (tmp_path / "static").write_bytes(made())
    with pytest.raises(ValueError, match="names no loader"):
        elf.interpreter(tmp_path / "static")
