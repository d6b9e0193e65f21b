"""Intervals that have the true value with a given confidence: of shares, of quantiles, of means, and of differences."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

# Up to here the binomial distribution is summed as it is.
EXACT = 10_000


class Interval(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Return whether the true value is another than zero, as far as the confidence goes."""
        return self.low > 0 or self.high < 0


def wilson(count: int, total: int, confidence: float) -> Interval:
    """Return the share `count` of `total` with Wilson's score interval, which holds for rare events, too."""
    z, share = _z(confidence), count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    below = 1 + z * z / total
    # At the ends the sums are 0 and 1 but for rounding.
    return Interval(
        share,
        0.0 if count == 0 else (centre - spread) / below,
        1.0 if count == total else (centre + spread) / below,
    )


def difference_of_shares(a: tuple[int, int], b: tuple[int, int], confidence: float) -> Interval:
    """Return B's share less A's, each (count, total), with Newcombe's interval: his tenth, made of Wilson's two.

    R. G. Newcombe, Interval estimation for the difference between independent proportions, 1998.
    """
    of_a, of_b = wilson(*a, confidence), wilson(*b, confidence)
    difference = of_b.value - of_a.value
    return Interval(
        difference,
        difference - math.hypot(of_b.value - of_b.low, of_a.high - of_a.value),
        difference + math.hypot(of_b.high - of_b.value, of_a.value - of_a.low),
    )


class Moments(NamedTuple):
    """How many values there were, their sum, and the sum of their squares."""

    number: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Return their mean."""
        return self.total / self.number

    @property
    def of_mean(self) -> float:
        """Return the variance of that mean."""
        return max(0.0, self.squares - self.total * self.mean) / (self.number - 1) / self.number


def mean(moments: Moments, confidence: float) -> Interval:
    """Return the mean of some dozens of values or more, with its interval."""
    spread = _z(confidence) * math.sqrt(moments.of_mean)
    return Interval(moments.mean, moments.mean - spread, moments.mean + spread)


def difference_of_means(a: Moments, b: Moments, confidence: float) -> Interval:
    """Return B's mean less A's, with Welch's interval for many values: their variances may differ."""
    difference, spread = b.mean - a.mean, _z(confidence) * math.sqrt(a.of_mean + b.of_mean)
    return Interval(difference, difference - spread, difference + spread)


class Buckets(NamedTuple):
    """A histogram: rising edges, the last of which is infinite, and how many values were not above each."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Return how many values there were."""
        return self.counts[-1]

    def of_rank(self, rank: int) -> tuple[float, float]:
        """Return the edges between which the value of this rank is, of 1 to `total`; it may be the upper one itself."""
        place = next(place for place, count in enumerate(self.counts) if count >= rank)
        return (self.edges[place - 1] if place else 0.0), self.edges[place]


def quantile(share: float, buckets: Buckets, confidence: float) -> Interval:
    """Return the edge that a quantile is not above, and the edges between which the true one is.

    How many values are below the true quantile is binomial, whatever they are like: that gives two ranks, and the
    buckets tell between which edges these are. The lower edge itself is not in the interval.
    """
    total = buckets.total
    outside = (1 - confidence) / 2
    low, high = binomial_quantile(total, share, outside), binomial_quantile(total, share, 1 - outside) + 1
    return Interval(
        buckets.of_rank(max(1, math.ceil(share * total)))[1],
        buckets.of_rank(low)[0] if low > 0 else 0.0,
        buckets.of_rank(high)[1] if high <= total else math.inf,
    )


def binomial_quantile(total: int, share: float, chance: float) -> int:
    """Return the least number that a binomial variable of `total` trials does not exceed with this chance or more."""
    if total > EXACT:
        number = total * share + NormalDist().inv_cdf(chance) * math.sqrt(total * share * (1 - share))
        # To the outer side: the interval may be too wide by one.
        return min(total, max(0, math.floor(number) if chance < 0.5 else math.ceil(number)))
    sums, number = 0.0, -1
    while sums < chance and number < total:
        number += 1
        sums += math.exp(
            math.lgamma(total + 1)
            - math.lgamma(number + 1)
            - math.lgamma(total - number + 1)
            + number * math.log(share)
            + (total - number) * math.log(1 - share)
        )
    return number


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def together(number: int, confidence: float) -> float:
    """Return the confidence that each of `number` intervals needs, for all to hold together with `confidence`."""
    return 1 - (1 - confidence) / number


def times_as_many(difference: Interval) -> float | None:
    """Return how many times as many values it takes until a difference as large as this one shows; None for none."""
    reach = min(difference.value - difference.low, difference.high - difference.value)
    return (reach / difference.value) ** 2 if difference.value else None


def cumulative(counts: Sequence[float]) -> tuple[int, ...]:
    """Return counts up to each edge as whole numbers that never fall, as they are but for what was extrapolated."""
    rising, most = [], 0
    for count in counts:
        most = max(most, round(count))
        rising.append(most)
    return tuple(rising)
