"""The sentence about a sample that got no answer."""

import traceback

import pytest
from nb_scorer.protocol import answer_words, frames


def raised(error):
    try:
        raise error
    except type(error):
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (raised(ValueError("Input X contains NaN.\nRidge does not accept missing values.")), "Input X contains NaN."),
        (raised(ValueError("\n  first\nsecond")), "first"),
        (raised(ValueError("one")), "one"),
        (
            "Traceback (most recent call last):\n  a\nKeyError: 1\n\nDuring handling:\n\n" + raised(ValueError("b\nc")),
            "b",
        ),
    ],
    ids=["two lines", "first line empty", "one line", "chained"],
)
def test_an_error_is_reported_by_its_class_and_first_line(text, words):
    reported = f"The notebook's predictor failed on this sample: ValueError: {words}"
    assert answer_words.of_row(frames.FAILED, {"traceback": text}) == (500, reported)


@pytest.mark.parametrize(("text", "error"), [("it died\nat once\n", "at once"), ("KeyError", "KeyError"), ("", "")])
def test_what_is_no_traceback_is_reported_by_its_last_line(text, error):
    assert answer_words.error_of(text) == error
