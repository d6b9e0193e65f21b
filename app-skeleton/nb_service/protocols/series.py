"""JSON values in a row, samples or answers, in whichever form is at hand; other forms are made when asked for."""

import json
from collections.abc import Iterable, Iterator, Sequence

from nb_scorer import values as json_values


class Series(Sequence):
    """Values as `each` (JSON, bytes a value), as `array` (the JSON array of them) and as decoded `values`.

    As a sequence it is that of `each`. Raises ValueError where an array turns out not to be JSON.
    """

    def __init__(self, each: list[bytes] | None = None, *, array=None, values=None) -> None:
        self._each = each
        self._array = array
        self._values = values

    @classmethod
    def joined(cls, arrays: Sequence[bytes]) -> "Series":
        """Return the series of all values of some JSON arrays, which are known to be such."""
        if len(arrays) == 1:
            return cls(array=arrays[0])
        return cls(array=b"[" + b", ".join(inner for array in arrays if (inner := array.strip()[1:-1].strip())) + b"]")

    @property
    def each(self) -> list[bytes]:
        """Return the JSON of each value."""
        if self._each is None:
            self._each = [encode(value) for value in self.values]
        return self._each

    @property
    def array(self) -> bytes:
        """Return the JSON array of all."""
        if self._array is None:
            # One call for all is many times faster than one for each.
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
        if self._each is None and self._values is None:
            return self._array.count(b",") + 1
        return len(self)

    def parts(self, size: int) -> Iterator["Series"]:
        """Yield series of `size` values, the last one of those that are left."""
        if self.at_most <= size:
            yield self
            return
        for at in range(0, len(self), size):
            if self._each is not None:
                yield Series(self._each[at : at + size])
            else:
                yield Series(values=self.values[at : at + size])

    def __len__(self) -> int:
        return len(self._each if self._each is not None else self.values)

    def __getitem__(self, at):
        return self.each[at]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.each)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and self.each == list(other)

    __hash__ = None


def encode(value) -> bytes:
    """Return decoded JSON as bytes of JSON; a lone surrogate has no other form than an escape."""
    return json.dumps(value).encode("ascii")
