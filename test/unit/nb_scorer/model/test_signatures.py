import dataclasses
import pickle

import pydantic
import pytest
from nb_scorer.model import signatures
from nb_scorer.model.misfit import Misfit


@dataclasses.dataclass
class Point:
    x: float


class Item(pydantic.BaseModel):
    price: float


def plain(x: list):
    return x


def of_point(point: Point):
    return point


def of_two(age, point: Point, *, factor=1):
    return age, point, factor


def of_any(age, income, **more):
    return age, income, more


def asked(predictor, validator=None, batch=None):
    return signatures.adapt_functions({"predictor": predictor, "validator": validator, "batch_predictor": batch})


def test_what_takes_a_sample_as_json_has_it_stays_what_it_is():
    def together(xs):
        return xs

    callables = asked(plain, plain, together)
    assert (callables["predictor"], callables["validator"], callables["batch_predictor"]) == (plain, plain, together)
    assert asked(min)["predictor"] is min


def test_each_function_gets_what_its_own_hint_says():
    callables = pickle.loads(pickle.dumps(asked(of_point, plain)))
    assert callables["predictor"]({"x": 1}) == Point(1.0)
    assert callables["validator"]({"x": 1}) == {"x": 1}
    assert callables["batch_predictor"] is None


def test_several_arguments_get_the_values_of_their_names():
    ask = asked(of_two)["predictor"]
    assert ask({"age": 7, "point": {"x": 1}}) == (7, Point(1.0), 1)
    assert ask({"age": 7, "point": {"x": 1}, "factor": 2}) == (7, Point(1.0), 2)
    assert asked(of_any)["predictor"]({"age": 1, "income": 2, "name": "a"}) == (1, 2, {"name": "a"})


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ([7, {"x": 1}], "must be an object with age, point and factor, not a list"),
        ({"age": 7}, "point: is missing"),
        ({"age": 7, "point": {"x": "a"}, "name": "b"}, "name: is not expected; point.x: must be a number, not a text"),
    ],
)
def test_an_object_that_does_not_fit_several_arguments_is_rejected(sample, words):
    with pytest.raises(Misfit) as caught:
        asked(of_two)["predictor"](sample)
    assert str(caught.value) == words


def test_a_validator_of_keywords_alone_gets_values_where_predictor_does():
    def validator(*, age, **others):
        return age, others

    sample = {"age": 7, "point": {"x": 1}}
    assert asked(of_two, validator)["validator"](sample) == (7, {"point": {"x": 1}})
    assert asked(plain, validator)["validator"](sample) == (sample, {})


def test_a_batch_gets_what_predictor_gets_unless_its_own_hint_says_otherwise():
    def together(xs):
        return xs

    def of_items(xs: list[Item]):
        return xs

    def of_dicts(xs: list[dict]):
        return xs

    samples = [{"x": 1}]
    assert asked(of_point, None, together)["batch_predictor"](samples) == [Point(1.0)]
    assert asked(of_two, None, together)["batch_predictor"]([{"age": 1, "point": {"x": 2}}]) == [
        {"age": 1, "point": Point(2.0)}
    ]
    assert asked(plain, None, of_items)["batch_predictor"]([{"price": 1}]) == [Item(price=1)]
    assert asked(of_point, None, of_dicts)["batch_predictor"] is of_dicts
