"""The cell that compares a proposed predictor with the notebook's own model."""

import numpy as np
import pytest
from nb_builder.fix.proposal_check_program import compare_with_own_model

RAW = np.arange(20.0).reshape(10, 2)


def model(rows):
    return rows.sum(axis=1) > 0


def scaled(rows):
    return (np.asarray(rows) - 9.5) / 5


def compare(steps, *, predictor=None, given=None, answered=None):
    given = scaled(RAW)[4:] if given is None else given
    answers = model(given) if answered is None else answered
    predictor = predictor or (lambda x: model(steps([x]))[0])
    return compare_with_own_model(
        predictor, RAW, "array", steps, [(lambda: given, lambda: answers)], lambda answer: answer
    )


def test_samples_that_went_the_same_way_get_the_model_s_answers():
    assert compare(scaled) == 3


@pytest.mark.parametrize(
    "steps", [lambda rows: scaled(rows) * 2, lambda rows: scaled(rows)[:, ::-1], lambda rows: scaled(rows)[:, :1]]
)
def test_a_step_that_is_wrong_leaves_nothing_to_compare(steps):
    with pytest.raises(ValueError, match="can't be compared"):
        compare(steps)


def test_another_answer_is_an_error():
    with pytest.raises(ValueError, match=r"answers 'wrong' for the sample \[8.0, 9.0\], and the notebook's own model"):
        compare(scaled, predictor=lambda x: "wrong")


def test_answers_are_compared_as_the_predictor_gives_them():
    given = scaled(RAW)
    calls = [(lambda: given, lambda: model(given).astype(int).tolist())]

    def named(x):
        return ["no", "yes"][int(model(scaled([x]))[0])]

    assert compare_with_own_model(named, RAW, "array", scaled, calls, lambda answer: ["no", "yes"][answer]) == 3
