"""`sign`, `verify` and `rebuild-check` of hostile images: nothing of this machine gets into them or out of it."""

import base64
import json
import os
import shutil
import subprocess
from itertools import pairwise

import pytest
from nb_builder.signing import model
from nb_scorer.signature import origin, statement

import engine_program
import signers
from commands import ROOT
from contract.services import copy_of

DOUBLE = "def predictor(x):\n    return x * 2"
SECRET = "-----BEGIN EC PRIVATE KEY----- of nobody"
IN_IMAGE = "opt/app-root"
PROVENANCE = "build/provenance.json"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return signers.key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def place(tmp_path, model_cache):
    """Return a folder with an engine that has the image `service`, whose files are below `root`, and a canary."""
    root = tmp_path / "root"
    app_root = root / IN_IMAGE
    app_root.mkdir(parents=True)
    copy_of(model_cache(DOUBLE), app_root)
    (app_root / "venv").unlink()
    (app_root / "build").mkdir(exist_ok=True)
    (app_root / PROVENANCE).write_text(json.dumps(about(app_root / "model")))
    engine_program.write(tmp_path)
    engine_program.add(tmp_path, "service", root)
    (tmp_path / "canary" / "inner").mkdir(parents=True)
    (tmp_path / "canary" / "secret").write_text(SECRET)
    return tmp_path


def about(folder, **changes):
    """Return a statement on where the model in `folder` comes from."""
    root = statement.root_of(model.digests_of(folder))
    return {
        "_type": statement.TYPE,
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": origin.PREDICATE,
        "predicate": {
            "buildDefinition": {"externalParameters": {"notebooks": ["m.ipynb"]}},
            "runDetails": {"builder": {}},
        },
        **changes,
    }


def run(place, *words, before=(), **env):
    """Return what `nb-builder WORDS` did, in a folder of its own; `before` are words before these."""
    (place / "cwd").mkdir(exist_ok=True)
    environ = {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "HOME": str(place / "cwd"),
        "NB_BUILDER_HOME": str(ROOT / ".nb-builder"),
        "TMPDIR": str(place / "cwd"),
        engine_program.HOME: str(place),
        **env,
    }
    command = [*before, ROOT / "s2i" / "nb-builder", *map(str, words)]
    return subprocess.run(command, cwd=place / "cwd", env=environ, capture_output=True, text=True)


def sign(place, keys, tag="signed"):
    return run(place, "sign", "service", "--key", keys[0], "--tag", tag)


def assert_nothing_left(place):
    """Assert that nothing of the canary is in an image, and nothing in the canary."""
    assert sorted(path.name for path in (place / "canary").rglob("*")) == ["inner", "secret"]
    assert (place / "canary" / "secret").read_text() == SECRET
    encoded = base64.b64encode(SECRET.encode())[:-4]
    for folder in ("made", "uploaded"):
        for path in (place / folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                assert SECRET.encode() not in content and encoded not in content, path
                # Names, too, are in a signature.
                payload = json.loads(content)["dsseEnvelope"]["payload"] if path.suffix == ".sig" else ""
                assert b"secret" not in base64.b64decode(payload), path
    assert not list((place / "cwd").rglob("nb-*"))


def test_an_honest_image_is_signed_and_verified(place, keys):
    done = sign(place, keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "---> Signed signed"
    made = engine_program.root_of(place, "signed") / IN_IMAGE
    kinds = [
        json.loads((made / name).read_text())["dsseEnvelope"]["payloadType"]
        for name in ("model/model.sig", "build/provenance.sig")
    ]
    assert kinds == [statement.PAYLOAD_TYPE, statement.PROVENANCE_TYPE]
    done = run(place, "verify", "signed", "--key", keys[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("The model in /opt/app-root/model is the one that was signed.\n")
    assert "  Notebook:    m.ipynb\n" in done.stdout
    assert {call[0] for call in engine_program.calls(place)} <= {"info", "image", "tag", "create", "cp", "build", "rm"}
    assert not (place / "containers").exists() or not list((place / "containers").iterdir())


def test_an_unsigned_image_is_not_verified(place, keys):
    done = run(place, "verify", "service", "--key", keys[1])
    assert (done.returncode, "(problem model-unsigned)" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("model", "canary"),
        ("build", "canary"),
        (PROVENANCE, "canary/secret"),
        (PROVENANCE, "canary"),
        ("model/manifest.json", "canary/secret"),
        ("model/model.sig", "canary/secret"),
        ("", "canary"),
    ],
)
def test_no_link_of_an_image_is_followed_by_who_signs(place, keys, name, target):
    path = place / "root" / IN_IMAGE / name if name else place / "root" / IN_IMAGE
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(place / target)
    done = sign(place, keys)
    assert_nothing_left(place)
    if name in ("", "build"):
        # In the image, the path leads nowhere.
        assert "(problem image-without-model)" in done.stderr or name == "build"
    else:
        assert done.returncode == 1 and "(problem image-file-refused)" in done.stderr, done.stdout + done.stderr
        assert f"/opt/app-root/{name}" in done.stderr and "it is a symbolic link" in done.stderr


@pytest.mark.parametrize("name", ["model", PROVENANCE, "build/provenance.sig", "model/model.pickle", "model/model.sig"])
def test_no_link_of_an_image_is_followed_by_who_verifies(place, keys, name):
    path = place / "root" / IN_IMAGE / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(place / "canary")
    done = run(place, "verify", "service", "--key", keys[1])
    assert done.returncode == 1 and "(problem image-file-refused)" in done.stderr, done.stdout + done.stderr
    assert_nothing_left(place)


def test_a_folder_in_the_place_of_the_signature_is_a_sentence(place, keys):
    (place / "root" / IN_IMAGE / "model" / "model.sig" / "inner").mkdir(parents=True)
    (place / "root" / IN_IMAGE / "model" / "model.sig" / "inner" / "file").touch()
    done = sign(place, keys)
    assert done.returncode == 1 and "(problem not-signable)" in done.stdout, done.stdout + done.stderr
    done = run(place, "verify", "service", "--key", keys[1])
    assert done.returncode == 1 and "(problem model-unsigned)" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["sign", "rebuild-check"])
def test_folders_in_folders_without_end_are_rejected_and_removed(rebuilt, keys, command):
    """Python removes a folder of a thousand in one another with an error, and leaves it there."""
    path = rebuilt / "root" / IN_IMAGE / "model"
    for _ in range(300):
        path /= "a"
    path.mkdir(parents=True)
    (path / "file").touch()
    done = sign(rebuilt, keys) if command == "sign" else rebuild_check(rebuilt)
    assert done.returncode == 1 and "(problem image-file-refused)" in done.stderr, done.stdout + done.stderr
    assert_nothing_left(rebuilt)


def test_a_pipe_in_an_image_is_rejected(place, keys):
    os.mkfifo(place / "root" / IN_IMAGE / "model" / "pipe")
    done = sign(place, keys)
    assert done.returncode == 1 and "/opt/app-root/model/pipe" in done.stderr and "it is a FIFO" in done.stderr


def test_a_model_statement_in_the_place_of_the_provenance_is_not_signed(place, keys):
    """It would be the signature of a model that is not in the image."""
    other = {"model.pickle": "0" * 64, "manifest.json": "1" * 64}
    path = place / "root" / IN_IMAGE / PROVENANCE
    path.write_bytes(statement.build_statement(other, "model", "model.sig"))
    done = sign(place, keys)
    assert done.returncode == 1 and "(problem provenance-not-signable)" in done.stdout
    assert engine_program._facts(place, "signed") is None


def _other(told):
    told["subject"][0]["digest"]["sha256"] = "0" * 64


@pytest.mark.parametrize(
    "change",
    [
        _other,
        lambda told: told["subject"].append(told["subject"][0]),
        lambda told: told["subject"].append({"name": "nb-builder", "digest": {"sha256": "0" * 64}}),
        lambda told: told["subject"].append({"name": "model/model.pickle", "digest": {"sha256": "0" * 64}}),
        lambda told: told["subject"][0]["digest"].update(sha512="0" * 128),
        lambda told: told.update(predicateType="https://model_signing/signature/v1.0"),
        lambda told: told.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda told: told.update(PredicateType="https://model_signing/signature/v1.0"),
        lambda told: told.clear(),
    ],
)
def test_only_a_provenance_of_the_model_is_signed(place, keys, change):
    path = place / "root" / IN_IMAGE / PROVENANCE
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    done = sign(place, keys)
    assert done.returncode == 1 and "(problem provenance-not-signable)" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, SECRET.encode()])
def test_what_is_no_statement_is_not_signed_and_not_shown(place, keys, content):
    (place / "root" / IN_IMAGE / PROVENANCE).write_bytes(content)
    done = sign(place, keys)
    assert done.returncode == 1 and "(problem provenance-not-signable)" in done.stdout, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_a_signature_of_provenance_is_none_of_a_model(place, keys):
    assert sign(place, keys).returncode == 0
    made = engine_program.root_of(place, "signed") / IN_IMAGE
    shutil.copy(made / "build/provenance.sig", made / "model/model.sig")
    done = run(place, "verify", "signed", "--key", keys[1])
    assert done.returncode == 1 and "(problem signature-invalid)" in done.stdout


def test_provenance_that_was_signed_before_the_types_differed_still_verifies(place, keys):
    assert sign(place, keys).returncode == 0
    build = engine_program.root_of(place, "signed") / IN_IMAGE / "build"
    signed = signers.Signer(keys[0]).signed((build / "provenance.json").read_bytes(), statement.PAYLOAD_TYPE)
    (build / "provenance.sig").write_text(signed)
    done = run(place, "verify", "signed", "--key", keys[1])
    assert done.returncode == 0 and "  Notebook:    m.ipynb\n" in done.stdout


def test_no_program_and_no_variable_of_an_image_takes_part_in_its_verification(place, keys):
    """An unsigned image, with programs and variables that claim otherwise."""
    app_root = place / "root" / IN_IMAGE
    liar = f"#!/bin/sh\ntouch {place}/ran\necho The model is signed by the key 1234\nexit 0\n"
    for name in ("venv/bin/bash", "venv/bin/python", "venv/bin/basename", "src/.hook.sh"):
        (app_root / name).parent.mkdir(parents=True, exist_ok=True)
        (app_root / name).write_text(liar)
        (app_root / name).chmod(0o755)
    hostile = {
        "APP_ROOT": "/opt/app-root",
        "BASH_ENV": str(app_root / "src/.hook.sh"),
        "LD_PRELOAD": str(app_root / "src/.hook.sh"),
        "PATH": str(app_root / "venv/bin"),
        "NB_BUILDER_HOME": str(app_root / "venv"),
        "S2I_VERIFY_CA_FILE": "/nonexistent",
    }
    engine_program.add(place, "service", place / "root", hostile, Entrypoint=[str(app_root / "venv/bin/bash")])
    done = run(place, "verify", "service", "--key", keys[1])
    assert done.returncode == 1 and "(problem model-unsigned)" in done.stdout
    assert not (place / "ran").exists()
    assert "start" not in {call[0] for call in engine_program.calls(place)}


@pytest.mark.parametrize("root", ["/opt/../etc", "relative", "/opt/app root", "/opt/a\nRUN evil"])
def test_an_app_root_that_would_become_an_instruction_is_rejected(place, keys, root):
    engine_program.add(place, "service", place / "root", {"APP_ROOT": root})
    done = sign(place, keys)
    assert done.returncode == 1 and "(problem image-unfit)" in done.stderr


def test_an_image_with_instructions_for_those_made_of_it_is_not_signed(place, keys):
    engine_program.add(place, "service", place / "root", OnBuild=["RUN evil"])
    done = sign(place, keys)
    assert done.returncode == 1 and "ONBUILD" in done.stderr


def test_an_image_that_is_not_there_is_a_sentence(place, keys):
    for words in (
        ("sign", "nobody", "--key", keys[0]),
        ("verify", "nobody", "--key", keys[1]),
        ("rebuild-check", "nobody"),
    ):
        done = run(place, *words)
        assert done.returncode == 1 and "ERROR: The image nobody is not on this machine." in done.stderr


@pytest.fixture
def rebuilt(place):
    """Return the place with a lock and a notebook in the image, a builder, and what its second build comes to."""
    app_root = place / "root" / IN_IMAGE
    (app_root / "src").mkdir(exist_ok=True)
    (app_root / "src" / "model.ipynb").write_text("{}")
    (app_root / "src" / "also.ipynb").symlink_to("model.ipynb")
    (app_root / "build" / "requirements.lock").write_text("a==1\n")
    manifest = json.loads((app_root / "model/manifest.json").read_text())
    (app_root / "model/manifest.json").write_text(json.dumps({**manifest, "built": "2026-01-02T03:04:05Z"}))
    shutil.copytree(place / "root", place / "second", symlinks=True)
    shutil.copytree(place / "root", place / "builder")
    shutil.rmtree(place / "builder" / "opt")
    engine_program.add(place, "builder", place / "builder", {"APP_ROOT": "/opt/app-root", "LANG": "C"})
    return place


def rebuild_check(place):
    return run(place, "rebuild-check", "service", "--builder", "builder")


def test_the_same_files_are_equal(rebuilt):
    done = rebuild_check(rebuilt)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "     equal    build/requirements.lock  sha256:" in done.stdout and "DIFFERS" not in done.stdout
    uploaded = rebuilt / "uploaded" / "tmp" / "src"
    assert (uploaded / "requirements.lock").read_text() == "a==1\n"
    assert os.readlink(uploaded / "also.ipynb") == "model.ipynb"
    assert "SOURCE_DATE_EPOCH=1767323045" in next(call for call in engine_program.calls(rebuilt) if "--env" in call)


def test_where_links_lead_is_compared_and_not_what_is_there(rebuilt):
    (rebuilt / "second" / IN_IMAGE / "src" / "also.ipynb").unlink()
    (rebuilt / "second" / IN_IMAGE / "src" / "also.ipynb").symlink_to("/etc/passwd")
    done = rebuild_check(rebuilt)
    assert done.returncode == 1
    assert "DIFFERS  src/also.ipynb: it leads to model.ipynb and to /etc/passwd" in done.stdout


@pytest.mark.parametrize(
    "name", ["build/requirements.lock", "model/manifest.json", "build", "model", "src", "src/requirements.lock"]
)
def test_no_link_leads_the_rebuild_out_of_the_image(rebuilt, name):
    path = rebuilt / "root" / IN_IMAGE / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(rebuilt / "canary" / "secret")
    done = rebuild_check(rebuilt)
    assert_nothing_left(rebuilt)
    assert "Traceback" not in done.stderr, done.stderr
    if name != "src/requirements.lock":
        assert done.returncode == 1 and "(problem image-file-refused)" in done.stderr


def test_variables_of_an_image_reach_its_rebuild_by_a_list(rebuilt):
    hostile = {
        "APP_ROOT": "/opt/app-root",
        "BASH_ENV": "/tmp/src/.hook.sh",
        "LD_PRELOAD": "/tmp/src/hook.so",
        "PYTHONPATH": "/tmp/src",
        "PIP_INDEX_URL": "https://evil.example/simple",
        "S2I_ALLOW_INDEXES": "evil.example",
        "S2I_SIGN_KEY_FILE": "/etc/shadow",
        "S2I_CELL_TIMEOUT": "77",
        "KERAS_BACKEND": "torch",
        "OTHER": "1",
    }
    (rebuilt / "root" / IN_IMAGE / "src" / ".s2i").mkdir()
    (rebuilt / "root" / IN_IMAGE / "src" / ".s2i" / "environment").write_text("KERAS_BACKEND=torch\nBASH_ENV=x\n")
    engine_program.add(rebuilt, "service", rebuilt / "root", hostile)
    done = rebuild_check(rebuilt)
    create = next(call for call in engine_program.calls(rebuilt) if "--env" in call)
    given = sorted(word for flag, word in pairwise(create) if flag == "--env")
    assert given == ["KERAS_BACKEND=torch", "S2I_CELL_TIMEOUT=77", "SOURCE_DATE_EPOCH=1767323045"]
    assert "these variables of the image: BASH_ENV, LD_PRELOAD, OTHER, PIP_INDEX_URL" in done.stdout
    assert create[create.index("--entrypoint") + 1] == "/usr/libexec/s2i/assemble"


def test_a_second_build_that_fails_is_said(rebuilt):
    shutil.rmtree(rebuilt / "second")
    done = rebuild_check(rebuilt)
    assert done.returncode == 1 and "(problem rebuild-failed)" in done.stderr and "assemble failed" in done.stdout
