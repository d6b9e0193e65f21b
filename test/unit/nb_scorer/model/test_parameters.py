"""Parameters of a request, checked against the arguments of a function."""

import dataclasses
import enum
import json

import pytest
from nb_scorer.model import parameters, signatures
from nb_scorer.model.misfit import Misfit


class Level(enum.Enum):
    LOW = "low"


@dataclasses.dataclass
class Range:
    low: float
    high: float = 1.0


def predictor(  # noqa: PLR0913, PLR0917 - one of each kind
    x,
    top_k: int = 5,
    share: float = 0.5,
    name: str = "a",
    tags: list[str] = (),
    level: Level = Level.LOW,
    inside: Range | None = None,
    maybe: int | None = None,
    free=3,
    word="b",
):
    return top_k


ASKED = signatures.adapt_functions({"predictor": predictor})["predictor"]


def given(**facts):
    return parameters.given(ASKED, json.loads(json.dumps(facts)))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("top_k", 3, 3),
        ("top_k", 3.0, 3),
        ("share", 1, 1.0),
        ("name", "5", "5"),
        ("tags", ["a", "b"], ["a", "b"]),
        ("level", "low", Level.LOW),
        ("inside", {"low": 0}, Range(0.0)),
        ("maybe", None, None),
        ("free", [1, {"a": "b"}], [1, {"a": "b"}]),
    ],
)
def test_a_value_is_what_its_hint_says(name, value, expected):
    assert given(parameters={name: value}) == {name: expected}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("top_k", "3")], {"top_k": 3}),
        ([("name", "5")], {"name": "5"}),
        ([("name", '"a"')], {"name": '"a"'}),
        ([("word", "5")], {"word": "5"}),
        ([("free", "5")], {"free": 5}),
        ([("free", "a b")], {"free": "a b"}),
        ([("free", "true")], {"free": True}),
        ([("tags", "a")], {"tags": ["a"]}),
        ([("tags", "a"), ("tags", "b")], {"tags": ["a", "b"]}),
        ([("tags", '["a", "b"]')], {"tags": ["a", "b"]}),
        ([("level", "low")], {"level": Level.LOW}),
        ([("inside", '{"low": 2}')], {"inside": Range(2.0)}),
        ([("maybe", "null")], {"maybe": None}),
    ],
)
def test_texts_become_values_by_the_hint(texts, expected):
    assert given(texts=texts) == expected


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"parameters": {"top_k": "3"}}, "top_k: must be a whole number, not a text"),
        ({"texts": [("top_k", "x")]}, "top_k: must be a whole number, not a text"),
        ({"texts": [("top_k", "1"), ("top_k", "2")]}, "top_k: must be a whole number, not a list"),
        ({"parameters": {"level": "high"}}, "level: must be one of low"),
        (
            {"parameters": {"inside": {"low": "a"}, "top_k": None}},
            "top_k: must be a whole number, not null; inside.low",
        ),
    ],
)
def test_a_value_that_its_hint_excludes_is_rejected(facts, words):
    with pytest.raises(Misfit) as caught:
        given(**facts)
    assert words in str(caught.value)


def test_an_unknown_name_is_rejected_with_the_list():
    for facts in ({"parameters": {"top": 1}}, {"texts": [["top", "1"]]}):
        with pytest.raises(parameters.UnknownParameter, match='"top" is not a parameter .* are top_k, share, name'):
            given(**facts)
    with pytest.raises(parameters.UnknownParameter, match="which has none"):
        parameters.given(lambda x: x, {"parameters": {"top_k": 1}})
    # The sample is not one.
    with pytest.raises(parameters.UnknownParameter):
        given(parameters={"x": 1})


def test_another_function_gets_what_it_takes():
    validator = signatures.adapt_functions({"predictor": predictor, "validator": lambda x, *, top_k=5: top_k})[
        "validator"
    ]
    values = given(parameters={"top_k": 3, "share": 1})
    assert parameters.for_function(validator, values) == {"top_k": 3}
    assert parameters.for_function(len, values) == {}


def test_what_a_function_may_change_is_copied():
    values = given(parameters={"tags": ["a"], "top_k": 3})
    parameters.fresh(values)["tags"].append("b")
    assert values["tags"] == ["a"]
    constant = given(parameters={"top_k": 3})
    assert parameters.fresh(constant) is constant
