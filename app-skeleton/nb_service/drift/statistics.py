"""Measures the difference between two counts of one feature, and the difference to expect by chance.

The population stability index (PSI) is the sum of (p - q) ln(p / q) over all bins, where p are shares of the present
and q those of the baseline. Without drift, it still is not 0, because both are samples: with n and m rows and k bins,
it is about (1/n + 1/m) times a chi-squared variable of k - 1 degrees of freedom, so on average (k - 1)(1/n + 1/m). The
Kolmogorov-Smirnov statistic (KS) is the largest difference of cumulative shares at an edge.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

# The rate of false alarms: one in this many tests of all features of a service.
LOOKS_A_FALSE_ALARM = 1_000_000
# A difference beyond chance may still be too small to matter, so drift means at least this much beyond it. A normal
# feature whose mean has moved by a third of its standard deviation exceeds both.
MIN_PSI = 0.1
MIN_KS = 0.1
# With fewer samples, nothing is reported.
ENOUGH = 200


class Limits(NamedTuple):
    """Limits of a feature's PSI and KS, before the factor for the number of samples.

    `psi` is the critical value of chi-squared, `ks` that of KS; both take into account all features that are tested
    together.
    """

    psi: float
    ks: float
    freedom: int

    @classmethod
    def calculate(cls, bins: int, features: int) -> "Limits":
        """Return the limits for a feature with this many bins, one of `features` that are tested together."""
        # Each feature has two measures.
        rate = 1 / LOOKS_A_FALSE_ALARM / (2 * features)
        return cls(critical(bins - 1, rate), math.sqrt(-math.log(rate / 2) / 2), bins - 1)

    def of_psi(self, chance: float) -> float:
        """Return the limit of PSI, given `chance` = 1/n + 1/m."""
        return max(MIN_PSI + self.freedom * chance, self.psi * chance)

    def of_ks(self, chance: float) -> float:
        """Return the limit of KS, given `chance` = 1/n + 1/m."""
        return max(MIN_KS, self.ks * math.sqrt(chance))


def chance(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return 1/n + 1/m: how much two samples of these sizes differ by chance alone."""
    return 1 / sum(present) + 1 / sum(baseline)


def psi(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return the population stability index of two counts of the same bins, neither of which is empty.

    Half of `chance`, about half a sample of the smaller one, is added to each share, because the logarithm of an empty
    bin's share is undefined.
    """
    n, m, little = sum(present), sum(baseline), chance(present, baseline) / 2
    shares = [(count / n, kept / m) for count, kept in zip(present, baseline, strict=True)]
    return sum((p - q) * math.log((p + little) / (q + little)) for p, q in shares)


def ks(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return the Kolmogorov-Smirnov statistic, evaluated at the edges of these bins."""
    n, m = sum(present), sum(baseline)
    pairs = zip(accumulate(present), accumulate(baseline), strict=True)
    return max(abs(p / n - q / m) for p, q in pairs)


# A service needs few different values, and each test needs all of them.
@lru_cache(maxsize=256)
def critical(freedom: int, rate: float) -> float:
    """Return the value that a chi-squared variable with `freedom` degrees exceeds at this rate, to nine digits."""
    low, high = 0.0, 1.0
    while chi_squared_beyond(high, freedom) > rate:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chi_squared_beyond(middle, freedom) > rate else (low, middle)
    return high


def chi_squared_beyond(value: float, freedom: int) -> float:
    """Return the probability that a chi-squared variable exceeds `value`: the upper incomplete gamma function."""
    half = value / 2
    if freedom % 2:
        total, term, start = math.erfc(math.sqrt(half)), 2 * math.sqrt(half / math.pi) * math.exp(-half), 1.5
    else:
        total, term, start = 0.0, math.exp(-half), 1.0
    for number in range(freedom // 2):
        total += term
        term *= half / (start + number)
    return total
