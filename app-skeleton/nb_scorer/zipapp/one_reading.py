"""Whether a zip file can be read in one way only: every byte of it has its place, and no reader has a choice.

Python's two readers differ: zipfile believes a ZIP64 record at the end and looks for comments, zipimport, which runs
the file, believes the last 22 bytes. Form of the records: APPNOTE.TXT of PKWARE, 4.3.
"""

import os
import struct
import zipfile

# Makes the file a command of its own where it may be executed; the archive begins after it.
SHEBANG = b"#!/usr/bin/env python3\n"
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DESCRIBED = 0x08  # sizes follow the data, as in a file that was written forward only
_LARGE = 0xFFFFFFFF
# The record and the locator that a file has whose directory begins beyond 4 GiB, or that has 65,535 files.
_ZIP64_BYTES = 56 + 20


def problem_of(file, entries):
    """Return why an open file, of which zipfile read `entries`, could be read in another way, too; None if not.

    Raise OSError for a file that can't be read.
    """
    try:
        return _problem(file, entries)
    except struct.error:
        return "it is cut off"


def _problem(file, entries):
    end = file.seek(0, os.SEEK_END) - _END.size
    signature, _, _, _, count, length, offset, comment = _read(file, end, _END)
    if signature != b"PK\5\6" or comment:
        return "something follows its directory"
    is_large = _LARGE in (offset, length) or count == 0xFFFF
    directory_end = end - _ZIP64_BYTES if is_large else end
    raw = sum(_CENTRAL.size + _names(entry)[1] for entry in entries) if is_large else length
    start = directory_end - raw
    file.seek(0)
    prefix = file.read(len(SHEBANG))
    at = len(SHEBANG) if prefix == SHEBANG else 0
    for entry in entries:
        at = _after(file, at, entry)
        if at is None:
            return "its files do not follow one another"
    if at != start:
        return "something is between its files and its directory"
    for entry in entries:
        name, rest = _names(entry)
        fields = _read(file, at, _CENTRAL)
        is_this = fields[0] == b"PK\1\2" and fields[10:13] == (len(name), rest - len(name), 0)
        if not is_this or file.read(len(name)) != name:
            return "its directory has more than the names of its files"
        at += _CENTRAL.size + rest
    return None if at == directory_end else "its directory has more than the names of its files"


def _after(file, at, entry):
    """Return where the entry that has to begin at `at` ends; None if another is there."""
    if at != entry.header_offset:
        return None
    signature, _, flags, method, _, _, _, _, _, name_length, extra = _read(file, at, _LOCAL)
    name = file.read(name_length)
    if signature != b"PK\3\4" or method != zipfile.ZIP_STORED or name != _names(entry)[0] or flags != entry.flag_bits:
        return None
    end = at + _LOCAL.size + name_length + extra + entry.file_size
    if flags & _DESCRIBED:
        # With its signature, and sizes of eight bytes where zipfile has made room for such.
        end += 24 if extra else 16
    return end


def _names(entry):
    """Return (an entry's name as bytes, the bytes that the directory has beside the fixed fields)."""
    name = entry.filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
    return name, len(name) + len(entry.extra)


def _read(file, at, form):
    file.seek(at)
    return form.unpack(file.read(form.size))
