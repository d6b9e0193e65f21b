"""Which `predictors` of a notebook are meant, and which of those can't be served."""

import functools

import pytest
from nb_scorer.kernel import named_predictors
from nb_scorer.kernel.save_errors import Complaint


def double(x):
    return x * 2


@functools.lru_cache
def cached(x):
    return x


class Model:
    def predict(self, x):
        return x

    def __call__(self, x):
        return x


def two(a, /, b):
    return a + b


def reason_of(**namespace):
    """Return why `predictors` in a namespace can't be served."""
    with pytest.raises(Complaint) as raised:
        named_predictors.find_predictors(namespace)
    assert raised.value.code == "predictors-invalid"
    return raised.value.facts["reason"]


@pytest.mark.parametrize(
    "value", [None, ["age", "size"], {}, {"a": Model()}, {"a": Model}, {"a": double, "b": 1}, {1: double}]
)
def test_what_is_no_dict_of_functions_is_something_else(value):
    assert named_predictors.find_predictors({"predictors": value, "validator": double}) == {}


def test_functions_of_each_kind_are_kept_in_order():
    found = named_predictors.find_predictors(
        {
            "predictors": {"b": double, "a-1": cached, "m": Model().predict, "p": functools.partial(double)},
            "validators": {"b": double},
            "batch_predictors": {"b": cached},
        }
    )
    assert list(found) == ["b", "a-1", "m", "p"]
    assert found["b"] == {"predictor": double, "validator": double, "batch_predictor": cached}
    assert found["p"]["validator"] is None


@pytest.mark.parametrize(
    ("namespace", "reason"),
    [
        ({"predictors": {"a b": double}}, "the name 'a b' can't be part of a URL's path"),
        ({"predictors": {"a.b": double}}, "the name 'a.b' can't be part of a URL's path"),
        ({"predictors": {"batch": double}}, "the name 'batch' is reserved"),
        ({"predictors": {"a": two}}, "predictors['a'] can't be called with one sample: two(a, /, b)"),
        (
            {"predictors": {"a": double}, "validators": {"b": double}},
            "validators is not a dict whose keys are names in predictors",
        ),
        ({"predictors": {"a": double}, "validators": {"a": 1}}, "validators['a'] is not a function"),
        (
            {"predictors": {"a": double}, "validator": double},
            "validator belongs to predictor, which the notebook does not define; use validators = {...}",
        ),
    ],
)
def test_what_can_not_be_served_has_a_reason(namespace, reason):
    assert reason_of(**namespace) == reason


def test_a_validator_next_to_predictor_is_predictors():
    namespace = {"predictor": double, "validator": double, "predictors": {"a": double}}
    assert named_predictors.find_predictors(namespace)["a"]["validator"] is None


def test_examples_are_by_name_and_a_list_is_predictors():
    assert named_predictors.examples_of([1], {}) == {"": [1]}
    assert named_predictors.examples_of([1], {"a": {}}) == {"": [1]}
    assert named_predictors.examples_of({"a": [1], "predictor": [2]}, {"a": {}}) == {"a": [1], "": [2]}
    for examples, has_default in (([1], False), ({"b": [1]}, True)):
        with pytest.raises(Complaint):
            named_predictors.examples_of(examples, {"a": {}}, has_default)
