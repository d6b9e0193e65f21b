"""A build with a key: what it signs, that somebody else's program takes it, and that the key is nowhere."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import signers
from cases import named
from flow import stage

JUDGE = Path(sys.prefix) / "bin" / "model_signing"
CELLS = (
    "requirements = []",
    "def predictor(x):\n    return x + 1",
    "predictor(1)",
)


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """Return a private key, its public key, and a file of authorities with a certificate for the key."""
    folder = tmp_path_factory.mktemp("secret")
    private, public = signers.key_pair(folder)
    authority = signers.Authority()
    (folder / "ca.pem").write_bytes(authority.pem)
    return private, public, folder / "ca.pem", authority.issue(private, folder)


@pytest.fixture(scope="module")
def signed(secret, tmp_path_factory):
    """Return a build with the key, and the variables for `run`."""
    build, env = stage.build_of(tmp_path_factory.mktemp("signed"), *CELLS, S2I_SIGN_KEY_FILE=str(secret[0]))
    assert build.status == 0, build.stdout
    return build, env


def judged(app_root: Path, *words: str) -> subprocess.CompletedProcess:
    """Return what the command line of OpenSSF Model Signing says, without a network."""
    model = app_root / "model"
    command = [
        JUDGE,
        "verify",
        words[0],
        model,
        "--signature",
        model / "model.sig",
        "--no-ignore-git-paths",
        *words[1:],
    ]
    alone = ["unshare", "--net"] if os.geteuid() == 0 else []
    return subprocess.run([*alone, *map(str, command)], capture_output=True, text=True, check=False)


def test_somebody_elses_program_takes_the_signature(signed, secret):
    said = judged(signed[0].app_root, "key", "--public_key", str(secret[1]))
    assert (said.returncode, said.stdout) == (0, "Verification succeeded\n"), said.stderr


def test_somebody_elses_program_sees_a_change(signed, secret):
    form = signed[0].app_root / "model" / "golden.ndjson"
    before = form.read_bytes()
    form.write_bytes(before + b"\n")
    said = judged(signed[0].app_root, "key", "--public_key", str(secret[1]))
    form.write_bytes(before)
    assert said.returncode == 1 and "Hash mismatch for" in said.stderr


def test_somebody_elses_program_takes_a_signature_by_certificate(secret, tmp_path):
    private, _, authorities, certificate = secret
    keys = {"S2I_SIGN_KEY_FILE": str(private), "S2I_SIGN_CERTIFICATE_FILE": str(certificate)}
    build, _ = stage.build_of(tmp_path, *CELLS, **keys)
    assert "Signing the model with CN=signer of models" in build.stdout
    said = judged(build.app_root, "certificate", "--certificate_chain", str(authorities))
    assert (said.returncode, said.stdout) == (0, "Verification succeeded\n"), said.stderr


def test_the_service_of_a_signed_build_verifies_it(signed, secret):
    build, env = signed
    case = replace(named("ok-pure-python"), ask=[b"4"], answer=[5])
    service = stage.serve(case, {**env, "S2I_VERIFY_KEY_FILE": str(secret[1])})
    assert [(status, json.loads(body)) for status, body in service.answers] == [(200, 5)]
    assert "model verified by its signature" in service.log
    assert build.stdout.count("---> Signing the model with the key ") == 1


def test_the_key_is_in_no_file_and_no_line(signed, secret):
    build, _ = signed
    pem = secret[0].read_text().splitlines()
    number = signers.serialization.load_pem_private_key(secret[0].read_bytes(), None).private_numbers().private_value
    raw = number.to_bytes(32, "big")
    traces = [*(line.encode() for line in pem[1:-1]), raw, raw.hex().encode(), base64.b64encode(raw)]
    for content in (build.stdout.encode(), build.stderr.encode(), *_contents(build.app_root)):
        assert not any(trace in content for trace in traces)


def _contents(folder):
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and "venv" not in path.relative_to(folder).parts:
            yield path.read_bytes()


def test_where_the_model_comes_from_is_signed_by_the_same_key(signed, secret):
    from nb_scorer.signature.statement import OF_PROVENANCE
    from nb_service.signature.trust import Trust, read

    build = signed[0].app_root / "build"
    said = Trust(str(secret[1])).opened(read(build / "provenance.sig", build), build, OF_PROVENANCE)
    assert said.payload == (build / "provenance.json").read_bytes()
    reported = json.loads(said.payload)
    assert (reported["_type"], reported["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    digests = {each["name"]: each["digest"]["sha256"] for each in reported["subject"]}
    bundle = json.loads((signed[0].app_root / "model/model.sig").read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert digests["model"] == statement["subject"][0]["digest"]["sha256"]
    assert (
        digests["model/model.pickle"]
        == {each["name"]: each["digest"] for each in statement["predicate"]["resources"]}["model.pickle"]
    )
    names = [each.get("name") for each in reported["predicate"]["buildDefinition"]["resolvedDependencies"]]
    assert names[:2] == ["src/model.ipynb", "build/requirements.lock"]


def test_a_build_without_a_key_says_where_the_model_comes_from_and_signs_nothing(tmp_path):
    build, _ = stage.build_of(tmp_path, *CELLS, S2I_BUILDER_IMAGE="registry/nb-builder@sha256:" + "a" * 64)
    reported = json.loads((build.app_root / "build/provenance.json").read_text())
    image = reported["predicate"]["runDetails"]["builder"]["builderDependencies"]
    assert image == [{"name": "registry/nb-builder", "digest": {"sha256": "a" * 64}}]
    assert not (build.app_root / "build/provenance.sig").exists()
    assert not (build.app_root / "model/model.sig").exists()
    assert "Signing" not in build.stdout


@pytest.mark.parametrize("inside", ["upload/src", "app-root"])
def test_a_key_that_would_stay_in_the_image_is_rejected_before_anything_is_built(secret, tmp_path, inside):
    _, env = stage.place(named("ok-pure-python"), tmp_path)
    path = tmp_path / inside / "sign.key"
    path.write_bytes(secret[0].read_bytes())
    build = stage.assemble_with({**env, "S2I_SIGN_KEY_FILE": str(path)})
    assert build.status == 1
    assert "which stays in the image" in build.stdout and "(problem sign-key-unusable)" in build.stdout
    assert "Installing" not in build.stdout
