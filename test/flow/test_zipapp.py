"""A model as one file, from a real build: in a virtual environment with nothing in it, by an index and without one."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import pythons
import signers
from cases import named
from contract import zipapps
from flow import stage

PYTHONS = sorted(pythons.installed(), key=lambda minor: int(minor[2:]))
EXAMPLE = stage.ROOT / "docs" / "examples" / "kmeans"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the variables for `run` of a signed build of the running example, and its keys."""
    folder = tmp_path_factory.mktemp("built")
    keys = signers.key_pair(folder)
    case = replace(named("ok-pure-python"), repo=EXAMPLE, env={"S2I_SIGN_KEY_FILE": str(keys[0])})
    build, env = stage.assemble(case, folder)
    assert build.status == 0, build.stdout
    return env, *keys


@pytest.fixture(scope="module")
def golden(built):
    """Return the golden samples of the model, one a line, and their answers."""
    path = Path(built[0]["APP_ROOT"]) / "model" / "golden.ndjson"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows
    return "".join(json.dumps(row["sample"]) + "\n" for row in rows), [row["answer"] for row in rows]


@pytest.fixture(scope="module")
def bare(built, tmp_path_factory):
    """Return the Python of a virtual environment with nothing in it, of the model's version."""
    folder = tmp_path_factory.mktemp("bare")
    model = Path(built[0]["APP_ROOT"]) / "venv" / "bin" / "python"
    subprocess.run([model.resolve(), "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def written(env, path, *words):
    """Write the file of a model; return its path."""
    with path.open("wb") as file:
        done = subprocess.run([stage.BIN / "run", "zipapp", *words], env=env, stdout=file, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    return path


def sign(env, path, key):
    """Sign the whole file, as make zipapp KEY=… does."""
    done = subprocess.run(
        [Path(env["NB_BUILDER_HOME"]) / "build/bin/python", "-I", "-m", "nb_builder", "sign", path],
        env={**os.environ, "S2I_SIGN_KEY_FILE": str(key)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.startswith("---> The file "), done.stdout + done.stderr


def asked(python, path, *words, given="", alone=False):
    """Return the outcome of a run of the file, with a new environment."""
    unshared = ["unshare", "--net"] if alone and os.geteuid() == 0 else []
    command = [*unshared, python, path, "--cache", path.parent / "cache", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=stage.BUILD_LIMIT)


def test_without_a_network_it_answers_as_the_golden_rows_do(built, golden, bare, tmp_path):
    path = written(built[0], tmp_path / "my-model", "--with-wheels")
    sign(built[0], path, built[1])
    done = asked(bare, path, "--key", built[2], given=golden[0], alone=True)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == golden[1]
    assert "model verified by the key " in done.stderr
    one = asked(bare, path, "[0.2, 0.7]", alone=True)
    assert one.stdout == "4\n" and "signature not checked" in one.stderr


def test_by_an_index_it_installs_what_the_lock_says(built, golden, bare, tmp_path):
    """By the signatures of the build: of model, lock and notebook."""
    path = written(built[0], tmp_path / "my-model")
    done = asked(bare, path, "--key", built[2], given=golden[0])
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == golden[1]
    assert "the program around it is not signed" in done.stderr
    (packages,) = path.parent.glob("cache/venvs/*/lib/python*/site-packages")
    lock = (Path(built[0]["APP_ROOT"]) / "build" / "requirements.lock").read_text()
    locked = [line.split(" ")[0].replace("==", "-") for line in lock.splitlines() if "==" in line]
    there = {path.name.removesuffix(".dist-info").lower().replace("_", "-") for path in packages.glob("*.dist-info")}
    assert locked and {name.lower().replace("_", "-") for name in locked} <= there


def test_another_digest_than_the_lock_s_is_not_installed(built, bare, tmp_path):
    def change(found):
        lock = re.sub(rb"sha256:[0-9a-f]{64}", b"sha256:" + b"0" * 64, found["build/requirements.lock"])
        return {**found, "build/requirements.lock": lock}

    path = zipapps.changed(written(built[0], tmp_path / "a"), tmp_path / "my-model", change)
    done = asked(bare, path, "[0.2, 0.7]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert "(problem zipapp-environment)" in done.stderr and "Traceback" not in done.stderr


def test_nothing_of_ours_is_in_that_environment(bare):
    names = ("nb_scorer", "nb_service", "cloudpickle", "pip")
    look = f"from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
    assert subprocess.run([bare, "-I", "-c", look], capture_output=True, text=True).stdout == "[]\n"


# The oldest in each run; all of them are minutes of builds.
@pytest.mark.parametrize(
    "minor", [pytest.param(minor, marks=[pytest.mark.long] if place else []) for place, minor in enumerate(PYTHONS)]
)
def test_each_python_that_is_here_runs_the_file_of_its_version_without_a_network(minor, tmp_path):
    case = replace(named("ok-pure-python"), env={"S2I_PYTHON": minor})
    build, env = stage.assemble(case, tmp_path)
    assert build.status == 0, build.stdout
    path = written(env, tmp_path / "my-model", "--with-wheels")
    keys = signers.key_pair(tmp_path)
    sign(env, path, keys[0])
    python = (build.app_root / "venv/bin/python").resolve()
    bare = tmp_path / "bare"
    subprocess.run([python, "-m", "venv", "--without-pip", bare], check=True)
    row = json.loads((build.app_root / "model/golden.ndjson").read_text().splitlines()[0])
    done = asked(bare / "bin/python", path, "--key", keys[1], json.dumps(row["sample"]), alone=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == row["answer"]
    assert "model verified by the key " in done.stderr
