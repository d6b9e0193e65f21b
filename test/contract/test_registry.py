"""Models in a registry, Debian's: pushed, pulled by digest, and nothing taken that has another."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import urllib.request
import zipfile

import pytest
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.registry import artifact

from contract import tls, zipapps
from contract.services import free_port, make_app_root
from engine.registry import CONFIG, served

# The user team with the password secret; the hash is bcrypt's, which is the only one that the registry takes.
GUARDED = """\
  tls:
    certificate: {folder}/server.pem
    key: {folder}/server.key
auth:
  htpasswd:
    realm: test
    path: {folder}/htpasswd
"""
PASSWORDS = "team:$2b$04$xFr.5IeBbLIbNYUYH3Wt4OtK7iqgSECeO/SduaN/pHdaaZzjo/62O\n"
NOTEBOOK = """
    def predictor(x):
        return x + 1
    examples = [1, 2]
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Return (address, folder) of a registry that runs while the tests of this module do."""
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    with served(CONFIG, folder, port):
        yield f"127.0.0.1:{port}", folder / "data"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a model."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "root").mkdir()
    return zipapps.zipapp_of(make_app_root(folder / "root", NOTEBOOK, {}), folder, "--with-wheels")


def blobs(folder):
    """Return the files in which the registry keeps pushed blobs, by their digests."""
    return {path.parent.name: path for path in folder.glob("**/blobs/sha256/*/*/data")}


def test_what_was_pushed_comes_back_by_tag_and_by_digest(registry, model, tmp_path):
    place = artifact.push(model, f"{registry[0]}/team/model:1")
    assert place.startswith(f"{registry[0]}/team/model@sha256:")
    for number, reference in enumerate((f"{registry[0]}/team/model:1", place)):
        assert artifact.pull(reference, tmp_path / str(number)) == place
        assert (tmp_path / str(number)).read_bytes() == model.read_bytes()
    done = zipapps.run(tmp_path / "0", "1")
    assert done.stdout == b"2\n", done.stderr.decode()


def test_the_same_file_is_the_same_digest_wherever_it_is(registry, model):
    one, other = (artifact.push(model, f"{registry[0]}/{name}:2") for name in ("a", "b"))
    assert one.partition("@")[2] == other.partition("@")[2]


def test_a_file_of_many_pieces_comes_back(registry, model, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "AT_ONCE", 100_000)
    assert model.stat().st_size > 300_000
    place = artifact.push(model, f"{registry[0]}/pieces:1")
    artifact.pull(place, tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == model.read_bytes()


def test_the_manifest_is_one_of_oci(registry, model):
    place = artifact.push(model, f"{registry[0]}/form:1")
    asked = urllib.request.Request(
        f"http://{registry[0]}/v2/form/manifests/{place.partition('@')[2]}", headers={"Accept": artifact.MANIFEST}
    )
    with urllib.request.urlopen(asked) as answer:
        manifest = json.load(answer)
    assert (manifest["mediaType"], manifest["artifactType"]) == (artifact.MANIFEST, artifact.ARTIFACT)
    (layer,) = manifest["layers"]
    assert layer["digest"] == "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()


def test_another_file_than_that_of_the_digest_is_not_taken(registry, model, tmp_path):
    """A registry that somebody else can write to."""
    other = zipapps.changed(model, tmp_path / "other", lambda found: {**found, "src/unique": b"1"})
    place = artifact.push(other, f"{registry[0]}/changed:1")
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    path = blobs(registry[1])[digest]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    with pytest.raises(BuildProblem, match="the file that it sends is not sha256:" + digest):
        artifact.pull(place, tmp_path / "m")
    assert not (tmp_path / "m").exists() and not list(tmp_path.glob(".m*"))


def test_another_manifest_than_that_of_the_digest_is_not_taken(registry, model, tmp_path):
    other = zipapps.changed(model, tmp_path / "other", lambda found: {**found, "src/unique": b"2"})
    place = artifact.push(other, f"{registry[0]}/manifest:1")
    path = blobs(registry[1])[place.partition("sha256:")[2]]
    path.write_bytes(path.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion":  2'))
    with pytest.raises(BuildProblem):
        artifact.pull(place, tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("model:1", "reference-invalid"),
        ("team/model:1", "reference-invalid"),
        ("", "reference-invalid"),
        ("127.0.0.1:1/model:1", "registry-failed"),
    ],
)
def test_what_can_not_be_reached_is_a_sentence(model, tmp_path, reference, code):
    with pytest.raises(BuildProblem) as pulled:
        artifact.pull(reference, tmp_path / "m")
    with pytest.raises(BuildProblem) as pushed:
        artifact.push(model, reference)
    assert (pulled.value.code, pushed.value.code) == (code, code)


def test_what_is_not_there_or_is_no_model_is_a_sentence(registry, tmp_path):
    with pytest.raises(BuildProblem, match="it responds with 404"):
        artifact.pull(f"{registry[0]}/nothing:1", tmp_path / "m")
    import oras.client

    with pytest.raises(BuildProblem, match="is not a model that 'nb-builder push' pushed"):
        artifact._layer(b"[" * 100_000, "deep")
    (tmp_path / "text").write_text("text")
    client = oras.client.OrasClient(hostname=registry[0], insecure=True)
    client.push(f"{registry[0]}/text:1", files=[str(tmp_path / "text")], disable_path_validation=True, quiet=True)
    with pytest.raises(BuildProblem, match="is not a model that 'nb-builder push' pushed"):
        artifact.pull(f"{registry[0]}/text:1", tmp_path / "m")


@pytest.mark.parametrize("size", [artifact.MAX_MODEL + 1, 2**60, -1, True, 1.0, "1", None])
def test_a_manifest_says_no_size_that_a_model_can_t_have(size):
    layer = {"mediaType": artifact.LAYER, "digest": f"sha256:{'0' * 64}", "size": size}
    with pytest.raises(BuildProblem, match="is not a model that 'nb-builder push' pushed"):
        artifact._layer(json.dumps({"layers": [layer]}).encode(), "large")


def test_no_more_of_a_model_is_kept_than_its_manifest_says(tmp_path):
    class Response:
        status_code = 200
        read = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def iter_content(self, size):
            for _ in range(1000):
                self.read += 1
                yield b"x" * 1000

    class Client:
        response = Response()

        def get_blob(self, container, digest, stream):
            return self.response

    with pytest.raises(BuildProblem, match="the file that it sends is not sha256:0"):
        artifact._download(Client(), None, {"digest": "sha256:0", "size": 1500}, tmp_path / "m", "endless")
    assert ((tmp_path / "m").stat().st_size, Client.response.read) == (1000, 2)


def test_no_other_file_is_pushed(registry, tmp_path):
    from nb_scorer.zipapp.problems import ZipappDamaged

    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("a", "b")
    with pytest.raises(ZipappDamaged):
        artifact.push(tmp_path / "zip", f"{registry[0]}/zip:1")


@pytest.fixture
def guarded(tmp_path):
    """Return (address, certificate) of a registry with TLS and a login."""
    port = free_port()
    tls.write_pems(tmp_path)
    (tmp_path / "htpasswd").write_text(PASSWORDS)
    with served(CONFIG + GUARDED, tmp_path, port):
        yield f"localhost:{port}", tmp_path / "ca.pem"


def pushed(model, place, **env):
    """Return (exit status, output) of a push."""
    command = [sys.executable, "-I", "-m", "nb_builder", "push", model, place]
    environ = {name: value for name, value in os.environ.items() if "CA_BUNDLE" not in name}
    ran = subprocess.run(command, capture_output=True, text=True, env={**environ, **env})
    return ran.returncode, ran.stdout + ran.stderr


def test_a_registry_with_tls_and_a_login_takes_and_gives_a_model(guarded, model, tmp_path):
    address, certificate = guarded
    logins = {"auths": {address: {"auth": base64.b64encode(b"team:secret").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(logins))
    trusting = {"REQUESTS_CA_BUNDLE": str(certificate)}
    for env in ({"DOCKER_CONFIG": str(tmp_path)}, {"REGISTRY_AUTH_FILE": str(tmp_path / "config.json")}):
        status, said = pushed(model, f"{address}/team/model:1", **trusting, **env)
        assert status == 0, said
    status, said = pushed(model, f"{address}/team/model:1", **trusting)
    assert (status, "authentication required" in said) == (1, True), said
    status, said = pushed(model, f"{address}/team/model:1", **env)
    assert (status, "certificate verify failed" in said, "REQUESTS_CA_BUNDLE names" in said) == (1, True, True), said


def test_the_commands_say_where_it_is(registry, model, tmp_path):
    command = [sys.executable, "-I", "-m", "nb_builder"]
    pushed = subprocess.run([*command, "push", model, f"{registry[0]}/cli:1"], capture_output=True, text=True)
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    place = pushed.stdout.splitlines()[-1]
    pulled = subprocess.run([*command, "pull", place, tmp_path / "m"], capture_output=True, text=True)
    assert (pulled.returncode, pulled.stdout.splitlines()[-1]) == (0, place)
    assert (tmp_path / "m").read_bytes() == model.read_bytes()
    assert subprocess.run([*command, "pull", place], capture_output=True).returncode == 2
