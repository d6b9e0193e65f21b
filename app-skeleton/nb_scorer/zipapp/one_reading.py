"""Checks that a zip file's structure is byte for byte what our own writer would have written.

Python's two readers differ: zipfile uses one number where zipimport, which runs the file, uses another, and versions
differ in how they detect ZIP64 records. If every byte of the structure is fixed, they can't disagree. The records are
defined in PKWARE's APPNOTE.TXT, 4.3.
"""

import os
import stat
import struct

# Makes an executable file a command; the archive follows.
SHEBANG = b"#!/usr/bin/env python3\n"
# Up to 3.12, Python can't run archives with ZIP64 records, which zipfile writes for sizes close to 2 GiB.
MAX_SIZE = 2 * 10**9
# Bytes of the directory, which zipfile reads at once, and turns into an object for each of at most 65,535 files.
MAX_DIRECTORY = 1 << 24
MODES = (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755)
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _UNIX = 20, 3 << 8
_FORWARD, _UTF8 = 0x08, 0x800  # sizes follow the data; the name is not ASCII
_FIRST_DAY = 1 << 5 | 1  # 1 January 1980, at midnight
_END_RECORD, _ZIP64_RECORD, _ZIP64_LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_LOCATOR_SIZE = 20
_BEFORE_END = 56 + _LOCATOR_SIZE  # both of them


def directory_problem_of(file):
    """Return why an open file's directory must not be read: it is too large, or its size is ambiguous; else None.

    Raise OSError for a file that can't be read.
    """
    size = file.seek(0, os.SEEK_END)
    # Ours have no comment, which would follow the last record.
    end = _bytes(file, max(0, size - _END.size), _END.size)
    if len(end) < _END.size or not end.startswith(_END_RECORD):
        return "it does not end as a model file does"
    if _bytes(file, max(0, size - _END.size - _LOCATOR_SIZE), _LOCATOR_SIZE).startswith(_ZIP64_LOCATOR):
        return "it contains a ZIP64 record"
    if _END.unpack(end)[5] > MAX_DIRECTORY:
        return "the list of its files is larger than allowed"
    return None


def problem_of(file, entries):
    """Return how an open file, with zipfile's `entries`, differs from our writer's form; None if it doesn't.

    Raise OSError for a file that can't be read.
    """
    if _bytes(file, 0, len(SHEBANG)) != SHEBANG:
        return "it does not start with the line that runs it"
    try:
        return _problem(file, entries)
    except struct.error:
        return "it is larger than allowed"


def _problem(file, entries):
    directory, at = [], len(SHEBANG)
    for entry in entries:
        # Offsets are relative to the start of the archive.
        local, descriptor, central = _records(entry, at - len(SHEBANG))
        if _bytes(file, at, len(local)) != local:
            return "unexpected bytes precede one of its files"
        at += len(local) + entry.file_size
        if _bytes(file, at, len(descriptor)) != descriptor:
            return "unexpected bytes follow one of its files"
        at += len(descriptor)
        directory.append(central)
    records, count = b"".join(directory), len(entries)
    end = _END.pack(_END_RECORD, 0, 0, count, count, len(records), at - len(SHEBANG), 0)
    if _bytes(file, at, len(records) + len(end) + 1) != records + end:
        return "its directory has unexpected content"
    # Readers look for these records only here.
    before = _bytes(file, max(0, at + len(records) - _BEFORE_END), _BEFORE_END)
    if before.startswith(_ZIP64_RECORD) or before[56:].startswith(_ZIP64_LOCATOR):
        return "it contains a ZIP64 record"
    return None


def _records(entry, at):
    """Return the records before a file, after it, and in the directory; `at` is its offset."""
    try:
        name, flags = entry.filename.encode("ascii"), _FORWARD
    except UnicodeEncodeError:
        name, flags = entry.filename.encode("utf-8"), _FORWARD | _UTF8
    size, length = entry.file_size, len(name)
    mode = MODES[bool(entry.external_attr >> 16 & stat.S_IXUSR)]
    local = _LOCAL.pack(b"PK\3\4", _VERSION, flags, 0, 0, _FIRST_DAY, 0, 0, 0, length, 0)
    descriptor = _DESCRIPTOR.pack(b"PK\7\x08", entry.CRC, size, size)
    facts = (_VERSION, flags, 0, 0, _FIRST_DAY, entry.CRC, size, size, length)
    central = _CENTRAL.pack(b"PK\1\2", _UNIX | _VERSION, *facts, 0, 0, 0, 0, mode << 16, at)
    return local + name, descriptor, central + name


def _bytes(file, at, count):
    file.seek(at)
    return file.read(count)
