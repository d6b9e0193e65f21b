"""What the messages of an Arrow stream say of themselves, read before pyarrow does as they say.

Their metadata are flatbuffers, laid out as the Arrow format's Message.fbs and Schema.fbs have it. pyarrow verifies
them when it makes a message of the bytes, but reserves whatever a compressed buffer says that it unpacks to.
"""

import struct
from collections.abc import Iterator

from nb_service.protocols.malformed import Malformed

_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
# Fields of the tables that are read here, by their place.
_HEADER_TYPE, _HEADER = 1, 2
_ENDIANNESS = 0
_DICTIONARY_RECORDS = 1
_BUFFERS, _COMPRESSION = 2, 3
# How compressed streams were marked before the format had a field for it.
_OLD_MARK = b"ARROW:experimental_compression"
_NOT_COMPRESSED = -1


class _Table:
    """A table of a flatbuffer: fields by number, each of which may be missing."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self, field: int, code: str) -> int:
        """Return a number of the type that `code` has for struct; 0 is what is left out."""
        at = self._place(field)
        return 0 if at is None else _number(self._data, at, code)

    def table(self, field: int) -> "_Table | None":
        """Return a table."""
        at = self._place(field)
        return None if at is None else _Table(self._data, at + _number(self._data, at, "I"))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Yield the pairs of longs of a vector."""
        at = self._place(field)
        if at is not None:
            at += _number(self._data, at, "I")
            end = at + 4 + 16 * _number(self._data, at, "I")
            yield from struct.iter_unpack("<qq", self._data[at + 4 : end])

    def _place(self, field: int) -> int | None:
        places = self._at - _number(self._data, self._at, "i")
        inside = 4 + 2 * field
        if inside >= _number(self._data, places, "H"):
            return None
        offset = _number(self._data, places + inside, "H")
        return self._at + offset if offset else None


def _number(data: bytes | memoryview, at: int, code: str) -> int:
    if at < 0:
        # From the end is where struct would read.
        raise struct.error("an offset before the beginning")
    return struct.unpack_from("<" + code, data, at)[0]


def unpacked_size(metadata: bytes, body: memoryview) -> int:
    """Return to how many bytes the buffers of a message say that they unpack; raise Malformed for what is not read."""
    try:
        message = _Table(metadata, _number(metadata, 0, "I"))
        kind, header = message.number(_HEADER_TYPE, "B"), message.table(_HEADER)
        if header is None:
            raise Malformed("The body is no Arrow stream: a message has no header.")
        if kind == _SCHEMA and header.number(_ENDIANNESS, "h"):
            raise Malformed("Arrow streams are read in little-endian order only.")
        if _OLD_MARK in metadata:
            raise Malformed("The Arrow stream is compressed as it was before version 1.0; write it without.")
        records = header.table(_DICTIONARY_RECORDS) if kind == _DICTIONARY else header
        if kind not in (_DICTIONARY, _RECORDS) or records is None or records.table(_COMPRESSION) is None:
            return 0
        return sum(_unpacked(body, at, size) for at, size in records.pairs(_BUFFERS) if size)
    except struct.error as wrong:
        raise Malformed("The body is no Arrow stream: a message is cut.") from wrong


def _unpacked(body: memoryview, at: int, size: int) -> int:
    """Return to how many bytes a compressed buffer says that it unpacks: its own first eight tell."""
    length = _number(body, at, "q")
    if length == _NOT_COMPRESSED:
        return size
    if length < 0:
        raise Malformed("The body is no Arrow stream: a buffer has a negative length.")
    return length
