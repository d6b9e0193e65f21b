"""How far two counts of one feature are apart, and how far they would be by chance.

The population stability index (PSI) is the sum of (p - q) ln(p / q) over all bins, where p are shares of the present
and q those of the baseline. Where nothing has drifted it still is not 0: both are samples. With n and m rows
and k bins it then is about (1/n + 1/m) times a chi-squared variable of k - 1 degrees of freedom, so on average
(k - 1)(1/n + 1/m). The statistic of Kolmogorov and Smirnov (KS) is the largest difference of the shares up to an edge.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

# How often a drift is claimed where there is none: once in so many looks at all features of a service.
LOOKS_A_FALSE_ALARM = 1_000_000
# What is more than chance may still be too little to matter: this much beyond it is a drift. A normal feature whose
# mean has moved by a third of its standard deviation has both.
MIN_PSI = 0.1
MIN_KS = 0.1
# Of fewer samples nothing is said.
ENOUGH = 200


class Limits(NamedTuple):
    """What a feature's PSI and KS must exceed to be a drift, times what depends on how many samples there are.

    `psi` is the critical value of chi-squared, `ks` that of KS; both hold for all features that are looked at together.
    """

    psi: float
    ks: float
    freedom: int

    @classmethod
    def of(cls, bins: int, features: int) -> "Limits":
        """Return the limits for a feature with this many bins, one of `features` that are looked at together."""
        # Each feature is measured in two ways.
        rate = 1 / LOOKS_A_FALSE_ALARM / (2 * features)
        return cls(critical(bins - 1, rate), math.sqrt(-math.log(rate / 2) / 2), bins - 1)

    def of_psi(self, chance: float) -> float:
        """Return the limit of PSI, where `chance` is 1/n + 1/m."""
        return max(MIN_PSI + self.freedom * chance, self.psi * chance)

    def of_ks(self, chance: float) -> float:
        """Return the limit of KS, where `chance` is 1/n + 1/m."""
        return max(MIN_KS, self.ks * math.sqrt(chance))


def chance(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return 1/n + 1/m: how much two samples of these sizes differ by chance alone."""
    return 1 / sum(present) + 1 / sum(baseline)


def psi(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return the population stability index of two counts of the same bins, neither of which is empty.

    To each share is added half of `chance`, about half a sample of the smaller one: an empty bin has no logarithm.
    """
    n, m, little = sum(present), sum(baseline), chance(present, baseline) / 2
    shares = [(count / n, kept / m) for count, kept in zip(present, baseline, strict=True)]
    return sum((p - q) * math.log((p + little) / (q + little)) for p, q in shares)


def ks(present: Sequence[int], baseline: Sequence[int]) -> float:
    """Return the statistic of Kolmogorov and Smirnov, as far as the edges of these bins show it."""
    n, m = sum(present), sum(baseline)
    pairs = zip(accumulate(present), accumulate(baseline), strict=True)
    return max(abs(p / n - q / m) for p, q in pairs)


# Of one baseline there are few of them, and each look asks for all.
@lru_cache(maxsize=256)
def critical(freedom: int, rate: float) -> float:
    """Return what a chi-squared variable with `freedom` degrees exceeds at this rate; to nine digits."""
    low, high = 0.0, 1.0
    while chi_squared_beyond(high, freedom) > rate:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chi_squared_beyond(middle, freedom) > rate else (low, middle)
    return high


def chi_squared_beyond(value: float, freedom: int) -> float:
    """Return how often a chi-squared variable exceeds `value`: the upper incomplete gamma function, term by term."""
    half = value / 2
    if freedom % 2:
        total, term, start = math.erfc(math.sqrt(half)), 2 * math.sqrt(half / math.pi) * math.exp(-half), 1.5
    else:
        total, term, start = 0.0, math.exp(-half), 1.0
    for number in range(freedom // 2):
        total += term
        term *= half / (start + number)
    return total
