"""A run on somebody else's engine removes what it has made and nothing else: images, containers, networks, volumes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine import daemon, docker, provide

PLACE = ("nb-builder1", "198.19.0.1/24", ("198.19.0.0/24", "198.19.128.0/17"))
# A build that is served, one that fails, a slim image, a failed slim image, and a page with the README's names.
PART = (
    "test_cases.py::test_a_good_repository_builds_and_its_service_answers_as_the_fixture_says[ok-environment]",
    "test_cases.py::test_point_31_assemble_runs_once[fail-file-ignored]",
    "test_slim_service.py::test_without_a_network_it_passes_its_own_test",
    "test_slim_builds.py::test_a_name_to_keep_that_is_not_installed_is_rejected_with_those_that_are",
    "test_pages.py::test_the_engine_commands_of_a_page_work_in_their_order[README.md]",
)
# Three minutes, for an engine and a slim image of its own.
pytestmark = pytest.mark.long
READERS_IMAGES = ("nb-builder", "my-service", "my-service-slim")


@pytest.fixture
def reader(builder, tmp_path):
    """Start an engine of a reader of the README, who has built its images; return DOCKER_HOST."""
    if os.geteuid():
        raise provide.Missing("a second container engine", "run as root")
    saved = tmp_path / "builder.tar"
    docker.docker("save", "--output", str(saved), builder)
    place = daemon.Place(tmp_path / "images", *PLACE)
    # Not below tmp_path: the address of a socket has at most 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="nb-engine-") as folder,
        daemon.own(Path(folder), place) as host,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("DOCKER_HOST", host)
        docker.docker("load", "--input", str(saved))
        for name in READERS_IMAGES:
            docker.docker("tag", builder, name)
        docker.docker("image", "rm", builder)
        docker.docker("build", "-", stdin=f"FROM {READERS_IMAGES[0]}\nLABEL untagged=1\n".encode())
        docker.docker("network", "create", "readers-network")
        docker.docker("volume", "create", "readers-volume")
        docker.docker("create", "--name", "my-service", "my-service")
        yield host


def everything():
    """Return all that the engine has: kind to the lines that list it, images without a name included."""
    listings = {
        "images": ("image", "ls", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"),
        "containers": ("container", "ls", "--all", "--format", "{{.Names}} {{.ID}} {{.Image}}"),
        "networks": ("network", "ls", "--format", "{{.Name}} {{.ID}}"),
        "volumes": ("volume", "ls", "--format", "{{.Name}}"),
    }
    return {kind: sorted(docker.docker(*words).stdout.splitlines()) for kind, words in listings.items()}


def test_a_run_leaves_the_engine_of_a_reader_as_it_was(reader, tmp_path):
    before = everything()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NB_TEST_", "CI"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        str(tmp_path / "run"),
        *PART,
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, env={**env, "IMAGE_NAME": "nb-builder"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a container engine of the tests' own: run as root on Debian, without DOCKER_HOST" in done.stdout
    assert everything() == before
