"""Whether a zip file can be read in one way only: every byte of it has its place, and no reader has a choice.

Python's two readers differ: zipfile believes a ZIP64 record at the end and looks for comments, zipimport, which runs
the file, believes the last 22 bytes. Form of the records: APPNOTE.TXT of PKWARE, 4.3.
"""

import struct
import zipfile

# Makes the file a command of its own where it may be executed; the archive begins after it.
SHEBANG = b"#!/usr/bin/env python3\n"
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DESCRIBED = 0x08  # sizes follow the data, as in a file that was written forward only
# Beyond these, in bytes or files, zipfile writes a ZIP64 record and its locator before the last 22 bytes.
_LARGE, _MANY = (1 << 31) - 1, (1 << 16) - 1
_ZIP64_BYTES = 56 + 20
# Extra fields have nothing but sizes and places of eight bytes: no other directory finds room there.
_LOCAL_EXTRA, _CENTRAL_EXTRA = (0, 20), (0, 12, 20, 28)


def problem_of(file, entries):
    """Return why an open file, of which zipfile read `entries`, could be read in another way, too; None if not.

    Raise OSError for a file that can't be read.
    """
    try:
        return _problem(file, entries)
    except struct.error:
        return "it is cut off"


def _problem(file, entries):
    prefix = _bytes(file, 0, len(SHEBANG))
    at = len(SHEBANG) if prefix == SHEBANG else 0
    for entry in entries:
        at = _after(file, at, entry)
        if at is None:
            return "its files do not follow one another"
    start = at
    for entry in entries:
        name, extra = _name(entry), len(entry.extra)
        fields = _read(file, at, _CENTRAL)
        is_this = fields[0] == b"PK\1\2" and fields[10:13] == (len(name), extra, 0) and extra in _CENTRAL_EXTRA
        if not is_this or file.read(len(name)) != name:
            return "its directory is not that of its files alone"
        at += _CENTRAL.size + len(name) + extra
    length = at - start
    if start > _LARGE or length > _LARGE or len(entries) > _MANY:
        # Only then: of a record that no file of this size has, one reader would believe what another does not see.
        at += _ZIP64_BYTES
    end = _read(file, at, _END)
    wanted = (b"PK\5\6", min(len(entries), _MANY), min(length, 0xFFFFFFFF), 0)
    if (end[0], end[4], end[5], end[7]) != wanted or file.read(1):
        return "its last bytes do not stand for its directory"
    return None


def _after(file, at, entry):
    """Return where the entry that has to begin at `at` ends; None if another is there."""
    if at != entry.header_offset:
        return None
    signature, _, flags, method, _, _, _, _, _, name_length, extra = _read(file, at, _LOCAL)
    name = file.read(name_length)
    if signature != b"PK\3\4" or method != zipfile.ZIP_STORED or name != _name(entry) or flags != entry.flag_bits:
        return None
    if extra not in _LOCAL_EXTRA:
        return None
    end = at + _LOCAL.size + name_length + extra + entry.file_size
    if flags & _DESCRIBED:
        # With its signature, and sizes of eight bytes where zipfile has made room for such.
        end += 24 if extra else 16
    return end


def _name(entry):
    return entry.filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")


def _read(file, at, form):
    return form.unpack(_bytes(file, at, form.size))


def _bytes(file, at, count):
    file.seek(at)
    return file.read(count)
