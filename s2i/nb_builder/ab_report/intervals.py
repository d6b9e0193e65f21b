"""Confidence intervals of shares, quantiles, means, and differences."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

# Up to this number, the binomial distribution is summed exactly.
EXACT = 10_000


class Interval(NamedTuple):
    """A value with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Return whether the true value differs from zero at this confidence."""
        return self.low > 0 or self.high < 0


def wilson(count: int, total: int, confidence: float) -> Interval:
    """Return the share `count` of `total` with Wilson's score interval, which is also valid for rare events."""
    z, share = _z(confidence), count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    below = 1 + z * z / total
    # At the ends, the sums are 0 and 1 except for rounding.
    return Interval(
        share,
        0.0 if count == 0 else (centre - spread) / below,
        1.0 if count == total else (centre + spread) / below,
    )


def difference_of_shares(a: tuple[int, int], b: tuple[int, int], confidence: float) -> Interval:
    """Return B's share minus A's, each (count, total), with Newcombe's interval (method 10), based on Wilson's.

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
    """The number of values, their sum, and the sum of their squares."""

    number: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Return the mean of the values."""
        return self.total / self.number

    @property
    def of_mean(self) -> float:
        """Return the variance of the mean."""
        return max(0.0, self.squares - self.total * self.mean) / (self.number - 1) / self.number


def mean(moments: Moments, confidence: float) -> Interval:
    """Return the mean of at least a few dozen values, with its interval."""
    spread = _z(confidence) * math.sqrt(moments.of_mean)
    return Interval(moments.mean, moments.mean - spread, moments.mean + spread)


def difference_of_means(a: Moments, b: Moments, confidence: float) -> Interval:
    """Return B's mean minus A's, with Welch's interval for large samples, in which the variances may differ."""
    difference, spread = b.mean - a.mean, _z(confidence) * math.sqrt(a.of_mean + b.of_mean)
    return Interval(difference, difference - spread, difference + spread)


class Buckets(NamedTuple):
    """A histogram: ascending upper bounds, the last of which is infinite, and cumulative counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Return the number of values."""
        return self.counts[-1]

    def of_rank(self, rank: int) -> tuple[float, float]:
        """Return the bounds of the bucket with the value of a rank, from 1 to `total`; the upper bound is inclusive."""
        place = next(place for place, count in enumerate(self.counts) if count >= rank)
        return (self.edges[place - 1] if place else 0.0), self.edges[place]


def quantile(share: float, buckets: Buckets, confidence: float) -> Interval:
    """Return the upper bound of the quantile's bucket, with the bounds between which the true quantile lies.

    The number of values below the true quantile is binomially distributed, whatever the distribution of the values.
    That gives two ranks, and the buckets give their bounds. The interval excludes its lower bound.
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
    """Return the smallest k with P(X <= k) >= `chance`, for a binomial X of `total` trials with probability `share`."""
    if total > EXACT:
        number = total * share + NormalDist().inv_cdf(chance) * math.sqrt(total * share * (1 - share))
        # Rounded outwards: the interval may be too wide by one.
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
    """Return the confidence that each of `number` intervals needs, so that all hold with `confidence`."""
    return 1 - (1 - confidence) / number


def times_as_many(difference: Interval) -> float | None:
    """Return the factor by which the number of values must grow until the difference is significant; None if never."""
    reach = min(difference.value - difference.low, difference.high - difference.value)
    return (reach / difference.value) ** 2 if difference.value else None


def cumulative(counts: Sequence[float]) -> tuple[int, ...]:
    """Return cumulative counts as integers that never decrease, correcting for extrapolation."""
    rising, most = [], 0
    for count in counts:
        most = max(most, round(count))
        rising.append(most)
    return tuple(rising)
