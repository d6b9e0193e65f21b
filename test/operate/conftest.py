"""What tests of operating share: versions of an image of test/image, and a cluster of Kubernetes that has them."""

import contextlib
import re
from pathlib import Path

import pytest

from engine import bases, docker, provide
from engine import cluster as clusters
from image.conftest import GIVEN, build_once, engine, example, make_builder, s2i

__all__ = ["build_once", "engine", "example", "s2i"]
DEPLOY = provide.ROOT / "docs" / "deploy"
# As docs/deploy calls the image; Kubernetes looks for what is called latest in a registry each time.
NAME = "registry.example.com/my-service"
PUBLISHED, IMAGE, NEXT = f"{NAME}:latest", f"{NAME}:1", f"{NAME}:2"
# NEXT is the same model; and this is done to it to be one that is cut off, and one whose answers are others.
BAD = {
    f"{NAME}:cut": "truncate --size=100 $APP_ROOT/model/model.pickle",
    f"{NAME}:other": 'sed -i \'s/"answer": [0-9]*/"answer": 99/\' $APP_ROOT/model/golden.ndjson',
}
# One whose container exits at its start.
BROKEN = {f"{NAME}:broken": "rm $APP_ROOT/model/model.pickle"}
# What kubelet would set for the whole machine.
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")


@pytest.fixture(scope="session")
def builder(engine):
    """Return the name of the builder image: with gRPC, so that calls by it are rolled out, too."""
    return GIVEN or make_builder("builder-grpc", bases.MAIN, "GRPC=1")


@pytest.fixture(scope="session")
def versions(example):
    """Give the running example the names of its versions, good ones and bad ones, which differ in their digests."""
    docker.docker("tag", example, IMAGE)
    changes = {NEXT: "LABEL release=2", **{name: f"RUN {change}" for name, change in {**BAD, **BROKEN}.items()}}
    for name, change in changes.items():
        docker.docker("build", "--tag", name, "-", stdin=f"FROM {example}\n{change}\n".encode())
    yield (IMAGE, *changes)
    # Another run on the same engine may have removed them.
    docker.docker("image", "rm", IMAGE, *changes, ok=False)


@pytest.fixture(scope="session")
def cluster(versions):
    """Start a cluster that has the versions; it leaves the machine as it was."""
    before = settings()
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(clusters.running(*versions))
    assert settings() == before


@pytest.fixture
def namespace(cluster, request):
    """Return a namespace of its own, in which only pods run that need no rights."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[-60:].strip("-")
    with cluster.namespace(name) as own:
        cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield own


def settings():
    """Return what the machine's own kernel is set to."""
    return [Path("/proc/sys", name).read_text() for name in SETTINGS]
