"""Images for arm64: made by nb-builder, and run, on the emulator qemu where the machine is another one."""

import json
import subprocess

import pytest

from contract.services import free_port
from engine import bases, docker, emulation, provide, registry, slim
from engine.s2i import git_repository, must
from image import repos
from image.conftest import APPS, make_builder

# The images take minutes under emulation: one worker makes them.
pytestmark = [pytest.mark.long, pytest.mark.other_base, pytest.mark.xdist_group("arm64")]
NOTEBOOK = (
    'requirements = [["numpy", "2.5.2"]]\n%%\nimport platform\nimport numpy as np\n%%\ndef predictor(x):\n'
    "    return [float(np.dot(x, x)), platform.machine()]\n%%\npredictor([1.0, 2.0])\npredictor([0.1, 0.7])"
)
ANSWER = [5.0, "aarch64"]
TIGHT = ("--platform", "linux/arm64", "--user", "1000730000:0", "--read-only", "--tmpfs", "/tmp")


def nb_builder(*words):
    """Return the stdout of the command `nb-builder`, which must succeed."""
    done = subprocess.run([provide.ROOT / "s2i/nb-builder", *words], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


def architecture(image):
    return docker.docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image).stdout.strip()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return the folder of the repository."""
    return repos.write(tmp_path_factory.mktemp("arm64") / "repo", NOTEBOOK)


@pytest.fixture(scope="module")
def service(engine, source):
    """Return the image of the service for arm64, while the machine can run it."""
    with emulation.arm64():
        builder = make_builder("arm64", bases.MAIN, "PLATFORM=linux/arm64", architecture="arm64")
        assert architecture(builder) == "linux/arm64"
        name = f"{APPS}-service:arm64"
        nb_builder("build", str(source), "--tag", name, "--platform", "linux/arm64", "--builder", builder)
        yield name
        docker.docker("image", "rm", "--force", name)


def test_it_answers_and_its_provenance_names_the_architecture(service):
    assert architecture(service) == "linux/arm64"
    assert docker.answer(service, b"[1, 2]", *TIGHT) == ANSWER
    text = docker.inside(service, "cat", "/opt/app-root/build/provenance.json", options=TIGHT)
    built = json.loads(text)["predicate"]["buildDefinition"]["internalParameters"]
    assert built["platform"].startswith("aarch64-")


def test_its_slim_image_is_for_the_same_architecture(service, tag):
    made = slim.must(slim.make(service, tag))
    assert "2 golden rows" in made.output
    assert architecture(tag) == "linux/arm64"
    assert docker.answer(tag, b"[1, 2]", *TIGHT) == ANSWER


def test_one_name_in_a_registry_stands_for_both_architectures(service, source, s2i, tag, tmp_path):
    must(s2i.build(git_repository(source, tmp_path / "repo"), tag))
    port = free_port()
    name = f"127.0.0.1:{port}/team/service:1"
    with registry.served(registry.CONFIG, tmp_path, port):
        made = json.loads(nb_builder("index", "--json", name, tag, service))
        assert made["images"] == {"amd64": f"{name}-amd64", "arm64": f"{name}-arm64"}
        for machine, expected in (("amd64", "x86_64"), ("arm64", "aarch64")):
            docker.docker("image", "rm", f"{name}-{machine}")
            docker.docker("pull", "--platform", f"linux/{machine}", name)
            assert architecture(name) == f"linux/{machine}"
            assert docker.inside(name, "uname", "-m", options=("--entrypoint", "")).strip() == expected
            docker.docker("image", "rm", name)
