"""JSON values in a row, samples or answers, in whichever form is at hand; other forms are made when asked for."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nb_scorer.model import json_codec as json_values

from nb_service.protocols.malformed import Malformed

# What is decoded at a time where samples are made: so many of them, or fewer that have so many values together.
TOGETHER = 1000
VALUES = 1 << 16


class Chunk(NamedTuple):
    """The JSON array of some values, without space around its brackets, and how many they are."""

    array: bytes
    number: int


class Series(Sequence):
    """Values as `each` (JSON, bytes a value), as `array` (the JSON array of them) and as decoded `values`.

    As a sequence it is that of `each`. Raises ValueError where an array turns out not to be JSON.
    """

    def __init__(
        self,
        each: list[bytes] | None = None,
        *,
        array: bytes | None = None,
        values: list | None = None,
        chunks: list[Chunk] | None = None,
    ) -> None:
        self._each = each
        self._array = array
        self._values = values
        self._chunks = chunks

    @classmethod
    def joined(cls, arrays: Sequence[bytes]) -> "Series":
        """Return the series of all values of some JSON arrays, which are known to be such."""
        if len(arrays) == 1:
            return cls(array=arrays[0])
        return cls(array=b"[" + b", ".join(inner for array in arrays if (inner := array.strip()[1:-1].strip())) + b"]")

    @classmethod
    def encoded(cls, values: Iterable, weight: int = 1) -> "Series":
        """Return the series of decoded `values`, of which only some are in memory at a time.

        `weight` is how many values each of them has within, where that is known; else they tell themselves.
        """
        return cls(chunks=list(_chunks(values, weight)))

    @property
    def each(self) -> list[bytes]:
        """Return the JSON of each value."""
        if self._each is None:
            if self._chunks is not None:
                self._each = self._split()
            else:
                self._each = [encode(value) for value in self.values]
        return self._each

    def _split(self) -> list[bytes]:
        """Return the JSON of each value of the chunks, which end here: both together are twice the memory."""
        chunks, self._chunks = (self._chunks or [])[::-1], None
        each: list[bytes] = []
        while chunks:
            array, count = chunks.pop()
            each += [array[1:-1]] if count == 1 else map(encode, json.loads(array))
        return each

    @property
    def array(self) -> bytes:
        """Return the JSON array of all."""
        if self._array is None:
            # One call for all is many times faster than one for each.
            if self._chunks is not None:
                self._array = joined([chunk.array for chunk in self._chunks])
            else:
                self._array = encode(self._values) if self._each is None else b"[" + b", ".join(self._each) + b"]"
        return self._array

    @property
    def values(self) -> list:
        """Return the decoded values."""
        if self._values is None:
            self._values = json_values.decode(self.array)
            if not isinstance(self._values, list):
                raise ValueError("it is no array of samples")
        return self._values

    @property
    def at_most(self) -> int:
        """Return a number that the length does not exceed, without decoding anything."""
        if self._array is not None and self._each is None and self._values is None and self._chunks is None:
            return self._array.count(b",") + 1
        return len(self)

    def parts(self, size: int) -> Iterator["Series"]:
        """Yield series of `size` values or fewer, which are all of them."""
        if self.at_most <= size:
            yield self
        elif self._chunks is not None and self._each is None and all(chunk.number <= size for chunk in self._chunks):
            yield from _gathered(self._chunks, size)
        else:
            for at in range(0, len(self), size):
                if self._each is not None:
                    yield Series(self._each[at : at + size])
                else:
                    yield Series(values=self.values[at : at + size])

    def __len__(self) -> int:
        if self._each is None and self._chunks is not None:
            return sum(chunk.number for chunk in self._chunks)
        return len(self._each if self._each is not None else self.values)

    def __getitem__(self, at: Any) -> Any:
        return self.each[at]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.each)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and self.each == list(other)

    # That it has none is how Python says so; `object` promises one.
    __hash__ = None  # type: ignore[assignment]


def _chunks(values: Iterable, weight: int) -> Iterator[Chunk]:
    batch, sum_of_weights = [], 0
    for value in values:
        batch.append(value)
        sum_of_weights += max(weight, len(value)) if isinstance(value, (list, dict)) else weight
        if len(batch) == TOGETHER or sum_of_weights >= VALUES:
            yield Chunk(encode(batch), len(batch))
            batch, sum_of_weights = [], 0
    if batch:
        yield Chunk(encode(batch), len(batch))


def _gathered(chunks: list[Chunk], size: int) -> Iterator[Series]:
    """Yield series of as many chunks as have `size` values at most."""
    batch: list[Chunk] = []
    count = 0
    for chunk in chunks:
        if count + chunk.number > size:
            yield Series(chunks=batch)
            batch, count = [], 0
        batch.append(chunk)
        count += chunk.number
    yield Series(chunks=batch)


def joined(arrays: list[bytes]) -> bytes:
    """Return the JSON array of all values of arrays that have some, without space around their brackets."""
    return arrays[0] if len(arrays) == 1 else b"[" + b", ".join(array[1:-1] for array in arrays) + b"]"


def encode(value: object) -> bytes:
    """Return decoded JSON as bytes of JSON; a lone surrogate has no other form than an escape."""
    try:
        return json.dumps(value).encode("ascii")
    except RecursionError as wrong:
        # What was decoded with fewer calls around it, or has become a level deeper since.
        raise Malformed("The JSON is nested too deeply.") from wrong
