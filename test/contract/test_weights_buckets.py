"""Weights from buckets: servers for S3, Google Cloud Storage and Azure, asked by the libraries that services use."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import shared
from contract import clients
from contract.services import free_port, wait_until
from contract.weights import NOTEBOOK, root_with_weights, write_files
from engine import go_tool, provide

S3 = "github.com/johannesboyne/gofakes3/cmd/gofakes3"
GCS = "github.com/fsouza/fake-gcs-server"
STARTS = 60
# Azurite's only account; its key is in Microsoft's documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "the-secret-of-a-test", "AWS_REGION": "us-east-1"}


@contextlib.contextmanager
def running(port, *command, **options):
    """Run a server until the block exits; the block starts when it listens."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        assert wait_until(lambda: is_listening(port), STARTS)
        yield
    finally:
        process.kill()
        process.wait()


def is_listening(port):
    """Return whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def built(module, package):
    """Return the path of a server, built from the Go module in test/MODULE the first time."""
    program = provide.KEPT / package.rpartition("/")[2]
    with shared.alone(program.name):
        if not program.exists():
            provide.KEPT.mkdir(parents=True, exist_ok=True)
            go_tool.build(provide.ROOT / "test" / module, program, package)
    return str(program)


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path / "files")


@pytest.fixture
def s3(files):
    """Return the variables for a server that has the files in s3://models/churn."""
    program, port = built("s3", S3), free_port()
    env = {**S3_KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    with running(port, program, "-backend", "memory", "-host", f"127.0.0.1:{port}", "-initialbucket", "models"):
        # In a process of its own: the library reads variables, and keeps threads.
        program = "import s3fs, sys; s3fs.S3FileSystem().put(sys.argv[1] + '/', 'models/churn', recursive=True)"
        run_python(program, str(files), **env)
        yield env


@pytest.fixture
def gcs(files, tmp_path):
    """Return the variables for a server that has the files in gs://models/churn."""
    program, port = built("gcs", GCS), free_port()
    shutil.copytree(files, tmp_path / "gcs" / "models" / "churn")
    place = ("-scheme", "http", "-host", "127.0.0.1", "-port", str(port))
    with running(port, program, *place, "-backend", "memory", "-data", str(tmp_path / "gcs")):
        yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}


@pytest.fixture
def azure(files, tmp_path):
    """Return the variables for Azurite, which has the files in azure://ACCOUNT/models/churn."""
    node, folder = provide.program("node", "nodejs"), clients.modules_of("azurite")
    port = free_port()
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    parts = {"DefaultEndpointsProtocol": "http", "AccountName": ACCOUNT, "AccountKey": KEY, "BlobEndpoint": url}
    env = {"AZURE_STORAGE_CONNECTION_STRING": ";".join("=".join(pair) for pair in parts.items())}
    words = ("--location", str(tmp_path / "azure"), "--blobPort", port, "--skipApiVersionCheck", "--disableTelemetry")
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    with running(port, node, str(program), *words, cwd=tmp_path):
        run_python(
            "import adlfs, sys; fs = adlfs.AzureBlobFileSystem(); fs.mkdir('models');"
            " fs.put(sys.argv[1] + '/', 'models/churn', recursive=True)",
            str(files),
            **env,
        )
        yield env


def run_python(program, *words, **env):
    """Run a program in the tests' Python."""
    ran = subprocess.run(
        [sys.executable, "-c", program, *words], env={**os.environ, **env}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("store", "source"),
    [("s3", "s3://models/churn/"), ("gcs", "gs://models/churn"), ("azure", f"azure://{ACCOUNT}/models/churn")],
)
def test_a_service_fetches_what_the_lock_lists(start, model_cache, request, tmp_path, files, store, source):
    env = request.getfixturevalue(store)
    root = root_with_weights(model_cache(NOTEBOOK), tmp_path / "app", source, files)
    service = start(root, S2I_WEIGHTS_CACHE=str(tmp_path / "cache"), **env).ready()
    assert service.predict(1) == (200, 42)
    assert f"fetching 2 of 2 files, 3.0 MB, from {source} into" in service.log
    assert "bucket type" not in service.log
    assert not any(secret in service.log for secret in (KEY, S3_KEYS["AWS_SECRET_ACCESS_KEY"]))
    shutil.rmtree(Path(os.readlink(root / "src" / "weights" / "x")).parent)
