"""What may be called predictor and validator."""

import functools
import json
import pickle
import subprocess
import sys

import cloudpickle
import pytest
from nb_scorer.model import call_arguments, functions


class Estimator:
    """Answers rows, as scikit-learn's estimators do."""

    def predict(self, rows):
        return [sum(row) for row in rows]


class Array:
    """As numpy's arrays show themselves."""

    def __init__(self, *items, shape=None):
        self.items = items
        self.shape = (len(items),) if shape is None else shape

    def all(self):
        return Array(all(self.items), shape=())

    def __bool__(self):
        if self.shape != ():
            raise ValueError("The truth value of an array is ambiguous")
        return bool(self.items[0])


def test_an_estimator_is_asked_for_one_row():
    assert functions.as_predictor(Estimator())([1, 2]) == 3


def test_what_can_be_called_stays_what_it_is():
    assert functions.as_predictor(len) is len
    assert functions.as_predictor(3) == 3


@pytest.mark.parametrize("yes", [True, 1, "no", [0], Array(1, shape=()), Array(1, 1)])
def test_a_yes(yes):
    assert functions.accepts(yes) is True


@pytest.mark.parametrize("no", [False, 0, "", [], None, Array(0, shape=()), Array(1, 0)])
def test_a_no(no):
    assert functions.accepts(no) is False


@pytest.mark.parametrize("yes", [True, 1, [0], (0, 0), ("a", "b"), (True, "fine"), (True, None), (1, "fine")])
def test_a_yes_gives_no_reason(yes):
    assert functions.rejection(yes) is None


@pytest.mark.parametrize(
    ("no", "reason"),
    [
        (False, ""),
        ("", ""),
        ("too old", "too old"),
        ((False, "too old"), "too old"),
        ((0, "too old"), "too old"),
        ((None, "too old"), "too old"),
        ((Array(1, 0), "too old"), "too old"),
        ((False, None), ""),
        ((False, ["age", 7]), "['age', 7]"),
    ],
)
def test_a_no_gives_the_reason_that_it_has(no, reason):
    assert functions.rejection(no) == reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("too old"), "too old"),
        (AssertionError("too old"), "too old"),
        (AssertionError(), "AssertionError"),
        (KeyError("age"), "KeyError: 'age'"),
    ],
)
def test_a_message_has_its_kind_where_that_says_more(error, words):
    assert functions.describe_error(error) == words


def hinted(x: list, weight: float = 1.0) -> int:
    """Count them."""


@pytest.mark.parametrize(
    ("function", "signature", "doc"),
    [
        (hinted, "predictor(x: list, weight: float = 1.0) -> int", "Count them."),
        (functools.partial(hinted, weight=2), "predictor(x: list, *, weight: float = 2) -> int", "Count them."),
        (functions.FromEstimator(Estimator()), "predictor(sample)", "The answer of Estimator.predict for one row."),
        (lambda x: x, "predictor(x)", None),
    ],
)
def test_signature_and_doc_are_the_notebooks(function, signature, doc):
    assert functions.signature(function, "predictor") == signature
    assert functions.doc(function) == doc


class Odd:
    """A callable whose signature Python can't determine."""

    __signature__ = "none"

    def __call__(self):
        return 1


def test_what_python_can_not_report_is_not_rejected():
    assert call_arguments.inspect_arguments(Odd()).fits
    assert functions.signature(Odd(), "predictor") is None


def test_a_function_without_a_signature_has_none():
    assert functions.signature(min, "predictor") is None
    assert call_arguments.inspect_arguments(min).fits


SAVE = """
import functools, sys, cloudpickle
from nb_scorer.model import functions
@functools.lru_cache(maxsize=7)
def predictor(n):
    return n if n < 2 else predictor(n - 1) + predictor(n - 2)
functions.let_caches_be_pickled()
sys.stdout.buffer.write(cloudpickle.dumps(predictor))
"""
LOAD = "import pickle, sys; f = pickle.load(sys.stdin.buffer); print([f(30), f.cache_info().maxsize])"


def test_a_function_under_lru_cache_is_saved_with_an_empty_cache():
    saved = subprocess.check_output([sys.executable, "-c", SAVE])
    assert json.loads(subprocess.check_output([sys.executable, "-c", LOAD], input=saved)) == [832040, 7]


def test_a_cached_function_of_a_module_is_found_there_again():
    functions.let_caches_be_pickled()
    import fnmatch

    assert pickle.loads(cloudpickle.dumps(fnmatch._compile_pattern)) is fnmatch._compile_pattern
