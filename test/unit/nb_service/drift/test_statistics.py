import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.drift import statistics
from nb_service.drift.statistics import Limits

COUNTS = st.integers(2, 22).flatmap(
    lambda bins: st.tuples(*(st.lists(st.integers(0, 10_000), min_size=bins, max_size=bins) for _ in range(2)))
)


# From tables of the chi-squared distribution.
@pytest.mark.parametrize(
    ("freedom", "rate", "value"),
    [
        (1, 0.05, 3.841),
        (2, 0.05, 5.991),
        (3, 0.01, 11.345),
        (10, 0.05, 18.307),
        (11, 0.001, 31.264),
        (20, 0.01, 37.566),
    ],
)
def test_critical_values_are_those_of_the_tables(freedom, rate, value):
    assert statistics.critical(freedom, rate) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize("freedom", range(1, 22))
def test_the_distribution_has_the_density_of_chi_squared(freedom):
    grid = np.linspace(1e-9, 200, 400_001)
    density = grid ** (freedom / 2 - 1) * np.exp(-grid / 2) / (2 ** (freedom / 2) * math.gamma(freedom / 2))
    for value in (5.0, 20.0, 60.0):
        beyond = np.trapezoid(density[grid >= value], grid[grid >= value])
        assert statistics.chi_squared_beyond(value, freedom) == pytest.approx(beyond, rel=1e-2)


@given(COUNTS)
def test_measures_are_none_for_what_is_the_same_and_never_negative(counts):
    present, baseline = counts
    if not sum(present) or not sum(baseline):
        return
    assert statistics.psi(baseline, baseline) == statistics.ks(baseline, baseline) == 0
    assert statistics.psi(present, baseline) >= 0
    assert statistics.psi(present, baseline) == pytest.approx(statistics.psi(baseline, present))
    assert 0 <= statistics.ks(present, baseline) <= 1 + 1e-9


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.lists(st.integers(1, 9), min_size=12, max_size=12))
def test_of_many_samples_psi_is_the_sum_that_everybody_knows(present, baseline):
    many = 10**9
    shares = [
        (count / sum(present), kept / sum(baseline[: len(present)]))
        for count, kept in zip(present, baseline, strict=False)
    ]
    known = sum((p - q) * math.log(p / q) for p, q in shares)
    counts = [[many * count for count in counts] for counts in (present, baseline[: len(present)])]
    assert statistics.psi(*counts) == pytest.approx(known, abs=1e-6)


def test_ks_is_the_largest_difference_up_to_an_edge():
    assert statistics.ks([10, 0, 0], [0, 0, 10]) == 1
    assert statistics.ks([5, 5, 0], [5, 0, 5]) == 0.5


SHAPES = {
    "ten ranges": [0.1] * 10 + [0, 0],
    "three ranges": [1 / 3] * 3 + [0, 0],
    "rare values": [0.8, 0.1, 0.05, 0.02, 0.01, 0.01, 0.005, 0.005, 0, 0],
    "two values": [0.999, 0.001, 0, 0],
}


@pytest.mark.parametrize(("present", "baseline"), [(200, 30), (2000, 30), (2000, 500), (2000, 10_000), (200, 10_000)])
@pytest.mark.parametrize("shape", SHAPES)
def test_where_nothing_has_drifted_nothing_is_claimed_in_ten_thousand_looks(shape, present, baseline):
    chance = np.random.default_rng(20)
    shares = np.array(SHAPES[shape])
    looks = 10_000
    now, kept = (chance.multinomial(size, shares, looks) for size in (present, baseline))
    limits = Limits.calculate(len(shares), 1)
    little = 1 / present + 1 / baseline
    p, q = now / present, kept / baseline
    psi = ((p - q) * np.log((p + little / 2) / (q + little / 2))).sum(axis=1)
    ks = np.abs(np.cumsum(p - q, axis=1)).max(axis=1)
    # The formula here is the module's own.
    assert psi[0] == pytest.approx(statistics.psi(now[0].tolist(), kept[0].tolist()))
    assert ks[0] == pytest.approx(statistics.ks(now[0].tolist(), kept[0].tolist()))
    assert psi.mean() < 1.1 * limits.freedom * little
    assert (psi > limits.of_psi(little)).sum() == (ks > limits.of_ks(little)).sum() == 0


def test_the_limit_is_what_chance_gives_of_few_samples_and_what_matters_of_many():
    limits = Limits.calculate(12, 10)
    assert limits.of_psi(1 / 200 + 1 / 30) == pytest.approx(limits.psi * (1 / 200 + 1 / 30))
    assert limits.of_psi(1 / 1e6 + 1 / 1e6) == pytest.approx(0.1, abs=1e-4)
    assert limits.of_ks(1e-6) == 0.1 and limits.of_ks(0.04) > 0.5
    assert Limits.calculate(12, 100).psi > limits.psi > Limits.calculate(12, 1).psi
