import json

import pytest
from nb_service.protocols import Malformed, bodies, mlflow
from nb_service.protocols.rows import Rows

JSON = bodies.parse("application/json; charset=utf-8")
LISTS = Rows({"type": "array"})


def asked(body, rows=None, given=JSON):
    """Return the decoded samples of a body."""
    return [json.loads(sample) for sample in mlflow.read(body, given, rows or Rows(None)).samples]


@pytest.mark.parametrize(
    ("decoded", "meant"),
    [
        ({"instances": [1]}, True),
        ({"inputs": [1], "params": {}}, True),
        ({"dataframe_split": {}}, True),
        ({"inputs": [1], "age": 3}, False),
        ({"age": 3}, False),
        ([1], False),
    ],
)
def test_an_object_of_mlflow_s_keys_alone_is_meant_for_it(decoded, meant):
    assert mlflow.is_meant(decoded) is meant


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"inputs": {"a": [1, 3], "b": [2, 4]}},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
    ],
)
def test_each_form_gives_the_same_rows(body):
    assert asked(body) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_rows_are_lists_where_samples_are_or_columns_have_no_names():
    frame = {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}
    assert asked(frame, LISTS) == [[1, 2]]
    assert asked({"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}}) == [[1, 2]]
    assert asked({"dataframe_split": {"data": [[1, 2]]}}) == [[1, 2]]
    assert asked({"dataframe_records": [{"a": 1}]}, LISTS) == [[1]]


def test_answers_are_predictions():
    for body in ({"inputs": [1, 2]}, {"instances": [1, 2], "params": {"a": 1}}, {"inputs": [1, 2], "params": None}):
        assert mlflow.read(dict(body), JSON, LISTS).parameters.values == (body.get("params") or {})
        assert mlflow.read(body, JSON, LISTS).write([b"1", b"2"]).data == b'{"predictions": [1, 2]}'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"inputs": [1], "instances": [1]}, "exactly one of .*; got instances, inputs"),
        ({"params": {}}, "exactly one of"),
        ({"inputs": [1], "params": [1]}, "params is not an object"),
        ({"dataframe_split": [1]}, "has no data"),
        ({"dataframe_split": {"data": [1]}}, "has no data"),
        ({"dataframe_split": {"data": [[1]], "columns": "a"}}, "columns of dataframe_split are not a list"),
        ({"dataframe_split": {"data": [[1]], "columns": []}}, "1 values, but there are 0 columns"),
        ({"dataframe_records": [1]}, "not a list of objects"),
    ],
)
def test_other_bodies_are_rejected(body, words):
    with pytest.raises(Malformed, match=words):
        asked(body)


def test_another_parameter_of_the_type_is_rejected():
    with pytest.raises(Malformed, match="charset=utf-8") as rejected:
        asked({"inputs": [1]}, given=bodies.parse("application/json; format=pandas"))
    assert rejected.value.status == 415


def test_a_rejection_has_mlflow_s_words():
    assert mlflow.rejection(422, "no")[0] == 400
    assert json.loads(mlflow.rejection(500, "no")[1].data) == {"error_code": "INTERNAL_ERROR", "message": "no"}
