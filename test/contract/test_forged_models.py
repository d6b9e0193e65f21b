"""The attacker's bench: a service that verifies loads the signed model, and executes nothing of any other."""

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from functools import partial

import pytest
from nb_scorer.common.problem import Problem
from nb_scorer.model import load, verified_file
from nb_service import model_folder, problems
from nb_service.signature.trust import Known, Trust

import signers
from contract import forgeries
from contract.services import copy_of, make_app_root, wait_until

FORGERIES = forgeries.all_of()
NOTEBOOK = """
    def predictor(x):
        return x + 1
    examples = [1, 2]
"""
OTHER = """
    def predictor(x):
        return x * 2
    examples = [3, 4]
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Return a private key, its public key, and a private key of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    return (*signers.key_pair(folder), signers.key_pair(folder, "other")[0])


@pytest.fixture(scope="module")
def signed(tmp_path_factory, keys):
    """Return two APP_ROOTs whose models are signed by the same key."""
    roots = [make_app_root(tmp_path_factory.mktemp("app-root"), code, {}) for code in (NOTEBOOK, OTHER)]
    for root in roots:
        signers.sign(root / "model", keys[0])
    return roots


@pytest.fixture
def root(signed, tmp_path):
    """Return a copy of the first that a test may forge."""
    (tmp_path / "app-root").mkdir()
    return copy_of(signed[0], tmp_path / "app-root")


@pytest.fixture
def tools(signed, keys, tmp_path):
    """Return what an attacker has."""
    other = tmp_path / "other"
    shutil.copytree(signed[1] / "model", other)
    return forgeries.Tools(other, keys[2], tmp_path / "canary")


def loaded(root, trust):
    """Load a model as a service and its scorers do, one after the other."""
    model = model_folder.read(root, trust)
    model.golden_rows()
    return load.load(model.folder, model.digests)


def test_there_are_at_least_two_hundred_forgeries():
    assert len(FORGERIES) >= 200


def test_the_signed_model_is_loaded(root, keys):
    assert loaded(root, Trust(str(keys[1]))).predictor(4) == 5


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_is_loaded_and_nothing_of_it_is_executed(name, root, keys, tools):
    before = {path.name: path.read_bytes() for path in (root / "model").iterdir()}
    FORGERIES[name](root / "model", tools)
    entries = {path.name: path for path in (root / "model").iterdir()}
    is_same = entries.keys() == before.keys() and all(
        path.is_file() and not path.is_symlink() and path.read_bytes() == before[file] for file, path in entries.items()
    )
    assert not is_same, "nothing is forged"
    with pytest.raises(
        (problems.ModelUnsigned, problems.SignatureInvalid, problems.ModelNotAsSigned, problems.ModelMissing)
    ):
        loaded(root, Trust(str(keys[1])))
    assert not tools.canary.exists()


def test_a_canary_sings_where_no_one_verifies(root, tools):
    """Without this, none of the above would show anything."""
    forgeries.plant(root / "model", tools)
    loaded(root, None)
    assert tools.canary.exists()


def test_what_another_process_has_verified_holds_here(root, keys, tools):
    digests = model_folder.read(root, Trust(str(keys[1]))).digests
    assert loaded(root, Known(digests)).predictor(1) == 2
    forgeries.plant(root / "model", tools)
    with pytest.raises(problems.ModelNotAsSigned):
        loaded(root, Known(digests))
    assert not tools.canary.exists()


# --- time of check and time of use ---


@pytest.mark.parametrize("file", ["model.pickle", "manifest.json"])
def test_a_file_that_changes_after_the_signature_was_verified_is_not_loaded(root, keys, tools, file):
    model = model_folder.read(root, Trust(str(keys[1])))
    kept = (root / "model" / file).read_bytes()
    forgeries.plant(root / "model", tools)
    if file == "manifest.json":
        shutil.copyfile(tools.other / "model.pickle", root / "model/model.pickle")
    else:
        (root / "model/manifest.json").write_bytes((root / "model/manifest.json").read_bytes())
    assert (root / "model" / file).read_bytes() != kept
    with pytest.raises(problems.ModelNotAsSigned):
        load.load(model.folder, model.digests)
    assert not tools.canary.exists()


@pytest.mark.parametrize("size", [0, 3 << 20])
def test_a_pickle_that_changes_in_place_while_it_is_loaded_ends_the_loading(tmp_path, tools, size):
    import hashlib

    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps([b"x" * size, "harmless"]))
    with verified_file.opened(path, hashlib.sha256(path.read_bytes()).hexdigest()) as file:
        content = pickle.dumps([b"x" * size, forgeries.Canary(tools.canary)])
        with open(path, "r+b") as writer:
            writer.write(content)
        with pytest.raises(problems.ModelNotAsSigned):
            pickle.load(file)
    assert not tools.canary.exists()


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_file_that_grows_or_shrinks_while_it_is_read_is_rejected(tmp_path, change):
    import hashlib

    path = tmp_path / "file"
    path.write_bytes(b"x" * (2 << 20))
    with verified_file.opened(path, hashlib.sha256(path.read_bytes()).hexdigest()) as file:
        with open(path, "r+b") as writer:
            writer.truncate((2 << 20) + 1 if change == "longer" else 1 << 20)
        with pytest.raises(problems.ModelNotAsSigned):
            file.read()


def test_a_golden_row_that_changes_after_the_signature_was_verified_is_not_read(root, keys):
    model = model_folder.read(root, Trust(str(keys[1])))
    (root / "model/golden.ndjson").write_text('{"sample": 1, "answer": 9}\n')
    with pytest.raises(problems.ModelNotAsSigned, match=r"golden\.ndjson"):
        model.golden_rows()


def test_loading_takes_no_second_copy_of_the_model(tmp_path):
    """A megabyte at a time, whatever the size of the pickle."""
    program = """
import hashlib, pickle, resource, sys
from nb_scorer.model import verified_file
path = sys.argv[1]
digest = hashlib.sha256()
with open(path, "rb") as file:
    while block := file.read(1 << 20):
        digest.update(block)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with verified_file.opened(path, digest.hexdigest()) as file:
    value = pickle.load(file)
print(len(value), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    size = 64 << 20
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(bytes(size), 5))
    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    length, more = map(int, ran.stdout.split())
    assert length == size
    assert more < (size >> 10) * 1.25


# --- whole services ---


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_service_that_verifies_says_so_and_answers(start, root, keys, start_by):
    service = start(root, S2I_VERIFY_KEY_FILE=str(keys[1]), S2I_SCORER_START=start_by).ready()
    assert "model verified by its signature, ready after" in service.log
    assert service.predict(4) == (200, 5)
    # The app reads the manifest by itself.
    assert wait_until(lambda: service.status("/v2/models") in (200, 404))


def test_a_service_that_does_not_verify_says_so(start):
    service = start(NOTEBOOK).ready()
    assert "signature not checked, ready after" in service.log


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
@pytest.mark.parametrize(
    ("forgery", "code"),
    [
        ("a canary by protocol 5", "model-not-as-signed"),
        ("a canary without a signature", "model-unsigned"),
        ("a canary with its own signature", "signature-invalid"),
        ("append 1 b'.' to model.pickle", "model-not-as-signed"),
    ],
)
def test_a_service_that_verifies_ends_with_the_reason_last(start, root, keys, tools, forgery, code, start_by):
    FORGERIES[forgery](root / "model", tools)
    service = start(root, S2I_VERIFY_KEY_FILE=str(keys[1]), S2I_SCORER_START=start_by)
    assert service.process.wait(20) == 1
    service.wait_for(rf"\(problem {code}\)\n$")
    assert "Traceback" not in service.log
    assert not tools.canary.exists()


def test_a_scorer_that_starts_later_loads_no_other_model(start, root, keys, tools):
    """Spawned scorers load the model by themselves, whenever one is replaced."""
    service = start(root, S2I_VERIFY_KEY_FILE=str(keys[1]), S2I_SCORER_START="spawn", WEB_CONCURRENCY="1").ready()
    forgeries.plant(root / "model", tools)
    (scorer,) = service.scorers
    os.kill(scorer, signal.SIGKILL)
    # The app, which reads the manifest, too, says the same; this is of scorers.
    service.wait_for("3 scorers in a row crashed before their first prediction", 60)
    assert "manifest.json has changed since it was signed" in service.log
    assert not tools.canary.exists()
    assert service.stop(signal.SIGTERM) == 0


def test_batch_verifies_too(root, keys, tools):
    environ = {"PATH": "/usr/bin:/bin", "APP_ROOT": str(root), "S2I_VERIFY_KEY_FILE": str(keys[1])}
    command = [sys.executable, "-I", "-m", "nb_service", "batch"]
    run = partial(subprocess.run, command, env=environ, input="4\n", capture_output=True, text=True, timeout=60)
    assert "5" in run().stdout
    forgeries.plant(root / "model", tools)
    rejected = run()
    assert rejected.returncode == 1
    assert re.search(r"\(problem model-not-as-signed\)\n$", rejected.stderr)
    assert not tools.canary.exists()


def test_executors_of_spark_verify_too(root, keys, tools, monkeypatch):
    from nb_spark import scorers

    digests = dict(model_folder.read(root, Trust(str(keys[1]))).digests)
    forgeries.plant(root / "model", tools)
    with pytest.raises(Problem) as rejected:
        scorers.Scorers(str(root), 1, digests)
    assert rejected.value.code == "model-not-as-signed"
    monkeypatch.setenv("S2I_VERIFY_KEY_FILE", str(keys[1]))
    with pytest.raises(Problem) as rejected:
        scorers.Scorers(str(root), 1)
    assert rejected.value.code == "model-not-as-signed"
    assert not tools.canary.exists()


def test_selftest_verifies_too(root, keys, tools):
    environ = {"PATH": "/usr/bin:/bin", "APP_ROOT": str(root), "S2I_VERIFY_KEY_FILE": str(keys[1])}
    forgeries.plant(root / "model", tools)
    ran = subprocess.run(
        [sys.executable, "-I", "-m", "nb_service", "selftest"], env=environ, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1
    assert "(problem model-not-as-signed)" in ran.stdout
    assert not tools.canary.exists()


def test_the_slim_build_reads_the_imports_of_no_other_model(root, keys, tools):
    from nb_builder.slim.imports import model_imports

    digests = model_folder.read(root, Trust(str(keys[1]))).digests
    assert model_imports.imports(root, digests) == {}
    forgeries.plant(root / "model", tools)
    with pytest.raises(model_imports.ModelUnreadable, match="ModelNotAsSigned"):
        model_imports.imports(root, digests)
    assert not tools.canary.exists()
