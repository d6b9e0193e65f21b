import json

import pytest
from nb_service.identity import Identity
from nb_service.protocols import Malformed, kserve_v1, tf_serving
from nb_service.protocols.tf_serving import Target

SERVED = Identity("half_plus_two", 123, "abc123")


def answered(body, method="predict", answer=lambda x: x, **more):
    """Return the decoded body of the answers that `answer` gives to the samples."""
    question = tf_serving.read(method, json.dumps(body).encode(), **more)
    return json.loads(
        question.write([json.dumps(answer(json.loads(sample))).encode() for sample in question.samples]).data
    )


def test_the_bare_tokens_of_its_clients_are_read_and_reach_the_predictor_as_none():
    body = b'{"signature_name": "", "instances": [[1.0, NaN], [-Infinity, Infinity]]}'
    assert tf_serving.read("predict", body).samples == [b"[1.0, null]", b"[null, null]"]
    columns = tf_serving.read("predict", b'{"inputs": {"x": [NaN, 2]}}')
    assert columns.samples == [b'{"x": null}', b'{"x": 2}']


@pytest.mark.parametrize(
    ("verb", "path", "target"),
    [
        ("GET", "m", Target("m", None, None, "")),
        ("GET", "m/versions/12", Target("m", 12, None, "")),
        ("GET", "m/labels/stable", Target("m", None, "stable", "")),
        ("GET", "m/metadata", Target("m", None, None, "metadata")),
        ("GET", "m/versions/1/metadata", Target("m", 1, None, "metadata")),
        ("POST", "m:predict", Target("m", None, None, "predict")),
        ("POST", "m/versions/12:classify", Target("m", 12, None, "classify")),
        ("POST", "m/labels/stable:regress", Target("m", None, "stable", "regress")),
    ],
)
def test_a_path_names_model_version_label_and_method(verb, path, target):
    assert tf_serving.parse(verb, path) == target


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "foo/version/50:predict"),
        ("POST", "foo/version/50:regress"),
        ("POST", "foo/versions/HELLO:regress"),
        ("POST", "foo/labels/a-b:predict"),
        ("POST", "foo:dance"),
    ],
)
def test_another_path_is_a_malformed_request(verb, path):
    with pytest.raises(Malformed, match=f"Malformed request: {verb} /v1/models/{path}"):
        tf_serving.parse(verb, path)


@pytest.mark.parametrize(
    ("path", "takes"),
    [("foo", False), ("foo/metadata", False), ("foo:predict", True), ("foo/versions/1:regress", True)],
)
def test_the_end_of_a_path_says_whether_it_takes_samples(path, takes):
    assert tf_serving.parse("GET", path).takes_samples is takes


def test_a_version_past_the_largest_is_rejected():
    with pytest.raises(Malformed, match="Failed to convert version"):
        tf_serving.parse("POST", f"foo/versions/{2**64 - 1}:regress")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("half", "Servable not found for request: Latest\\(half\\)"),
        ("half_plus_two/versions/50", "Servable not found for request: Specific\\(half_plus_two, 50\\)"),
    ],
)
def test_another_model_or_version_is_not_found(path, words):
    with pytest.raises(Malformed, match=words) as rejected:
        tf_serving.check(tf_serving.parse("GET", path), SERVED)
    assert rejected.value.status == 404


@pytest.mark.parametrize("path", ["", "/versions/123", "/labels/stable", "/labels/latest", "/labels/abc123"])
def test_the_one_version_is_found_by_number_and_label(path):
    tf_serving.check(tf_serving.parse("GET", "half_plus_two" + path), SERVED)


def test_a_label_that_nothing_has_is_rejected():
    with pytest.raises(Malformed, match="Unrecognized servable version label: canary"):
        tf_serving.check(tf_serving.parse("GET", "half_plus_two/labels/canary"), SERVED)


def test_rows_are_answered_with_predictions():
    assert answered({"instances": [[1.0, 2.0], [3.0, 4.0]]}) == {"predictions": [[1.0, 2.0], [3.0, 4.0]]}
    assert answered({"signature_name": "serving_default", "instances": [3, {"b64": "eA=="}]}) == {
        "predictions": [3, {"b64": "eA=="}]
    }


def test_columns_are_answered_with_outputs():
    assert answered({"inputs": [3.0, 4.0]}) == {"outputs": [3.0, 4.0]}
    assert answered({"inputs": 3.0}) == {"outputs": 3.0}
    assert answered({"inputs": {"a": [1, 2], "b": [3, 4]}}) == {"outputs": {"a": [1, 2], "b": [3, 4]}}
    assert answered({"inputs": {"a": [1, 2], "b": [3, 4]}}, answer=lambda x: x["a"] + x["b"]) == {"outputs": [4, 6]}


def test_kserve_answers_inputs_with_predictions():
    assert answered({"inputs": [3]}, outputs_key=kserve_v1.OUTPUTS_KEY) == {"predictions": [3]}
    assert kserve_v1.models(["half_plus_two"]).data == b'{"models": ["half_plus_two"]}'


def test_examples_get_the_context_and_are_answered_with_results():
    body = {"context": {"a": 1}, "examples": [{"b": 2}, {"b": 3, "a": 0}]}
    assert answered(body, "regress", lambda x: x["a"] + x["b"]) == {"results": [3, 3]}
    assert answered(body, "regress", lambda x: [x["b"]]) == {"results": [2, 3]}
    assert answered(body, "classify", lambda x: {"yes": 0.25, "no": x["b"]}) == {
        "results": [[["yes", 0.25], ["no", 2]], [["yes", 0.25], ["no", 3]]]
    }


@pytest.mark.parametrize(
    ("method", "answer"), [("classify", [1]), ("classify", {"a": "b"}), ("regress", "a"), ("regress", True)]
)
def test_answers_that_are_no_classes_or_numbers_are_rejected(method, answer):
    with pytest.raises(Malformed, match="This model can't"):
        answered({"examples": [{}]}, method, lambda x: answer)


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("predict", b"", "not JSON"),
        ("predict", b"instances = [1, 2]", "not JSON"),
        ("predict", b"[1]", "not a JSON object"),
        ("predict", b"{}", "Missing 'inputs' or 'instances' key"),
        ("predict", b'{"instances": 1}', "instances is not a list"),
        ("predict", b'{"instances": [1], "inputs": [1]}', "Only one of"),
        ("predict", b'{"instances": [nan]}', "The body is not JSON: Expecting value"),
        ("predict", b'{"instances": [%s]}' % (b"1" * 5000), "a number of more than 4300 digits"),
        ("predict", b'{"signature_name": "x", "instances": [1]}', 'Serving signature name: "x" not found'),
        ("predict", b'{"inputs": {"a": [1], "b": [1, 2]}}', "differ in length"),
        ("classify", b'{"instances": [1]}', "'examples' is not a list of objects"),
        ("explain", b'{"instances": [1]}', "no explainer"),
    ],
)
def test_a_body_that_is_not_what_the_method_wants_is_rejected(method, body, words):
    with pytest.raises(Malformed, match=words):
        tf_serving.read(method, body)


def test_status_has_the_words_of_tensorflow_serving_and_of_kserve():
    assert json.loads(tf_serving.status(SERVED, True).data) == {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ],
        "name": "half_plus_two",
        "ready": True,
    }
    assert json.loads(tf_serving.status(SERVED, False).data)["model_version_status"][0]["state"] == "LOADING"


def test_metadata_report_the_tensors_of_the_signature():
    tensor = {"name": "x", "datatype": "FP64", "shape": [-1, 2]}
    reported = json.loads(tf_serving.metadata(SERVED, [tensor], [tensor]).data)
    assert reported["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    assert reported["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_DOUBLE",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
        "name": "x",
    }
