"""A series of JSON values, samples or predictions, which stays in the format received until another is needed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nb_scorer.model import json_codec as json_values

from nb_service.malformed import Malformed

# The number of decoded values in memory at a time while samples are created: TOGETHER samples, or fewer with VALUES
# values.
TOGETHER = 1000
VALUES = 1 << 16


class Chunk(NamedTuple):
    """The JSON array of some values, without whitespace inside its brackets, and the number of values."""

    array: bytes
    number: int


class Series(Sequence):
    """Values as `elements` (the JSON of each), as `array` (one JSON array) and as decoded `values`.

    As a sequence, it contains the `elements`. Access raises ValueError if an array is not valid JSON.
    """

    def __init__(
        self,
        elements: list[bytes] | None = None,
        *,
        array: bytes | None = None,
        values: list | None = None,
        chunks: list[Chunk] | None = None,
    ) -> None:
        self._elements = elements
        self._array = array
        self._values = values
        self._chunks = chunks

    @classmethod
    def joined(cls, arrays: Sequence[bytes]) -> "Series":
        """Return the series of all values in some JSON arrays, which must be valid."""
        if len(arrays) == 1:
            return cls(array=arrays[0])
        return cls(array=b"[" + b", ".join(inner for array in arrays if (inner := array.strip()[1:-1].strip())) + b"]")

    @classmethod
    def encoded(cls, values: Iterable, weight: int = 1) -> "Series":
        """Return the series of decoded `values`, converting only some at a time to limit memory.

        `weight` is the number of values in each of them, if known; a list or object counts at least its length.
        """
        return cls(chunks=list(_chunks(values, weight)))

    @property
    def elements(self) -> list[bytes]:
        """Return the JSON of each value."""
        if self._elements is None:
            if self._chunks is not None:
                self._elements = self._split()
            else:
                self._elements = [encode(value) for value in self.values]
        return self._elements

    def _split(self) -> list[bytes]:
        """Return the JSON of each value of the chunks, freeing each chunk after use to save half of the memory."""
        chunks, self._chunks = (self._chunks or [])[::-1], None
        elements: list[bytes] = []
        while chunks:
            array, count = chunks.pop()
            elements += [array[1:-1]] if count == 1 else map(encode, json.loads(array))
        return elements

    @property
    def array(self) -> bytes:
        """Return the JSON array of all values."""
        if self._array is None:
            # One call for all is many times faster than one for each value.
            if self._chunks is not None:
                self._array = joined([chunk.array for chunk in self._chunks])
            else:
                self._array = (
                    encode(self._values) if self._elements is None else b"[" + b", ".join(self._elements) + b"]"
                )
        return self._array

    @property
    def size(self) -> int:
        """Return its approximate JSON size in bytes, without copying values received as bytes."""
        if self._array is None and self._elements is not None:
            return sum(map(len, self._elements))
        return len(self.array)

    @property
    def block(self) -> bytes | None:
        """Return the values as a block of numbers (see nb_scorer.protocol.number_blocks), if received as one."""
        return None

    @property
    def values(self) -> list:
        """Return the decoded values."""
        if self._values is None:
            self._values = json_values.decode(self.array)
            if not isinstance(self._values, list):
                raise ValueError("it is not an array of samples")
        return self._values

    @property
    def at_most(self) -> int:
        """Return an upper bound of the number of values, without decoding anything."""
        if self._array is not None and self._elements is None and self._values is None and self._chunks is None:
            return self._array.count(b",") + 1
        return len(self)

    def parts(self, size: int) -> Iterator["Series"]:
        """Yield all values in series of at most `size`."""
        if self.at_most <= size:
            yield self
        elif (
            self._chunks is not None and self._elements is None and all(chunk.number <= size for chunk in self._chunks)
        ):
            yield from _gathered(self._chunks, size)
        else:
            for at in range(0, len(self), size):
                if self._elements is not None:
                    yield Series(self._elements[at : at + size])
                else:
                    yield Series(values=self.values[at : at + size])

    def __len__(self) -> int:
        if self._elements is None and self._chunks is not None:
            return sum(chunk.number for chunk in self._chunks)
        return len(self._elements if self._elements is not None else self.values)

    def __getitem__(self, at: Any) -> Any:
        return self.elements[at]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.elements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and self.elements == list(other)

    # None makes a class unhashable, but mypy only knows that `object` has a hash.
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
    """Yield chunks grouped into series of at most `size` values."""
    batch: list[Chunk] = []
    count = 0
    for chunk in chunks:
        if count + chunk.number > size:
            yield Series(chunks=batch)
            batch, count = [], 0
        batch.append(chunk)
        count += chunk.number
    yield Series(chunks=batch)


def bodies(parts: Sequence[Series]) -> tuple[bool, list[bytes]]:
    """Return whether all parts of a series are blocks of numbers, and the body of each part."""
    blocks = [block for part in parts if (block := part.block) is not None]
    return bool(blocks), blocks or [part.array for part in parts]


def joined(arrays: list[bytes]) -> bytes:
    """Return the JSON array of all values in non-empty arrays, without whitespace around its brackets."""
    return arrays[0] if len(arrays) == 1 else b"[" + b", ".join(array[1:-1] for array in arrays) + b"]"


def encode(value: object) -> bytes:
    """Return the ASCII bytes of a value's JSON, with lone surrogates escaped."""
    try:
        return json.dumps(value).encode("ascii")
    except RecursionError as error:
        # The value was decoded with more stack available, or is one level deeper now.
        raise Malformed("The JSON is nested too deeply.") from error


def only(samples: Sequence[bytes]) -> bytes:
    """Return the only sample of a request whose prediction is streamed; raise Malformed if it has several."""
    if len(samples) != 1:
        raise Malformed("Only one sample can be streamed.")
    return samples[0]
