"""The path from a function to what can't be pickled, in words."""

import functools
import threading

import pytest
from nb_scorer.kernel import pickle_diagnosis


def notebook(source):
    namespace = {"__name__": "__main__", "threading": threading}
    exec(source, namespace)
    return namespace


def words(source):
    return pickle_diagnosis.find(notebook(source)["predictor"], "predictor")[0]


LOCK = "lock = threading.Lock()\n"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (LOCK + "def predictor(x): return lock", "uses the global 'lock'"),
        (LOCK + "def predictor(x): return [lock for _ in x]", "uses the global 'lock'"),
        (LOCK + "def predictor(x):\n def inner(): return lock\n return inner()", "uses the global 'lock'"),
        (LOCK + "def predictor(x, l=lock): return l", "has a default value"),
        (
            LOCK + "def make(l):\n def predictor(x): return l\n return predictor\npredictor = make(lock)",
            "uses the variable 'l' of the function around it",
        ),
        (
            LOCK + "def helper(): return lock\ndef predictor(x): return helper()",
            "uses the global 'helper', which uses the global 'lock'",
        ),
        (
            LOCK + "state = {'a': [0, lock]}\ndef predictor(x): return state",
            "uses the global 'state', which has the item 'a', which has the item 1",
        ),
        (
            (
                "class Model:\n def __init__(self): self.guard = threading.Lock()\n"
                "model = Model()\ndef predictor(x): return model"
            ),
            "uses the global 'model', which has the attribute 'guard'",
        ),
        (
            (
                "class Model:\n def __init__(self): self.guard = threading.Lock()\n"
                " def predict(self, x): return x\npredictor = Model().predict"
            ),
            "is a method of an object, which has the attribute 'guard'",
        ),
        (
            (
                "class Slim:\n __slots__ = ('guard', 'unset')\n def __init__(self): self.guard = threading.Lock()\n"
                " def __call__(self, x): return x\npredictor = Slim()"
            ),
            "has the attribute 'guard'",
        ),
    ],
)
def test_the_path_is_named(source, path):
    assert words(source) == f"predictor {path}, a _thread.lock"


def test_the_last_global_on_the_way_is_named():
    functions = notebook(LOCK + "def helper(): return lock\ndef predictor(x): return helper()")
    assert pickle_diagnosis.find(functions["predictor"], "predictor")[1] == "lock"


def test_a_partial_names_its_argument():
    assert pickle_diagnosis.find(functools.partial(print, threading.Lock()), "predictor") == (
        "predictor has an argument bound, a _thread.lock",
        None,
    )


def test_what_holds_itself_back_is_named_by_its_type():
    assert words("predictor = (x for x in [])") == "predictor is a generator"


def test_a_variable_that_was_never_assigned_is_passed_over():
    source = (
        LOCK + "def make():\n def predictor(x): return late, lock\n return predictor\n late = 1\npredictor = make()"
    )
    assert words(source) == "predictor uses the global 'lock', a _thread.lock"


def test_an_object_that_raises_what_it_likes_is_a_culprit_too():
    source = "class Odd:\n def __reduce__(self): raise KeyError('no')\nodd = Odd()\ndef predictor(x): return odd"
    assert words(source) == "predictor uses the global 'odd', an Odd"


def test_what_pickles_is_no_culprit():
    assert pickle_diagnosis.find_if_stuck(len, "predictor") is None
