import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import sys
import typing
import uuid
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union  # noqa: F401 - hints name them

import numpy as np
import pandas as pd
import PIL.Image
import pydantic
import pydantic.v1
import pytest
from nb_scorer.model import hint_schema

INTEGERS = {"type": "array", "items": {"type": "integer"}}

FILE = {"type": "string", "format": "uri", "contentMediaType": "application/octet-stream"}


class Colour(enum.Enum):
    RED = "red"
    NONE = 0


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    a: int
    b: str


class House(TypedDict):
    rooms: int
    price: "float | None"


class Part(TypedDict, total=False):
    rooms: int


@dataclasses.dataclass
class Tree:
    name: str
    children: "list[Tree]"
    note: str = ""
    kinds: typing.ClassVar[int] = 3
    seed: dataclasses.InitVar[int] = 4


class Odd:
    pass


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (float, {"type": "number"}),
        (int, {"type": "integer"}),
        (bool, {"type": "boolean"}),
        (str, {"type": "string"}),
        (None, {"type": "null"}),
        (np.float32, {"type": "number"}),
        (np.int8, {"type": "integer"}),
        (decimal.Decimal, {"type": "number"}),
        (dt.timedelta, {"type": "number"}),
        (dt.datetime, {"type": "string"}),
        (pd.Timestamp, {"type": "string"}),
        (bytes, FILE),
        (uuid.UUID, {"type": "string"}),
        (pathlib.Path, FILE),
        (PIL.Image.Image, {**FILE, "contentMediaType": "image/*"}),
        (pathlib.PurePath, {"type": "string"}),
        (list, {"type": "array"}),
        (list[int], INTEGERS),
        ("typing.List[int]", INTEGERS),
        ("typing.List", {"type": "array"}),
        (set[int], INTEGERS),
        (typing.Sequence[int], INTEGERS),
        (typing.Iterable[int], INTEGERS),
        (collections.deque, {"type": "array"}),
        (np.ndarray, {"type": "array"}),
        (tuple[int, ...], INTEGERS),
        (tuple[int, float], {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
        (Pair, {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 2, "maxItems": 2}),
        (dict, {"type": "object"}),
        (dict[str, list[int]], {"type": "object", "additionalProperties": INTEGERS}),
        (typing.Mapping[str, Any], {"type": "object"}),
        ("Optional[int]", {"type": ["integer", "null"]}),
        ("Union[int, float]", {"type": "number"}),
        (list[int] | None, {**INTEGERS, "type": ["array", "null"]}),
        ("Union[list[int], list[str]]", {"type": "array"}),
        ("Literal['a', 1, None]", {"type": ["integer", "null", "string"], "enum": ["a", 1, None]}),
        ("Union[Literal['a'], Literal['b']]", {"type": "string", "enum": ["a", "b"]}),
        ("Optional[Literal['a']]", {"type": ["null", "string"]}),
        (Colour, {"type": ["integer", "string"], "enum": ["red", 0]}),
        (Access, {"type": "integer"}),
        (Annotated[int, "more than 3"], {"type": "integer"}),
        (typing.NewType("Metres", float), {"type": "number"}),
        ("list[int]", INTEGERS),
        *((unknown, {}) for unknown in (Any, object, Odd, typing.TypeVar("T"), typing.Callable, "Union[int, Odd]", 3)),
    ],
    ids=str,
)
def test_a_hint_has_the_schema_of_the_json_that_it_means(hint, expected):
    def predictor(x):
        return x

    predictor.__annotations__ = {"x": hint, "return": hint}
    if hint == 3:
        assert hint_schema.derive_schemas(predictor) == ({}, {})
    else:
        assert hint_schema.derive_schemas(predictor) == (expected, expected)


def test_classes_with_fields_are_objects():
    price = {"type": ["null", "number"]}
    assert hint_schema.schema(House) == {
        "type": "object",
        "properties": {"rooms": {"type": "integer"}, "price": price},
        "required": ["price", "rooms"],
    }
    assert hint_schema.schema(Part) == {"type": "object", "properties": {"rooms": {"type": "integer"}}}


def test_a_class_that_has_itself_within_ends_there():
    assert hint_schema.schema(Tree) == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array"}, "note": {"type": "string"}},
        "required": ["children", "name"],
    }


def test_of_very_many_values_only_the_type_is_reported():
    many = enum.Enum("Many", {f"V{number}": number for number in range(101)})
    assert hint_schema.schema(many) == {"type": "integer"}


def test_sample_and_answer_are_reported_apart():
    def predictor(point: "list[float]", more: int = 3) -> bool:
        return True

    assert hint_schema.derive_schemas(predictor) == (
        {"type": "array", "items": {"type": "number"}},
        {"type": "boolean"},
    )
    assert hint_schema.derive_schemas(functools.lru_cache(predictor)) == hint_schema.derive_schemas(predictor)


@pytest.mark.parametrize("odd", [len, 3, Odd(), lambda x: x, functools.partial(pow, 2)], ids=lambda odd: str(type(odd)))
def test_what_has_no_hints_says_nothing(odd):
    assert hint_schema.derive_schemas(odd) == ({}, {})


def test_a_hint_that_names_what_is_not_there_says_nothing():
    def predictor(x: "Nowhere") -> int:  # noqa: F821 - that is the point
        return 1

    assert hint_schema.derive_schemas(predictor) == ({}, {})


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.11 has Required")
def test_required_and_not_required_fields_are_known():
    class Flat(TypedDict):
        a: int
        b: typing.NotRequired[str]

    assert hint_schema.schema(Flat)["required"] == ["a"]


class Item(pydantic.BaseModel):
    price: float = pydantic.Field(alias="Price")
    parts: list["Item"] = []


class OldItem(pydantic.v1.BaseModel):
    price: float = pydantic.v1.Field(alias="Price")
    count: int | None = None


def test_a_model_is_reported_by_the_names_that_its_fields_have_in_json():
    parts = {"type": "array"}
    price = {"type": "number"}
    assert hint_schema.schema(Item) == {
        "type": "object",
        "properties": {"Price": price, "parts": parts},
        "required": ["Price"],
    }
    assert hint_schema.schema(OldItem) == {
        "type": "object",
        "properties": {"Price": price, "count": {"type": ["integer", "null"]}},
        "required": ["Price"],
    }
    assert hint_schema.schema(pydantic.RootModel[list[int]]) == {"type": "array", "items": {"type": "integer"}}
    assert hint_schema.schema(typing.Annotated[Item, "words"]) == hint_schema.schema(Item)


def test_of_several_arguments_the_sample_is_an_object():
    def predictor(age: int, name, *, factor: float = 1.0) -> bool:
        return True

    assert hint_schema.derive_schemas(predictor) == (
        {
            "type": "object",
            "properties": {"age": {"type": "integer"}, "name": {}, "factor": {"type": "number"}},
            "required": ["age", "name"],
        },
        {"type": "boolean"},
    )


def test_a_field_that_a_factory_makes_may_be_left_out():
    @dataclasses.dataclass
    class Made:
        left: int
        right: list = dataclasses.field(default_factory=list)

    assert hint_schema.schema(Made)["required"] == ["left"]


def test_objects_and_partials_have_the_hints_of_what_they_call():
    class Callable:
        def __call__(self, x: int) -> str:
            return ""

    def predictor(factor, x: int) -> str:
        return ""

    schemas = ({"type": "integer"}, {"type": "string"})
    assert (
        hint_schema.derive_schemas(Callable()) == hint_schema.derive_schemas(functools.partial(predictor, 2)) == schemas
    )


def test_arguments_that_are_a_descriptor_of_the_class_are_no_arguments():
    # typing.Union itself, since Python 3.14.
    class Hint:
        __args__ = property(lambda self: (int,))

    assert hint_schema.arguments_of(Hint) == []
