"""Converts raw little-endian tensors to nested lists and back, without numpy."""

import array
import math
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nb_scorer.protocol import number_blocks
from nb_scorer.protocol.number_blocks import nest

from nb_service.protocols import Malformed, Series, encode
from nb_service.protocols.series import TOGETHER, VALUES, Chunk, joined

# A shape with more dimensions is an attack rather than a tensor.
MAX_DIMENSIONS = 32
# In JSON, a list adds two brackets, a comma and a space.
_BYTES_A_LIST = 4
_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)


class Tensor(NamedTuple):
    """Values in row order, their shape, and the name of their datatype in Open Inference."""

    datatype: str
    shape: list[int]
    flat: list


# The struct type code of each datatype, and the bytes of one value.
CODES = {
    "BOOL": ("?", 1),
    "UINT8": ("B", 1),
    "UINT16": ("H", 2),
    "UINT32": ("I", 4),
    "UINT64": ("Q", 8),
    "INT8": ("b", 1),
    "INT16": ("h", 2),
    "INT32": ("i", 4),
    "INT64": ("q", 8),
    "FP16": ("e", 2),
    "FP32": ("f", 4),
    "FP64": ("d", 8),
}


def size_of(shape: object) -> int:
    """Return the number of values of a tensor of `shape`; raise Malformed if the shape is not valid."""
    if not isinstance(shape, (list, tuple)) or len(shape) > MAX_DIMENSIONS:
        raise Malformed("shape is not a list of dimensions.")
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 40 for size in shape):
        raise Malformed("shape has a dimension that is not a whole number of at least 0.")
    if 0 in shape[1:]:
        raise Malformed("shape has samples without a value.")
    return math.prod(shape)


def list_bytes(shape: Sequence[int]) -> int:
    """Return the bytes that lists add to the JSON of a tensor's samples, without their values.

    A dimension of one costs the client nothing, but adds a list around each value here.
    """
    return _BYTES_A_LIST * sum(math.prod(shape[:depth]) for depth in range(1, len(shape)))


class Packed(Sequence):
    """The numbers in `raw`, unpacked slice by slice; raises Malformed if the last number is truncated."""

    def __init__(self, datatype: str, raw: bytes | memoryview, little: bool = True) -> None:
        self._size = CODES[datatype][1]
        if len(raw) % self._size:
            raise Malformed(f"{len(raw)} bytes are not a whole number of {datatype} values.")
        self._datatype, self._raw, self._little = datatype, raw, little

    def block(self, shape: Sequence[int]) -> bytes:
        """Return all numbers, an array of `shape`, in the form that scorers take."""
        return number_blocks.pack(CODES[self._datatype][0], "<" if self._little else ">", shape, self._raw)

    def part(self, begin: int, end: int) -> "Packed":
        """Return the numbers from index `begin` to `end`, still packed."""
        view = memoryview(self._raw)[begin * self._size : end * self._size]
        return Packed(self._datatype, view, self._little)

    def __len__(self) -> int:
        return len(self._raw) // self._size

    def __getitem__(self, at: Any) -> Any:
        if not isinstance(at, slice):
            return self[at : at + 1][0]
        begin, end, _ = at.indices(len(self))
        return unpack(self._datatype, self._raw[begin * self._size : end * self._size], self._little)


def packed(datatype: str, values: Iterable) -> Packed:
    """Return numbers that fit their datatype (not FP16), packed like an array received as bytes."""
    raw = bytes(values) if datatype == "BOOL" else array.array(CODES[datatype][0], values).tobytes()
    return Packed(datatype, raw, sys.byteorder == "little")


def unpack(datatype: str, raw: bytes | memoryview, little: bool = True) -> list:
    """Return the values in `raw`; NaN and infinities, which JSON lacks, become None."""
    code, size = CODES[datatype]
    if len(raw) % size:
        raise Malformed(f"{len(raw)} bytes are not a whole number of {datatype} values.")
    return number_blocks.values(code, "<" if little else ">", raw)


def pack(tensor: Tensor) -> bytes:
    """Return the values as little-endian bytes; None becomes NaN. Raise Malformed for a value that does not fit."""
    code, _ = CODES[tensor.datatype]
    flat = [math.nan if value is None else value for value in tensor.flat] if code in "efd" else tensor.flat
    try:
        return struct.pack(f"<{len(flat)}{code}", *flat)
    except (struct.error, OverflowError) as error:
        raise Malformed(f"A value does not fit {tensor.datatype}: {error}.") from error


def samples(flat: Sequence, shape: Sequence[int]) -> Series:
    """Return the rows of a tensor as samples, converting only some at a time to limit memory."""
    return NumberRows(flat, shape) if isinstance(flat, Packed) else Series(chunks=_chunks(flat, shape))


class NumberRows(Series):
    """The rows of an array of packed numbers, converted to JSON only when needed."""

    def __init__(self, numbers: Packed, shape: Sequence[int]) -> None:
        super().__init__()
        self._numbers = numbers
        self._shape = shape
        self._json: Series | None = None

    @property
    def block(self) -> bytes:
        """Return the rows as a block, in the form that scorers take."""
        return self._numbers.block(self._shape)

    @property
    def elements(self) -> list[bytes]:
        """Return the JSON of each row."""
        return self._spelled().elements

    @property
    def array(self) -> bytes:
        """Return the JSON array of all rows."""
        return self._spelled().array

    @property
    def values(self) -> list:
        """Return the decoded rows."""
        return self._spelled().values

    @property
    def at_most(self) -> int:
        """Return the number of rows."""
        return len(self)

    def parts(self, size: int) -> Iterator[Series]:
        """Yield all rows in series of at most `size`."""
        row_size = math.prod(self._shape[1:])
        for begin in range(0, len(self), size):
            count = min(size, len(self) - begin)
            numbers = self._numbers.part(begin * row_size, (begin + count) * row_size)
            yield NumberRows(numbers, [count, *self._shape[1:]])

    def __len__(self) -> int:
        return self._shape[0]

    def _spelled(self) -> Series:
        """Return the rows as a series of JSON."""
        if self._json is None:
            self._json = Series(chunks=_chunks(self._numbers, self._shape))
        return self._json


def _chunks(flat: Sequence, shape: Sequence[int]) -> list[Chunk]:
    """Return the JSON of the rows of a tensor."""
    count, sample_size = shape[0], math.prod(shape[1:])
    step = max(1, min(TOGETHER, VALUES // sample_size))
    return [
        Chunk(block_json(flat, [min(step, count - at), *shape[1:]], at * sample_size), min(step, count - at))
        for at in range(0, count, step)
    ]


def rows(flat: Sequence, shape: Sequence[int], step: int) -> Iterator[Sequence]:
    """Yield the rows of a tensor as nested lists, `step` rows at a time."""
    row_size = math.prod(shape[1:])
    for at in range(0, shape[0] * row_size, step * row_size):
        yield nest(flat[at : at + step * row_size], shape)


def block_json(flat: Sequence, shape: Sequence[int], begin: int) -> bytes:
    """Return the JSON of the block of `shape` that starts at index `begin` of `flat`."""
    row_size = math.prod(shape[1:])
    step = max(1, VALUES // (row_size * len(shape)))
    offsets = range(begin, begin + shape[0] * row_size, step * row_size)
    if row_size > VALUES:
        return b"[" + b", ".join(block_json(flat, shape[1:], at) for at in offsets) + b"]"
    end = offsets.stop
    return joined([encode(nest(flat[at : min(end, at + step * row_size)], shape)) for at in offsets])


def flatten(nested: object) -> list:
    """Return the values in nested lists, in order; raise Malformed if they are nested too deeply for a tensor."""
    flat = [nested]
    for _ in range(MAX_DIMENSIONS + 1):
        if not any(isinstance(item, list) for item in flat):
            return flat
        flat = [value for item in flat for value in (item if isinstance(item, list) else [item])]
    raise Malformed("The data are nested too deeply.")


def stack(values: list, *, floats: bool = False) -> Tensor | None:
    """Return the tensor of numbers, booleans, strings or nested lists of these; None for other values.

    With `floats`, whole and missing numbers become FP64 if doubles represent them exactly.
    """
    shape = [len(values)]
    flat = values
    while flat and all(isinstance(item, list) for item in flat):
        size = len(flat[0])
        if not size or any(len(item) != size for item in flat):
            return None
        shape.append(size)
        flat = [value for item in flat for value in item]
    datatype = "FP64" if floats and flat and _are_doubles(flat) else _datatype(flat)
    return None if datatype is None else Tensor(datatype, shape, flat)


def _datatype(flat: list) -> str | None:
    kinds = {type(value) for value in flat}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {str}:
        return "BYTES"
    if kinds == {int}:
        least, greatest = min(flat), max(flat)
        if least in _INT64 and greatest in _INT64:
            return "INT64"
        return "UINT64" if least in _UINT64 and greatest in _UINT64 else None
    return "FP64" if kinds - {type(None)} and _are_doubles(flat) else None


def _are_doubles(flat: list) -> bool:
    """Return whether doubles represent all values exactly (None as NaN): rounding would change a prediction."""
    kinds = {type(value) for value in flat}
    return kinds <= {int, float, type(None)} and all(type(value) is not int or abs(value) <= 1 << 53 for value in flat)
