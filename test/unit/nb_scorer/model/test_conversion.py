import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import pickle
import typing
import uuid

import pydantic
import pydantic.v1
import pytest
from nb_scorer.model import conversion, pydantic_models
from nb_scorer.model.binary import BYTES, File
from nb_scorer.model.misfit import Misfit


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0

    def __post_init__(self):
        if self.x > 100:
            raise ValueError("x is too far away")


@dataclasses.dataclass
class Node:
    value: int
    next: typing.Optional["Node"] = None


@dataclasses.dataclass
class Every:
    truth: bool = False
    text: str = ""
    nothing: None = None
    colour: Colour = Colour.RED
    choice: typing.Literal["a", 2] = "a"
    moment: dt.datetime | None = None
    day: dt.date | None = None
    time: dt.time | None = None
    key: uuid.UUID | None = None
    path: pathlib.PurePosixPath | None = None
    data: bytes = b""
    amount: decimal.Decimal = decimal.Decimal(0)
    pair: tuple[int, str] = (1, "")
    row: tuple[float, ...] = ()
    names: set[str] = dataclasses.field(default_factory=set)
    kinds: frozenset = frozenset()
    points: collections.abc.Sequence[Point] = ()
    by_name: dict[str, Point] = dataclasses.field(default_factory=dict)
    table: typing.Any = None
    either: int | Point | str = 0


class Item(pydantic.BaseModel):
    price: float = pydantic.Field(gt=0)


class OldItem(pydantic.v1.BaseModel):
    price: float = pydantic.v1.Field(gt=0)


@dataclasses.dataclass
class Basket:
    items: list[Item]


@pytest.mark.parametrize(
    "hint",
    [int, list[float], dict, typing.Any, str | None, "Point", None, typing.TypedDict("T", {"x": int}), list],
)
def test_hints_of_plain_values_convert_nothing(hint):
    assert conversion.reader(hint) is None


@pytest.mark.parametrize(
    ("field", "sent", "expected"),
    [
        ("truth", True, True),
        ("text", "a", "a"),
        ("nothing", None, None),
        ("colour", "blue", Colour.BLUE),
        ("choice", 2, 2),
        ("moment", "2020-01-02T03:04:05Z", dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)),
        ("day", "2020-01-02", dt.date(2020, 1, 2)),
        ("time", "03:04:05", dt.time(3, 4, 5)),
        ("key", str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        ("path", "a/b", pathlib.PurePosixPath("a/b")),
        ("data", "AAE=", b"\0\1"),
        ("amount", 1.1, decimal.Decimal("1.1")),
        ("pair", [2, "b"], (2, "b")),
        ("row", [1, 2.5], (1.0, 2.5)),
        ("names", ["a", "a"], {"a"}),
        ("kinds", ["a"], frozenset("a")),
        ("points", [{"x": 1}], [Point(1.0)]),
        ("by_name", {"a": {"x": 1}}, {"a": Point(1.0)}),
        ("table", [{"x": 1}], [{"x": 1}]),
        ("either", {"x": 1}, Point(1.0)),
        ("either", "a", "a"),
    ],
)
def test_a_field_of_a_dataclass_becomes_what_its_hint_says(field, sent, expected):
    read = pickle.loads(pickle.dumps(conversion.reader(Every)))
    value = getattr(read({field: sent}), field)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "sent", "words"),
    [
        ("truth", 1, "truth: must be true or false, not a whole number"),
        ("text", None, "text: must be a text, not null"),
        ("colour", "green", "colour: must be one of red, blue"),
        ("choice", True, "choice: must be one of a, 2"),
        ("moment", "soon", "moment: must be a date and time in ISO 8601 or null"),
        ("data", "no", "data: must be " + File(BYTES).noun),
        ("amount", "much", "amount: must be a number, not a text"),
        ("pair", [1], "pair: must be a list of 2 values, not 1"),
        ("names", [[1]], "names.0: must be a text, not a list"),
        ("kinds", [[1]], "kinds: must be a list of hashable values"),
        ("points", [{"x": 1}, {"y": "a"}], "points.1.x: is missing; points.1.y: must be a number, not a text"),
        ("points", [{"x": 101}], "points.0: x is too far away"),
        ("by_name", {"a": 1}, "by_name.a: must be an object with x and y, not a whole number"),
        ("either", {"x": "a"}, "either.x: must be a number, not a text"),
        ("either", [], "either: must be a whole number or an object or a text"),
        ("other", 1, "other: is not expected"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(field, sent, words):
    with pytest.raises(Misfit) as caught:
        conversion.reader(Every)({field: sent})
    assert str(caught.value) == words


class Name(str):
    __slots__ = ()


@dataclasses.dataclass
class Own:
    name: Name
    queue: collections.deque
    shape: typing.TypedDict("Shape", {"x": int})


def test_what_only_its_author_can_make_is_left_as_it_is():
    sent = {"name": [1], "queue": 2, "shape": 3}
    assert conversion.reader(Own)(sent) == Own(**sent)


def test_numbers_are_read_as_json_means_them():
    read = conversion.reader(Node)
    assert read({"value": 3.0}) == Node(3)
    for odd in (3.5, True, "3"):
        with pytest.raises(Misfit, match="value: must be a whole number"):
            read({"value": odd})
    with pytest.raises(Misfit, match="x: must be a number that a float can hold"):
        conversion.reader(Point)({"x": 10**400})


def test_a_class_may_have_itself_among_its_fields():
    read = pickle.loads(pickle.dumps(conversion.reader(Node)))
    assert read({"value": 1, "next": {"value": 2}}) == Node(1, Node(2))
    with pytest.raises(Misfit, match=r"^next\.next: must be an object or null$"):
        read({"value": 1, "next": {"value": 2, "next": 3}})


def test_a_sample_that_is_nested_too_deeply_is_a_misfit():
    deep = None
    for _ in range(5000):
        deep = {"value": 1, "next": deep}
    with pytest.raises(Misfit, match="is nested too deeply"):
        conversion.reader(Node)(deep)


@pytest.mark.parametrize(
    ("hint", "sent", "expected"),
    [
        (Item, {"price": "2"}, Item(price=2)),
        (list[Item], [{"price": 1}], [Item(price=1)]),
        (Item | None, None, None),
        (typing.Annotated[list[Item], pydantic.Field(max_length=1)], [], []),
        (Basket, {"items": [{"price": 1}]}, Basket([Item(price=1)])),
        (pydantic.PositiveInt, "3", 3),
        (typing.Annotated[float, pydantic.Field(gt=0)], 3, 3.0),
        (pydantic.v1.PositiveInt, "3", 3),
        (OldItem, {"price": "2"}, OldItem(price=2)),
        (dict[str, OldItem], {"a": {"price": 1}}, {"a": OldItem(price=1)}),
    ],
)
def test_pydantic_reads_what_its_classes_promise(hint, sent, expected):
    assert pickle.loads(pickle.dumps(conversion.reader(hint)))(sent) == expected


@pytest.mark.parametrize(
    ("hint", "sent", "path", "words"),
    [
        (Item, {"price": -1}, ("price",), "Input should be greater than 0"),
        (Item, [], (), "Input should be a valid dictionary or instance of Item"),
        (
            typing.Annotated[list[Item], pydantic.Field(max_length=1)],
            [{"price": 1}] * 2,
            (),
            "List should have",
        ),
        (Basket, {"items": [{}]}, ("items", 0, "price"), "Field required"),
        (pydantic.PositiveInt, 0, (), "Input should be greater than 0"),
        (OldItem, {"price": -1}, ("price",), "ensure this value is greater than 0"),
        (list[OldItem], [{}], (0, "price"), "field required"),
    ],
)
def test_what_pydantic_rejects_is_a_misfit_in_its_words(hint, sent, path, words):
    with pytest.raises(Misfit) as caught:
        conversion.reader(hint)(sent)
    assert caught.value.errors[0][0] == path
    assert caught.value.errors[0][1].startswith(words)


@pytest.mark.parametrize("kind", [Item, OldItem])
def test_of_many_errors_the_first_ten_are_reported(kind):
    with pytest.raises(Misfit) as caught:
        conversion.reader(list[kind])([{}] * 50)
    assert [path for path, _ in caught.value.errors] == [(number, "price") for number in range(10)]


def test_where_there_are_more_errors_than_can_be_held_their_number_is_reported(monkeypatch):
    # A body of 15 MB has five million, which were six gigabytes.
    monkeypatch.setattr(pydantic_models, "MAX_NAMED", 20)
    with pytest.raises(Misfit, match="^has 21 errors, too many to list$"):
        conversion.reader(list[Item])([{}] * 21)


@dataclasses.dataclass
class Numbers:
    """A dataclass with many values."""

    each: list[float]


def test_who_is_wrong_ten_times_is_read_no_further():
    sent = [""] * 10 + [Refuser()]
    with pytest.raises(Misfit) as caught:
        conversion.reader(Numbers)({"each": sent})
    assert [path for path, _ in caught.value.errors] == [("each", number) for number in range(10)]
    with pytest.raises(Misfit) as caught:
        conversion.reader(Numbers)(dict.fromkeys(map(str, range(50))))
    assert [path for path, _ in caught.value.errors] == [("each",), *((str(number),) for number in range(9))]


class Refuser:
    """A value that must not be inspected."""

    @property
    def __class__(self):
        raise AssertionError("looked at")


@dataclasses.dataclass
class Left:
    """One of two classes that have either of both within."""

    sign: int
    inner: typing.Optional["Left | Right"] = None


@dataclasses.dataclass
class Right:
    """The other."""

    sign: str
    inner: typing.Optional["Left | Right"] = None


@pytest.mark.parametrize("core", [None, 5])
def test_what_fits_only_the_last_of_several_is_read_as_often_as_there_are_of_them(core):
    sample = core
    for _ in range(60):
        sample = {"sign": "-", "inner": sample}
    reader = pickle.loads(pickle.dumps(conversion.reader(Left | Right)))
    if core is None:
        assert isinstance(reader(sample), Right)
    else:
        with pytest.raises(Misfit):
            reader(sample)


class OldTree(pydantic.v1.BaseModel):
    """A model of pydantic's first version with itself within."""

    inner: typing.Optional["OldTree"] = None


OldTree.update_forward_refs()


def test_a_sample_that_pydantic_finds_nested_too_deeply_is_a_misfit():
    deep = None
    for _ in range(5000):
        deep = {"inner": deep}
    with pytest.raises(Misfit, match="is nested too deeply"):
        conversion.reader(OldTree)(deep)


@pytest.mark.parametrize("sent", ["NaN", "sNaN", "-Infinity", float("inf")])
def test_a_decimal_is_a_number_that_answers_can_have(sent):
    @dataclasses.dataclass
    class Price:
        amount: decimal.Decimal

    with pytest.raises(Misfit, match="amount: must be a finite number"):
        conversion.reader(Price)({"amount": sent})
