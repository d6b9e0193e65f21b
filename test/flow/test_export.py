"""The model as one file, from a real build: what is in it, that it is the same twice, and the page on its origin."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import urllib.request

import pytest

import signers
from flow import stage

CELLS = (
    "requirements = []",
    "def predictor(x):\n    return x + 1",
    "predictor(1)",
)
BUILT = {
    "S2I_COMMIT": "0123456789abcdef0123456789abcdef01234567",
    "S2I_SOURCE": "https://example.org/repo.git",
    "S2I_BUILDER_IMAGE": "registry/nb-builder@sha256:" + "b" * 64,
}


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Return the variables for `run` of a signed build, and its public key."""
    folder = tmp_path_factory.mktemp("signed")
    private, public = signers.key_pair(folder)
    build, env = stage.build_of(folder, *CELLS, S2I_SIGN_KEY_FILE=str(private), **BUILT)
    assert build.status == 0, build.stdout
    return env, public


def run(env, *words, **more):
    """Return what `run WORDS` did."""
    return subprocess.run(
        [stage.BIN / "run", *words], env={**env, **more}, capture_output=True, check=False, timeout=60
    )


def unpacked(content):
    """Return {name: bytes} of an archive."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_the_archive_has_the_model_and_all_that_proves_it(signed):
    env, public = signed
    done = run(env, "model", S2I_VERIFY_KEY_FILE=str(public))
    assert done.returncode == 0, done.stderr
    files = unpacked(done.stdout)
    assert sorted(files) == [
        "build/provenance.json",
        "build/provenance.sig",
        "build/requirements.lock",
        "build/sbom.cdx.json",
        "model/golden.ndjson",
        "model/manifest.json",
        "model/model.pickle",
        "model/model.sig",
    ]
    root = stage.Path(env["APP_ROOT"])
    assert all((root / name).read_bytes() == content for name, content in files.items())
    assert b"--hash=sha256:" in files["build/requirements.lock"]
    assert f"The archive has 8 files, {len(done.stdout) / 1e6:.1f} MB." in done.stderr.decode()


def test_two_exports_are_the_same_bytes_anyone_who_owns_the_files_and_whenever_they_came(signed):
    env, _ = signed
    first = run(env, "model").stdout
    for path in stage.Path(env["APP_ROOT"]).joinpath("model").iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert first and hashlib.sha256(run(env, "model").stdout).digest() == hashlib.sha256(first).digest()


def test_the_packages_and_the_model_are_in_the_bill(signed):
    bill = json.loads((stage.Path(signed[0]["APP_ROOT"]) / "build/sbom.cdx.json").read_text())
    assert "cloudpickle" in [component["name"] for component in bill["components"]]
    model = bill["metadata"]["component"]["components"][0]
    pickle = (stage.Path(signed[0]["APP_ROOT"]) / "model/model.pickle").read_bytes()
    assert model["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(pickle).hexdigest()}]


def test_verify_shows_whose_the_model_is_and_where_it_comes_from(signed):
    env, public = signed
    done = run(env, "verify", S2I_VERIFY_KEY_FILE=str(public))
    assert (done.returncode, done.stderr) == (0, b"")
    page = done.stdout.decode()
    assert page.splitlines()[0] == f"The model in {env['APP_ROOT']}/model is the one that was signed."
    for line in (
        "  Signed by:   the key ",
        "  Notebook:    model.ipynb\n",
        "  Source:      https://example.org/repo.git\n",
        "  Commit:      0123456789abcdef0123456789abcdef01234567\n",
        "  Its image:   registry/nb-builder (bbbbbbbbbbbbbbbb…)\n",
        "  Made of:     src/model.ipynb (",
        "  Packages:    cloudpickle ",
    ):
        assert line in page


def test_without_a_key_verify_says_that_no_one_is_trusted(signed):
    done = run(signed[0], "verify")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"it is not set, so no signer is trusted" in done.stderr


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("build/provenance.json", lambda content: content + b" ", "differs from the content of provenance.sig"),
        (
            "build/provenance.sig",
            lambda content: content.replace(b'"sig": "M', b'"sig": "N'),
            "it was not made with a trusted key",
        ),
        ("model/model.pickle", lambda content: content + b" ", "model.pickle has changed since it was signed"),
    ],
)
def test_verify_rejects_what_was_changed(signed, name, change, words):
    env, public = signed
    path = stage.Path(env["APP_ROOT"]) / name
    before = path.read_bytes()
    path.write_bytes(change(before))
    done = run(env, "verify", S2I_VERIFY_KEY_FILE=str(public))
    path.write_bytes(before)
    assert (done.returncode, done.stdout) == (1, b"")
    assert words in done.stderr.decode()


def test_verify_rejects_where_another_model_comes_from(signed, tmp_path):
    """The same signer has signed another model, too."""
    env, public = signed
    build = stage.Path(env["APP_ROOT"]) / "build"
    kept = {name: (build / name).read_bytes() for name in ("provenance.json", "provenance.sig")}
    reported = json.loads(kept["provenance.json"])
    reported["subject"][0]["digest"]["sha256"] = "0" * 64
    (build / "provenance.json").write_text(json.dumps(reported))
    signer = signers.Signer(public.with_name("key.pem"))
    kind = "application/vnd.in-toto.provenance+json"
    (build / "provenance.sig").write_text(signer.signed((build / "provenance.json").read_bytes(), kind))
    done = run(env, "verify", S2I_VERIFY_KEY_FILE=str(public))
    for name, content in kept.items():
        (build / name).write_bytes(content)
    assert "it describes the provenance of another model" in done.stderr.decode()


def test_with_wheels_the_environment_is_made_without_an_index(tmp_path):
    """Commands, data and compiled code, as far as small packages have them."""
    cells = ('requirements = [["tqdm", "4.67.1"], ["markupsafe", "3.0.2"]]', *CELLS[1:])
    build, env = stage.build_of(tmp_path, *cells)
    assert build.status == 0, build.stdout
    first = run(env, "model", "--with-wheels")
    assert first.returncode == 0, first.stderr
    assert run(env, "model", "--with-wheels").stdout == first.stdout
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "--extract", "--directory", tmp_path / "out"], input=first.stdout, check=True)
    uv, venv = stage.Path(env["NB_BUILDER_HOME"]) / "build/bin/uv", tmp_path / "venv"
    python = stage.Path(env["APP_ROOT"]) / "venv/bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", python.resolve(), venv], check=True)
    words = ("--no-index", "--find-links", "wheels", "--require-hashes", "-r", "wheels/requirements.lock")
    installed = subprocess.run(
        [uv, "pip", "install", "--python", venv, "--no-cache", *words],
        cwd=tmp_path / "out", capture_output=True, text=True,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    frozen = [
        subprocess.run([uv, "pip", "freeze", "--python", each], capture_output=True, text=True, check=True).stdout
        for each in (python, venv)
    ]
    assert frozen[0] == frozen[1] and "tqdm==4.67.1" in frozen[0]
    subprocess.run([venv / "bin/tqdm", "--version"], check=True, capture_output=True)
    subprocess.run([venv / "bin/python", "-c", "import markupsafe._speedups, cloudpickle"], check=True)


@pytest.mark.parametrize("words", [["--with-everything"], ["a", "b"]])
def test_other_words_are_rejected(signed, words):
    done = run(signed[0], "model", *words)
    assert done.returncode == 2 and b"(problem model-words)" in done.stderr


def test_an_archive_that_no_one_reads_is_a_sentence(signed):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [stage.BIN / "run", "model"], env=signed[0], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"(problem archive-output)" in done.stderr and b"Traceback" not in done.stderr


def test_the_service_gives_the_same_bytes_to_clients_with_the_key(signed, tmp_path):
    env, _ = signed
    key = tmp_path / "key"
    key.write_text("secret\n")
    with stage.running({**env, "S2I_EXPORT": "1", "S2I_API_KEY_FILE": str(key)}) as (port, _, _):
        assert stage.ask(port, b"", "GET", "/model")[0] == 401
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/model", headers={"X-API-Key": "secret"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            content = answer.read()
    assert content == run(env, "model").stdout


def test_by_default_there_is_no_such_route(signed):
    with stage.running(signed[0]) as (port, _, _):
        assert stage.ask(port, b"", "GET", "/model")[0] == 404


def test_without_a_key_for_clients_nothing_is_given_out(signed):
    done = run(signed[0], S2I_EXPORT="1")
    assert done.returncode == 1
    assert b"S2I_API_KEY_FILE='' is not a file, which S2I_EXPORT requires." in done.stdout
