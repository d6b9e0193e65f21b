import pytest
from nb_service.feedback.judgement import Judgement, judge


@pytest.mark.parametrize(
    ("answer", "true", "expected"),
    [
        ("cat", "cat", Judgement("agrees", None, "cat", "cat")),
        ("cat", "dog", Judgement("differs", None, "cat", "dog")),
        (4, 4, Judgement("agrees", None, "4", "4")),
        (4, 5, Judgement("differs", None, "4", "5")),
        (True, False, Judgement("differs", None, "true", "false")),
        (2.5, 3, Judgement("differs", 0.5)),
        (3, 3.0, Judgement("agrees", 0.0)),
        # As near as golden rows.
        (1.0, 1.0 + 5e-7, Judgement("agrees", pytest.approx(5e-7))),
        (1.0, 1.0 + 5e-6, Judgement("differs", pytest.approx(5e-6))),
        # What predictor returns of `model.predict([x])`.
        ([2.5], 2.0, Judgement("differs", 0.5)),
        ([["cat"]], ["cat"], Judgement("agrees", None, "cat", "cat")),
        ([1.0, 2.0], [1.0, 2.0], Judgement("agrees")),
        ([1.0, 2.0], [1.0, 3.0], Judgement("differs")),
        ({"a": 1.0}, {"a": 1.0}, Judgement("agrees")),
        (None, None, Judgement("agrees")),
        ("x" * 121, "\ud800", Judgement("differs", None, "other", "\\ud800")),
        # A number that no float holds, and one whose square none does.
        (1.5, 10**400, Judgement("differs")),
        (1.5, 1e200, Judgement("differs")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_answer_is_judged_by_the_true_one(answer, true, expected):
    assert judge(answer, true) == expected


@pytest.mark.parametrize(
    ("answer", "true"),
    [
        ("4", 4),
        (4, "4"),
        (True, 1),
        (1, True),
        (4, None),
        ([1.0, 2.0], [1.0]),
        ([1.0, 2.0], 1.0),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
    ],
    ids=str,
)
def test_values_of_two_kinds_are_neither_right_nor_wrong(answer, true):
    assert judge(answer, true) == Judgement("incomparable")


def test_the_tolerance_is_that_of_the_service():
    assert judge(100.0, 101.0, 0.1).outcome == "agrees"
    assert judge(100.0, 101.0, 0.0).outcome == "differs"


def test_what_is_nested_too_deeply_is_incomparable():
    deep = []
    for _ in range(5000):
        deep = [1, deep]
    assert judge(deep, deep) == Judgement("incomparable")
