import itertools
import math
import random
import statistics

import pytest
from nb_builder.ab_report import intervals
from nb_builder.ab_report.intervals import Buckets, Interval, Moments


# Of R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_intervals_are_those_of_the_table(count, total, low, high):
    got = intervals.wilson(count, total, 0.95)
    assert got == (count / total, pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    mirrored = intervals.wilson(total - count, total, 0.95)
    assert (mirrored.low, mirrored.high) == (pytest.approx(1 - got.high), pytest.approx(1 - got.low))


# Of R. G. Newcombe, Interval estimation for the difference between independent proportions (1998), table II, method 10.
@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombe_s_intervals_are_those_of_his_table(b, a, low, high):
    got = intervals.difference_of_shares(a, b, 0.95)
    assert (got.low, got.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(("total", "share"), list(itertools.product((1, 7, 30, 200), (0.5, 0.95, 0.99))))
def test_quantiles_of_the_binomial_distribution_are_those_of_its_sums(total, share):
    for chance in (0.001, 0.025, 0.5, 0.975, 0.999):
        sums = itertools.accumulate(
            math.comb(total, number) * share**number * (1 - share) ** (total - number) for number in range(total + 1)
        )
        expected = next((number for number, sum_ in enumerate(sums) if sum_ >= chance), total)
        assert intervals.binomial_quantile(total, share, chance) == expected


def test_beyond_what_is_summed_the_interval_is_at_most_a_little_wider():
    total = intervals.EXACT
    for share, chance in itertools.product((0.5, 0.95, 0.99), (0.01, 0.99)):
        exact = intervals.binomial_quantile(total, share, chance)
        # One more is taken from the normal distribution.
        assert abs(intervals.binomial_quantile(total + 1, share, chance) - exact) <= 4


HUNDRED = Buckets((0.001, 0.01, 0.1, math.inf), (0, 60, 99, 100))


def test_a_quantile_lies_between_edges():
    assert intervals.quantile(0.5, HUNDRED, 0.95) == Interval(0.01, 0.001, 0.1)
    # The ranks of 95 % are 40 and 61 (and of 80 % 43 and 58).
    assert intervals.quantile(0.5, Buckets(HUNDRED.edges, (0, 61, 99, 100)), 0.95).high == 0.01
    assert intervals.quantile(0.5, Buckets(HUNDRED.edges, (0, 59, 99, 100)), 0.95).high == 0.1
    assert intervals.quantile(0.5, Buckets(HUNDRED.edges, (0, 59, 99, 100)), 0.8).high == 0.01
    assert intervals.quantile(0.95, Buckets(HUNDRED.edges, (0, 60, 100, 100)), 0.95) == Interval(0.1, 0.01, 0.1)
    assert intervals.quantile(0.99, HUNDRED, 0.95) == Interval(0.1, 0.01, math.inf)
    assert intervals.quantile(0.5, Buckets((1.0, math.inf), (3, 3)), 0.95) == Interval(1.0, 0.0, math.inf)


def test_intervals_have_the_true_quantile_as_often_as_they_say():
    chance, held = random.Random(1), 0
    edges = (*(number / 20 for number in range(1, 20)), math.inf)
    for _ in range(400):
        values = [chance.random() for _ in range(150)]
        counts = tuple(sum(value <= edge for value in values) for edge in edges)
        # Just below an edge, where an interval in edges has least to spare.
        got = intervals.quantile(0.9, Buckets(edges, counts), 0.9)
        held += got.low < 0.9 <= got.high
    assert held >= 0.9 * 400


def test_means_and_their_difference_are_welch_s():
    chance = random.Random(2)
    a, b = ([chance.expovariate(rate) for _ in range(200)] for rate in (1.0, 0.5))
    of_a, of_b = (Moments(len(one), sum(one), sum(value * value for value in one)) for one in (a, b))
    got = intervals.mean(of_a, 0.95)
    spread = 1.959964 * statistics.stdev(a) / math.sqrt(200)
    assert got == (
        pytest.approx(statistics.mean(a)),
        pytest.approx(statistics.mean(a) - spread),
        pytest.approx(statistics.mean(a) + spread),
    )
    difference = intervals.difference_of_means(of_a, of_b, 0.95)
    spread = 1.959964 * math.sqrt(statistics.variance(a) / 200 + statistics.variance(b) / 200)
    assert difference.low == pytest.approx(statistics.mean(b) - statistics.mean(a) - spread)
    assert difference.excludes_zero and not Interval(0.1, -0.1, 0.3).excludes_zero
    # Sums of equal values may differ by rounding.
    assert intervals.mean(Moments(3, 0.3, 0.029999999999999995), 0.95).low == pytest.approx(0.1)


def test_how_many_times_as_many_grows_with_the_square_of_what_is_missing():
    assert intervals.times_as_many(Interval(0.1, -0.2, 0.4)) == pytest.approx(9)
    assert intervals.times_as_many(Interval(-0.1, -0.5, 0.1)) == pytest.approx(4)
    assert intervals.times_as_many(Interval(0.0, -0.2, 0.4)) is None


def test_all_intervals_hold_together_by_bonferroni():
    assert intervals.together(5, 0.95) == pytest.approx(0.99)


def test_extrapolated_counts_become_whole_and_never_fall():
    assert intervals.cumulative([0.2, 3.6, 3.4, 9.9]) == (0, 4, 4, 10)
