import math

import pytest
from nb_scorer.model.compare_answers import same


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1),
        (0.1 + 0.2, 0.3),
        (1e300, 1e300 * (1 + 1e-9)),
        (3, 3.0000001),
        (0.0, 4e-13),
        (-0.0, 0.0),
        ("a", "a"),
        (None, None),
        ([1, [2.0, {"a": 3.0}]], [1, [2.0000001, {"a": 3.0000001}]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (10**400, 10**400),
        (math.nan, math.nan),
    ],
)
def test_answers_that_differ_by_no_more_than_noise_are_the_same(expected, actual):
    assert same(expected, actual)
    assert same(actual, expected)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        (2**60, 2**60 + 1),
        (1.0, 1.00001),
        (0.0, 1e-6),
        (True, 1),
        (True, 1.0),
        (0, False),
        (None, 0),
        ("1", 1),
        ([1], [1, 1]),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        (10**400, 1.0),
        (1.0, math.nan),
        (1e10, -1e10),
    ],
)
def test_answers_that_really_differ_are_not_the_same(expected, actual):
    assert not same(expected, actual)
    assert not same(actual, expected)


def test_the_tolerance_is_the_caller_s_and_0_means_exact():
    assert same(1.0, 1.05, tolerance=0.1)
    assert not same(1.0, 1.0 + 1e-12, tolerance=0)
    assert not same(0.0, 1e-300, tolerance=0)
