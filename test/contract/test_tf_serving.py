"""Pairs of request and answer as TensorFlow Serving's page about its REST API has them, and what its server refuses."""

import json

import pytest

from contract.services import JSON, Service

# The example of TensorFlow Serving's page, and one model for each of its other forms.
CODE = {
    "half_plus_three": """
    def predictor(x):
        return x / 2 + 3

    examples = [1.0, 2.5]
    """,
    "sensors": """
    def predictor(x):
        return {"name": x["tag"].upper(), "sum": sum(x["signal"])}

    examples = [{"tag": "foo", "signal": [1, 2.5]}]
    """,
    "scores": """
    def predictor(x):
        return {"short": 1 / (len(x["text"]) + 1), "long": len(x["text"]) / (len(x["text"]) + 1)}

    examples = [{"text": "abc"}]
    """,
    "echo": """
    def predictor(x):
        return x

    examples = [[1, 2], [3.5, None]]
    """,
}
HALF, SENSORS, SCORES, ECHO = CODE
FOO, BAR = {"tag": "foo", "signal": [1, 2, 3.5]}, {"tag": "bar", "signal": [4]}
COLUMNS = {"tag": ["foo", "bar"], "signal": [[1, 2, 3.5], [4]]}
FOO_SAID, BAR_SAID = {"name": "FOO", "sum": 6.5}, {"name": "BAR", "sum": 4}
TEXT, WORD = {"text": "abc"}, {"text": ""}
TEXT_SAID, WORD_SAID = [["short", 0.25], ["long", 0.75]], [["short", 1.0], ["long", 0.0]]
STATUS = {
    "model_version_status": [
        {"version": "VERSION", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ],
    "name": HALF,
    "ready": True,
}


def _tensor(name, dtype, *sizes):
    shape = {"dim": [{"size": size, "name": ""} for size in sizes], "unknown_rank": False}
    return {"dtype": dtype, "tensor_shape": shape, "name": name}


def _metadata(model, inputs, outputs):
    signature = {
        "inputs": {tensor["name"]: tensor for tensor in inputs},
        "outputs": {tensor["name"]: tensor for tensor in outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model, "signature_name": "", "version": "VERSION"},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
    }


HALF_METADATA = _metadata(HALF, [_tensor("input-0", "DT_DOUBLE", "-1")], [_tensor("output-0", "DT_DOUBLE", "-1")])
SENSORS_METADATA = _metadata(
    SENSORS,
    [_tensor("tag", "DT_STRING", "-1"), _tensor("signal", "DT_DOUBLE", "-1", "2")],
    [_tensor("name", "DT_STRING", "-1"), _tensor("sum", "DT_DOUBLE", "-1")],
)
NOT_FOUND = "Servable not found for request: "
BOTH = "Only one of 'inputs' and 'instances' is allowed."
MISSING = "Sample 2: The sample does not match what the notebook accepts: signal: is missing."
NO_SIGNATURE = 'Serving signature name: "{}" not found in signature def'

# (path behind /v1/models/, body or None for GET, status, answer); VERSION stands for the model's version, and a refusal
# is written as its words. What is no JSON is written as bytes.
PAIRS = [
    # Status and metadata.
    (HALF, None, 200, STATUS),
    (f"{HALF}/versions/VERSION", None, 200, STATUS),
    (f"{HALF}/labels/stable", None, 200, STATUS),
    ("half", None, 404, NOT_FOUND + "Latest(half)"),
    (f"{HALF}/versions/9", None, 404, NOT_FOUND + f"Specific({HALF}, 9)"),
    (f"{HALF}/labels/canary", None, 400, "Unrecognized servable version label: canary"),
    (f"{HALF}/metadata", None, 200, HALF_METADATA),
    (f"{HALF}/versions/VERSION/metadata", None, 200, HALF_METADATA),
    (f"{SENSORS}/metadata", None, 200, SENSORS_METADATA),
    ("half/metadata", None, 404, NOT_FOUND + "Latest(half)"),
    (f"{HALF}/nothing", None, 400, f"Malformed request: GET /v1/models/{HALF}/nothing"),
    (f"{HALF}/versions/new", None, 400, f"Malformed request: GET /v1/models/{HALF}/versions/new"),
    # Rows.
    (f"{HALF}:predict", {"instances": [1.0, 2.0, 5.0]}, 200, {"predictions": [3.5, 4.0, 5.5]}),
    (f"{HALF}:predict", {"instances": [1, -2]}, 200, {"predictions": [3.5, 2.0]}),
    (f"{HALF}:predict", b'{"instances": [1e2, -2.5E-1]}', 200, {"predictions": [53.0, 2.875]}),
    (f"{HALF}:predict", {"instances": [{"input-0": 1.0}, {"input-0": 5.0}]}, 200, {"predictions": [3.5, 5.5]}),
    (f"{HALF}/versions/VERSION:predict", {"instances": [1.0]}, 200, {"predictions": [3.5]}),
    (f"{HALF}/labels/stable:predict", {"instances": [2.0]}, 200, {"predictions": [4.0]}),
    (f"{HALF}/labels/latest:predict", {"instances": [5.0]}, 200, {"predictions": [5.5]}),
    (f"{HALF}:predict", {"signature_name": "serving_default", "instances": [1.0]}, 200, {"predictions": [3.5]}),
    (f"{HALF}:predict", {"signature_name": "", "instances": [2.0]}, 200, {"predictions": [4.0]}),
    (
        f"{HALF}:predict",
        {"signature_name": "tensorflow/serving/predict", "instances": [5.0]},
        200,
        {"predictions": [5.5]},
    ),
    (f"{SENSORS}:predict", {"instances": [FOO, BAR]}, 200, {"predictions": [FOO_SAID, BAR_SAID]}),
    (f"{ECHO}:predict", {"instances": [[[1, 2]], [[3, 4]]]}, 200, {"predictions": [[[1, 2]], [[3, 4]]]}),
    (f"{ECHO}:predict", {"instances": [{"input-0": [1, 2]}]}, 200, {"predictions": [[1, 2]]}),
    (f"{ECHO}:predict", {"instances": ["foo", "bär"]}, 200, {"predictions": ["foo", "bär"]}),
    (f"{ECHO}:predict", {"instances": [True, False]}, 200, {"predictions": [True, False]}),
    (f"{ECHO}:predict", {"instances": [{"b64": "aW1hZ2U="}]}, 200, {"predictions": [{"b64": "aW1hZ2U="}]}),
    (f"{ECHO}:predict", b'{"instances": [[1.0, NaN]]}', 200, {"predictions": [[1.0, None]]}),
    (f"{ECHO}:predict", b'{"instances": [[Infinity, -Infinity]]}', 200, {"predictions": [[None, None]]}),
    (f"{ECHO}:predict", {"instances": [[2**53 + 1, 2**64]]}, 200, {"predictions": [[2**53 + 1, 2**64]]}),
    # Columns.
    (f"{HALF}:predict", {"inputs": [1.0, 2.0, 5.0]}, 200, {"outputs": [3.5, 4.0, 5.5]}),
    (f"{HALF}:predict", {"inputs": 1.0}, 200, {"outputs": 3.5}),
    (f"{HALF}:predict", {"inputs": {"input-0": [1.0, 2.0]}}, 200, {"outputs": [3.5, 4.0]}),
    (f"{HALF}/versions/VERSION:predict", {"inputs": [5.0]}, 200, {"outputs": [5.5]}),
    (f"{HALF}:predict", {"signature_name": "serving_default", "inputs": [2.0]}, 200, {"outputs": [4.0]}),
    (f"{SENSORS}:predict", {"inputs": COLUMNS}, 200, {"outputs": {"name": ["FOO", "BAR"], "sum": [6.5, 4]}}),
    (f"{ECHO}:predict", {"inputs": [[1, 2], [3, 4]]}, 200, {"outputs": [[1, 2], [3, 4]]}),
    (f"{ECHO}:predict", {"inputs": {"input-0": [[1, 2], [3, 4]]}}, 200, {"outputs": [[1, 2], [3, 4]]}),
    (f"{ECHO}:predict", {"inputs": "foo"}, 200, {"outputs": "foo"}),
    (f"{ECHO}:predict", b'{"inputs": [[NaN, 1]]}', 200, {"outputs": [[None, 1]]}),
    (f"{SENSORS}:predict", {"inputs": {"tag": ["foo"], "signal": []}}, 400, "The columns differ in length."),
    (f"{SENSORS}:predict", {"inputs": {"tag": "foo", "signal": [[1]]}}, 400, "The column 'tag' is not a list."),
    # Predictions that are refused.
    ("half:predict", {"instances": [1.0, 5.0]}, 404, NOT_FOUND + "Latest(half)"),
    (f"{HALF}/versions/9:predict", {"instances": [1.0]}, 404, NOT_FOUND + f"Specific({HALF}, 9)"),
    (f"{HALF}/labels/canary:predict", {"instances": [1.0]}, 400, "Unrecognized servable version label: canary"),
    (f"{HALF}/versions/{'9' * 20}:predict", {}, 400, f"Failed to convert version: {'9' * 20}"),
    (f"{HALF}/versions/new:predict", {}, 400, f"Malformed request: POST /v1/models/{HALF}/versions/new:predict"),
    (f"{HALF}:guess", {"instances": [1.0]}, 400, f"Malformed request: POST /v1/models/{HALF}:guess"),
    (f"{HALF}:predict", {"signature_name": "mine", "instances": [1.0]}, 400, NO_SIGNATURE.format("mine")),
    (
        f"{HALF}:predict",
        {"signature_name": "tensorflow/serving/regress", "inputs": [1.0]},
        400,
        NO_SIGNATURE.format("tensorflow/serving/regress"),
    ),
    (f"{HALF}:predict", {"instances": [1.0], "inputs": [1.0]}, 400, BOTH),
    (f"{HALF}:predict", {"values": [1.0]}, 400, "Missing 'inputs' or 'instances' key"),
    (f"{HALF}:predict", {"instances": 1.0}, 400, "instances is not a list of samples."),
    (f"{HALF}:predict", {"instances": {"input-0": [1.0]}}, 400, "instances is not a list of samples."),
    (f"{HALF}:predict", [1.0], 400, "The body is not a JSON object."),
    (f"{HALF}:predict", b'{"instances": [1.0]', 400, "The body is not JSON: "),
    (f"{HALF}:predict", b"", 400, "The body is not JSON: "),
    (f"{SENSORS}:predict", {"instances": [FOO, {"tag": "bar"}]}, 400, MISSING),
    # Regression.
    (f"{HALF}:regress", {"examples": [{"input-0": 1.0}, {"input-0": 2.0}]}, 200, {"results": [3.5, 4.0]}),
    (
        f"{HALF}:regress",
        {"signature_name": "tensorflow/serving/regress", "examples": [{"input-0": 5.0}]},
        200,
        {"results": [5.5]},
    ),
    (f"{HALF}/versions/VERSION:regress", {"examples": [{"input-0": 2.0}]}, 200, {"results": [4.0]}),
    (f"{HALF}:regress", {"context": {"input-0": 5.0}, "examples": [{}]}, 200, {"results": [5.5]}),
    (f"{SCORES}:regress", {"examples": [TEXT]}, 400, "This model can't regress: its predictions are not numbers."),
    (
        f"{HALF}:regress",
        {"instances": [1.0]},
        400,
        "'examples' is not a list of objects, or 'context' is not an object.",
    ),
    ("half:regress", {"examples": [{"x": 1.0}]}, 404, NOT_FOUND + "Latest(half)"),
    (
        f"{HALF}:regress",
        {"signature_name": "tensorflow/serving/classify", "examples": []},
        400,
        NO_SIGNATURE.format("tensorflow/serving/classify"),
    ),
    # Classification.
    (f"{SCORES}:classify", {"examples": [TEXT, WORD]}, 200, {"results": [TEXT_SAID, WORD_SAID]}),
    (
        f"{SCORES}:classify",
        {"signature_name": "tensorflow/serving/classify", "examples": [TEXT]},
        200,
        {"results": [TEXT_SAID]},
    ),
    (f"{SCORES}/versions/VERSION:classify", {"examples": [WORD]}, 200, {"results": [WORD_SAID]}),
    (f"{SCORES}:classify", {"context": TEXT, "examples": [{}, WORD]}, 200, {"results": [TEXT_SAID, WORD_SAID]}),
    (
        f"{HALF}:classify",
        {"examples": [{"input-0": 1.0}]},
        400,
        "This model can't classify: its predictions are not objects with label and score.",
    ),
    (
        f"{SCORES}:classify",
        {"examples": TEXT},
        400,
        "'examples' is not a list of objects, or 'context' is not an object.",
    ),
    (
        f"{SCORES}:classify",
        {"context": ["text"], "examples": [TEXT]},
        400,
        "'examples' is not a list of objects, or 'context' is not an object.",
    ),
    ("half:classify", {"examples": [TEXT]}, 404, NOT_FOUND + "Latest(half)"),
]


@pytest.fixture(scope="module")
def services(model_cache):
    """Return the services of CODE, by the names of their models."""
    running = {}
    try:
        for name, code in CODE.items():
            running[name] = Service(model_cache(code), S2I_MODEL_NAME=name, WEB_CONCURRENCY="1").ready()
        yield running
    finally:
        for service in running.values():
            service.close()


@pytest.fixture(scope="module")
def versions(services):
    """Return the version of each model."""
    found = {name: service.ask(b"", f"/v1/models/{name}", "GET")[1] for name, service in services.items()}
    return {name: answer["model_version_status"][0]["version"] for name, answer in found.items()}


def test_there_are_as_many_pairs_as_are_reported_of():
    asked = [json.dumps([path, body.decode() if isinstance(body, bytes) else body]) for path, body, _, _ in PAIRS]
    assert len(set(asked)) == len(PAIRS) == 75


@pytest.mark.parametrize(("path", "body", "status", "answer"), PAIRS)
def test_a_request_is_answered_as_tensorflow_serving_does(services, versions, path, body, status, answer):
    # What is asked of a model that is not there may be asked of any service.
    name = next((name for name in CODE if path.startswith(name)), HALF)
    data = body if isinstance(body, bytes | None) else json.dumps(body)
    method = "GET" if body is None else "POST"
    got, said, headers = services[name].ask(data, "/v1/models/" + path.replace("VERSION", versions[name]), method, JSON)
    assert (got, headers["Content-Type"]) == (status, "application/json")
    if status == 200:
        assert said == json.loads(json.dumps(answer).replace("VERSION", versions[name]))
    else:
        assert list(said) == ["error"]
        assert said["error"] == answer or (answer.endswith(": ") and said["error"].startswith(answer))
