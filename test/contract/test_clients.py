"""Each protocol is spoken with the clients that its users have."""

import copy
import json
import os
import subprocess

import pytest
import yaml

from contract import clients
from contract.notebooks import LISTS, OBJECTS
from contract.services import Service, module_service

lists = module_service(LISTS, S2I_MODEL_NAME="adder")
objects = module_service(OBJECTS, S2I_MODEL_NAME="people")
echo = module_service("def predictor(x):\n    return x", S2I_MODEL_NAME="echo")


def version_of(service, model):
    """Return the version of a model, as its metadata have it."""
    (version,) = service.ask(b"", f"/v2/models/{model}", "GET")[1]["versions"]
    return version


def test_tritonclient_understands_everything_with_its_default_settings(lists):
    found = clients.ask("triton", "ask_triton.py", f"127.0.0.1:{lists.port}", "adder")
    version = found.pop("version")
    assert int(version) > 1_700_000_000
    assert found == {
        "live": True,
        "ready": True,
        "model_ready": True,
        "extensions": ["binary_tensor_data"],
        "inputs": [{"name": "input-0", "datatype": "FP64", "shape": [-1, 2]}],
        "default": [3.0, 7.5],
        "id": "42",
        "binary": True,
        "json": [3.0, 7.5],
        "f4": [3.0, 7.5],
        "f2": [3.0, 7.5],
        "i4": [3.0, 7.0],
        "i8": [3.0, 7.0],
        "no number": ["float64", True],
        "large": True,
        "refused": ["400", "The notebook's validator rejects this sample."],
        "unknown": "Request for unknown model: 'other' is not found.",
    }


def test_tritonclient_sends_and_gets_texts_and_columns(objects):
    found = clients.ask("triton", "ask_triton_texts.py", f"127.0.0.1:{objects.port}", "people")
    assert found == {"greeting": ["hi ä", "hi b"], "next": [2, 3]}


def test_tritonclient_understands_every_answer_by_both_of_its_http_clients(echo):
    clients.ask_all(121, "triton", "triton_cases.py", f"127.0.0.1:{echo.port}", "echo", version_of(echo, "echo"))


def test_kserve_s_client_understands_every_answer_of_both_of_its_protocols(lists, echo):
    addresses = [f"http://127.0.0.1:{service.port}" for service in (lists, echo)]
    clients.ask_all(39, "kserve", "kserve_cases.py", *addresses)


def test_requests_and_answers_are_what_open_inference_describes(lists, objects, echo):
    addresses = [f"http://127.0.0.1:{service.port}" for service in (lists, objects, echo)]
    clients.ask_all(90, "openapi-core", "openapi_cases.py", *addresses)


def test_mlserver_s_types_and_codecs_understand_every_answer(model_cache):
    code = "def predictor(x):\n    return x"
    service = Service(model_cache(code), S2I_MODEL_NAME="echo", S2I_UNLOAD="1").ready()
    try:
        address = f"http://127.0.0.1:{service.port}"
        clients.ask_all(67, "mlserver", "mlserver_cases.py", address, "echo", version_of(service, "echo"))
    finally:
        service.close()


def test_mlflow_s_scoring_client_understands_every_answer_and_rejection(objects, lists, echo):
    clients.ask_all(39, "mlflow", "mlflow_cases.py", objects.port, lists.port, echo.port)


def test_sagemaker_s_deserializers_read_the_answers_to_what_its_serializers_write(lists, objects):
    addresses = [f"http://127.0.0.1:{service.port}" for service in (lists, objects)]
    clients.ask_all(35, "sagemaker", "sagemaker_cases.py", *addresses)


def test_the_sdk_of_cloudevents_reads_the_reply_in_the_mode_that_it_sent(lists):
    said = [3.0, "io.kserve.inference.response", "io.kserve.inference.adder", "1.0", True]
    found = clients.ask("cloudevents", "ask_cloudevents.py", f"http://127.0.0.1:{lists.port}/")
    assert found == {"binary": said, "structured": said}


def test_arrow_is_spoken_where_pyarrow_is_next_to_the_service(model_cache):
    running = Service(model_cache(OBJECTS), clients.python_of("arrow")).ready()
    try:
        found = clients.ask("arrow", "ask_arrow.py", f"http://127.0.0.1:{running.port}/predict/batch")
    finally:
        running.close()
    answers = [{"greeting": "hi a", "next": 2}, {"greeting": "hi b", "next": 3}]
    assert found == ["application/vnd.apache.arrow.stream", answers]


def test_the_openapi_document_is_valid_and_its_examples_fit(lists, tmp_path):
    status, document, _ = lists.ask(None, "/openapi.json", "GET", {})
    assert status == 200
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    assert clients.ask("openapi", "check_openapi.py", tmp_path / "openapi.json") >= 6
    assert document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]["row1"] == {
        "value": [1, 2]
    }


def test_type_hints_alone_say_what_is_taken_and_given(model_cache, tmp_path):
    hinted = """
    from typing import Dict, List

    def predictor(x: List[float]) -> Dict[str, float]:
        return {"sum": sum(x)}
    """
    service = Service(model_cache(hinted)).ready()
    try:
        document, metadata = (service.ask(None, path, "GET", {})[1] for path in ("/openapi.json", "/v2/models/model"))
    finally:
        service.close()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    assert clients.ask("openapi", "check_openapi.py", tmp_path / "openapi.json") == 0
    shapes = document["components"]["schemas"]
    assert shapes["Sample"] == {"type": "array", "items": {"type": "number"}}
    assert shapes["Answer"] == {"type": "object", "additionalProperties": {"type": "number"}}
    assert metadata["inputs"] == [{"name": "input-0", "datatype": "FP64", "shape": [-1, -1]}]


def test_type_hints_widen_what_the_golden_rows_show(model_cache):
    hinted = """
    from typing import List, Optional

    def predictor(x: List[float]) -> Optional[float]:
        return x[0] + x[1]

    examples = [[1, 2], [3, 4]]
    """
    service = Service(model_cache(hinted)).ready()
    try:
        shapes = service.ask(None, "/openapi.json", "GET", {})[1]["components"]["schemas"]
        metadata = service.ask(None, "/v2/models/model", "GET", {})[1]
    finally:
        service.close()
    assert shapes["Sample"] == {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    assert shapes["Answer"] == {"type": ["null", "number"]}
    assert metadata["outputs"] == [{"name": "output-0", "datatype": "FP64", "shape": [-1]}]


# They refuse all that would let them fail: any 500 is then the service's own.
STRICT = (
    "def predictor(x):\n    return 1",
    """
    def validator(x):
        return type(x) is list and len(x) == 2 and all(type(one) in (int, float) for one in x)

    def predictor(x):
        return x[0] * 0.5

    def batch_predictor(xs):
        return [predictor(x) for x in xs]

    examples = [[1, 2], [3.5, 4]]
    """,
    """
    def validator(x):
        return type(x) is dict and type(x.get("name")) is str and type(x.get("age")) is int

    def predictor(x):
        return {"greeting": "hi " + x["name"], "next": x["age"] + 1}

    examples = [{"name": "a", "age": 1}, {"name": "b", "age": 2}]
    """,
    """
    def validator(x):
        return type(x) in (int, float)

    def predictor(x):
        return max(-1.0, min(1.0, x)) / 2

    examples = [0.5, 1]
    """,
    """
    def validator(x):
        return type(x) is str

    def predictor(x):
        return {"short": 1 / (len(x) + 1), "long": len(x) / (len(x) + 1)}

    examples = ["a text", "another"]
    """,
)


# They reject nothing: whatever they can work with is accepted, and the document can't describe that.
PLAIN = {
    "plain lists": "def predictor(x):\n    return x[0] * 2.5 + x[1]\nexamples = [[1, 2], [3.5, 4]]",
    "plain objects": "def predictor(x):\n    return 'hi ' + x['name']\nexamples = [{'name': 'a'}, {'name': 'b'}]",
}


# Each takes a minute: lists and objects are what anything may be, too.
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=name, marks=[pytest.mark.long] if name in {"lists", "objects"} else [])
        for name, code in zip(("anything", "lists", "objects", "numbers", "texts"), STRICT, strict=True)
    ]
    + [pytest.param(code, id=name, marks=[pytest.mark.long]) for name, code in PLAIN.items()],
)
def test_the_service_keeps_what_its_openapi_document_says(model_cache, code, tmp_path):
    schemathesis = clients.python_of("schemathesis").with_name("schemathesis")
    service = Service(model_cache(code)).ready()
    options = ["--max-examples", os.environ.get("FUZZ", "5"), "--no-color", "--seed", "1"]
    command = [schemathesis, "--config-file", clients.HERE / "schemathesis.toml", "run", *options]
    command += ["--exclude-checks", "negative_data_rejection"] if code in PLAIN.values() else []
    command.append(f"http://127.0.0.1:{service.port}/openapi.json")
    try:
        # It leaves a cache where it runs.
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    finally:
        service.close()
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "nb_service/" not in service.log


def test_the_inference_service_is_what_kserve_s_own_models_take(tmp_path):
    (service,) = yaml.safe_load_all((clients.ROOT / "docs/deploy/kserve.yaml").read_text(encoding="utf-8"))
    unknown, typed, lacking, nested = (copy.deepcopy(service) for _ in range(4))
    unknown["spec"]["predictor"]["minReplica"] = 2
    typed["spec"]["predictor"]["maxReplicas"] = "ten"
    del lacking["spec"]["predictor"]
    nested["spec"]["predictor"]["containers"][0]["readinessProbe"]["httpGet"]["pth"] = "/readyz"
    path = tmp_path / "services.json"
    path.write_text(json.dumps([service, unknown, typed, lacking, nested]))
    assert clients.ask("kserve", "check_inference_service.py", path) == [
        [],
        [".spec.predictor.minReplica is unknown"],
        [".spec.predictor.maxReplicas is no int"],
        [".spec: Invalid value for `predictor`, must not be `None`"],
        [".spec.predictor.containers[0].readinessProbe.httpGet.pth is unknown"],
    ]
