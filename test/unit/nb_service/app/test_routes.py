import gzip
import json
import uuid
import zlib
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nb_service.pool import answer
from nb_service.pool.answer import Answer

from route_contexts import IDENTITY, Asker, client_of

JSON = "application/json"


def double(x):
    """Return twice a number; a text is refused, null fails."""
    if isinstance(x, str):
        return Answer(answer.REFUSED, b'{"traceback": null}')
    if x is None:
        return Answer(answer.FAILED, b'{"traceback": "Traceback: secret"}')
    return [2 * value for value in x] if isinstance(x, list) else 2 * x


@pytest.fixture
def client(tmp_path):
    """Return a client of an application that doubles."""
    return client_of(double, tmp_path)


def test_many_samples_are_answered_in_their_order(client):
    response = client.post("/predict/batch", data=b"[1, [2, 3]]", content_type=JSON)
    assert (response.status_code, response.json, response.content_type) == (200, [2, [4, 6]], JSON)
    response = client.post("/predict/batch", data=b"1\n2\n", content_type="text/csv", headers={"Accept": JSON})
    assert response.json == [[2], [4]]


def test_one_sample_that_fails_is_named_by_its_number(client):
    response = client.post("/predict/batch", data=b'[1, "no", null]', content_type=JSON)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert response.json["detail"] == "Sample 2: The notebook's validator rejects this sample."


def test_the_notebook_s_traceback_is_shown_in_debugging_only(tmp_path, client):
    assert b"secret" not in client.post("/v1/models/half:predict", json={"instances": [None]}).data
    response = client_of(double, tmp_path, debug=True).post("/v1/models/half:predict", json={"instances": [None]})
    assert "Traceback: secret" in response.json["error"]


def test_a_body_has_no_more_samples_than_the_setting_says(tmp_path):
    response = client_of(double, tmp_path, max_samples=2).post("/predict/batch", data=b"[1, 2, 3]", content_type=JSON)
    assert (response.status_code, response.json["detail"]) == (413, "A body may have 2 samples (S2I_MAX_SAMPLES).")


CONTEXT = {f"name {number}": 0 for number in range(50)}
COLUMNS = ["a" * 500]
SPLIT = {"columns": COLUMNS, "data": [[0]] * 50}
FLAT = {"inputs": [{"name": "x", "shape": [100, *[1] * 31], "datatype": "INT8", "data": [0] * 100}]}


@pytest.mark.parametrize(
    ("path", "sent", "setting"),
    [
        ("/predict/batch", [0] * 101, "SAMPLES"),
        ("/v1/models/half:predict", {"instances": [0] * 101}, "SAMPLES"),
        ("/v1/models/half:predict", {"inputs": [0] * 101}, "SAMPLES"),
        ("/v1/models/half:predict", {"inputs": {"a": [0] * 101}}, "SAMPLES"),
        ("/v1/models/half:predict", {"inputs": {COLUMNS[0]: [0] * 50}}, "BODY"),
        ("/v1/models/half:regress", {"examples": [{}] * 101}, "SAMPLES"),
        ("/v1/models/half:regress", {"context": CONTEXT, "examples": [{}] * 50}, "BODY"),
        ("/v1/models/half:classify", {"context": CONTEXT, "examples": [{}] * 50}, "BODY"),
        ("/v2/models/half/infer", FLAT, "BODY"),
        ("/invocations", {"dataframe_split": {"data": [[0]] * 101}}, "SAMPLES"),
        ("/invocations", {"dataframe_split": SPLIT}, "BODY"),
        ("/invocations", {"dataframe_records": [{"a": 0}] * 101}, "SAMPLES"),
        ("/invocations", {"instances": [0] * 101}, "SAMPLES"),
        ("/invocations", {"inputs": {COLUMNS[0]: [0] * 50}}, "BODY"),
        ("/vertex", {"instances": [0] * 101}, "SAMPLES"),
    ],
)
def test_what_a_body_would_become_is_looked_at_before(tmp_path, path, sent, setting):
    client = client_of(double, tmp_path, max_samples=100, max_body=1500, aip_predict_route="/vertex")
    response = client.post(path, json=sent)
    assert response.status_code == 413
    assert f"S2I_MAX_{setting}" in response.text


@pytest.mark.parametrize("path", ["/predict/batch", "/invocations"])
@pytest.mark.parametrize(
    ("kind", "body"), [("text/csv", b"1\n" * 101), ("text/csv", b"1\r" * 101), ("application/x-ndjson", b"1\n" * 101)]
)
def test_lines_are_counted_on_every_route_that_takes_them(tmp_path, path, kind, body):
    client = client_of(double, tmp_path, max_samples=100)
    assert client.post(path, data=body, content_type=kind).status_code == 413


def test_a_batch_of_events_has_no_more_of_them_than_the_setting_says(tmp_path):
    client = client_of(double, tmp_path, max_samples=100)
    response = client.post("/", data=b"[" + b"{}," * 100 + b"{}]", content_type="application/cloudevents-batch+json")
    assert (response.status_code, response.json["detail"]) == (413, "A body may have 100 samples (S2I_MAX_SAMPLES).")


# Somewhere there what could be decoded can't be encoded any more.
DEPTHS = [*range(880, 1000, 4), 100_000]
TENSOR = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": %s}]}'
EVENT_OF_DATA = b'{"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": %s}'


@pytest.mark.parametrize(
    ("path", "kind", "accept", "around"),
    [
        ("/predict/batch", JSON, None, b"[%s]"),
        ("/predict/batch", "application/x-ndjson", "text/csv", b"%s\n"),
        ("/predict/batch", "application/x-ndjson", JSON, b"%s\n"),
        ("/invocations", JSON, "text/csv", b"%s"),
        ("/invocations", JSON, "application/x-npy", b"%s"),
        ("/invocations", JSON, None, b'{"dataframe_records": [{"a": %s}]}'),
        ("/invocations", JSON, None, b'{"dataframe_split": {"columns": ["a"], "data": [[%s]]}}'),
        ("/v1/models/half:predict", JSON, None, b'{"inputs": {"a": [%s]}}'),
        ("/v1/models/half:predict", JSON, None, b'{"instances": [%s]}'),
        ("/v1/models/half:classify", JSON, None, b'{"context": {"b": %s}, "examples": [{}]}'),
        ("/v1/models/half:predict", JSON, None, b'{"signature_name": %s}'),
        ("/v2/models/half/infer", JSON, None, TENSOR),
        ("/", "application/cloudevents+json", None, EVENT_OF_DATA),
    ],
)
def test_json_of_any_depth_is_answered_or_rejected(client, monkeypatch, path, kind, accept, around):
    # A scorer may go deeper than what is around it here: its answer is the sample.
    monkeypatch.setattr(Asker, "_one", lambda self, sample: Answer(answer.OK, bytes(sample)))
    for depth in DEPTHS:
        body = around % (b"[" * depth + b"]" * depth)
        headers = {"Accept": accept} if accept else {}
        assert client.post(path, data=body, content_type=kind, headers=headers).status_code in (200, 400, 406)


WORDS = [
    "instances",
    "inputs",
    "examples",
    "context",
    "signature_name",
    "dataframe_split",
    "dataframe_records",
    "params",
]
WORDS += ["parameters", "columns", "data", "name", "shape", "datatype", "outputs", "binary_data_size", "id", "source"]
WORDS += ["type", "specversion", "data_base64", "1.0", "a", "\ud800", "FP64", "UINT8", "BYTES", "BOOL", "x"]
NUMBERS = [0, 1, -1, 2, 1 << 31, 1 << 63, -(1 << 63) - 1, 1 << 64, 10**400, 10**4299, 1e308, 0.5]
ANY = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=15,
)
TENSORS = st.fixed_dictionaries(
    {"name": ANY, "shape": st.lists(st.integers(0, 2)) | ANY, "datatype": st.sampled_from(WORDS), "data": ANY},
    optional={"parameters": st.dictionaries(st.sampled_from(WORDS), ANY, max_size=2)},
)
PATHS = ["predict/batch", "invocations", "v2/models/half/infer", ""]
PATHS += [f"v1/models/half:{method}" for method in ("predict", "classify", "regress")]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sent=ANY
    | st.fixed_dictionaries({"inputs": st.lists(TENSORS, max_size=2)}, optional={"parameters": ANY, "id": ANY}),
    path=st.sampled_from(PATHS),
    kind=st.sampled_from([JSON, "application/cloudevents+json", "application/cloudevents-batch+json"]),
    accept=st.sampled_from([JSON, "text/csv", "application/x-npy", "application/x-ndjson"]),
)
def test_any_json_is_answered_or_rejected(tmp_path_factory, sent, path, kind, accept):
    client = client_of(lambda x: x, tmp_path_factory.getbasetemp())
    response = client.post("/" + path, data=json.dumps(sent), content_type=kind, headers={"Accept": accept})
    assert response.status_code in (200, 400, 406, 413, 415)


def test_versions_of_thousands_of_digits_are_rejected(client):
    for version in ("9" * 5000, "0" * 5000 + "5"):
        assert client.get(f"/v1/models/half/versions/{version}").status_code in (400, 404)
        assert client.post(f"/v1/models/half/versions/{version}:predict", data=b"{}").status_code in (400, 404)


@pytest.mark.parametrize("path", ["", "//", "//models", "//v1/models", "/v1//models", "//v1/models/half", "//healthz"])
def test_two_slashes_are_not_one_and_no_one_is_sent_elsewhere(client, path):
    # As a server hands it over: the client here would take what follows two slashes for a host.
    response = client.get("/", environ_overrides={"PATH_INFO": path, "HTTP_HOST": "elsewhere.example"})
    assert (response.status_code, response.headers.get("Location")) == (404, None)


BARE = zlib.compressobj(wbits=-15)
# Without the time, which would be another in each process that collects the tests.
packed = partial(gzip.compress, mtime=0)


@pytest.mark.parametrize(
    ("coding", "compressed"),
    [
        ("gzip", packed(b"[1, ") + packed(b"2]")),
        ("X-GZip", packed(b"[1, 2]")),
        ("deflate", zlib.compress(b"[1, 2]")),
        ("deflate", BARE.compress(b"[1, 2]") + BARE.flush()),
    ],
)
def test_compressed_bodies_are_read(client, coding, compressed):
    for path in ("/predict", "/predict/batch"):
        response = client.post(path, data=compressed, content_type=JSON, headers={"Content-Encoding": coding})
        assert (response.status_code, response.json) == (200, [2, 4])


@pytest.mark.parametrize(
    ("coding", "data", "status", "words"),
    [
        ("br", b"x", 415, "Bodies compressed with br are not supported; gzip and deflate are."),
        ("gzip, gzip", b"x", 415, "Bodies compressed with gzip, gzip are not supported"),
        ("gzip", b"[1, 2]", 400, "The body can't be decompressed: it is not valid gzip (Error -3"),
        ("deflate", b"[1, 2]", 400, "it is not valid deflate"),
        ("gzip", packed(b"[1, 2]")[:-1], 400, "its compressed data is truncated"),
        ("gzip", packed(b"") * 65, 400, "it has more than 64 members"),
        ("gzip", packed(b" " * 10_001), 413, "larger than this service accepts (S2I_MAX_BODY)"),
        ("gzip", packed(b" " * 6000) + packed(b" " * 6000), 413, "S2I_MAX_BODY"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/invocations", "/v2/models/half/infer"])
def test_a_compressed_body_that_can_t_be_read_is_rejected(path, coding, data, status, words, tmp_path):
    client = client_of(double, tmp_path, max_body=10_000)
    response = client.post(path, data=data, content_type=JSON, headers={"Content-Encoding": coding})
    assert response.status_code == status
    assert words in response.json["error" if path.startswith("/v2") else "detail"]
    assert response.headers.get("Accept-Encoding") == ("gzip, deflate" if status == 415 else None)


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("br", None),
        ("", None),
    ],
)
def test_answers_are_compressed_where_that_is_asked_for(client, asked, coding):
    samples = json.dumps([*range(1000)]).encode()
    response = client.post("/predict/batch", data=samples, content_type=JSON, headers={"Accept-Encoding": asked})
    assert (response.headers.get("Content-Encoding"), response.headers["Vary"]) == (coding, "Accept-Encoding")
    assert int(response.headers["Content-Length"]) == len(response.data)
    data = gzip.decompress(response.data) if coding else response.data
    assert json.loads(data) == [2 * number for number in range(1000)]


def test_small_answers_are_never_compressed(client):
    response = client.post("/predict/batch", data=b"[1]", content_type=JSON, headers={"Accept-Encoding": "gzip"})
    assert (response.json, response.headers.get("Content-Encoding"), response.headers.get("Vary")) == ([2], None, None)


def test_a_full_queue_says_when_to_come_again(tmp_path):
    client = client_of(lambda x: Answer(answer.FULL), tmp_path)
    for path in ("/v1/models/half:predict", "/predict/batch"):
        response = client.post(path, data=b'{"instances": [1]}' if "v1" in path else b"[1]", content_type=JSON)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


# --- TensorFlow Serving and KServe V1 ---


@pytest.mark.parametrize("where", ["", "/versions/1700000000", "/labels/stable"])
def test_tensorflow_serving_s_rows(client, where):
    response = client.post(f"/v1/models/half{where}:predict", data=b'{"instances": [1, 2]}')
    assert (response.status_code, response.json) == (200, {"predictions": [2, 4]})


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("post", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("get", "/v1/models/half/versions/5", 404, "Servable not found for request: Specific(half, 5)"),
        ("get", "/v1/models/half:guess", 400, "Malformed request: GET /v1/models/half:guess"),
        ("post", "/v1/models/half:guess", 400, "Malformed request: POST /v1/models/half:guess"),
        ("post", "/v1/models/half:explain", 501, "This model has no explainer:"),
        ("post", "/v1/models/half:predict", 400, "The body is not JSON"),
    ],
)
def test_tensorflow_serving_s_errors(client, method, path, status, words):
    response = getattr(client, method)(path, data=b"{" if path.endswith("half:predict") else b"{}")
    assert response.status_code == status
    assert response.json["error"].startswith(words)


ASKED, TOLD = {"POST", "OPTIONS"}, {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/models/half", TOLD),
        ("/v1/models/half/versions/1700000000", TOLD),
        ("/v1/models/half/metadata", TOLD),
        ("/v1/models/half:predict", ASKED),
        ("/v1/models/half/labels/stable:regress", ASKED),
        ("/v2/models/half/infer", ASKED),
        ("/v2/models/half", TOLD),
        ("/predict", ASKED),
    ],
)
def test_allow_has_the_methods_of_a_path_and_no_others(client, path, methods):
    for method in ("OPTIONS", *sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods)):
        response = client.open(path, method=method)
        assert response.status_code == (200 if method == "OPTIONS" else 405)
        assert set(response.headers["Allow"].split(", ")) == methods


def test_what_the_validator_rejects_is_an_invalid_argument(client):
    response = client.post("/v1/models/half:predict", json={"instances": ["no"]})
    assert (response.status_code, response.json) == (400, {"error": "The notebook's validator rejects this sample."})


def test_the_state_of_the_model_is_reported_to_both(client, tmp_path):
    assert client.get("/v1/models/half").json["ready"] is True
    assert client.get("/v1/models").json == {"models": ["half"]}
    response = client_of(double, tmp_path, ready=False).get("/v1/models/half")
    assert (response.status_code, response.json["ready"]) == (503, False)


def test_kserve_s_word_for_inputs_is_a_setting(client, tmp_path):
    assert client.post("/v1/models/half:predict", json={"inputs": [1]}).json == {"outputs": [2]}
    response = client_of(double, tmp_path, kserve=True).post("/v1/models/half:predict", json={"inputs": [1]})
    assert response.json == {"predictions": [2]}


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
    response = client.post(f"/v2/models/half{where}/infer", json=ONE)
    assert response.json["outputs"] == [{"name": "output-0", "datatype": "INT64", "shape": [2], "data": [2, 4]}]
    assert client.get(f"/v2/models/half{where}/ready").json == {"name": "half", "ready": True}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/models/other/infer", "Request for unknown model: 'other' is not found."),
        ("/v2/models/half/versions/9/infer", "Request for unknown model: 'half' version '9' is not found."),
    ],
)
def test_open_inference_does_not_know_other_models(client, path, words):
    response = client.post(path, json=ONE)
    assert (response.status_code, response.json) == (404, {"error": words})


def test_open_inference_reports_of_the_server(client):
    assert client.get("/v2").json["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/ready").status_code == 200


def test_clients_may_not_unload_the_model_by_default(client):
    response = client.post("/v2/repository/models/half/unload")
    words = "Clients may not unload the model; S2I_UNLOAD=1 allows it."
    assert (response.status_code, response.json) == (403, {"error": words})
    assert client.post("/v2/models/half/infer", json=ONE).status_code == 200


def test_an_unloaded_model_is_not_there_for_v2_alone_until_it_is_loaded(tmp_path):
    client = client_of(double, tmp_path, unload=True)
    assert client.post("/v2/repository/models/half/unload").json == {"name": "half", "unload": True}
    words = "'half' was unloaded; POST /v2/repository/models/half/load loads it again."
    for where in ("", "/versions/1700000000"):
        response = client.post(f"/v2/models/half{where}/infer", json=ONE)
        assert (response.status_code, response.json) == (404, {"error": words})
        response = client.get(f"/v2/models/half{where}/ready")
        assert (response.status_code, response.json) == (503, {"name": "half", "ready": False})
    (state,) = client.post("/v2/repository/index").json
    assert (state["state"], state["reason"]) == ("UNAVAILABLE", "The model was unloaded.")
    assert client.post("/predict/batch", json=[1]).json == [2]
    assert client.post("/v2/repository/models/half/load").json == {"name": "half", "load": True}
    assert client.post("/v2/models/half/infer", json=ONE).status_code == 200


@pytest.mark.parametrize("where", ["", "/models/half", "/models/half/versions/1700000000"])
def test_the_page_and_the_document_are_where_mlserver_has_them(client, where):
    assert client.get(f"/v2{where}/docs").content_type == "text/html; charset=utf-8"
    assert client.get(f"/v2{where}/docs/dataplane.json").json == client.get("/openapi.json").json


@pytest.mark.parametrize("path", ["/docs", "/docs/dataplane.json"])
def test_there_are_no_pages_of_other_models(client, path):
    response = client.get(f"/v2/models/other{path}")
    assert (response.status_code, response.content_type) == (404, JSON)


def test_open_inference_s_answer_has_the_id_of_its_request_as_an_event(client):
    response = client.post("/v2/models/half/infer", json={**ONE, "id": "a\r\nü%"})
    assert (response.headers["Ce-Id"], response.headers["Ce-Requestid"]) == ("a%0D%0A%C3%BC%25",) * 2
    assert (response.headers["Ce-Type"], response.headers["Ce-Modelid"]) == (
        "io.seldon.serving.inference.response",
        "half",
    )
    assert response.json["id"] == "a\r\nü%"


@pytest.mark.parametrize("named", [{}, {"id": ""}, {"id": "a" * 1025}])
def test_an_event_whose_request_has_no_short_id_gets_its_own(client, named):
    headers = client.post("/v2/models/half/infer", json={**ONE, **named}).headers
    assert str(uuid.UUID(headers["Ce-Id"])) == headers["Ce-Id"]
    assert "Ce-Requestid" not in headers


# --- clouds ---


def test_sagemaker_s_body_is_bare_and_its_attributes_come_back(client):
    response = client.post("/invocations", data=b"[1, 2]", headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
    assert (response.json, response.headers["X-Amzn-SageMaker-Custom-Attributes"]) == ([2, 4], "trace=1")


def test_invocations_reports_mlflow_s_objects_from_samples(client):
    response = client.post("/invocations", json={"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}})
    assert response.json == {"predictions": [[2, 4]]}
    response = client.post("/invocations", json={"inputs": ["no"]})
    assert (response.status_code, response.json["error_code"]) == (400, "BAD_REQUEST")
    response = client.post("/invocations", json="no")
    assert (response.status_code, response.content_type) == (422, "application/problem+json")


def test_ping_is_empty(client):
    assert (client.get("/ping").status_code, client.get("/ping").data) == (200, b"")
    assert client.get("/version").data == b"1700000000"
    assert client.get("/execution-parameters").json["BatchStrategy"] == "MultiRecord"


@pytest.mark.parametrize("route", ["/predict", "/v1/endpoints/1/deployedModels/2:predict", "/invocations", "/"])
def test_vertex_s_route_is_found_wherever_it_is(tmp_path, route):
    client = client_of(double, tmp_path, aip_predict_route=route)
    assert client.post(route, json={"instances": [1, 2]}).json == {"predictions": [2, 4]}
    response = client.post(route, json={"instances": ["no"]})
    assert (response.status_code, response.json) == (400, {"error": "The notebook's validator rejects this sample."})


def test_a_bare_sample_is_still_taken_where_predict_is_vertex_s(tmp_path):
    client = client_of(double, tmp_path, aip_predict_route="/predict")
    assert client.post("/predict", json=[1]).json == [2]


# --- CloudEvents ---

EVENT = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}


def test_an_event_is_answered_with_one(client):
    response = client.post("/", json=[1], headers=EVENT)
    assert (response.json, response.headers["ce-source"]) == ([2], f"io.kserve.inference.{IDENTITY.name}")
    response = client.post("/", json="no", headers=EVENT)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")


def test_what_is_no_event_is_pointed_to_predict(client):
    response = client.post("/", json=[1])
    assert (response.status_code, response.json["detail"]) == (
        415,
        'POST / takes CloudEvents, and {"inputs": …} as JSON; send a sample to /predict.',
    )


def test_the_type_and_source_of_events_are_settings(tmp_path):
    client = client_of(double, tmp_path, ce_type="mine", ce_source="me")
    event = {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": 3}
    response = client.post("/", data=json.dumps(event), content_type="application/cloudevents+json")
    event_out = json.loads(response.data)
    assert (event_out["type"], event_out["source"], event_out["data"]) == ("mine", "me", 6)


FOREIGN = {"Origin": "https://evil.example", "Host": "model.example"}


@pytest.mark.parametrize("path", ["/feedback", "/v2/repository/models/half/load", "/v2/repository/models/half/unload"])
@pytest.mark.parametrize(
    ("headers", "is_rejected"),
    [
        (FOREIGN, True),
        ({**FOREIGN, "Content-Type": "Text/Plain;charset=utf-8"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site", "Content-Type": "multipart/form-data; boundary=x"}, True),
        # Browsers ask before they send these.
        ({**FOREIGN, "Content-Type": JSON}, False),
        ({**FOREIGN, "Origin": "https://model.example"}, False),
        ({**FOREIGN, "Sec-Fetch-Site": "same-origin"}, False),
        ({**FOREIGN, "Origin": "https://friend.example"}, False),
        ({}, False),
    ],
)
def test_a_page_of_another_origin_changes_nothing(tmp_path, path, headers, is_rejected):
    client = client_of(double, tmp_path, unload=True, cors_origins=("https://friend.example",))
    response = client.post(path, headers=headers)
    assert (response.status_code == 403) == is_rejected
    assert (b"S2I_CORS_ORIGINS" in response.data) == is_rejected
