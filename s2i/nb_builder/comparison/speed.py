"""Compares the latency of two services, from pairs of predictions for the same sample, one right after the other."""

import math
from array import array
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

CONFIDENCE = 0.95
# Fewer pairs can't give an interval of this confidence: with probability 2 / 2**n, all are on one side of the median.
MIN_COUNT = 6
# Up to this number, the binomial distribution is summed exactly.
EXACT = 1000


class Interval(NamedTuple):
    """A ratio, and its confidence interval."""

    ratio: float
    low: float
    high: float


class Speed:
    """Collects the seconds that both services took for the same sample."""

    def __init__(self) -> None:
        self.old = array("d")
        self.new = array("d")

    def __len__(self) -> int:
        return len(self.old)

    def add(self, old: float, new: float) -> None:
        """Add a pair."""
        self.old.append(old)
        self.new.append(new)

    def medians(self) -> tuple[float, float]:
        """Return the medians of OLD and NEW in seconds."""
        return median(self.old), median(self.new)

    def ratio(self) -> Interval | None:
        """Return the median of the pairwise ratios NEW / OLD; None for too few pairs.

        Pairs cancel out differences between samples, some of which take longer.
        """
        if len(self) < MIN_COUNT:
            return None
        return interval([new / old for old, new in zip(self.old, self.new, strict=True)])


def interval(values: Sequence[float]) -> Interval:
    """Return the median of `values` with its confidence interval, from ranks: valid for any distribution."""
    ordered = sorted(values)
    outside = _outside(len(ordered))
    return Interval(median(ordered), ordered[outside], ordered[-1 - outside])


def _outside(count: int) -> int:
    """Return how many of `count` values lie outside the median's interval on either side."""
    allowed = (1 - CONFIDENCE) / 2
    if count > EXACT:
        return max(0, math.floor(count / 2 - 1.96 * math.sqrt(count) / 2))
    below, chance = 0, 0.5**count
    while chance <= allowed:
        below += 1
        chance += math.comb(count, below) * 0.5**count
    # `below` or fewer values under the median are more probable than allowed; one less is not.
    return max(0, below - 1)
