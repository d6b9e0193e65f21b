"""Compares a prediction with its true value."""

from typing import Any, NamedTuple

from nb_scorer.model import compare_answers, feature_bins

AGREES = "agrees"
DIFFERS = "differs"
UNKNOWN = "unknown"  # no prediction with that id: too old, from another replica, or from before a restart
REPEATED = "repeated"  # the prediction already has feedback
INCOMPARABLE = "incomparable"  # the two values are of different kinds
NOT_COUNTED = (UNKNOWN, REPEATED, INCOMPARABLE)
OUTCOMES = (AGREES, DIFFERS, *NOT_COUNTED)
# The square of a larger error exceeds a float, and one such square would hide all others in a sum.
MAX_ERROR = 1e100
# As for predictions by value, a longer text is not a class.
MAX_CLASS = 120
OTHER = "other"


class Judgement(NamedTuple):
    """An outcome; for numbers with the absolute error, for classes with the predicted and the true one."""

    outcome: str
    error: float | None = None
    answered: str | None = None
    true: str | None = None

    @property
    def is_counted(self) -> bool:
        """Return whether this outcome compares a prediction."""
        return self.outcome in (AGREES, DIFFERS)


def judge(answer: Any, true: Any, tolerance: float = compare_answers.TOLERANCE) -> Judgement:
    """Return the judgement of a prediction, comparing floats within the relative `tolerance` as for golden rows.

    Whole numbers are classes, as in `predictions_total`; if either has a fraction, they are numbers.
    """
    # `model.predict([x])` may return a list of one.
    answer, true = _alone(answer), _alone(true)
    if not _are_of_one_kind(answer, true):
        return Judgement(INCOMPARABLE)
    try:
        outcome = AGREES if compare_answers.same(true, answer, tolerance) else DIFFERS
    except RecursionError:
        return Judgement(INCOMPARABLE)
    if isinstance(answer, float) or isinstance(true, float):
        return Judgement(outcome, _error(answer, true))
    if isinstance(answer, (str, int)):
        return Judgement(outcome, None, _class(answer), _class(true))
    return Judgement(outcome)


def _alone(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1:
        (value,) = value
    return value


def _are_of_one_kind(answer: Any, true: Any) -> bool:
    if isinstance(answer, list) and isinstance(true, list):
        return len(answer) == len(true)
    if isinstance(answer, dict) and isinstance(true, dict):
        return answer.keys() == true.keys()
    return _kind(answer) is _kind(true)


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _error(answer: float, true: float) -> float | None:
    """Return the difference of two numbers; None if it is too large to be summed up."""
    try:
        error = abs(float(answer) - float(true))
    except OverflowError:
        # A whole number beyond all floats.
        return None
    return error if error <= MAX_ERROR else None


def _class(value: str | int) -> str:
    text = feature_bins.printable(value)
    return text if len(text) <= MAX_CLASS else OTHER
