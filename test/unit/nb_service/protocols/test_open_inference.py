import json
import struct

import numpy as np
import pytest
from nb_service.identity import Identity
from nb_service.protocols import Limits, Malformed, inference, open_inference, tensors
from nb_service.protocols.rows import Rows

SERVED = Identity("m", 7)
UNKNOWN = Rows(None)
LISTS = Rows({"type": "array"})
OBJECTS = Rows({"type": "object"})
NUMBERS = Rows({"type": "number"})


def asked(*inputs, raw=b"", rows=UNKNOWN, answers=None, **more):
    """Return (the decoded samples, the question) of a request with these inputs; `answers` is their schema."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    question = open_inference.read(head + raw, str(len(head)) if raw else None, rows, SERVED, answers)
    return [json.loads(sample) for sample in question.samples], question


def written(question, *answers):
    """Return (the decoded JSON, the bytes behind it) of the body for `answers`."""
    body = question.write([json.dumps(answer).encode() for answer in answers])
    length = int(dict(body.headers).get(open_inference.HEADER, len(body.data)))
    return json.loads(body.data[:length]), body.data[length:]


def tensor(data, shape, datatype="FP64", name="x", **parameters):
    """Return an input."""
    more = {"data": data} if data is not None else {}
    return {
        "name": name,
        "shape": shape,
        "datatype": datatype,
        **more,
        **({"parameters": parameters} if parameters else {}),
    }


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_each_row_of_one_input_is_a_sample(data):
    assert asked(tensor(data, [2, 2]))[0] == [[1.0, 2.0], [3.0, 4.0]]


def test_whole_numbers_stay_whole_in_whole_datatypes():
    assert json.dumps(asked(tensor([1, 2], [2], "INT64"))[0]) == "[1, 2]"
    assert json.dumps(asked(tensor([1, 2], [2], "FP32"))[0]) == "[1.0, 2.0]"


def test_several_inputs_are_the_columns_of_objects():
    samples, _ = asked(
        tensor([1, 2], [2, 1]), tensor(["a", "b"], [2], "BYTES", "y"), tensor([1, 2, 3, 4], [2, 2], name="z")
    )
    assert samples == [{"x": 1, "y": "a", "z": [1, 2]}, {"x": 2, "y": "b", "z": [3, 4]}]


def test_one_input_is_a_column_where_samples_are_objects_or_the_client_says_so():
    assert asked(tensor([1, 2], [2, 1]), rows=OBJECTS)[0] == [{"x": 1}, {"x": 2}]
    assert asked(tensor([1], [1]), parameters={"content_type": "pd"})[0] == [{"x": 1}]


def test_one_value_a_row_is_bare_where_samples_are_such():
    assert asked(tensor([1, 2], [2, 1]), rows=NUMBERS)[0] == [1, 2]
    assert asked(tensor([1, 2], [2, 1]), rows=LISTS)[0] == [[1], [2]]


def test_bytes_behind_the_json_are_the_tensors_in_their_order():
    numbers = np.array([[1, 2]], "<i4").tobytes()
    texts = struct.pack("<I", 3) + "aü".encode()
    first = tensor(None, [1, 2], "INT32", binary_data_size=len(numbers))
    second = tensor(None, [1], "BYTES", "y", binary_data_size=len(texts))
    assert asked(first, second, raw=numbers + texts)[0] == [{"x": [1, 2], "y": "aü"}]


def test_the_id_comes_back_with_model_and_version():
    said, _ = written(asked(tensor([1], [1]), id="42")[1], 1.5)
    assert said == {
        "model_name": "m",
        "model_version": "7",
        "outputs": [{"name": "output-0", "datatype": "FP64", "shape": [1], "data": [1.5]}],
        "id": "42",
    }
    assert "id" not in written(asked(tensor([1], [1]))[1], 1)[0]


def test_answers_that_are_objects_become_an_output_a_name():
    said, _ = written(asked(tensor([1, 2], [2]))[1], {"a": 1, "b": "x"}, {"a": 2, "b": "y"})
    assert [(one["name"], one["datatype"], one["data"]) for one in said["outputs"]] == [
        ("a", "INT64", [1, 2]),
        ("b", "BYTES", ["x", "y"]),
    ]


def test_answers_that_fit_no_tensor_are_json_texts():
    said, _ = written(asked(tensor([1, 2], [2]))[1], [1], [1, 2])
    assert said["outputs"][0] == {
        "name": "output-0",
        "parameters": {"content_type": "application/json"},
        "datatype": "BYTES",
        "shape": [2],
        "data": ["[1]", "[1, 2]"],
    }


def test_what_nests_in_a_data_frame_comes_as_json_texts():
    column = tensor(['{"a": [1, NaN]}', "null", '"x"'], [3, 1], "BYTES", content_type="pd_json")
    samples, _ = asked(column, tensor([1, 2, 3], [3, 1], "INT64", "y"), parameters={"content_type": "pd"})
    assert samples == [{"x": {"a": [1, None]}, "y": 1}, {"x": None, "y": 2}, {"x": "x", "y": 3}]
    assert asked(column, rows=LISTS)[0] == [[{"a": [1, None]}], [None], ["x"]]


@pytest.mark.parametrize(("data", "datatype"), [(["{"], "BYTES"), ([1], "INT64")])
def test_what_is_called_json_and_is_none_is_rejected(data, datatype):
    with pytest.raises(
        Malformed, match="The input 'x' has the content type pd_json, but a value that is not JSON text."
    ):
        asked(tensor(data, [1], datatype, content_type="pd_json"))


def test_answers_to_a_data_frame_are_columns():
    question = asked(tensor([1, 2], [2]), parameters={"content_type": "pd"})[1]
    first = {"a": [1, 2], "b": "x", "c": 1, "d": {}}
    said, _ = written(question, first, {"a": [3, 4], "b": "y", "c": 2, "d": {"e": 1}})
    assert said["parameters"] == {"content_type": "pd"}
    assert [(one["name"], one["datatype"], one["data"], one.get("parameters")) for one in said["outputs"]] == [
        ("a", "BYTES", ["[1, 2]", "[3, 4]"], {"content_type": "pd_json"}),
        ("b", "BYTES", ["x", "y"], {"content_type": "str"}),
        ("c", "INT64", [1, 2], None),
        ("d", "BYTES", ["{}", '{"e": 1}'], {"content_type": "pd_json"}),
    ]
    assert {tuple(one["shape"]) for one in said["outputs"]} == {(2,)}


def test_an_empty_data_frame_keeps_its_columns_and_their_kinds():
    answers = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}, "b": {"type": "number"}},
    }
    request = asked(tensor([], [0]), parameters={"content_type": "pd"}, answers=answers)[1]
    assert written(request)[0]["outputs"] == [
        {"name": "a", "parameters": {"content_type": "pd_json"}, "datatype": "BYTES", "shape": [0], "data": []},
        {"name": "b", "datatype": "FP64", "shape": [0], "data": []},
    ]


def test_outputs_go_as_bytes_where_the_request_wants_them():
    said, raw = written(asked(tensor([1, 2], [2]), parameters={"binary_data_output": True})[1], 1, 2)
    assert raw == struct.pack("<2q", 1, 2)
    assert said["outputs"][0] == {
        "name": "output-0",
        "datatype": "INT64",
        "shape": [2],
        "parameters": {"binary_data_size": 16},
    }
    wanted = [{"name": "b", "parameters": {"binary_data": True}}, {"name": "a"}]
    said, raw = written(asked(tensor([1], [1]), outputs=wanted)[1], {"a": 1, "b": "xy", "c": 0})
    assert [(one["name"], one.get("data")) for one in said["outputs"]] == [("b", None), ("a", [1])]
    assert raw == struct.pack("<I", 2) + b"xy"


def test_an_output_that_there_is_not_is_rejected():
    with pytest.raises(Malformed, match="There is no output 'y'. Outputs: output-0."):
        written(asked(tensor([1], [1]), outputs=[{"name": "y"}])[1], 1)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "inputs is not a list of tensors"),
        ([1], "inputs is not a list of tensors"),
        ([{"shape": [1]}], "An input has no name"),
        ([tensor([1], [1], "BF16")], "an unsupported datatype"),
        ([tensor([1], [1], {})], "an unsupported datatype"),
        ([tensor([1], [1], name=["x"])], "An input has no name"),
        ([tensor([1], [2])], "has 1 values, but its shape requires 2"),
        ([tensor(["a"], [1])], "a value that is not FP64"),
        ([tensor([1.5], [1], "INT8")], "a value that is not INT8"),
        ([tensor([True], [1], "INT8")], "a value that is not INT8"),
        ([tensor(None, [1])], "has no data"),
        ([tensor([1], "1")], "shape is not a list"),
        ([tensor(None, [1], binary_data_size=8)], "binary_data_size is not a length"),
        ([tensor([1], [1]), tensor([1], [1])], "Two inputs have the same name"),
        ([tensor([1], [1]), tensor([1, 2], [2], name="y")], "differ in their first dimension"),
    ],
)
def test_what_are_no_tensors_is_rejected(inputs, words):
    with pytest.raises(Malformed, match=words):
        asked(*inputs)


@pytest.mark.parametrize(
    ("size", "datatype", "raw", "words"),
    [
        (8, "FP64", b"12345678x", "1 bytes of the body belong to no tensor"),
        (8, "BYTES", b"\x02\x00\x00\x00\xff\xfe\x00\x00", "not UTF-8"),
        (5, "BYTES", b"\xff\xff\xff\xff1", "is truncated"),
        (True, "BYTES", b"1", "binary_data_size"),
    ],
)
def test_bytes_that_do_not_match_are_rejected(size, datatype, raw, words):
    with pytest.raises(Malformed, match=words):
        asked(tensor(None, [1], datatype, binary_data_size=size), raw=raw)


@pytest.mark.parametrize("length", ["x", "-1", "1000"])
def test_a_length_of_the_json_that_is_none_is_rejected(length):
    with pytest.raises(Malformed, match="Inference-Header-Content-Length is not a length"):
        open_inference.read(b"{}", length, UNKNOWN, SERVED)


@pytest.mark.parametrize(
    ("schema", "tensors"),
    [
        ({}, [("x", "BYTES", [-1])]),
        ({"type": "number"}, [("x", "FP64", [-1])]),
        ({"type": ["null", "number"]}, [("x", "FP64", [-1])]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 4}, [("x", "INT64", [-1, 4])]),
        ({"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}, [("x", "BOOL", [-1, -1, -1])]),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}},
            [("a", "BYTES", [-1]), ("b", "FP64", [-1])],
        ),
    ],
)
def test_metadata_follow_the_golden_rows(schema, tensors):
    reported = open_inference.described(schema, "x")
    assert [(one["name"], one["datatype"], one["shape"]) for one in reported] == tensors


def test_server_and_model_report_who_they_are():
    assert json.loads(open_inference.server(SERVED).data)["extensions"] == ["binary_tensor_data"]
    assert json.loads(open_inference.model(SERVED, {}, {}).data)["versions"] == ["7"]


@pytest.mark.parametrize(
    ("kind", "answers", "datatype"),
    [
        ("number", [None], "FP64"),
        (["number", "null"], [None, None], "FP64"),
        ("number", [1, 2], "FP64"),
        ("number", [2**53 + 1], "INT64"),  # no double holds it
        ("number", ["a"], "BYTES"),
        ("integer", [None], "BYTES"),
        ("integer", [0.5], "FP64"),
        ("string", [None], "BYTES"),
        (None, [None], "BYTES"),
    ],
)
def test_answers_that_fit_have_the_datatype_that_the_metadata_name(kind, answers, datatype):
    schema = {"type": kind} if kind else {}
    body, _ = written(asked(tensor([1] * len(answers), [len(answers)]), answers=schema)[1], *answers)
    assert body["outputs"][0]["datatype"] == datatype


def test_each_of_several_outputs_has_its_own_datatype():
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}}}
    body, raw = written(
        asked(tensor([1], [1]), answers=schema, parameters={"binary_data_output": True})[1], {"a": [None, 1], "b": 2}
    )
    assert [(one["name"], one["datatype"]) for one in body["outputs"]] == [("a", "FP64"), ("b", "INT64")]
    assert struct.unpack("<ddq", raw)[1:] == (1.0, 2)


@pytest.mark.parametrize(
    ("schema", "datatype", "shape"),
    [
        ({"type": "integer"}, "INT64", [-1]),
        ({"type": ["integer", "null"]}, "FP64", [-1]),
        ({"type": ["boolean", "null"]}, "BYTES", [-1]),
        ({"type": "array", "items": {"type": "number"}, "maxItems": 2}, "FP64", [-1, 2]),
        ({"type": ["array", "null"], "items": {"type": ["null", "number"]}}, "FP64", [-1, -1]),
        ({"type": ["array", "number"], "items": {"type": "number"}}, "BYTES", [-1]),
        ({}, "BYTES", [-1]),
    ],
)
def test_what_may_be_missing_is_reported_as_what_it_is_else(schema, datatype, shape):
    assert open_inference.described(schema, "x") == [{"name": "x", "datatype": datatype, "shape": shape}]


def test_objects_that_may_be_missing_are_reported_by_their_names():
    schema = {"type": ["null", "object"], "properties": {"a": {"type": "number"}, "b": {"type": "string"}}}
    reported = [(one["name"], one["datatype"]) for one in open_inference.described(schema, "x")]
    assert reported == [("a", "FP64"), ("b", "BYTES")]


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "2"])
def test_a_length_of_thousands_of_digits_is_rejected(length):
    with pytest.raises(Malformed, match="Inference-Header-Content-Length is not a length"):
        open_inference.read(b"{}", length, UNKNOWN, SERVED)


def test_a_whole_number_that_no_float_holds_is_rejected():
    with pytest.raises(Malformed, match="'x' has a value that is not FP64"):
        asked(tensor([10**400], [1]))


@pytest.mark.parametrize("more", [(), (tensor(None, [1, 3000], "INT8", "y", binary_data_size=3000),)])
@pytest.mark.parametrize("rows", [UNKNOWN, OBJECTS, LISTS, Rows({"type": "number"})])
def test_rows_of_very_many_values_are_the_samples_that_they_are_with_few(monkeypatch, more, rows):
    first = tensor(None, [1, 3000], "INT8", binary_data_size=3000)
    raw = bytes(range(100)) * 30
    usual, _ = asked(first, *more, raw=raw * (1 + len(more)), rows=rows)
    monkeypatch.setattr(inference, "VALUES", 100)
    monkeypatch.setattr(tensors, "VALUES", 100)
    assert asked(first, *more, raw=raw * (1 + len(more)), rows=rows)[0] == usual


def test_names_that_every_row_repeats_are_counted_before():
    one = tensor([1] * 10, [10], name="a" * 100)
    body = json.dumps({"inputs": [one], "parameters": {"content_type": "pd"}}).encode()
    with pytest.raises(Malformed, match="S2I_MAX_BODY"):
        open_inference.read(body, None, UNKNOWN, SERVED, limits=Limits(100, 100))
