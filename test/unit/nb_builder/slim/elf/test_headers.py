"""The headers of ELF files, and the libraries that they need."""

import struct
import sys
from pathlib import Path

import pytest
from nb_builder.slim.elf import headers

PYTHON = str(Path(sys.executable).resolve())


def without_loader():
    """Return a small ELF file that names no loader: one loaded segment, no sections."""
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    )
    return (header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 256, 256, 0x1000)).ljust(256, b"\x90")


def test_the_libraries_of_the_interpreter_are_found_with_the_loader_among_them():
    loader = headers.interpreter(PYTHON)
    libraries, missing = headers.libraries(loader, [PYTHON])
    names = {Path(path).name for path in libraries}
    assert "libc.so.6" in names
    assert missing == set()
    assert all(Path(path).exists() for path in libraries)


def test_what_is_no_elf_file_is_reported_apart(tmp_path):
    (tmp_path / "text").write_text("ELF")
    assert not headers.is_elf(tmp_path / "text")
    assert headers.is_elf(PYTHON)


def test_a_program_without_a_loader_is_rejected(tmp_path):
    (tmp_path / "static").write_bytes(without_loader())
    with pytest.raises(ValueError, match="names no loader"):
        headers.interpreter(tmp_path / "static")


def test_what_a_file_needs_is_read_from_it_and_is_what_the_loader_finds():
    names = headers.needed(Path(PYTHON).read_bytes())
    libraries, _ = headers.libraries(headers.interpreter(PYTHON), [PYTHON])
    assert "libc.so.6" in names
    assert set(names) <= {Path(path).name for path in libraries}


def test_a_file_without_a_build_id_has_no_program_in_common_with_others():
    assert headers.program_of(without_loader()) is None
    assert headers.program_of(b"text") is None
