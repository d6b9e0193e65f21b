"""What tests of operating share: the images of test/image, and a cluster of Kubernetes that has them."""

import contextlib
import re
from pathlib import Path

import pytest

from engine import cluster as clusters
from engine import docker
from image.conftest import build_once, builder, engine, example, or_leave_out, s2i

__all__ = ["build_once", "builder", "engine", "example", "s2i"]
# As docs/deploy calls the image; Kubernetes looks for what is called latest in a registry each time.
NAME = "registry.example.com/my-service"
PUBLISHED, IMAGE, NEXT = f"{NAME}:latest", f"{NAME}:1", f"{NAME}:2"
# NEXT is the same model; and this is done to it to be one that is cut off, and one whose answers are others.
BAD = {
    f"{NAME}:cut": "truncate --size=100 $APP_ROOT/model/model.pickle",
    f"{NAME}:other": 'sed -i \'s/"answer": [0-9]*/"answer": 99/\' $APP_ROOT/model/golden.ndjson',
}
# What kubelet would set for the whole machine.
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")


@pytest.fixture(scope="session")
def cluster(example):
    """Start a cluster that has the running example's image; it leaves the machine as it was."""
    before = settings()
    for name in (IMAGE, NEXT):
        docker.docker("tag", example, name)
    for name, change in BAD.items():
        docker.docker("build", "--tag", name, "-", stdin=f"FROM {example}\nRUN {change}\n".encode())
    try:
        with contextlib.ExitStack() as stack:
            yield or_leave_out(lambda: stack.enter_context(clusters.running(IMAGE, NEXT, *BAD)))
    finally:
        docker.docker("image", "rm", IMAGE, NEXT, *BAD)
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
