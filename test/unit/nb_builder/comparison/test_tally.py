"""What becomes of rows: each is counted once, and the report says so in every form."""

import pytest
from nb_builder.comparison import limits, tally, text, wording
from nb_builder.comparison.client import unreadable
from nb_builder.comparison.memory import Peak
from nb_builder.comparison.problems import DiffWords
from nb_builder.comparison.speed import Speed

from unit.nb_builder.comparison.stand_ins import FAILED, REFUSED, reported, trial_of
from unit.nb_builder.comparison.stand_ins import tallied as compare


def test_no_row_vanishes_whatever_becomes_of_it():
    nothing = unreadable("It has 1 field.")
    made = reported(
        compare(
            (1, 1), (2.0, 2.0 + 1e-12), (1, 2), ("a", REFUSED), (REFUSED, "a"), (REFUSED, FAILED), (nothing, nothing)
        )
    )
    rows = made["rows"]
    assert rows["in"] == 7
    assert (rows["equal"], rows["within_tolerance"], rows["different"]) == (1, 1, 1)
    assert (rows["only_old_answered"], rows["only_new_answered"], rows["neither_answered"]) == (1, 1, 2)
    assert sum(each["rows"] for each in made["outcomes"]) == 7
    assert made["share_different"] == pytest.approx(3 / 7)
    assert text.summary(made) == (
        "7 rows in = 3 compared + 1 only OLD answered + 1 only NEW answered + 2 neither answered."
    )


def test_rows_without_an_answer_are_shown_by_code_and_sentence():
    lines = list(text.lines(reported(compare((1, 1), (1, REFUSED), (FAILED, FAILED)))))
    said = [line.strip() for line in lines]
    assert "1 row: OLD an answer, NEW 422 Unprocessable Content; first row 2: The sample is too large." in said
    codes = "OLD 500 Internal Server Error, NEW 500 Internal Server Error"
    assert f"1 row: {codes}; first row 3: The predictor failed." in said
    assert "row 2: 2  OLD 1  NEW 422 Unprocessable Content: The sample is too large." in said


def test_few_kinds_of_answers_are_a_table_of_old_by_new():
    pairs = [("low", "low")] * 5 + [("low", "high")] * 2 + [("high", "high")] * 3
    made = reported(compare(*pairs))
    assert made["classes"] == {"names": ['"high"', '"low"'], "rows": [[3, 0], [2, 5]]}
    table = [line.split() for line in text.lines(made) if line.startswith("  ") and '"' in line][:3]
    assert table == [['"high"', '"low"'], ['"high"', "3", "·"], ['"low"', "2", "5"]]


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.5, 0.5)] * 9,
        [([1], [1])] * 9,
        [(number, number) for number in range(30)],
        [(number, number) for number in range(4)],
        [("long " * 20, "a")] * 9,
    ],
)
def test_fractions_lists_and_many_kinds_are_no_classes(pairs):
    assert reported(compare(*pairs))["classes"] is None


def test_rows_that_differ_most_come_first_and_those_without_a_size_before_all():
    made = compare((1, 2), (1, 4), ("a", "b"), (1, 3), (1, 4))
    assert [shown.row.name for shown in made.differing] == ["row 3", "row 2", "row 5", "row 4", "row 1"]


def test_what_is_shown_is_bounded_and_what_is_counted_is_not(monkeypatch):
    monkeypatch.setattr(tally, "SHOWN", 3)
    made = compare(*[(0, number) for number in range(1, 10)], *[(1, REFUSED)] * 5)
    assert (made.different, made.only_old) == (9, 5)
    assert [shown.new.answer for shown in made.differing] == [9, 8, 7] and len(made.unanswered) == 3


@pytest.mark.parametrize(
    ("limit", "holds", "measured"),
    [
        ("MAX_DIFFERENT=20%", True, "2 of 10 rows differ, 20 %"),
        ("MAX_DIFFERENT=19.9%", False, "2 of 10 rows differ, 20 %"),
        ("MAX_DIFFERENT=2", True, "2 of 10 rows differ, 20 %"),
        ("MAX_DIFFERENT=1", False, "2 of 10 rows differ, 20 %"),
        ("MAX_DIFFERENCE=0.5", True, "the largest is 0.5, in row 1"),
        ("MAX_DIFFERENCE=0.4", False, "the largest is 0.5, in row 1"),
        ("MAX_DIFFERENCE=50%", True, "the largest is 50 %, in row 1"),
        ("MAX_DIFFERENCE=49%", False, "the largest is 50 %, in row 1"),
        ("MAX_LATENCY_RATIO=2", True, "2.000, and 2.000 at the lower end of its interval"),
        ("MAX_LATENCY_RATIO=1.9", False, "2.000, and 2.000 at the lower end of its interval"),
        ("MAX_MEMORY_RATIO=1.5", True, "1.500"),
        ("MAX_MEMORY_RATIO=1.4", False, "1.500"),
    ],
)
def test_a_limit_holds_or_not_and_says_what_was_measured(limit, holds, measured):
    counted = compare((0.5, 1.0), (1, REFUSED), *[(1, 1)] * 8)
    made = reported(trial_of(counted, (2_000_000, 3_000_000), [(0.001, 0.002)] * 20), limit)
    assert (made["limits"][0]["holds"], made["limits"][0]["measured"]) == (holds, measured)
    assert made["exit_status"] == (0 if holds else 3)
    word = "holds   " if holds else "EXCEEDED"
    assert f"{word}  {limit}: {measured}" in list(text.lines(made))


def test_a_class_that_changes_is_said_where_only_numbers_are_limited():
    made = reported(compare(("a", "b"), (1, 1)), "MAX_DIFFERENCE=0")
    assert made["limits"][0]["measured"].endswith(
        "; 1 row with a difference in values other than numbers: MAX_DIFFERENT limits those"
    )


@pytest.mark.parametrize("limit", ["MAX_DIFFERENCE=1", "MAX_LATENCY_RATIO=9", "MAX_MEMORY_RATIO=9"])
def test_what_is_not_known_does_not_hold(limit):
    made = reported(compare((REFUSED, REFUSED)), limit)
    assert made["exit_status"] == 3 and made["limits"][0]["measured"].startswith("unknown: ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_DIFFERENT", "few"),
        ("MAX_DIFFERENT", "-1"),
        ("MAX_DIFFERENT", "0.5"),
        ("MAX_DIFFERENCE", "nan"),
        ("MAX_LATENCY_RATIO", "20%"),
        ("MAX_MEMORY_RATIO", "1,2"),
    ],
)
def test_a_limit_that_is_no_number_is_rejected(name, text):
    with pytest.raises(DiffWords, match=name):
        limits.read(name, text)


def test_a_ratio_that_may_be_chance_is_within_its_limit():
    # Half of the pairs are three times as slow, half are equal: the median may be anything between.
    made = reported(trial_of(compare((1, 1)), pairs=[(1.0, 1.0), (1.0, 3.0)] * 20), "MAX_LATENCY_RATIO=1.5")
    assert made["speed"]["ratio"]["low"] == 1.0 and made["speed"]["ratio"]["high"] == 3.0
    assert made["limits"][0]["holds"]


def test_no_limit_is_none():
    assert limits.read("MAX_DIFFERENT", "") is None
    assert reported(compare(("a", "b")))["exit_status"] == 0


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0 %"), (1, "100 %"), (0.125, "12.5 %"), (0.000001, "0.0001 %"), (0.3333333, "33.33 %")]
)
def test_a_percentage_has_the_digits_that_report_it_from_none(share, words):
    assert wording.percent(share) == words


def test_a_memory_that_no_one_saw_is_not_known():
    assert Peak(None).bytes is None
    assert list(text.lines(reported(compare((1, 1)))))[-1].startswith("Memory:  unknown")
    assert len(Speed()) == 0
