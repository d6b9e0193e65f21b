"""Whole programs: helpers, objects, tables, facts from the validator, and the conditions that are counted."""

import functools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from nb_native import estimators
from nb_native.code import Code
from nb_native.translate import predictor, validator
from nb_native.values import Frame, Label, Sample, Vector
from nb_scorer.model import signatures
from nb_scorer.model.functions import FromEstimator

from unit.nb_native.translate import stand_ins
from unit.nb_native.translate.samples import ANY, samples
from unit.nb_native.translate.stand_ins import Linear
from unit.nb_native.translate.translated import MISFIT, Translated, notebook, rejected


def check(both, *more):
    both.check(*ANY, *more, beyond=True)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples)
    def hold(sample):
        both.check(sample, beyond=True)

    hold()


HELPERS = {
    "constants and defaults": """
        SCALE = {'a': 2.0, 'b': 0.5}

        def scaled(row, name, factor=1):
            return row[name] * SCALE[name] * factor

        def predictor(x):
            return [scaled(x, 'a'), scaled(x, name='b', factor=3)]
        """,
    "early returns": """
        def band(v):
            if v < 1:
                return 'low'
            if v < 2:
                return 'middle'
            return 'high'

        def predictor(x):
            return {'band': band(x['a']), 'other': band(x['b'])}
        """,
    "a helper that raises": """
        def checked(v):
            if not isinstance(v, (int, float)):
                raise TypeError('a number')
            return v

        def predictor(x):
            return checked(x['a']) / checked(x['b'])
        """,
    "a closure": """
        def made(weights):
            def predictor(x):
                return sum(w * float(v) for w, v in zip(weights, [x[0], x[1]]))
            return predictor

        predictor = made([2, 0.5])
        """,
    "an object": """
        class Scorer:
            def __init__(self, model):
                self.model = model
                self.__names = ['low', 'middle', 'high']

            def __call__(self, x):
                return self._named(self.model.predict_proba([x])[0])

            def _named(self, p):
                return self.__names[int(p.argmax())]

        predictor = Scorer(model)
        """,
    "a lambda": "predictor = lambda x: model.predict([x])[0]",
    "a method": """
        class Scorer:
            def score(self, x):
                return x['a'] + 1 if 'a' in x else None

        predictor = Scorer().score
        """,
    "lists that grow apart": """
        def predictor(x):
            row = [float(x[0])]
            other = list(row)
            other.append(1.0)
            return [row, other]
        """,
    "a loop over names": """
        def predictor(x):
            total = 0
            for place, name in enumerate(('a', 'b'), 1):
                total = total + place * float(x[name])
            return total
        """,
    "nested loops": """
        def predictor(x):
            for one in range(3):
                for two in range(2):
                    if x[one] == two:
                        break
                else_value = one
                if x[one] > 2:
                    continue
                if one == 2:
                    return [one, two]
            return else_value
        """,
}


@pytest.mark.parametrize("name", HELPERS)
def test_helpers_and_objects_answer_as_python(name):
    check(Translated(HELPERS[name], model=Linear()))


def test_a_partial_is_followed():
    names = notebook("def scaled(factor, x):\n    return x['a'] / factor")
    check(Translated(functools.partial(names["scaled"], 2)))


def test_an_estimator_by_itself_is_a_predictor():
    check(Translated(FromEstimator(Linear())))


def by_name(text, name="predictor"):
    """Return a function of several arguments as the service calls it: with an object."""
    return signatures.adapt_functions({name: notebook(text)[name]})[name]


OBJECTS = ({"a": 1}, {"a": 1, "b": None}, {"b": 1}, {"a": 1, "c": 2}, {}, {"b": [1], "a": "x"}, {"a": 1, "é": {}, "": 0},
           {str(place): place for place in range(12)}, *ANY)  # fmt: skip


def test_arguments_by_name_are_an_object_s_fields():
    both = Translated(by_name("def predictor(a, b, c=2.5):\n    return [a, b, c]"))
    both.check(*OBJECTS, b'{"a": 1, "d": 2, "a": 3, "d": 4}', b'{"a": 1, "b": 2, "a": 3, "c": 4}')
    assert both.native(b'{"b": 1, "d": 2}') == (MISFIT, "a: is missing; d: is not expected")
    assert both.native(b"[1, 2]") == (MISFIT, "must be an object with a, b and c, not a list")


def test_all_that_is_missing_or_unknown_is_named_up_to_ten():
    names = [f"field_{place}" for place in range(12)]
    both = Translated(by_name(f"def predictor({', '.join(names)}):\n    return 1"))
    both.check({}, None, {"x": 1}, dict.fromkeys(names[3:], 0), {**dict.fromkeys(names[2:], 0), "x": 1, "y": 2})


def test_a_validator_s_arguments_by_name_are_reported_apart_from_what_it_rejects():
    both = Translated("", validator=by_name("def validator(a, b):\n    return float(a) < float(b)", "validator"))
    both.check_validator(*OBJECTS, {"a": 1, "b": 2})
    assert both.native(b'{"a": 2, "b": 1}', True) == (1, "")


def test_a_long_name_is_written_as_far_as_a_sentence_has_room_for_it():
    both = Translated(by_name("def predictor(a, b):\n    return 1"))
    status, words = both.native(json.dumps({"a": 1, "b" * 10_000: 2}).encode())
    assert (status, words[:600]) == (MISFIT, "b: is missing; " + "b" * 585)


VALIDATED = {
    "length": ("return len(x) == 4", "return [float(v) for v in x]"),
    "a list": ("return isinstance(x, list) and len(x) == 2", "return [v for v in x]"),
    "numbers": (
        "return isinstance(x, list) and len(x) == 4 and all(isinstance(v, (int, float)) for v in x)",
        "total = 0\nfor v in x:\n    total += v\nreturn [total, x[0] * 2, x[0] < x[1], x[2] == x[3], max(x)]",
    ),
    "numbers in what has a length": (
        "return len(x) == 2 and all(isinstance(v, (int, float)) for v in x)",
        "row = np.array(x)\nreturn [x[0] * 2, (row + 1).tolist(), float(row @ np.array([0.5, 2.0]))]",
    ),
    "numbers in what may be empty": (
        "return all(isinstance(v, (int, float)) for v in x) and len(x) == 0",
        "return x",
    ),
    "two exits": (
        "if not isinstance(x, list):\n    return False\nif len(x) == 2:\n    return True\nreturn len(x) == 2",
        "return [v for v in x]",
    ),
    "fields": (
        "return isinstance(x, dict) and isinstance(x.get('a'), (int, float)) and isinstance(x['b'], float)",
        "return x['a'] + x['b']",
    ),
    "checks one by one": (
        "for name in ('a', 'b'):\n    if not isinstance(x[name], (int, float)):\n        return 'a number'\nreturn True",
        "return x['a'] * x['b']",
    ),
    "rows": (
        "return len(x) == 2 and isinstance(x, list) and all(isinstance(r, list) for r in x)",
        "return x[0]",
    ),
}


@pytest.mark.parametrize("name", VALIDATED)
def test_what_the_validator_checks_the_predictor_knows(name):
    import textwrap

    asked, answered = (textwrap.indent(body, "    ") for body in VALIDATED[name])
    both = Translated(f"import numpy as np\n\ndef validator(x):\n{asked}\n\ndef predictor(x):\n{answered}\n")
    both.check_validator(*ANY)

    def hold(sample):
        if both.native(json.dumps(sample).encode(), True)[0] == 0:
            both.check(sample, beyond=True)

    for sample in ANY:
        hold(sample)
    given(samples)(settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))(hold))()


def test_an_exit_that_checks_less_counts():
    rejected(
        "def validator(x):\n    if x is None:\n        return True\n    return len(x) == 2\n\n"
        "def predictor(x):\n    return [v for v in x]",
        "predictor returns a value that has no native form",
        7,
    )


def test_conditions_are_counted_on_both_sides():
    both = Translated(
        "LIMIT = 2.5\ndef predictor(x):\n    if x > LIMIT:\n        return 'a' if x > 10 else 'b'\n    return 'c'"
    )
    both.check(1, 3, 4, 11)
    assert both.branches() == [[1, 3], [2, 1]]
    code = Code()
    found = predictor(both.model.predictor, Sample("sample"), code)
    assert [(branch.line, branch.text, branch.constants) for branch in found] == [
        (3, "x > LIMIT", (2.5,)),
        (4, "x > 10", (10,)),
    ]


def test_the_validator_s_conditions_come_first():
    both = Translated(
        "def validator(x):\n    if x > 1:\n        return True\n    return False\n"
        "def predictor(x):\n    if x > 2:\n        return 1\n    return 2"
    )
    both.native(b"3", True)
    both.native(b"1")
    assert both.branches() == [[0, 1], [1, 0]]
    code = Code()
    branches, accepted = validator(both.model.validator, code)
    assert [branch.text for branch in branches] == ["x > 1"]
    assert accepted == {}


# --- tables ---


class Tabled:
    """An estimator of a table's columns, to which it adds."""

    n_features_in_ = 2
    feature_names_in_ = np.array(["a", "b"], dtype=object)

    def predict(self, rows):
        if list(rows.columns) != ["a", "b"]:
            raise ValueError("columns")
        numbers = rows.to_numpy().astype(float)
        if any(isinstance(value, str) for value in rows.to_numpy()[0]) or not np.isfinite(numbers).all():
            raise ValueError("numbers")
        return np.array(["small", "large"])[(numbers.sum(axis=1) > 3).astype(int)]


def tabled(code, estimator, method, rows):
    if not isinstance(estimator, Tabled):
        return stand_ins.emit(code, estimator, method, rows)
    assert isinstance(rows, Frame)
    assert list(rows.columns) == ["a", "b"]
    names = []
    for value in rows.columns.values():
        name = code.name("v")
        if isinstance(value, Sample):
            code.line(f"double {name};")
            code.line(f"if (nb_float_or_null_of({value.code}, &{name}) || {value.code}->type == NB_STRING)")
            code.line("    return NB_FAILED;")
        else:
            text = (
                value.code
                if hasattr(value, "code")
                else f"({float(value.value)!r})"
                if value.value == value.value
                else "NB_NAN"
            )
            code.line(f"double {name} = {text};")
        code.line(f"if (!nb_is_finite({name}))")
        code.line("    return NB_FAILED;")
        names.append(name)
    place = code.name("k")
    code.line(f"const int {place} = {names[0]} + {names[1]} > 3;")
    return Vector((Label(place, ("small", "large")),), "array")


TABLES = {
    "of an object": "return model.predict(pd.DataFrame([x])[['a', 'b']])[0]",
    "of an object as it is": "return model.predict(pd.DataFrame([x]))[0]",
    "with columns": "return model.predict(pd.DataFrame([x], columns=['a', 'b']))[0]",
    "with named columns": "return model.predict(pd.DataFrame([x], columns=NAMES))[0]",
    "of a dict": "return model.predict(pd.DataFrame([{'a': x['b'], 'b': 1}]))[0]",
    "of lists": "return model.predict(pd.DataFrame({'a': [float(x['a'])], 'b': [x['b']]}))[0]",
    "of a list": "return model.predict(pd.DataFrame([[x[0], x[1]]], columns=NAMES))[0]",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_one_row_answer_as_pandas(name, monkeypatch):
    from nb_native.translate import functions

    monkeypatch.setattr(functions, "_LIBRARIES", (*functions._LIBRARIES, __file__))
    monkeypatch.setattr(estimators, "emit", tabled)
    both = Translated(f"NAMES = ['a', 'b']\ndef predictor(x):\n    {TABLES[name]}", model=Tabled(), pd=pd)
    check(both, {"b": 1, "a": 3}, {"a": 1, "b": 2, "c": 3}, [2, 2.5], [True, 1], {"a": 2, "b": 2}, [2, "x"], [None, 3])


class ColumnTransformer(Tabled):
    """One that was fitted with three columns, and takes two of them by their names."""

    feature_names_in_ = np.array(["b", "c", "a"], dtype=object)
    transformers_ = (("kept", "passthrough", ["a", "b"]), ("left out", "drop", ["c"]))
    _transformer_to_input_indices = {"kept": [2, 0], "left out": [1]}  # noqa: RUF012 - as scikit-learn has it

    def predict(self, rows):
        return super().predict(rows[["a", "b"]])


def columns_by_name(code, estimator, method, rows):
    rows = Frame({name: rows.columns[name] for name in ("a", "b")})
    return tabled(code, estimator, method, rows)


def test_a_column_transformer_takes_its_columns_by_name_from_any_table_that_has_them(monkeypatch):
    from nb_native.translate import functions

    monkeypatch.setattr(functions, "_LIBRARIES", (*functions._LIBRARIES, __file__))
    monkeypatch.setattr(estimators, "emit", columns_by_name)
    both = Translated(
        "def predictor(x):\n    return model.predict(pd.DataFrame([x]))[0]", model=ColumnTransformer(), pd=pd
    )
    check(both, {"b": 1, "a": 3}, {"a": 1, "c": "text", "b": 2, "d": None}, {"a": 2}, {"c": 1}, [1, 2, 3])
