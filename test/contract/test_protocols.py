"""What clients of each protocol send that a plain reading of its documents leaves out."""

import gzip
import json
import socket
import zlib

import pytest

from contract.notebooks import LISTS, OBJECTS
from contract.services import JSON, module_service
from contract.wire import Wire, post

COLUMN = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}
SAMPLES = """
    def predictor(x):
        return x * 2

    examples = [[1, 2], [3.5, None]]
"""
NUMBERS = """
    def predictor(x):
        return [x] * 1000

    examples = [1, 2]
"""


lists = module_service(LISTS)
nulls = module_service(SAMPLES)


def asked(service, path, body):
    """Return (status, decoded answer) of a POST."""
    return service.ask(body if isinstance(body, bytes) else json.dumps(body), path)[:2]


# --- TensorFlow Serving ---


@pytest.mark.parametrize(
    ("method", "body", "answer"),
    [
        ("predict", {"instances": [{"input-0": [1, 2]}, {"input-0": [3, 4]}]}, {"predictions": [3.0, 7.0]}),
        ("predict", {"inputs": {"input-0": [[1, 2], [3, 4]]}}, {"outputs": [3.0, 7.0]}),
        ("regress", {"examples": [{"input-0": [1, 2]}]}, {"results": [3.0]}),
        ("regress", {"context": {"input-0": [1, 2]}, "examples": [{}]}, {"results": [3.0]}),
        (
            "regress",
            {"signature_name": "tensorflow/serving/regress", "examples": [{"input-0": [1, 2]}]},
            {"results": [3.0]},
        ),
        ("predict", {"signature_name": "tensorflow/serving/predict", "instances": [[1, 2]]}, {"predictions": [3.0]}),
    ],
)
def test_the_input_that_metadata_names_is_understood(lists, method, body, answer):
    status, text, _ = lists.ask(b"", "/v1/models/model/metadata", "GET")
    (name,) = text["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    assert (status, name) == (200, "input-0")
    assert asked(lists, f"/v1/models/model:{method}", body) == (200, answer)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"instances": [{"input-0": [1, 2], "other": 1, "more": 2}]}, "rejects this sample"),
        ({"instances": [{"input-0": [1, 2]}, [1, 2]]}, "Sample 1: The notebook's validator rejects this sample"),
        ({"signature_name": "tensorflow/serving/regress", "instances": [[1, 2]]}, "not found in signature def"),
    ],
)
def test_what_is_no_input_of_metadata_stays_as_it_is(lists, body, words):
    status, answer = asked(lists, "/v1/models/model:predict", body)
    assert status == 400
    assert words in answer["error"]


def test_an_object_of_the_notebook_s_own_is_not_unwrapped(start):
    code = "def predictor(x):\n    return sorted(x)\nexamples = [{'input-0': 1, 'b': 2}]\n"
    service = start(code).ready()
    body = {"instances": [{"input-0": 1}]}
    assert asked(service, "/v1/models/model:predict", body) == (200, {"predictions": [["input-0"]]})


# --- NaN ---


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/invocations", b'{"dataframe_split": {"data": [[1, NaN]]}}', {"predictions": [[1, None, 1, None]]}),
        ("/invocations", b'{"inputs": [[-Infinity, 1]]}', {"predictions": [[None, 1, None, 1]]}),
    ],
)
def test_nan_of_mlflow_s_client_is_null(nulls, path, body, answer):
    assert asked(nulls, path, body) == (200, answer)


def test_nan_of_triton_s_client_is_null(nulls):
    body = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [NaN, 1]}]}'
    status, answer = asked(nulls, "/v2/models/model/infer", body)
    assert status == 200
    assert answer["outputs"][0]["data"] == [None, 1.0, None, 1.0]


def test_nan_in_a_bare_sample_is_rejected_as_before(nulls):
    status, answer = asked(nulls, "/invocations", b"[NaN, 1]")
    assert (status, answer["detail"]) == (400, "The body is not JSON: NaN is not JSON; null is.")


@pytest.mark.parametrize("body", [b'{"dataframe_split": {"data": [[1, ]]}}', b'{"instances": [[1]'])
def test_broken_json_of_mlflow_is_rejected_in_its_form(nulls, body):
    status, answer = asked(nulls, "/invocations", body)
    assert (status, answer["error_code"]) == (400, "BAD_REQUEST")
    assert answer["message"].startswith("The body is not JSON: ")


# --- Open Inference ---


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/nothing", 404, "There is no route /v2/nothing; GET / lists the routes."),
        ("GET", "/v2/models/model/nothing", 404, "There is no route"),
        ("DELETE", "/v2/models/model", 405, "/v2/models/model does not take DELETE."),
        ("GET", "/v2/models/model/infer", 405, "does not take GET"),
        ("GET", "/v2/models/other/config", 404, "Request for unknown model: 'other' is not found."),
        ("PUT", "/v1/models/model", 405, "/v1/models/model does not take PUT."),
    ],
)
def test_rejections_have_the_protocol_s_form_wherever_they_are_made(lists, method, path, status, words):
    got, text, headers = lists.ask(b"", path, method)
    assert (got, headers["Content-Type"]) == (status, "application/json")
    assert list(text) == ["error"]
    assert words in text["error"]


@pytest.mark.front
def test_rejections_of_the_front_have_the_protocol_s_form(lists):
    with Wire(lists) as wire:
        wire.send(b"POST /v2/models/model/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        answer = wire.answer()
    assert answer.status == 413
    assert json.loads(answer.body) == {"error": "The body is larger than this service accepts (S2I_MAX_BODY)."}


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/models", "/v2/models/model", "/v2/models/model/ready", "/v2/models/model/stats"]
)
def test_a_slash_at_the_end_changes_nothing(lists, path):
    assert [lists.ask(b"", asked_path, "GET")[0] for asked_path in (path, path + "/")] == [200, 200]


def test_a_slash_behind_infer_changes_nothing(lists):
    assert asked(lists, "/v2/models/model/infer/", {"inputs": [COLUMN]})[1]["outputs"][0]["data"] == [3.0, 7.0]


@pytest.mark.parametrize("number", [1, None, "", "a"])
def test_an_id_is_text(lists, number):
    status, answer = asked(lists, "/v2/models/model/infer", {"id": number, "inputs": [COLUMN]})
    if isinstance(number, int):
        assert (status, answer) == (400, {"error": "id is not a string."})
    else:
        assert (status, answer.get("id")) == (200, number)


def test_an_empty_batch_keeps_outputs_and_their_datatypes(lists, start):
    empty = {"inputs": [{"name": "x", "shape": [0, 2], "datatype": "FP64", "data": []}]}
    status, answer = asked(lists, "/v2/models/model/infer", empty)
    assert (status, answer["outputs"]) == (200, [{"name": "output-0", "datatype": "FP64", "shape": [0], "data": []}])
    service = start(OBJECTS).ready()
    columns = [{"name": name, "shape": [0], "datatype": "BYTES", "data": []} for name in ("name", "age")]
    _, answer = asked(service, "/v2/models/model/infer", {"inputs": columns})
    assert {output["name"]: output["datatype"] for output in answer["outputs"]} == {
        "greeting": "BYTES",
        "next": "INT64",
    }


def test_triton_s_client_finds_configuration_statistics_and_index(start):
    service = start(LISTS).ready()
    for body in ({"inputs": [COLUMN]}, {}):
        asked(service, "/v2/models/model/infer", body)
    config = service.ask(b"", "/v2/models/model/config", "GET")[1]
    assert config["name"] == "model"
    assert config["input"] == [{"name": "input-0", "data_type": "TYPE_FP64", "dims": [-1, 2]}]
    assert config["output"] == [{"name": "output-0", "data_type": "TYPE_FP64", "dims": [-1]}]
    (model,) = service.ask(b"", "/v2/models/stats", "GET")[1]["model_stats"]
    assert model["inference_count"] == 2
    assert [model["inference_stats"][outcome]["count"] for outcome in ("success", "fail")] == [1, 1]
    assert model["inference_stats"]["success"]["ns"] > 0
    assert asked(service, "/v2/repository/index", {})[1] == [
        {"name": "model", "version": model["version"], "state": "READY", "reason": ""}
    ]
    assert service.ask(b"", "/v2/models", "GET")[1] == {"models": ["model"]}


# --- bodies of HTTP ---


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v1/models/model:predict"])
def test_compressed_bodies_are_read(lists, coding, path):
    body = {"/predict": b"[1, 2]", "/predict/batch": b"[[1, 2]]"}.get(path, b'{"instances": [[1, 2]]}')
    data = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    status, text, _ = lists.ask(data, path, headers={**JSON, "Content-Encoding": coding})
    assert status == 200
    assert text in (3.0, [3.0], {"predictions": [3.0]})


def test_what_grows_without_bound_when_decompressed_is_rejected(lists):
    data = gzip.compress(b" " * (40 << 20))
    status, text, _ = lists.ask(data, "/predict", headers={**JSON, "Content-Encoding": "gzip"})
    assert (status, text["detail"]) == (
        413,
        "The body is larger than this service accepts (S2I_MAX_BODY).",
    )


def test_a_coding_that_is_not_read_is_reported_which_are(lists):
    status, text, headers = lists.ask(b"x", "/predict", headers={**JSON, "Content-Encoding": "br"})
    assert (status, headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert "gzip and deflate are" in text["detail"]


@pytest.mark.parametrize(("path", "body"), [("/predict", b"7"), ("/predict/batch", b"[7]"), ("/metrics", None)])
def test_answers_are_compressed_where_that_is_asked_for(start, path, body):
    service = start(NUMBERS).ready()
    method = "GET" if body is None else "POST"
    data = post(body or b"", path=path.encode(), kind=b"application/json").replace(b"POST", method.encode(), 1)
    with Wire(service) as wire:
        plain = wire.send(data).answer()
        packed = wire.send(data.replace(b"\r\n", b"\r\nAccept-Encoding: br, gzip\r\n", 1)).answer()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert (plain.headers["Content-Encoding"], packed.headers["Vary"]) == (None, plain.headers["Vary"])
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.body) < len(plain.body) / 2
    if body is not None:
        assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("kind", ["application/jsonlines", "application/x-ndjson"])
@pytest.mark.parametrize("path", ["/predict/batch", "/invocations"])
def test_lines_are_called_what_the_client_calls_them(lists, path, kind):
    body = b"[[1, 2]]" if path == "/predict/batch" else b"[1, 2]"
    status, text, headers = lists.ask(body, path, headers={**JSON, "Accept": kind})
    assert (status, text, headers["Content-Type"]) == (200, 3.0, kind)


def test_json_args_may_be_a_part_of_a_form(lists):
    part = b'--b\r\nContent-Disposition: form-data; name="json_args"\r\n\r\n[1, 2]\r\n--b--\r\n'
    status, text, _ = lists.ask(part, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert (status, text) == (200, 3.0)


def test_openmetrics_is_negotiated(lists):
    _, text, headers = lists.ask(b"", "/metrics", "GET", {"Accept": "application/openmetrics-text; version=1.0.0"})
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    _, text, headers = lists.ask(b"", "/metrics", "GET")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


# --- connections ---


@pytest.mark.front
@pytest.mark.parametrize(
    ("path", "first"),
    [
        (b"/nothing", b"HTTP/1.1 404 Not Found\r\n"),
        (b"/v2/models/model", b"HTTP/1.1 405 Method Not Allowed\r\n"),
        (b"/v1/models/model:predict", b"HTTP/1.1 100 Continue\r\n"),
        (b"/predict", b"HTTP/1.1 100 Continue\r\n"),
    ],
)
def test_a_body_is_asked_for_only_where_it_is_read(lists, path, first):
    with Wire(lists) as wire:
        wire.send(post(b"x" * 9, b"Expect: 100-continue", path=path)[:-9])
        assert wire.socket.recv(4096).startswith(first)


@pytest.mark.front
def test_http_2_without_tls_gets_an_answer(lists):
    with socket.create_connection(("127.0.0.1", lists.port)) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
        data = b"".join(iter(lambda: sock.recv(4096), b""))
    # Empty settings, then the end: error 13 is HTTP_1_1_REQUIRED.
    assert data[:9] == bytes(3) + b"\4" + bytes(5)
    assert data[12] == 7
    assert data[22:26] == b"\0\0\0\r"
    assert data.endswith(b"This service speaks HTTP/1.1; let the client, or a proxy before it, do so too.")


# --- samples ---


def test_a_field_that_a_sample_lacks_is_reported_by_its_name(start):
    code = "\n    def predictor(x):\n        return x['name'] * x['age']\n    examples = [{'name': 'a', 'age': 2}]\n"
    service = start(code).ready()
    status, answer = asked(service, "/predict", {"name": "a"})
    assert (status, answer["detail"]) == (422, "The sample does not match what the notebook accepts: age: is missing.")
    assert answer["errors"] == [{"pointer": "#/age", "detail": "is missing"}]
    status, answer = asked(service, "/predict/batch", [{"name": "a", "age": 1}, {"age": 1}])
    assert (status, answer["errors"]) == (422, [{"pointer": "#/1/name", "detail": "is missing"}])
    assert asked(service, "/v2/models/model/infer", {"inputs": []})[0] == 400


def test_an_answer_without_a_form_in_json_is_reported_as_that(start):
    service = start("\n    def predictor(x):\n        return object() if x else 1\n    examples = [0]\n").ready()
    status, answer = asked(service, "/predict", 1)
    assert status == 500
    assert answer["detail"].startswith("The notebook's predictor returned a value that can't be sent: ")
