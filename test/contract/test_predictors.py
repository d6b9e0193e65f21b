"""Several predictors of one notebook: each has its own name on every route, its own parameters and golden rows."""

import json
import os
import re
import subprocess

import pytest

import portable
from contract import clients
from contract.batches import batch
from contract.services import make_app_root, module_root, service_by_each_front
from contract.test_grpc import GrpcService

FUNCTIONS = """
import typing

def price(x, *, factor: float = 1.0):
    '''The price of a flat of this size.'''
    return x * 2 * factor

def risk(x: typing.List[float]) -> float:
    return sum(x) / 2

predictors = {"price": price, "risk": risk}
validators = {"risk": lambda x: len(x) == 2 or "two numbers, please"}
examples = {"price": [1, 2], "risk": [[1, 2], [3, 4]]}
"""
DEFAULT = """
def predictor(x):
    return -x

examples["predictor"] = [5]
"""

root = module_root(FUNCTIONS + DEFAULT)
service = service_by_each_front(S2I_MODEL_NAME="m")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/predict", 3, -3),
        ("/predict/m", 3, -3),
        ("/predict/price", 3, 6),
        ("/predict/price?factor=2", 3, 12),
        ("/predict/risk", [3, 4], 3.5),
        ("/predict/batch", [3, 4], [-3, -4]),
        ("/predict/price/batch", [3, 4], [6, 8]),
        ("/predict/risk/batch", [[1, 2], [3, 4]], [1.5, 3.5]),
        ("/v1/models/m:predict", {"instances": [3]}, {"predictions": [-3]}),
        ("/v1/models/price:predict", {"instances": [3, 4]}, {"predictions": [6, 8]}),
        ("/v1/models/risk:predict", {"instances": [[3, 4]]}, {"predictions": [3.5]}),
    ],
)
def test_each_route_asks_the_predictor_of_its_name(service, path, body, expected):
    assert service.ask(json.dumps(body), path)[:2] == (200, expected)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/predict/other", 3, 404),
        ("/predict/other/batch", [3], 404),
        ("/v1/models/other:predict", {"instances": [3]}, 404),
        ("/v2/models/other/infer", {"inputs": []}, 404),
        ("/predict/risk", [3], 422),
        ("/predict/price?other=2", 3, 400),
        ("/predict?factor=2", 3, 400),
        ("/v1/models/price:explain", {"instances": [3]}, 501),
    ],
)
def test_what_gets_no_prediction(service, path, body, status):
    answered, answer, _ = service.ask(json.dumps(body), path)
    assert answered == status, answer


def test_v2_has_a_model_for_each(service):
    names = ["m", "price", "risk"]
    index = service.ask("{}", "/v2/repository/index")[1]
    assert [(each["name"], each["state"]) for each in index] == [(name, "READY") for name in names]
    assert service.ask(None, "/v2/models", "GET")[1] == service.ask(None, "/v1/models", "GET")[1] == {"models": names}
    described = service.ask(None, "/v2/models/price", "GET")[1]
    assert (described["name"], list(described["parameters"])) == ("price", ["factor"])
    tensor = {"name": "input-0", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]}
    answer = service.ask(json.dumps({"inputs": [tensor]}), "/v2/models/risk/infer")[1]
    assert (answer["model_name"], answer["outputs"][0]["data"]) == ("risk", [1.5, 3.5])


def test_triton_s_statistics_are_counted_for_each(service):
    def counts():
        stats = {each["name"]: each for each in service.ask(None, "/v2/models/stats", "GET")[1]["model_stats"]}
        for name, model in stats.items():
            assert service.ask(None, f"/v2/models/{name}/stats", "GET")[1] == {"model_stats": [model]}
        return {
            name: [each["inference_count"], *(each["inference_stats"][key]["count"] for key in ("success", "fail"))]
            for name, each in stats.items()
        }

    before = counts()
    tensor = {"name": "input-0", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]}
    for body in ({"inputs": [tensor]}, {}):
        service.ask(json.dumps(body), "/v2/models/risk/infer")
    after = counts()
    assert list(after) == ["m", "price", "risk"]
    changed = {name: [new - old for new, old in zip(after[name], before[name], strict=True)] for name in after}
    assert changed == {"m": [0, 0, 0], "price": [0, 0, 0], "risk": [2, 1, 1]}


def test_a_tool_for_each(service):
    def asked(method, **params):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return service.ask(json.dumps(message), "/mcp")[1]["result"]

    tools = {tool["name"]: tool for tool in asked("tools/list")["tools"]}
    assert list(tools) == ["m", "price", "risk"]
    assert tools["price"]["description"] == "The price of a flat of this size."
    called = asked("tools/call", name="price", arguments={"sample": 3, "parameters": {"factor": 3}})
    assert called["structuredContent"] == {"prediction": 18}
    assert asked("tools/call", name="other", arguments={"sample": 3})["isError"]


def test_a_tab_for_each(service):
    for name, path in (("m", "docs"), ("price", "docs/price")):
        page = service.ask(None, f"/docs/{name}", "GET", {})[1]
        assert f"<h1>{name}</h1>" in page
        assert f'action="../{path}#result"' in page
        assert [f'href="../docs/{each}"' in page for each in ("m", "price", "risk")] == [True] * 3
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "3.5" in service.ask("sample=[3,4]", "/docs/risk", headers=form)[1]
    assert service.status("/docs/other") == 404


def test_the_openapi_document_has_each(service):
    document = service.ask(None, "/openapi.json", "GET")[1]
    schemas = document["components"]["schemas"]
    body = document["paths"]["/predict/risk"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/risk.Sample"}
    assert schemas["risk.Sample"]["type"] == "array"
    assert [row["value"] for row in body["examples"].values()] == [[1, 2], [3, 4]]
    parameters = document["paths"]["/predict/price"]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["factor"]
    assert document["paths"]["/v2/models/{name}/infer"]["post"]["parameters"][0]["schema"]["enum"] == [
        "m",
        "price",
        "risk",
    ]


def test_only_the_default_is_counted_among_predictions(service):
    service.predict(3)
    before = service.metric("nb_processing_seconds_count")
    service.ask("3", "/predict/price")
    service.predict(3)
    assert service.metric("nb_processing_seconds_count") == before + 1


def test_the_time_of_each_named_predictor_is_counted(service):
    before = service.metric('nb_predictor_seconds_count{model_name="risk"}')
    service.ask("[3, 4]", "/predict/risk")
    service.ask("[[1, 2], [3, 4]]", "/predict/risk/batch")
    service.ask("3", "/predict/price")
    assert service.metric('nb_predictor_seconds_count{model_name="risk"}') == before + 3


def test_without_predictor_the_names_are_listed(start):
    service = start(FUNCTIONS, S2I_MODEL_NAME="m").ready()
    assert service.ask("3", "/predict/price")[:2] == (200, 6)
    for path, body in (
        ("/predict", 3),
        ("/predict/batch", [3]),
        ("/predict/m", 3),
        ("/invocations", 3),
        ("/", {"inputs": 3}),
        ("/explain", 3),
        ("/v1/models/m:predict", {"instances": [3]}),
    ):
        status, answer, _ = service.ask(json.dumps(body), path)
        assert status == 404, (path, answer)
        assert path.startswith("/v1") or "price, risk" in answer["detail"]
    assert service.ask(None, "/v2/models", "GET")[1] == {"models": ["price", "risk"]}
    assert "<h1>price</h1>" in service.ask(None, "/docs", "GET", {})[1]
    document = service.ask(None, "/openapi.json", "GET")[1]
    assert "/predict" not in document["paths"]
    assert "/predict/price" in document["paths"]


@pytest.fixture(scope="module")
def nameless(tmp_path_factory):
    """Return an APP_ROOT of a notebook with predictors alone."""
    return make_app_root(tmp_path_factory.mktemp("app-root"), FUNCTIONS, {}, "/nowhere")


def test_grpc_of_tensorflow_serving_asks_the_model_of_a_name(root, nameless):
    risk = {"output-0": [1.5, 3.5]}
    for app_root, default in ((root, {"output-0": [-1.0, -3.0]}), (nameless, "NOT_FOUND")):
        service = GrpcService(app_root, S2I_MODEL_NAME="m").ready()
        try:
            found = clients.ask("tensorflow-serving", "ask_tensorflow_predictors.py", service.grpc)
        finally:
            service.close()
        assert found == {
            "risk": ["AVAILABLE", "tensorflow/serving/predict", risk],
            "price": ["AVAILABLE", "tensorflow/serving/predict", {"output-0": [2.0, 6.0]}],
            "m": ["AVAILABLE", "tensorflow/serving/predict", default] if default != "NOT_FOUND" else [default] * 3,
            "other": ["NOT_FOUND"] * 3,
        }


def test_grpc_asks_the_model_of_a_name(root, nameless):
    unknown = "Request for unknown model: '{}' is not found."
    risk = [[3.5], ["risk", [["input-0", [-1, 2]]]]]
    for app_root, default in ((root, "m"), (nameless, "")):
        service = GrpcService(app_root, S2I_MODEL_NAME="m").ready()
        try:
            found = clients.ask("triton-grpc", "ask_predictors.py", service.grpc, "m", "risk", "other")
        finally:
            service.close()
        assert (found["risk"], found["other"]) == (risk, [unknown.format("other")] * 2)
        if default:
            assert found["m"][1] == ["m", [["input-0", [-1]]]]
        else:
            assert found["m"] == [unknown.format("m")] * 2


def test_a_batch_scores_with_the_predictor_of_a_name(root, nameless):
    given = b"[1, 2]\n[3, 4]\n"
    ran = batch(root, "--predictor", "risk", "--keep", "none", "--to", "ndjson", given=given)
    assert ran.out.split() == [b"1.5", b"3.5"], ran
    priced = batch(root, "--predictor", "price", "--parameter", "factor=2", "--keep", "none", given=b"1\n2\n")
    assert priced.out.split() == [b"4.0", b"8.0"], priced
    for app_root, words, reason in (
        (root, ("--predictor", "other"), "--predictor other is not one of the notebook's predictors, which are: price"),
        (nameless, (), "The notebook has no default predictor; choose one with --predictor: price, risk."),
    ):
        ran = batch(app_root, *words, given=given)
        assert (ran.status, ran.out, reason in ran.err) == (2, b"", True), ran


@pytest.mark.parametrize(
    ("names", "env", "reason"),
    [
        (FUNCTIONS, {"S2I_BACKEND": "bus", "S2I_BUS_URL": "redis://127.0.0.1:1/0"}, "(problem default-missing)"),
        (FUNCTIONS + DEFAULT, {"S2I_MODEL_NAME": "price"}, "(problem model-name-taken)"),
    ],
)
def test_a_service_that_would_mistake_one_for_another_does_not_start(start, names, env, reason):
    service = start(names, **env)
    service.process.wait(20)
    service.wait_for(re.escape(reason))


def test_the_selftest_asks_each_predictor(root, nameless):
    for app_root, rows in ((root, 5), (nameless, 4)):
        ran = subprocess.run(
            [portable.python(), "-I", "-m", "nb_service", "selftest"],
            env={"PATH": os.environ["PATH"], "APP_ROOT": str(app_root), "S2I_MODEL_NAME": "m"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert f"Selftest: {rows} golden rows with the same predictions" in ran.stdout, ran
