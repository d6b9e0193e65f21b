"""Measures the difference between two predictions."""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from nb_scorer.model import compare_answers

INFINITE = float("inf")
# The difference of integers that exceed the range of a double: JSON has no infinity.
MAX_SIZE = sys.float_info.max


class Difference(NamedTuple):
    """Two predictions next to each other.

    `is_same` uses the tolerance of golden rows; `is_equal` means exactly equal. `absolute` and `relative` are the
    largest differences of two numbers at one position; `beyond_numbers` is whether anything else differs, which has no
    size.
    """

    is_same: bool
    is_equal: bool
    absolute: float
    relative: float
    beyond_numbers: bool

    @property
    def size(self) -> float:
        """Return the sort key of differences: one without a size is larger than any number."""
        return INFINITE if self.beyond_numbers else self.absolute


def between(old: object, new: object, tolerance: float) -> Difference:
    """Return the difference of two predictions, decoded JSON; floats are the same within the relative `tolerance`."""
    pairs = list(_pairs(old, new))
    sizes = [_sizes(one, other) for one, other in pairs if _are_numbers(one, other)]
    return Difference(
        compare_answers.same(old, new, tolerance),
        # True == 1 in Python but not in JSON.
        all(type(one) is type(other) and one == other for one, other in pairs),
        max((absolute for absolute, _ in sizes), default=0.0),
        max((relative for _, relative in sizes), default=0.0),
        any(not _are_numbers(one, other) and (type(one) is not type(other) or one != other) for one, other in pairs),
    )


def _pairs(old: object, new: object) -> Iterator[tuple[object, object]]:
    """Yield the values at the same position in both; a position where their structure differs is one pair."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for name, value in old.items():
            yield from _pairs(value, new[name])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _pairs(one, other)
    else:
        yield old, new


def _are_numbers(*values: object) -> bool:
    return all(is_number(value) for value in values)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number, which true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sizes(one: object, other: object) -> tuple[float, float]:
    """Return the absolute and the relative difference of two numbers."""
    if not (isinstance(one, (int, float)) and isinstance(other, (int, float))) or one == other:
        return 0.0, 0.0
    try:
        absolute = abs(float(one - other))
        return absolute, absolute / float(max(abs(one), abs(other)))
    except OverflowError:
        return MAX_SIZE, MAX_SIZE
