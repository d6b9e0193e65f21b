"""A native image as users make it: what it prints and serves, how large it is, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import shared
from engine import bases, docker, native, provide, slim

pytestmark = pytest.mark.xdist_group("native")
# What it has. The goal is less, and `make bench BENCH=native` says how far off it is.
MAX_BYTES = 27_200
MAX_BYTES_AARCH64 = 30_500


@pytest.fixture(scope="module")
def compiler(engine):
    """Return the name of the image that compiles, as users have it."""
    return shared.once(f"base-{bases.MAIN}", lambda: bases.base(bases.MAIN))


@pytest.fixture(scope="module")
def made(example, compiler):
    """Return the native image of the running example, and what its build printed."""
    name = f"{example}-native"
    return shared.once(name, lambda: slim.must(native.make(example, name, compiler)))


def run(image, *words, given=""):
    """Return the finished process of a container of `image`, without a network and with nothing that it may write."""
    command = ["docker", "run", "--rm", "-i", "--network", "none", "--read-only", "--user", "12345", image, *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)


def test_the_build_says_what_it_recognised_and_what_was_proved(made):
    assert "predictor" in made.output and "→ KMeans.predict: 2 features, 7 centres" in made.output
    assert "10,000 samples, 3 golden rows among them" in made.output
    facts = json.loads(slim.read(made.image, "/usr/share/nb-builder/native.json"))
    assert facts["proof"]["samples"] == 10_000 and facts["proof"]["largest_difference"] == 0
    assert facts["bytes"] <= MAX_BYTES
    labels = json.loads(docker.docker("image", "inspect", "--format", "{{json .Config.Labels}}", made.image).stdout)
    assert labels == {
        "io.openshift.expose-services": "8080:http",
        "io.nb-builder.native": "/usr/share/nb-builder/native.json",
        "io.nb-builder.native.samples": "10000",
        "io.nb-builder.native.largest-difference": "0.0",
        "io.nb-builder.native.tolerance": "1e-06",
        "io.nb-builder.native.program-bytes": str(facts["bytes"]),
    }
    assert native.left_behind(made.image) == []


def test_it_answers_arguments_and_lines(made):
    answer = run(made.image, "0.2", "0.7")
    assert (answer.returncode, answer.stdout) == (0, "4\n")
    lines = run(made.image, "-", given="[0.2, 0.7]\n[0.9, 0.1]\n")
    assert (lines.returncode, lines.stdout) == (0, "4\n1\n")


def test_it_serves_as_the_service_does_and_ends_when_it_is_reported(made):
    container = docker.docker("run", "-d", "--read-only", "-p", "127.0.0.1::8080", made.image).stdout.strip()
    try:
        port = docker.docker("port", container, "8080").stdout.strip().rpartition(":")[2]
        assert ask(port, "/predict", b"[0.2, 0.7]") == (200, b"4")
        assert ask(port, "/predict/batch", b"[[0.2, 0.7], [0.9, 0.1]]") == (200, b"[4, 1]")
        status, body = ask(port, "/predict", b"[0.2]")
        assert (status, json.loads(body)["title"]) == (422, "Unprocessable Content")
        assert ask(port, "/predict", b"[0.2,")[0] == 400
        assert ask(port, "/healthz")[0] == ask(port, "/readyz")[0] == 200
        began = time.monotonic()
        docker.docker("stop", "--time", "20", container)
        assert time.monotonic() - began < 10
        assert docker.docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"
    finally:
        docker.docker("rm", "--force", container)


def ask(port, path, body=None):
    """Return (status, body) of a request, once the port listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    for _ in range(100):
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it does not listen")


def test_a_program_for_arm64_is_proved_under_qemu(example, compiler, tag, tmp_path):
    cross = slim.must(native.make(example, tag, compiler, "PLATFORM=linux/arm64"))
    assert "10,000 samples, 3 golden rows among them" in cross.output
    assert native.left_behind(tag) == []
    reported = docker.docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}} {{.Size}}", tag).stdout.split()
    assert reported[0] == "linux/arm64"
    assert int(reported[1]) <= MAX_BYTES_AARCH64
    assert cross.output.splitlines()[-1] == f"---> {tag}: {reported[1]} bytes, linux/arm64"
    program = tmp_path / "model"
    program.write_bytes(slim.read(tag, "/model"))
    program.chmod(0o755)
    qemu = shutil.which("qemu-aarch64-static")
    if qemu:
        answer = subprocess.run([qemu, program, "0.2", "0.7"], capture_output=True, text=True, timeout=60)
        assert (answer.returncode, answer.stdout) == (0, "4\n")


def test_what_can_t_be_translated_is_rejected_and_leaves_nothing(workbench, compiler, tag):
    rejected = native.make(workbench, tag, compiler)
    assert rejected.status != 0
    assert "ERROR: This predictor can't be compiled to a native program: " in rejected.output, rejected.output[-3000:]
    # The workbench needs no packages.
    assert "the notebook's packages lack numpy" in rejected.output
    assert "(problem native-refused)" in rejected.output
    assert docker.docker("image", "inspect", tag, ok=False).returncode != 0
    assert native.left_behind(tag) == []


def test_what_is_broken_off_leaves_nothing(example, compiler, tag):
    # Ctrl-C goes to all of a terminal's programs.
    with subprocess.Popen(
        native.command(example, tag, compiler),
        cwd=provide.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as making:
        for line in making.stdout:
            if "Translating predictor" in line:
                break
        os.killpg(making.pid, signal.SIGINT)
        making.communicate(timeout=60)
    assert making.returncode != 0
    assert docker.docker("image", "inspect", tag, ok=False).returncode != 0
    assert native.left_behind(tag) == []
