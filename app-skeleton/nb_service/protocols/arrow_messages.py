"""Reads the metadata of an Arrow stream's messages before pyarrow uses them.

The metadata are flatbuffers, defined in the Arrow format's Message.fbs and Schema.fbs. pyarrow verifies them when it
parses a message, but then allocates any size that a compressed buffer declares.
"""

import struct
from collections.abc import Iterator

from nb_service.malformed import Malformed

_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
# The numbers of the table fields that are read here.
_HEADER_TYPE, _HEADER = 1, 2
_ENDIANNESS = 0
_DICTIONARY_RECORDS = 1
_BUFFERS, _COMPRESSION = 2, 3
# The key that marked compressed streams before the format had a field for it.
_OLD_MARK = b"ARROW:experimental_compression"
_NOT_COMPRESSED = -1


class _Table:
    """A flatbuffer table: fields by number, each of which may be missing."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def number(self, field: int, code: str) -> int:
        """Return the number in a field, of the struct type `code`; 0 if the field is missing."""
        position = self._position_of(field)
        return 0 if position is None else _number(self._data, position, code)

    def table(self, field: int) -> "_Table | None":
        """Return the table in a field; None if the field is missing."""
        position = self._position_of(field)
        return None if position is None else _Table(self._data, position + _number(self._data, position, "I"))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Yield the pairs of 64-bit integers in a vector."""
        position = self._position_of(field)
        if position is not None:
            position += _number(self._data, position, "I")
            end = position + 4 + 16 * _number(self._data, position, "I")
            yield from struct.iter_unpack("<qq", self._data[position + 4 : end])

    def _position_of(self, field: int) -> int | None:
        vtable = self._position - _number(self._data, self._position, "i")
        slot = 4 + 2 * field
        if slot >= _number(self._data, vtable, "H"):
            return None
        offset = _number(self._data, vtable + slot, "H")
        return self._position + offset if offset else None


def _number(data: bytes | memoryview, at: int, code: str) -> int:
    if at < 0:
        # A negative offset would count from the end.
        raise struct.error("a negative offset")
    return struct.unpack_from("<" + code, data, at)[0]


def unpacked_size(metadata: bytes, body: memoryview) -> int:
    """Return the bytes that a message's buffers unpack to, by their own declaration; raise Malformed if unsupported."""
    try:
        message = _Table(metadata, _number(metadata, 0, "I"))
        kind, header = message.number(_HEADER_TYPE, "B"), message.table(_HEADER)
        if header is None:
            raise Malformed("The body is not an Arrow stream: a message has no header.")
        if kind == _SCHEMA and header.number(_ENDIANNESS, "h"):
            raise Malformed("Only little-endian Arrow streams are supported.")
        if _OLD_MARK in metadata:
            raise Malformed("The Arrow stream is compressed as it was before version 1.0; write it without.")
        records = header.table(_DICTIONARY_RECORDS) if kind == _DICTIONARY else header
        if kind not in (_DICTIONARY, _RECORDS) or records is None or records.table(_COMPRESSION) is None:
            return 0
        return sum(_unpacked(body, at, size) for at, size in records.pairs(_BUFFERS) if size)
    except struct.error as error:
        raise Malformed("The body is not an Arrow stream: a message is truncated.") from error


def _unpacked(body: memoryview, at: int, size: int) -> int:
    """Return the unpacked size that a compressed buffer declares in its first eight bytes."""
    length = _number(body, at, "q")
    if length == _NOT_COMPRESSED:
        return size
    if length < 0:
        raise Malformed("The body is not an Arrow stream: a buffer has a negative length.")
    return length
