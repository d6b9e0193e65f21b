"""gRPC alongside HTTP, asked by the clients that its users have."""

import collections
import json
import os
import re
import shutil
import subprocess

import pytest

from contract import clients
from contract.notebooks import LISTS, OBJECTS
from contract.services import Service, module_service
from engine import go_tool, provide

STUBS = clients.ROOT / "app-skeleton/nb_service/backends/grpc_service/stubs"
# Messages of one seed; make fuzz-grpc has many seeds.
FUZZED = 1500


class GrpcService(Service):
    """A service with gRPC, whose address is `grpc`."""

    def __init__(self, app_root, **env):
        super().__init__(app_root, clients.python_of("grpc"), **{"S2I_GRPC_PORT": "0", **env})

    def ready(self):
        """Wait until it serves both; return itself. If it never does, it is stopped."""
        try:
            self.grpc = self.wait_for(r"gRPC: listening on ([^ ,]*?)(,| |\.\n)")[1]
            return super().ready()
        except AssertionError:
            self.close()
            raise


lists = module_service(LISTS, kind=GrpcService, S2I_MODEL_NAME="adder")
objects = module_service(OBJECTS, kind=GrpcService)
files = module_service(
    """
    def predictor(page: bytes, sound: bytes):
        return {"page": page.hex(), "sound": sound.hex()}
    examples = [{"page": b"a", "sound": b"b"}]
    """,
    kind=GrpcService,
    S2I_MODEL_NAME="files",
)


def test_tritonclient_understands_everything_with_its_default_settings(lists):
    found = clients.ask("triton-grpc", "ask_triton_grpc.py", lists.grpc, "adder")
    assert int(found.pop("version")) > 1_700_000_000
    whole = {kind: [3.0, 7.0] for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")}
    assert found == {
        "live": True,
        "ready": True,
        "model_ready": True,
        "server": "nb-builder",
        "platform": "nb-builder",
        "inputs": [["input-0", "FP64", [-1, 2]]],
        "outputs": [["output-0", "FP64", [-1]]],
        "default": [3.0, 7.5],
        "id": "42",
        "named": [3.0, 7.5],
        "f4": [3.0, 7.5],
        "f2": [3.0, 7.5],
        **whole,
        "?": [2.0, 2.0],
        "no number": ["float64", True],
        "large": True,
        "gzip": [3.0, 7.5],
        "refused": ["StatusCode.INVALID_ARGUMENT", "The notebook's validator rejects this sample."],
        "refused in company": [
            "StatusCode.INVALID_ARGUMENT",
            "Sample 1: The notebook's validator rejects this sample.",
        ],
        "unknown": ["StatusCode.NOT_FOUND", "Request for unknown model: 'other' is not found."],
        "unknown version": [
            "StatusCode.NOT_FOUND",
            "Request for unknown model: 'adder' version '7' is not found.",
        ],
        "unknown output": [
            "StatusCode.INVALID_ARGUMENT",
            "There is no output 'nothing'. Outputs: output-0.",
        ],
        "stream": True,
    }


def test_kserve_s_client_sends_bytes_and_typed_values(lists):
    found = clients.ask("kserve", "ask_kserve_grpc.py", lists.grpc, "adder")
    assert found == {
        "live": True,
        "ready": True,
        "bytes": ["7", "adder", [3.0, 7.5]],
        "typed": ["7", "adder", [3.0, 7.5]],
        "refused": ["INVALID_ARGUMENT", "The notebook's validator rejects this sample."],
    }


def test_mlserver_s_stubs_and_codecs_understand_arrays_frames_and_rejections(lists, model_cache):
    nested = """
        def predictor(x):
            return {"greeting": "hi " + x["name"], "next": x["age"] + 1, "more": x["more"]}
    """
    service = GrpcService(model_cache(nested)).ready()
    try:
        found = clients.ask("mlserver", "ask_mlserver_grpc.py", lists.grpc, "adder", service.grpc, "model")
    finally:
        service.close()
    assert found == {
        "live": True,
        "ready": True,
        "metadata": "adder",
        "array": [3.0, 7.5],
        "frame": [["hi a", "hi ü"], [2, 42], [[1], {"b": 2}]],
        "refused": ["INVALID_ARGUMENT", "The notebook's validator rejects this sample."],
    }


def test_the_stubs_are_what_the_protos_generate(tmp_path):
    folder = tmp_path / STUBS.relative_to(clients.ROOT / "app-skeleton")
    folder.mkdir(parents=True)
    protos = sorted(STUBS.glob("*.proto"))
    for proto in protos:
        shutil.copy(proto, folder)
    names = [str((folder / proto.name).relative_to(tmp_path)) for proto in protos]
    clients.run(
        "protoc",
        "-m",
        "grpc_tools.protoc",
        f"-I{tmp_path}",
        f"--python_out={tmp_path}",
        f"--pyi_out={tmp_path}",
        *names,
    )
    generated = {path.name: path.read_text() for path in folder.glob("*_pb2.py*")}
    assert len(generated) == 2 * len(protos) > 0
    assert generated == {path.name: path.read_text() for path in STUBS.glob("*_pb2.py*")}


CLASSES = """
    def predictor(x: dict) -> dict:
        return {"young": 1.0 / x["age"], x["name"]: 0.25}

    examples = [{"name": "a", "age": 1}, {"name": "a", "age": 4}]
"""


def test_a_client_of_tensorflow_serving_predicts_and_regresses(lists):
    found = clients.ask("tensorflow-serving", "ask_tensorflow_grpc.py", lists.grpc, "adder", "lists")
    unknown_version = "Servable not found for request: Specific(adder, 7)"
    too_many = (
        "The body would expand to more than 134217728 bytes, 8 times S2I_MAX_BODY; "
        "send fewer samples at a time, or set S2I_MAX_BODY higher."
    )
    assert found == {
        "state": ["AVAILABLE", 0],
        "method": "tensorflow/serving/predict",
        "inputs": {"input-0": [2, [-1, 2]]},
        **{kind: [3.0, 7.5] for kind in ("f8", "f4")},
        **{kind: [3.0, 7.0] for kind in ("i1", "i2", "i4", "i8", "u1", "u2")},
        "half": [3.5],
        "repeated": [8.0, 8.0, 8.0],
        "too many": [
            "RESOURCE_EXHAUSTED",
            too_many,
        ],
        "lying": ["INVALID_ARGUMENT", "12 bytes are not a whole number of FP64 values."],
        "regress": [3.5],
        "unknown": ["NOT_FOUND", "Servable not found for request: Latest(other)"],
        "version": ["NOT_FOUND", unknown_version],
        "refused": ["INVALID_ARGUMENT", "The notebook's validator rejects this sample."],
        "no classes": [
            "INVALID_ARGUMENT",
            "This model can't classify: its predictions are not objects with label and score.",
        ],
    }


def test_a_client_of_tensorflow_serving_sends_columns_and_texts(objects):
    found = clients.ask("tensorflow-serving", "ask_tensorflow_grpc.py", objects.grpc, "model", "columns")
    assert found == {
        "state": ["AVAILABLE", 0],
        "method": "tensorflow/serving/predict",
        "inputs": {"age": [9, [-1]], "name": [7, [-1]]},
        "outputs": {"greeting": ["hi a", "hi b"], "next": [2, 3]},
    }


def test_a_client_of_tensorflow_serving_classifies(model_cache):
    service = GrpcService(model_cache(CLASSES)).ready()
    try:
        found = clients.ask("tensorflow-serving", "ask_tensorflow_grpc.py", service.grpc, "model", "classes")
    finally:
        service.close()
    assert found["classes"] == [["young", 0.25], ["a", 0.25]]


@pytest.mark.parametrize(("environment", "protocol"), [("triton", "http"), ("triton-grpc", "grpc")])
def test_tritonclient_sends_files_as_bytes(files, environment, protocol):
    address = files.grpc if protocol == "grpc" else f"127.0.0.1:{files.port}"
    found = clients.ask(environment, "ask_triton_files.py", protocol, address, "files")
    assert found == {
        "page": [b"\x89PNG\r\n\x1a\n\x00".hex(), "000102", ""],
        "sound": [bytes(range(256)).hex(), b"AAAA".hex(), b"text".hex()],
    }


def test_what_other_clients_leave_out_is_answered_or_rejected_by_the_right_code(lists):
    found = clients.ask("triton-grpc", "ask_grpc_edges.py", lists.grpc, "adder")
    assert found.pop("trailing of a refusal") == "refused-1"
    trailing = found.pop("trailing")
    assert int(trailing.pop("x-model-version")) > 1_700_000_000
    assert trailing == {"x-model-name": "adder", "x-request-id": "mine-1"}
    kinds = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32", "FP64")
    assert found.pop("typed") == {kind: [2.0] for kind in kinds}
    assert found.pop("answered as asked") == [0, "FP64"]
    bad = found.pop("bad")
    large = bad.pop("large")
    assert large[0] == "RESOURCE_EXHAUSTED"
    assert "16777216" in large[1]
    assert bad.pop("no such call")[0] == "UNIMPLEMENTED"
    assert bad["lying shape"][0] == "RESOURCE_EXHAUSTED"
    assert {code for name, (code, _) in bad.items() if name != "lying shape"} == {"INVALID_ARGUMENT"}
    assert {name: words for name, (_, words) in bad.items()} == {
        "garbage": "The request can't be parsed as inference.ModelInferRequest.",
        "no input": "inputs is not a list of tensors.",
        "no datatype": "The input 'x' has an unsupported datatype.",
        "FP16 typed": "The input 'x' must come in raw_input_contents: FP16 has no contents.",
        "another field": "The input 'x' is FP64, and has values in fp32_contents.",
        "out of range": "The input 'x' has a value that is not INT8.",
        "too few": "The input 'x' has 1 values, but its shape requires 2.",
        "too few bytes": "The input 'x' has 1 values, but its shape requires 2.",
        "cut bytes": "7 bytes are not a whole number of FP64 values.",
        "lying shape": "A body may have 524288 samples (S2I_MAX_SAMPLES).",
        "negative shape": "shape has a dimension that is not a whole number of at least 0.",
        "both": "The input 'x' has both contents and raw_input_contents.",
        "more raw than inputs": "raw_input_contents has 2 tensors, but there are 1 inputs.",
        "cut texts": "The input 'x' is truncated.",
        "no UTF-8": "The input 'x' is not UTF-8; send bytes as base64.",
    }
    assert found == {
        "stream": ["The input 'x' has 1 values, but its shape requires 2.", ""],
        "health": ["SERVING"] * 3,
        "services": [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "inference.GRPCInferenceService",
            "tensorflow.serving.ModelService",
            "tensorflow.serving.PredictionService",
        ],
        "calls": [
            "ServerLive",
            "ServerReady",
            "ModelReady",
            "ServerMetadata",
            "ModelMetadata",
            "ModelInfer",
            "ModelStreamInfer",
        ],
        "many": True,
    }
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    lists.wait_for(rf"GRPC /inference.GRPCInferenceService/ModelInfer OK [0-9.]+ms id=mine-1 trace={trace}\n")
    text = lists.ask(None, "/metrics", "GET", {})[1]
    labels = 'protocol="grpc",route="/inference.GRPCInferenceService/ModelInfer",status='
    assert re.search(rf'^nb_http_requests_total{{{labels}"OK"}} \d{{3,}}\.0$', text, re.MULTILINE)
    assert re.search(rf'^nb_http_requests_total{{{labels}"INVALID_ARGUMENT"}} [1-9]', text, re.MULTILINE)
    assert 'nb_http_request_duration_seconds_count{protocol="grpc",route="/inference.' in text


def test_messages_of_all_kinds_are_answered_or_rejected_and_break_nothing(lists):
    found = collections.Counter()
    for seed in range(-(-int(os.environ.get("GRPC_MESSAGES", FUZZED)) // FUZZED)):
        found.update(clients.ask("triton-grpc", "fuzz_grpc.py", lists.grpc, "adder", FUZZED, seed))
    print(dict(found))
    assert found["OK"] > 50
    assert found["INVALID_ARGUMENT"] > 200
    assert "grpc_service" not in lists.log
    assert "Traceback" not in re.sub(r"^\[scorer .*", "", lists.log, flags=re.MULTILINE)
    assert lists.predict([1, 2]) == (200, 3.0)


@pytest.mark.long  # it is built of 40 modules
def test_grpcurl_lists_describes_and_asks_by_reflection(lists, tmp_path):
    module = provide.ROOT / "test/grpcurl"
    program = go_tool.build(module, tmp_path / "grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl")

    def said(*words, data=None):
        options = ["-plaintext"] if data is None else ["-plaintext", "-d", json.dumps(data)]
        ran = subprocess.run([program, *options, lists.grpc, *words], capture_output=True, text=True, timeout=60)
        return ran.stdout or ran.stderr

    assert said("list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    ]
    assert "repeated bytes raw_input_contents = 7;" in said("describe", "inference.ModelInferRequest")
    assert json.loads(said("grpc.health.v1.Health/Check")) == {"status": "SERVING"}
    tensor = {"name": "x", "datatype": "FP64", "shape": [2, 2], "contents": {"fp64_contents": [1, 2, 3, 4]}}
    infer = "inference.GRPCInferenceService/ModelInfer"
    (output,) = json.loads(said(infer, data={"model_name": "adder", "inputs": [tensor]}))["outputs"]
    assert (output["datatype"], output["shape"], output["contents"]) == ("FP64", ["2"], {"fp64_contents": [3, 7]})
    assert "Code: InvalidArgument" in said(infer, data={"model_name": "adder"})
