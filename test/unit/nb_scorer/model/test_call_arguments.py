"""Which argument of a function is for what."""

import collections.abc
import datetime as dt
import enum
import functools
import typing

import pytest
from nb_scorer.model import call_arguments


class Level(enum.Enum):
    LOW = "low"


MODEL = object()


def names(arguments):
    return [argument.name for argument in arguments]


def with_headers(x, headers: dict, top_k=5):
    return x


def headers_first(headers: typing.Mapping[str, str], x):
    return x


def plain_headers(x, headers):
    return x


def of_hints(x, day: dt.date = dt.date(2020, 1, 1), level: Level = Level.LOW, other=dt.date(2020, 1, 1)):
    return x


@pytest.mark.parametrize(
    ("function", "sample", "named", "parameters"),
    [
        (lambda x: 1, "x", [], []),
        (lambda x, y=1: 1, "x", [], ["y"]),
        (lambda x, *, top_k=5: 1, "x", [], ["top_k"]),
        (lambda *, x, top_k=5: 1, "x", [], ["top_k"]),
        (lambda top_k=5, *, x: 1, "x", [], ["top_k"]),
        (lambda x=None, top_k=5: 1, "x", [], ["top_k"]),
        (lambda *xs: 1, "xs", [], []),
        (lambda *xs, x: 1, "x", [], []),
        (lambda x, **more: 1, "x", [], []),
        (lambda x, y: 1, None, ["x", "y"], []),
        (lambda x, *, y, z=1, **more: 1, None, ["x", "y", "z"], ["z"]),
        (lambda *, y=1: 1, None, ["y"], ["y"]),
        (functools.partial(lambda x, y, z: 1, 1), None, ["y", "z"], []),
        (functools.partial(lambda x, y, z=2: 1, y=1), "x", [], ["z"]),
        # A client can't set names that the notebook binds this way.
        (
            lambda x, model=MODEL, _cache=1, words=("a", "b"), nested={"a": [1]}, part=[MODEL]: 1,
            "x",
            [],
            ["words", "nested"],
        ),
        (of_hints, "x", [], ["day", "level"]),
        (with_headers, "x", [], ["top_k"]),
        (headers_first, "x", [], []),
        (plain_headers, None, ["x", "headers"], []),
    ],
)
def test_the_sample_its_values_and_parameters(function, sample, named, parameters):
    takes = call_arguments.inspect_arguments(function)
    assert (takes.sample, names(takes.named), names(takes.parameters)) == (sample, named, parameters)
    assert takes.fits


@pytest.mark.parametrize("function", [lambda: 1, lambda **more: 1, eval("lambda x, y, /: 1")])
def test_what_takes_no_sample(function):
    assert not call_arguments.inspect_arguments(function).fits


@pytest.mark.parametrize(
    ("function", "by_keyword", "takes_headers"),
    [
        (with_headers, False, True),
        (headers_first, True, True),
        (plain_headers, False, False),
        (lambda *, x: 1, True, False),
    ],
)
def test_how_the_sample_and_headers_are_passed(function, by_keyword, takes_headers):
    takes = call_arguments.inspect_arguments(function)
    assert (takes.by_keyword, takes.takes_headers) == (by_keyword, takes_headers)


@pytest.mark.parametrize("hint", [dict, collections.abc.Mapping, typing.Mapping[str, str], dict[str, str]])
def test_headers_have_a_hint_that_is_a_mapping(hint):
    def predictor(x, headers):
        return x

    predictor.__annotations__["headers"] = hint
    assert call_arguments.inspect_arguments(predictor).takes_headers
