import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import pathlib
import sys
import types
import typing
import uuid
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pydantic
import pydantic.v1
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_scorer.model import json_codec

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_is_json_comes_back_as_it_was(value):
    assert json_codec.decode(json_codec.encode(value)) == value


def test_integers_stay_integers_and_floats_stay_floats():
    assert [type(number) for number in json_codec.decode(b"[1, 1.0, 1e2]")] == [int, float, float]
    assert json_codec.decode(b"9007199254740993") == 2**53 + 1


def test_of_keys_that_come_twice_the_last_counts():
    assert json_codec.decode(b'{"a": 1, "a": 2}') == {"a": 2}


def test_a_byte_order_mark_is_passed_over():
    assert json_codec.decode(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"[1] 2", "Extra data"),
        (b"NaN", "NaN is not JSON; null is"),
        (b"[-Infinity]", "-Infinity is not JSON; null is"),
        (b'"\xff"', r"it is not UTF-8 \(byte 1\)"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b"[" + b"1" * 4301 + b"]", "it has a number of more than 4300 digits"),
    ],
)
def test_what_is_not_json_is_rejected_with_a_reason_for_the_client(body, words):
    with pytest.raises(ValueError, match=words):
        json_codec.decode(body)


def test_a_sample_may_have_a_thousand_levels_whatever_the_notebook_s_own_limit_is():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        with pytest.raises(ValueError, match="it is nested too deeply"):
            json_codec.decode(b"[" * 3000 + b"]" * 3000)
        assert sys.getrecursionlimit() == 50_000
        assert json_codec.decode(b"[" + b"[]," * 3000 + b"[]]") == [[]] * 3001
    finally:
        sys.setrecursionlimit(before)


def test_digits_in_a_string_are_no_long_number():
    assert json_codec.decode(b'"' + b"1" * 5000 + b'"') == "1" * 5000


@pytest.mark.parametrize("before", [0, 1, 4299, 4300, 4301, 8000, 12899])
def test_a_long_number_is_found_wherever_it_is(before):
    with pytest.raises(ValueError, match="more than 4300 digits"):
        json_codec.decode(b" " * before + b"[" + b"1" * 4301 + b"]")
    assert json_codec.decode(b" " * before + b"[" + b"1" * 4300 + b"]") == [int("1" * 4300)]


def test_white_space_around_a_sample_is_no_part_of_it():
    assert json_codec.decode(b"\r\n [1]\t\n") == [1]


@pytest.mark.parametrize("change", ["x.append(1)", "x[0].pop()", "x[0][0] = True", "x[1]['a'] = 1", "x[0][1] = x[0]"])
def test_the_fingerprint_of_a_sample_reports_whether_it_was_changed(change):
    sample = json_codec.decode(b'[[1, -0.0, "\\ud800"], {"a": 1.0, "b": 123456789012345678901234567890}]')
    before = json_codec.fingerprint(sample)
    references = [sample, sample[0]]
    assert json_codec.fingerprint(references[0]) == before is not None
    exec(change, {"x": sample})
    assert json_codec.fingerprint(sample) != before


def test_what_no_json_has_leaves_no_fingerprint():
    assert json_codec.fingerprint([object()]) is None


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


@dataclasses.dataclass
class Marked:
    x: int
    seed: dataclasses.InitVar[int]
    limit: ClassVar[int] = 3


class Pair(NamedTuple):
    a: int
    b: int


NOON = dt.datetime(2026, 1, 2, 12, 0, 0, tzinfo=dt.timezone.utc)
NESTED = {"a": {"x": 1, "y": 2}, "b": [3, 4]}
MOMENT = {"at": "2026-01-02T00:00:00.000000000", "took": 90.0}
UUID = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (float("nan"), None),
        ([float("inf"), {"a": -float("inf")}], [None, {"a": None}]),
        ((1, 2), [1, 2]),
        ({3: "a", None: "b", 2.5: "c", True: "d"}, {"3": "a", "true": "d", "null": "b", "2.5": "c"}),
        ({np.int64(3): 1}, {"3": 1}),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        ({3, 1, 2}, [1, 2, 3]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (b"\x00\xff", "data:application/octet-stream;base64,AP8="),
        (Colour.RED, "red"),
        (Point(1, float("nan")), {"x": 1, "y": None}),
        (Marked(1, 2), {"x": 1}),
        (Pair(1, 2), [1, 2]),
        (NOON, "2026-01-02T12:00:00+00:00"),
        (NOON.date(), "2026-01-02"),
        (dt.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal(10) ** 30, 10**30),
        (decimal.Decimal("NaN"), None),
        (UUID, str(UUID)),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        ("\ud800", "\ud800"),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.longdouble(1.5), 1.5),
        (np.float16(2), 2.0),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
        (np.datetime64("NaT", "s"), None),
        (np.timedelta64(90, "s"), 90.0),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(5), 5),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.array(["2026-01-02"], dtype="datetime64[D]"), ["2026-01-02"]),
        (np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]), [{"a": 1, "b": 2.5}]),
        (np.array([(1, 2.5)], dtype=[("a", int), ("b", float)])[0], {"a": 1, "b": 2.5}),
        (np.array([((1, 2), [3, 4])], dtype=[("a", [("x", int), ("y", int)]), ("b", int, (2,))])[0], NESTED),
        (np.array([("2026-01-02", 90)], dtype=[("at", "M8[ns]"), ("took", "m8[s]")]), [MOMENT]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, None]),
        (np.array([None, "a", 1], dtype=object), [None, "a", 1]),
        (pd.Series([1.0, None]), [1.0, None]),
        (pd.Series(["a", pd.NA], dtype="string"), ["a", None]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timedelta("1min"), 60.0),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        ([np.int64(1), {"a": np.array([np.nan])}], [1, {"a": [None]}]),
        (pd.Period("2026-01"), "2026-01"),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (-(2**63) - 1, -(2**63) - 1),
        (np.array([b"a"]), ["data:application/octet-stream;base64,YQ=="]),
        (collections.deque([1]), [1]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
        (collections.UserDict(a=1), {"a": 1}),
        (collections.UserList([1]), [1]),
        ({"a": 1}.items(), [["a", 1]]),
        (fractions.Fraction(1, 4), 0.25),
        (decimal.Decimal(2**70), 2**70),
    ],
    ids=str,
)
def test_every_answer_that_a_notebook_gives_has_its_json(answer, expected):
    assert json.loads(json_codec.encode(answer)) == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (object(), "an answer of type object has no JSON form"),
        ([1, {"a": lambda: 0}], "an answer of type function has no JSON form"),
        (1j, "an answer of type complex has no JSON form"),
        (np.complex128(1j), "has no JSON form"),
        ([10**5000], "a whole number of more than 4300 digits can't be sent as JSON"),
        (decimal.Decimal("1E+1000000000"), "a Decimal of more than 4300 digits has no JSON form"),
        ((one for one in [1]), "an answer of type generator has no JSON form"),
        (np.timedelta64(2, "M"), r"an answer of type numpy.timedelta64\[M\] has no JSON form"),
        (np.array([2], "m8[Y]"), r"an answer of type numpy.timedelta64\[Y\] has no JSON form"),
        ({1: 0, "1": 2}, "a dict with two keys of the same name, such as 1 and '1', has no JSON form"),
        ([{"a": [{True: 0, "true": 2}]}], "a dict with two keys of the same name"),
        ({1: float("nan"), "1": 2}, "a dict with two keys of the same name, such as 1 and '1', has no JSON form"),
        (pd.DataFrame([[1, np.nan]], columns=[1, "1"]), "a dict with two keys of the same name"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a DataFrame with two columns of the same name has no JSON form"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_without_a_json_form_is_rejected_by_the_name_of_its_type(answer, words):
    with pytest.raises(TypeError, match=words):
        json_codec.encode(answer)


@dataclasses.dataclass
class Pair:
    left: object
    right: object


class Model(pydantic.BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    size: float = pydantic.Field(serialization_alias="Size")
    array: typing.Any = None


class OldModel(pydantic.v1.BaseModel):
    size: float = pydantic.v1.Field(alias="Size")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Model(size=1, array=np.array([np.nan, 2])), {"Size": 1.0, "array": [None, 2.0]}),
        ([OldModel(Size=1)], [{"Size": 1.0}]),
        ({"a": Pair(Model(size=2), None)}, {"a": {"left": {"Size": 2.0, "array": None}, "right": None}}),
        (pydantic.RootModel[list[int]]([1]), [1]),
    ],
)
def test_models_are_answers(answer, expected):
    assert json.loads(json_codec.encode(answer)) == expected


TABLE = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
LEVELS = pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["name", None])


@pytest.mark.parametrize(
    ("answer", "labelled", "bare"),
    [
        (pd.Series([1, None], index=["x", "y"]), {"x": 1.0, "y": None}, [1.0, None]),
        (pd.Series([1, 2], index=[7, 8]), {"7": 1, "8": 2}, [1, 2]),
        (pd.Series([1], index=pd.to_datetime(["2026-01-02"])), {"2026-01-02T00:00:00": 1}, [1]),
        (pd.Series([1, 2]), [1, 2], [1, 2]),
        ({"all": [pd.Series([1], index=["x"])]}, {"all": [{"x": 1}]}, {"all": [[1]]}),
        (TABLE, [{"index": "x", "a": 1}, {"index": "y", "a": 2}], [{"a": 1}, {"a": 2}]),
        (TABLE.rename_axis("name"), [{"name": "x", "a": 1}, {"name": "y", "a": 2}], [{"a": 1}, {"a": 2}]),
        (TABLE.set_axis(LEVELS)[:1], [{"name": "x", "level_1": 1, "a": 1}], [{"a": 1}]),
        (TABLE.reset_index(drop=True), [{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        (TABLE.reset_index(drop=True)[1:], [{"index": 1, "a": 2}], [{"a": 2}]),
    ],
    ids=repr,
)
def test_pandas_answers_keep_their_labels_unless_they_are_to_be_bare(answer, labelled, bare):
    assert json.loads(json_codec.encode(answer)) == labelled
    assert json.loads(json_codec.encode(answer, json_codec.BARE)) == bare


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (pd.Series([1, 2], index=["x", "x"]), "a Series with two values of the same label has no JSON form"),
        (TABLE.rename_axis("a"), "a DataFrame with a column and an index of the same name has no JSON form"),
    ],
)
def test_labels_that_would_be_lost_are_rejected(answer, words):
    with pytest.raises(json_codec.NoJsonForm, match=words):
        json_codec.encode(answer)
    assert json_codec.encode(answer, json_codec.BARE)


@pytest.mark.parametrize("several", [[1, 2], (1, 2), np.array([1, 2]), pd.Series([1, 2], index=["x", "y"])])
def test_the_answers_of_a_batch_have_no_labels(several):
    assert json_codec.listed(several) == [1, 2]
    assert json_codec.listed(TABLE) == [{"a": 1}, {"a": 2}]


def test_an_answer_that_contains_itself_is_rejected():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(TypeError, match="contains itself"):
        json_codec.encode(cycle)


@pytest.mark.parametrize("answer", [object(), 10**5000, [[object()]], float], ids=lambda value: type(value).__name__)
def test_a_rejection_says_nothing_of_how_it_was_found(answer):
    with pytest.raises(TypeError) as rejected:
        json_codec.encode(answer)
    assert rejected.value.__cause__ is None
    assert rejected.value.__context__ is None or rejected.value.__suppress_context__


def test_an_answer_nested_too_deeply_is_rejected():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match="nested too deeply"):
        json_codec.encode(deep)


NUMBERS_OF_NUMPY = [
    (np.bool_(True), "true"),
    (np.int8(-3), "-3"),
    (np.int64(3), "3"),
    (np.uint64(2**63 + 1), "9223372036854775809"),
    (np.float16(2.5), "2.5"),
    (np.float32(2.5), "2.5"),
    (np.float32("nan"), "null"),
    (np.float64(-0.0), "-0.0"),
    (np.float64(1e300), "1e+300"),
    (np.float64("-inf"), "null"),
    (np.longdouble(2.5), "2.5"),
    (np.longdouble("inf"), "null"),
]


@pytest.mark.parametrize(("number", "text"), NUMBERS_OF_NUMPY, ids=lambda part: type(part).__name__)
def test_a_number_of_numpy_s_is_python_s_own_the_first_time_and_each_time_after(number, text):
    assert [json_codec.encode(number).decode() for _ in range(2)] == [text] * 2
    assert json_codec.encode({"a": [number]}).decode() == f'{{"a": [{text}]}}'


def test_an_array_without_dimensions_says_nothing_of_others():
    answers = [json_codec.encode(np.array(value)) for value in (5, [1, 2], 5.5, "a", True)]
    assert answers == [b"5", b"[1, 2]", b"5.5", b'"a"', b"true"]


def test_text_leaves_as_readable_utf_8():
    assert json_codec.encode("ü") == '"ü"'.encode()
