import json

import pytest
from nb_service.scoring import answer
from nb_service.scoring.answer import Answer

from doors import IDENTITY, client_of

JSON = "application/json"


def double(x):
    """Return twice a number; a text is refused, null fails."""
    if isinstance(x, str):
        return Answer(answer.REFUSED, b'{"traceback": null}')
    if x is None:
        return Answer(answer.FAILED, b'{"traceback": "Traceback: secret"}')
    return [2 * one for one in x] if isinstance(x, list) else 2 * x


@pytest.fixture
def client(tmp_path):
    """Return a client of an application that doubles."""
    return client_of(double, tmp_path)


def test_many_samples_are_answered_in_their_order(client):
    said = client.post("/predict/batch", data=b"[1, [2, 3]]", content_type=JSON)
    assert (said.status_code, said.json, said.content_type) == (200, [2, [4, 6]], JSON)
    said = client.post("/predict/batch", data=b"1\n2\n", content_type="text/csv", headers={"Accept": JSON})
    assert said.json == [[2], [4]]


def test_one_sample_that_fails_is_named_by_its_number(client):
    said = client.post("/predict/batch", data=b'[1, "no", null]', content_type=JSON)
    assert (said.status_code, said.content_type) == (422, "application/problem+json")
    assert said.json["detail"] == "Sample 2: The notebook's validator refuses this sample."


def test_the_notebook_s_traceback_is_shown_in_debugging_only(tmp_path, client):
    assert b"secret" not in client.post("/v1/models/half:predict", json={"instances": [None]}).data
    said = client_of(double, tmp_path, S2I_DEBUG=True).post("/v1/models/half:predict", json={"instances": [None]})
    assert "Traceback: secret" in said.json["error"]


def test_a_body_has_no_more_samples_than_the_setting_says(tmp_path):
    said = client_of(double, tmp_path, S2I_MAX_SAMPLES=2).post("/predict/batch", data=b"[1, 2, 3]", content_type=JSON)
    assert (said.status_code, said.json["detail"]) == (413, "A body may have 2 samples (S2I_MAX_SAMPLES).")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_a_compressed_body_is_refused(client, path):
    said = client.post(path, data=b"x", content_type=JSON, headers={"Content-Encoding": "gzip"})
    assert (said.status_code, said.json["detail"]) == (415, "Compressed bodies are not read.")


def test_a_full_queue_says_when_to_come_again(tmp_path):
    client = client_of(lambda x: Answer(answer.FULL), tmp_path)
    for path in ("/v1/models/half:predict", "/predict/batch"):
        said = client.post(path, data=b'{"instances": [1]}' if "v1" in path else b"[1]", content_type=JSON)
        assert (said.status_code, said.headers["Retry-After"]) == (503, "1")


# --- TensorFlow Serving and KServe V1 ---


@pytest.mark.parametrize("where", ["", "/versions/1700000000", "/labels/stable"])
def test_tensorflow_serving_s_rows(client, where):
    said = client.post(f"/v1/models/half{where}:predict", data=b'{"instances": [1, 2]}')
    assert (said.status_code, said.json) == (200, {"predictions": [2, 4]})


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("post", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("get", "/v1/models/half/versions/5", 404, "Servable not found for request: Specific(half, 5)"),
        ("get", "/v1/models/half:predict", 400, "Malformed request: GET /v1/models/half:predict"),
        ("post", "/v1/models/half", 400, "Malformed request: POST /v1/models/half"),
        ("post", "/v1/models/half:explain", 501, "This model has no explainer."),
        ("post", "/v1/models/half:predict", 400, "The body is not JSON"),
    ],
)
def test_tensorflow_serving_s_errors(client, method, path, status, words):
    said = getattr(client, method)(path, data=b"{" if path.endswith("half:predict") else b"{}")
    assert said.status_code == status
    assert said.json["error"].startswith(words)


def test_what_the_validator_refuses_is_an_invalid_argument(client):
    said = client.post("/v1/models/half:predict", json={"instances": ["no"]})
    assert (said.status_code, said.json) == (400, {"error": "The notebook's validator refuses this sample."})


def test_the_state_of_the_model_is_told_to_both(client, tmp_path):
    assert client.get("/v1/models/half").json["ready"] is True
    assert client.get("/v1/models").json == {"models": ["half"]}
    said = client_of(double, tmp_path, ready=False).get("/v1/models/half")
    assert (said.status_code, said.json["ready"]) == (503, False)


def test_kserve_s_word_for_inputs_is_a_setting(client, tmp_path):
    assert client.post("/v1/models/half:predict", json={"inputs": [1]}).json == {"outputs": [2]}
    said = client_of(double, tmp_path, S2I_KSERVE=True).post("/v1/models/half:predict", json={"inputs": [1]})
    assert said.json == {"predictions": [2]}


def test_metadata_come_from_the_golden_rows(tmp_path):
    manifest = {"sample_schema": {"type": "array", "items": {"type": "number"}, "maxItems": 2}}
    client = client_of(double, tmp_path, manifest=manifest)
    signature = client.get("/v1/models/half/metadata").json["metadata"]["signature_def"]["signature_def"]
    assert signature["serving_default"]["inputs"]["input-0"]["dtype"] == "DT_DOUBLE"
    assert client.get("/v2/models/half").json["inputs"] == [{"name": "input-0", "datatype": "FP64", "shape": [-1, 2]}]


# --- Open Inference V2 ---

ONE = {"inputs": [{"name": "x", "shape": [2], "datatype": "INT64", "data": [1, 2]}]}


@pytest.mark.parametrize("where", ["", "/versions/1700000000"])
def test_open_inference_of_the_model_and_of_its_version(client, where):
    said = client.post(f"/v2/models/half{where}/infer", json=ONE)
    assert said.json["outputs"] == [{"name": "output-0", "datatype": "INT64", "shape": [2], "data": [2, 4]}]
    assert client.get(f"/v2/models/half{where}/ready").json == {"name": "half", "ready": True}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/models/other/infer", "Request for unknown model: 'other' is not found."),
        ("/v2/models/half/versions/9/infer", "Request for unknown model: 'half' version '9' is not found."),
    ],
)
def test_open_inference_does_not_know_other_models(client, path, words):
    said = client.post(path, json=ONE)
    assert (said.status_code, said.json) == (404, {"error": words})


def test_open_inference_tells_of_the_server(client):
    assert client.get("/v2").json["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/ready").status_code == 200


# --- clouds ---


def test_sagemaker_s_body_is_bare_and_its_attributes_come_back(client):
    said = client.post("/invocations", data=b"[1, 2]", headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
    assert (said.json, said.headers["X-Amzn-SageMaker-Custom-Attributes"]) == ([2, 4], "trace=1")


def test_invocations_tells_mlflow_s_objects_from_samples(client):
    said = client.post("/invocations", json={"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}})
    assert said.json == {"predictions": [[2, 4]]}
    said = client.post("/invocations", json={"inputs": ["no"]})
    assert (said.status_code, said.json["error_code"]) == (400, "BAD_REQUEST")
    said = client.post("/invocations", json="no")
    assert (said.status_code, said.content_type) == (422, "application/problem+json")


def test_ping_is_empty(client):
    assert (client.get("/ping").status_code, client.get("/ping").data) == (200, b"")
    assert client.get("/version").data == b"1700000000"
    assert client.get("/execution-parameters").json["BatchStrategy"] == "MultiRecord"


@pytest.mark.parametrize("route", ["/predict", "/v1/endpoints/1/deployedModels/2:predict", "/invocations", "/"])
def test_vertex_s_route_is_found_wherever_it_is(tmp_path, route):
    client = client_of(double, tmp_path, AIP_PREDICT_ROUTE=route)
    assert client.post(route, json={"instances": [1, 2]}).json == {"predictions": [2, 4]}
    said = client.post(route, json={"instances": ["no"]})
    assert (said.status_code, said.json) == (400, {"error": "The notebook's validator refuses this sample."})


def test_a_bare_sample_is_still_taken_where_predict_is_vertex_s(tmp_path):
    client = client_of(double, tmp_path, AIP_PREDICT_ROUTE="/predict")
    assert client.post("/predict", json=[1]).json == [2]


# --- CloudEvents ---

EVENT = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}


def test_an_event_is_answered_with_one(client):
    said = client.post("/", json=[1], headers=EVENT)
    assert (said.json, said.headers["ce-source"]) == ([2], f"io.kserve.inference.{IDENTITY.name}")
    said = client.post("/", json="no", headers=EVENT)
    assert (said.status_code, said.content_type) == (422, "application/problem+json")


def test_what_is_no_event_is_pointed_to_predict(client):
    said = client.post("/", json=[1])
    assert (said.status_code, said.json["detail"]) == (415, "POST / takes CloudEvents; send a sample to /predict.")


def test_the_type_and_source_of_events_are_settings(tmp_path):
    client = client_of(double, tmp_path, CE_TYPE="mine", CE_SOURCE="me")
    event = {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": 3}
    said = client.post("/", data=json.dumps(event), content_type="application/cloudevents+json")
    told = json.loads(said.data)
    assert (told["type"], told["source"], told["data"]) == ("mine", "me", 6)
