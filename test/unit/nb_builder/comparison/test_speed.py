"""Medians, ratios pair by pair, and how sure a ratio is."""

import random

import pytest
from nb_builder.comparison import speed


def timings(old, new):
    made = speed.Speed()
    for pair in zip(old, new, strict=True):
        made.add(*pair)
    return made


def test_a_ratio_is_by_pairs_so_that_long_samples_fall_out():
    # Each sample takes NEW twice as long, from a millisecond to a second.
    old = [0.001 * 1.2**place for place in range(38)]
    made = timings(old, [2 * seconds for seconds in old])
    ratio = made.ratio()
    assert (ratio.ratio, ratio.low, ratio.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(("count", "ranks"), [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (100, (40, 61))])
def test_the_interval_has_the_ranks_that_tables_of_the_binomial_distribution_say(count, ranks):
    found = speed.interval([float(number) for number in range(1, count + 1)])
    assert (found.low, found.high) == ranks


def test_many_pairs_have_nearly_the_interval_that_a_few_less_have():
    exact, approximate = (speed.interval(range(count)) for count in (1000, 1002))
    assert abs(approximate.low - exact.low) <= 2 and abs(approximate.high - exact.high) <= 3


def test_an_interval_holds_the_true_ratio_as_often_as_it_says():
    draw = random.Random(7)
    held = 0
    for _ in range(400):
        found = speed.interval([draw.lognormvariate(0, 1) for _ in range(50)])
        held += found.low <= 1 <= found.high
    assert 0.93 <= held / 400 <= 0.99


def test_few_pairs_have_no_ratio():
    assert timings([1.0] * 5, [9.0] * 5).ratio() is None
