"""An index in a registry: one name for images of several architectures, from which each machine pulls its own."""

import io
import json
import tarfile
import urllib.request

import pytest

from contract.services import free_port
from engine import bases, docker, registry, slim
from image.conftest import APPS, nb_builder

# The tests of two workers would remove each other's images.
pytestmark = pytest.mark.xdist_group("index")

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
LISTS = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")
MANIFESTS = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
FILE = "machine"


def image_of(machine, name):
    """Load an image for this machine whose only file has the machine's name; nothing in it can run."""
    with io.BytesIO() as content:
        with tarfile.open(fileobj=content, mode="w") as layer:
            member = tarfile.TarInfo(FILE)
            member.size = len(machine)
            layer.addfile(member, io.BytesIO(machine.encode()))
        docker.docker("import", "--change", f'CMD ["/{FILE}"]', "-", name, stdin=content.getvalue())
    bases.relabel(name, machine)
    return name


@pytest.fixture(scope="module")
def images(engine):
    """Return {architecture: image}."""
    name = f"{APPS}-tiny"
    made = {architecture: image_of(machine, f"{name}:{architecture}") for architecture, machine in MACHINES.items()}
    yield made
    docker.docker("image", "rm", "--force", *made.values())


@pytest.fixture
def place(engine, tmp_path):
    """Return the address of a registry."""
    port = free_port()
    with registry.served(registry.CONFIG, tmp_path, port):
        yield f"127.0.0.1:{port}"


def manifest(place, tag, kinds):
    """Return (digest, content) of a manifest of `team/service` in the registry."""
    url = f"http://{place}/v2/team/service/manifests/{tag}"
    asked = urllib.request.Request(url, headers={"Accept": ", ".join(kinds)})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=60) as response:
        return response.headers["Docker-Content-Digest"], json.load(response)


@pytest.mark.parametrize("version", ["1", "latest"])
def test_each_architecture_pulls_its_own_image_under_the_name_of_the_index(place, images, version):
    given = f"{place}/team/service" + (":1" if version == "1" else "")
    made = json.loads(nb_builder("index", "--json", given, *images.values()))
    names = {architecture: f"{place}/team/service:{version}-{architecture}" for architecture in MACHINES}
    assert (made["index"], made["images"]) == (given, names)
    _, index = manifest(place, version, LISTS)
    listed = {entry["platform"]["architecture"]: entry for entry in index["manifests"]}
    assert {entry["platform"]["os"] for entry in index["manifests"]} == {"linux"}
    pushed = {architecture: manifest(place, f"{version}-{architecture}", MANIFESTS)[0] for architecture in MACHINES}
    assert {architecture: entry["digest"] for architecture, entry in listed.items()} == pushed
    docker.docker("image", "rm", *names.values())
    for architecture, machine in MACHINES.items():
        docker.docker("pull", "--platform", f"linux/{architecture}", given)
        assert docker.platform(given) == f"linux/{architecture}"
        assert slim.read(given, f"/{FILE}").decode() == machine
        docker.docker("image", "rm", given)


def test_an_index_that_is_pushed_again_has_the_new_images(place, images, tag):
    name = f"{place}/team/service:1"
    nb_builder("index", name, *images.values())
    docker.docker("build", "--tag", tag, "-", stdin=f"FROM {images['amd64']}\nLABEL release=2\n".encode())
    nb_builder("index", name, tag, images["arm64"])
    docker.docker("pull", "--platform", "linux/amd64", name)
    assert docker.labels(name)["release"] == "2"
    docker.docker("image", "rm", name, *(f"{name}-{architecture}" for architecture in MACHINES))
