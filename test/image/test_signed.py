"""`nb-builder sign`: the signature is a layer of its own, the key is in none, and what was signed is what is served."""

import io
import subprocess
import tarfile

import pytest

import signers
from engine import docker, provide, slim
from engine.s2i import git_repository, must


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Return a private key and its public key."""
    folder = tmp_path_factory.mktemp("keys")
    pair = signers.key_pair(folder)
    # Containers run as another user.
    folder.chmod(0o755)
    pair[1].chmod(0o644)
    return pair


def make_sign(service, image, *words):
    """Return what `nb-builder sign` came to."""
    command = ["make", "--no-print-directory", "sign", f"SERVICE={service}", f"IMAGE={image}", *words]
    return subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)


def verifying(keys):
    """Return the options of a service that verifies by the public key."""
    return "--volume", f"{keys[1]}:/run/keys/model.pub:ro", "--env", "S2I_VERIFY_KEY_FILE=/run/keys/model.pub"


def layers(image):
    """Return the digests of the layers of an image, in their order."""
    template = "{{range .RootFS.Layers}}{{println .}}{{end}}"
    return docker.docker("image", "inspect", "--format", template, image).stdout.split()


def test_an_image_is_signed_afterwards(example, tag, keys):
    done = make_sign(example, tag, f"KEY={keys[0]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"---> Signed {tag}"
    before = layers(example)
    assert layers(tag)[: len(before)] == before and len(layers(tag)) > len(before)
    with docker.service(tag, *verifying(keys)) as service:
        assert service.predict(b"[0.2, 0.7]").value == 4
        assert "model verified by its signature" in service.logs()


def test_make_verify_shows_whose_it_is(example, tag, keys):
    assert make_sign(example, tag, f"KEY={keys[0]}").returncode == 0
    command = ["make", "--no-print-directory", "verify", f"SERVICE={tag}", f"KEY={keys[1]}"]
    done = subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("The model in /opt/app-root/model is the one that was signed.\n")
    assert "  Notebook:    model.ipynb\n" in done.stdout


def test_a_slim_image_of_an_unsigned_model_rejects_where_it_is_reported_to_verify(example, tag, keys):
    """It has nothing to verify with; a signature that it gets later does not change that."""
    source = slim.must(slim.make(example, f"{tag}-slim")).image
    assert make_sign(source, tag, f"KEY={keys[0]}").returncode == 0
    docker.docker("image", "rm", "--force", source, ok=False)
    done = docker.docker("run", "--rm", *verifying(keys), tag, ok=False)
    assert done.returncode == 1
    assert "this Python lacks the package cryptography" in done.stdout


def test_an_image_without_a_signature_is_rejected_by_who_verifies(example, keys):
    done = docker.docker("run", "--rm", *verifying(keys), example, ok=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].strip() == "(problem model-unsigned)"


def test_slim_and_native_builds_verify_before_they_load_the_model(example, tag, keys):
    unsigned = slim.make(example, tag, f"S2I_VERIFY_KEY_FILE={keys[1]}")
    assert unsigned.status != 0
    assert "(problem model-unsigned)" in unsigned.output and "Tracing" not in unsigned.output
    assert make_sign(example, f"{tag}-signed", f"KEY={keys[0]}").returncode == 0
    signed = slim.make(f"{tag}-signed", tag, f"S2I_VERIFY_KEY_FILE={keys[1]}")
    docker.docker("image", "rm", "--force", f"{tag}-signed", ok=False)
    assert signed.status == 0, signed.output
    assert "is the one that was signed." in signed.output
    with docker.service(tag, *verifying(keys)) as service:
        assert service.predict(b"[0.2, 0.7]").value == 4


def test_the_key_is_in_no_layer(example, tag, keys):
    assert make_sign(example, tag, f"KEY={keys[0]}").returncode == 0
    lines = [line for line in keys[0].read_bytes().splitlines() if b"PRIVATE" not in line]
    saved = subprocess.run(["docker", "save", tag], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as outer:
        for member in outer.getmembers():
            content = outer.extractfile(member).read() if member.isfile() else b""
            assert not any(line in content for line in lines), member.name


def test_a_build_with_the_key_as_a_mounted_secret_is_signed_and_has_no_key(s2i, tag, keys, tmp_path):
    source = git_repository(provide.ROOT / "docs" / "examples" / "kmeans", tmp_path / "repo")
    secret = tmp_path / "sign.key"
    secret.write_bytes(keys[0].read_bytes())
    secret.chmod(0o644)
    settings = {"S2I_SIGN_KEY_FILE": "/run/secrets/sign.key"}
    built = must(s2i.build(source, tag, "--volume", f"{secret}:/run/secrets/sign.key", env=settings))
    assert "---> Signing the model with the key " in built.output
    lines = [line.decode() for line in secret.read_bytes().splitlines() if b"PRIVATE" not in line]
    assert not any(line in built.output for line in lines)
    said = docker.shell(tag, "cat /run/secrets/sign.key 2>/dev/null | wc -c", "--user", "0")
    assert said.strip() == "0"
    with docker.service(tag, *verifying(keys)) as service:
        assert service.predict(b"[0.2, 0.7]").value == 4
