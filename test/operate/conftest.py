"""What tests of operating share: the images of test/image, and a cluster of Kubernetes that has them."""

import contextlib
from pathlib import Path

import pytest

from engine import cluster as clusters
from engine import docker
from image.conftest import build_once, builder, engine, example, or_leave_out, s2i

__all__ = ["build_once", "builder", "engine", "example", "s2i"]
# As docs/deploy calls the image; Kubernetes looks for what is called latest in a registry each time.
PUBLISHED = "registry.example.com/my-service:latest"
IMAGE = "registry.example.com/my-service:1"
# What kubelet would set for the whole machine.
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")


@pytest.fixture(scope="session")
def cluster(example):
    """Start a cluster that has the running example's image; it leaves the machine as it was."""
    before = settings()
    docker.docker("tag", example, IMAGE)
    try:
        with contextlib.ExitStack() as stack:
            yield or_leave_out(lambda: stack.enter_context(clusters.running(IMAGE)))
    finally:
        docker.docker("image", "rm", IMAGE)
    assert settings() == before


@pytest.fixture
def namespace(cluster, request):
    """Return a namespace of its own, in which only pods run that need no rights."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:60].strip("-")
    with cluster.namespace(name) as own:
        cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield own


def settings():
    """Return what the machine's own kernel is set to."""
    return [Path("/proc/sys", name).read_text() for name in SETTINGS]
