"""gRPC beside HTTP, asked by the clients that its users have."""

import shutil

import pytest

from contract import clients
from contract.notebooks import LISTS, OBJECTS
from contract.services import Service

STUBS = clients.ROOT / "app-skeleton/nb_service/backends/grpc_service/stubs"


class GrpcService(Service):
    """A service with gRPC, whose address is `grpc`."""

    def __init__(self, app_root, **env):
        super().__init__(app_root, clients.python_of("grpc"), **{"S2I_GRPC_PORT": "0", **env})

    def ready(self):
        """Wait until it serves both; return itself."""
        self.grpc = self.wait_for(r"gRPC: listening on ([^ ,]*?)(,| |\.\n)")[1]
        return super().ready()


@pytest.fixture(scope="module")
def lists(model_cache):
    """Return a service whose samples are lists of two numbers."""
    running = GrpcService(model_cache(LISTS), S2I_MODEL_NAME="adder").ready()
    yield running
    running.close()


@pytest.fixture(scope="module")
def objects(model_cache):
    """Return a service whose samples are objects."""
    running = GrpcService(model_cache(OBJECTS)).ready()
    yield running
    running.close()


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
        "refused": ["StatusCode.INVALID_ARGUMENT", "The notebook's validator refuses this sample."],
        "refused in company": [
            "StatusCode.INVALID_ARGUMENT",
            "Sample 1: The notebook's validator refuses this sample.",
        ],
        "unknown": ["StatusCode.NOT_FOUND", "Request for unknown model: 'other' is not found."],
        "unknown version": [
            "StatusCode.NOT_FOUND",
            "Request for unknown model: 'adder' version '7' is not found.",
        ],
        "unknown output": [
            "StatusCode.INVALID_ARGUMENT",
            "There is no output 'nothing'; there are: output-0.",
        ],
        "stream": True,
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
