"""How far two answers are apart, and when they are the same."""

import sys

import pytest
from nb_builder.comparison import differences


def between(old, new):
    return differences.between(old, new, 1e-6)


@pytest.mark.parametrize("answer", [4, 0.5, "low", True, None, [], {}, [1, {"a": [2.5, None]}]])
def test_an_answer_is_equal_to_itself(answer):
    found = between(answer, answer)
    assert (found.is_same, found.is_equal, found.absolute, found.relative, found.beyond_numbers) == (
        True, True, 0.0, 0.0, False,
    )  # fmt: skip


def test_the_last_digits_are_the_same_answer_and_still_measured():
    found = between(2.0, 2.0 * (1 + 1e-12))
    assert found.is_same and not found.is_equal
    assert found.absolute == pytest.approx(2e-12, rel=1e-3) and found.relative == pytest.approx(1e-12, rel=1e-3)


def test_whole_numbers_differ_by_what_lies_between_them():
    found = between(4, 1)
    assert not found.is_same and (found.absolute, found.relative, found.size) == (3.0, 0.75, 3.0)


def test_the_largest_difference_is_found_at_any_depth():
    found = between({"a": [1.0, {"b": 2.0}], "c": 5}, {"a": [1.5, {"b": 9.0}], "c": 5})
    assert (found.absolute, found.relative) == (7.0, pytest.approx(7 / 9)) and not found.beyond_numbers


@pytest.mark.parametrize(
    ("old", "new"),
    [("low", "high"), (True, False), (True, 1), (None, 0), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([1], 1), ("1", 1)],
)
def test_what_is_no_number_has_no_size_and_counts_as_more_than_any(old, new):
    found = between(old, new)
    assert not found.is_same and found.beyond_numbers and found.size == float("inf")


def test_one_and_one_point_nought_are_the_same_and_not_equal():
    found = between(1, 1.0)
    assert found.is_same and not found.is_equal and not found.beyond_numbers


def test_a_class_next_to_a_number_does_not_hide_the_number_s_difference():
    found = between(["low", 0.25], ["high", 0.75])
    assert found.absolute == 0.5 and found.beyond_numbers


def test_whole_numbers_beyond_all_doubles_are_a_difference_that_json_can_hold():
    assert between(10**400, 0).absolute == sys.float_info.max
