"""What has no native form: one line of reason and its place, never a wrong answer."""

import numpy as np
import pandas as pd
import pytest

from unit.nb_native.translate.stand_ins import Linear
from unit.nb_native.translate.translated import rejected

NAMES = {"model": Linear(), "numbered": Linear(classes=(0, 1, 2)), "np": np, "pd": pd, "COUNTS": {}, "LIST": []}
# (body, reason, line of the cell)
REFUSED = {
    "open": ("return open('x').read()", "predictor calls open, which has no native form", 2),
    "try": ("try:\n    return x[0]\nexcept IndexError:\n    return 0", "predictor has an except that does not catch KeyError and TypeError: except Exception does", 2),
    "try of anything": ("try:\n    return x[0] / x[1]\nexcept (LookupError, TypeError):\n    return 0",
                        "predictor has an except that does not catch other exceptions: except Exception does", 2),
    "an exception's words": ("try:\n    v = x[0]\nexcept Exception as error:\n    v = str(error)\nreturn v",
                             "predictor uses error, an exception, which has no native form", 2),
    "finally": ("try:\n    v = x[0]\nfinally:\n    v = 1\nreturn v",
                "predictor has a try statement with more than one except, else or finally, which has no native form", 2),
    "two excepts": ("try:\n    v = x[0]\nexcept KeyError:\n    v = 1\nexcept TypeError:\n    v = 2\nreturn v",
                    "predictor has a try statement with more than one except, else or finally, which has no native form", 2),
    "half of a try": ("a = 0\ntry:\n    a = float(x[0])\n    b = float(x[1])\nexcept Exception:\n    b = 1.5\nreturn a + b",
                      "predictor reads a, which may have no value yet", 8),
    "half of a try's branch": (
        "a = 0\ntry:\n    if x:\n        a = float(x[0])\n        b = float(x[1])\nexcept Exception:\n    b = 1.5\nreturn a",
        "predictor reads a, which may have no value yet", 9),
    "a branch out of a try": ("try:\n    if x:\n        return 1\nexcept Exception:\n    return 2\nreturn 3",
                              "predictor leaves a try statement in a branch, which has no native form", 2),
    "while": ("while x:\n    pass", "predictor has a while loop, which has no native form", 2),
    "with": ("with open('f') as f:\n    return 1", "predictor has with, which has no native form", 2),
    "a loop over the sample": (
        "t = 0\nfor v in x:\n    t += v\nreturn t",
        "predictor loops over the sample, whose length is unknown; check len() first", 3),
    "repeated texts": (
        "return x['a'] * 2",
        "predictor answers with what may be a text or a list; convert it with float() or check its type", 2),
    "joined texts": (
        "return x[0] + x[1]",
        "predictor answers with what may be a text or a list; convert it with float() or check its type", 2),
    "a text of the sample": ("return f'{x}'", "predictor creates a string from a value that is not a constant", 2),
    "a text added": ("return x['a'] + '!'", "predictor creates a string from a part of the sample", 2),
    "counts": ("COUNTS['n'] = 1\nreturn 1", "predictor writes COUNTS['n'], which has no native form", 2),
    "a list that outlives": (
        "LIST.append(x)\nreturn 1", "predictor calls LIST.append, which changes an object that keeps its value after the call", 2),
    "global": ("global g\ng = 1\nreturn g", "predictor writes g, which keeps its value after the call", 3),
    "print": ("print(x)\nreturn 1", "predictor calls print, which has no native form", 2),
    "the sample changed": ("x['c'] = 1\nreturn x", "predictor writes x['c'], which has no native form", 2),
    "the sample's keys": (
        "return list(x.keys())", "predictor calls x.keys: the keys of a sample are unknown", 2),
    "a key of the sample": ("return x[x['a']]", "predictor looks up a key or index of the sample that is not a constant", 2),
    "a comparison of a label, negated": (
        "return -(numbered.predict([x])[0] != 1)", "predictor computes with values that may be numpy booleans", 2),
    "two parts compared": ("return x['a'] == x['b']", "predictor compares two parts of the sample", 2),
    "random": ("import random\nreturn random.random()", "predictor calls random.random, which has no native form", 3),
    "an import": ("import antigravity_of_nobody\nreturn 1",
                  "predictor imports antigravity_of_nobody, which no cell has imported", 2),
    "many rows": ("return model.predict([x, x])[0]", "predictor passes something other than one row to a model", 2),
    "one dimension": ("return model.predict(x)[0]", "predictor passes something other than one row to a model", 2),
    "an estimator without a form": ("return other.predict([x])[0]", "no native form of Other.predict", 2),
    "a keyword": ("return model.predict([x], check=False)[0]",
                  "predictor calls model.predict with arguments that have no native form", 2),
    "a dtype": ("return model.predict(np.array([x], dtype=int))[0]",
                "predictor creates an array of a dtype that has no native form; use float64 or float32", 2),
    "numpy and a list": ("return model.decision_function([x])[0] * x[0]",
                         "predictor answers with what may be an array; convert it with float() or check its type", 2),
    "round to what": ("return round(1.5 + x, x)", "predictor rounds to a number of digits that is not a constant", 2),
    "two types": ("v = 'a' if x > 1 else 2.5\nw = v if x else []\nreturn w", None, 3),
    "a generator": ("yield x", "predictor is a generator or async", None),
    "a map that is left early": (
        "for v in map(float, [x['a'], x['b']]):\n    if v > 0:\n        return 1\nreturn 0",
        "predictor may leave a generator, whose items may raise, before its last item; use a list", 2),
    "an enumerated generator": (
        "for i, v in enumerate(float(k) for k in [x['a'], x['b']]):\n    return i\nreturn 0",
        "predictor may leave a generator, whose items may raise, before its last item; use a list", 2),
    "membership in a generator": (
        "return 1.0 in (float(k) for k in [x['a'], x['b']])",
        "predictor uses 'in' with a generator, whose items may raise; use a list", 2),
    "match of a list": (
        "match x:\n    case [a, b]:\n        return a\n    case _:\n        return 0",
        "predictor has a case that unpacks a value, which has no native form", 2),
    "del": ("y = 1\ndel y\nreturn 1", "predictor has del, which has no native form", 3),
    "a slice with a step": ("return x[::2]", "predictor takes a slice of the sample with a step", 2),
    "frame of unnamed columns": (
        "return model.predict(pd.DataFrame([x]))[0]",
        "predictor passes a table without column names to a model; use DataFrame([x])[names]", 2),
}  # fmt: skip


class Other:
    n_features_in_ = 4

    def predict(self, rows):
        return rows


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_rejected_with_its_place(name, monkeypatch):
    from nb_native.translate import functions

    monkeypatch.setattr(functions, "_LIBRARIES", (*functions._LIBRARIES, __file__))
    body, reason, line = REFUSED[name]
    text = "def predictor(x):\n" + "\n".join("    " + part for part in body.split("\n"))
    if reason is None:
        from nb_native.refusal import Refusal

        from unit.nb_native.translate.translated import Translated

        with pytest.raises(Refusal) as caught:
            Translated(text, **NAMES)
        assert caught.value.line == line
        return
    rejected(text, reason, line, other=Other(), **NAMES)


def test_a_helper_is_named_in_its_own_place():
    rejected(
        "def helper(v):\n    return open(v)\n\ndef predictor(x):\n    return helper(x)",
        "helper calls open, which has no native form",
        2,
    )


def test_recursion_is_rejected():
    rejected(
        "def helper(v):\n    return helper(v)\n\ndef predictor(x):\n    return helper(x)",
        "helper calls helper more than 20 calls deep",
        2,
    )


def test_a_decorator_is_rejected():
    rejected(
        "import functools\n\n@functools.lru_cache()\ndef helper(v):\n    return v\n\ndef predictor(x):\n    return helper(1)",
        "predictor calls helper, which has no native form",
        8,
    )


def test_hints_that_convert_are_rejected():
    from nb_native.refusal import Refusal
    from nb_scorer.model import signatures

    from unit.nb_native.translate.translated import Translated, notebook

    names = notebook("""
        import dataclasses

        @dataclasses.dataclass
        class Flower:
            a: float

        def predictor(x: Flower):
            return x.a
        """)
    called = signatures.adapt_functions({"predictor": names["predictor"]})["predictor"]
    with pytest.raises(Refusal) as caught:
        Translated(called)
    assert caught.value.reason == "predictor reads its sample by a type hint, which has no native form"
    assert caught.value.line == 8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "x, top_k=3, headers: dict = None",
            "has arguments that a request sets, which have no native form: top_k, headers",
        ),
        ("*, x", "accepts its sample only by name, which has no native form"),
    ],
)
def test_arguments_that_a_request_sets_are_rejected(text, reason):
    from nb_native.refusal import Refusal
    from nb_scorer.model import signatures

    from unit.nb_native.translate.translated import Translated, notebook

    names = notebook(f"def predictor({text}):\n    return x")
    with pytest.raises(Refusal) as caught:
        Translated(signatures.adapt_functions({"predictor": names["predictor"]})["predictor"])
    assert caught.value.reason == f"predictor {reason}"


@pytest.mark.parametrize("body", ["status = 404", "def __init__(self, words):\n        self.status = 404"])
def test_an_exception_with_a_status_is_rejected(body):
    text = f"class Missing(Exception):\n    {body}\n\ndef predictor(x):\n    if float(x) > 3:\n        raise Missing('no')\n"
    rejected(text + "    return float(x)", "predictor raises Missing, whose status has no native form")


def test_a_predicted_file_is_rejected():
    rejected("def predictor(x):\n    return b'abc'", "predictor has the constant b'abc', which has no native form")


def test_too_many_ways_are_rejected():
    way = "    if float(x[{0}]) > t:\n        t = float(x[{0}]) / 2\n        if t > 3:\n            return t\n"
    ways = "".join(way.format(place) for place in range(20))
    rejected(
        f"def predictor(x):\n    t = 1.5\n{ways}    return t",
        "predictor has too many branches: more than 40000 variables of C",
    )
