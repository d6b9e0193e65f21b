"""docs/deploy/kubernetes on a cluster: what it has, and new versions that come, go, and fail, under load."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from contract import clients as grpc_clients
from contract.services import wait_until
from engine import provide
from operate import clients
from operate.clients import ANSWERED, GRPC_ANSWERED, MIN_COUNT
from operate.conftest import BAD, IMAGE, NEXT

LOAD = Path(__file__).parent / "load.py"
LOAD_GRPC = LOAD.with_name("load_grpc.py")


@pytest.fixture
def deployed(namespace, tmp_path):
    """Return a namespace in which the service runs as in its folder."""
    folder = shutil.copytree(provide.ROOT / "docs/deploy/kubernetes", tmp_path / "kubernetes")
    kustomization = folder / "kustomization.yaml"
    text = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(text.replace("newTag: latest", f"newTag: {IMAGE.rpartition(':')[2]!r}"))
    namespace.kubectl("apply", "--validate=strict", "--kustomize", str(folder))
    rolled_out(namespace)
    # The node's rules for the Service come a moment after its pods are ready.
    assert wait_until(lambda: reached(namespace), 60)
    return namespace


def reached(namespace):
    """Return whether the Service's address takes a connection."""
    program = "import socket, sys; socket.create_connection((sys.argv[1], 80), 5).close()"
    process = namespace.cluster.start(sys.executable, "-c", program, address_of(namespace))
    process.communicate()
    return process.returncode == 0


def address_of(namespace):
    """Return the Service's address in the cluster."""
    return namespace.get("service", "my-service")["spec"]["clusterIP"]


def rolled_out(namespace, seconds=240):
    """Wait until all pods are those that are wanted."""
    namespace.kubectl("rollout", "status", "deployment/my-service", f"--timeout={seconds}s")


def set_image(namespace, image):
    """Have the service be another version."""
    namespace.kubectl("set", "image", "deployment/my-service", f"service={image}")


def pods(namespace):
    """Return the pods of the service that are not ending, as {name: image}, and which of them are ready."""
    items = [
        pod
        for pod in namespace.get("pods", "--selector=app=my-service")["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in items}
    ready = {
        pod["metadata"]["name"]
        for pod in items
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
    return images, ready


def load(namespace, least):
    """Have clients ask by the Service's address, as `clients.asking` does."""
    return clients.asking(namespace.cluster.start(sys.executable, str(LOAD), address_of(namespace), "80", str(least)))


def load_grpc(namespace, least):
    """Have clients call by the Service's address, each by a channel that it keeps."""
    address = address_of(namespace)
    python = grpc_clients.python_of("triton-grpc")
    return clients.asking(namespace.cluster.start(str(python), str(LOAD_GRPC), address, "8081", str(least)))


def unscheduled(namespace):
    """Return the pods that wait for a node."""
    return [
        pod["metadata"]["name"]
        for pod in namespace.get("pods", "--selector=app=my-service")["items"]
        if "nodeName" not in pod["spec"]
    ]


@contextlib.contextmanager
def drained(namespace):
    """Drain the node of the service's pods, for as long as the block takes; yield the process of kubectl."""
    selector = "--pod-selector=app=my-service"
    words = (
        "kubectl",
        "--namespace",
        namespace.name,
        "drain",
        "node",
        selector,
        "--delete-emptydir-data",
        "--timeout=300s",
    )
    draining = namespace.cluster.start(*words)
    try:
        yield draining
    finally:
        draining.kill()
        draining.communicate()
        namespace.cluster.kubectl("uncordon", "node")


def test_two_pods_without_rights_answer(deployed):
    images, ready = pods(deployed)
    assert (list(images.values()), ready) == ([IMAGE] * 2, set(images))
    with load(deployed, 100) as end:
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    budget = deployed.get("poddisruptionbudget", "my-service")["status"]
    assert (budget["desiredHealthy"], budget["disruptionsAllowed"]) == (1, 1)
    # The namespace is one that refuses others.
    with pytest.raises(RuntimeError, match="violates PodSecurity"):
        deployed.kubectl("run", "rights", f"--image={IMAGE}")


def test_rolling_forth_and_back_fails_no_request_of_ten_thousand_by_http_and_by_grpc(deployed):
    with load(deployed, MIN_COUNT) as end_http, load_grpc(deployed, MIN_COUNT) as end_grpc:
        set_image(deployed, NEXT)
        rolled_out(deployed)
        assert set(pods(deployed)[0].values()) == {NEXT}
        deployed.kubectl("rollout", "undo", "deployment/my-service")
        rolled_out(deployed)
        assert set(pods(deployed)[0].values()) == {IMAGE}
        http, grpc = end_http(), end_grpc()
    assert (set(http), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (http, grpc)
    assert http[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT


def test_a_node_that_is_drained_fails_no_request_of_ten_thousand_by_http_and_by_grpc(deployed):
    # There is one node: it is drained, the budget keeps a pod on it, and it takes the others' successors once it may.
    before, _ = pods(deployed)
    with load(deployed, MIN_COUNT) as end, load_grpc(deployed, MIN_COUNT) as end_grpc, drained(deployed) as draining:
        assert wait_until(lambda: unscheduled(deployed), 120), deployed.kubectl("describe", "pods")
        # One was evicted; who asks for the other one is refused, and that one answers.
        (kept,) = set(pods(deployed)[0]) & set(before)
        assert pods(deployed)[1] == {kept}
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": kept, "namespace": deployed.name},
        }
        path = f"/api/v1/namespaces/{deployed.name}/pods/{kept}/eviction"
        with pytest.raises(RuntimeError, match="would violate the pod's disruption budget"):
            deployed.kubectl("create", "--raw", path, "--filename", "-", text=json.dumps(eviction))
        deployed.cluster.kubectl("uncordon", "node")
        assert draining.wait(300) == 0, draining.communicate()
        rolled_out(deployed)
        assert not set(pods(deployed)[0]) & set(before)
        counts, grpc = end(), end_grpc()
    assert (set(counts), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (counts, grpc)
    assert counts[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT


@pytest.mark.parametrize("bad", BAD, ids=["cut", "other-answers"])
def test_a_version_that_is_not_what_was_built_gets_no_request_and_the_old_one_goes_on(deployed, bad):
    old, _ = pods(deployed)
    with load(deployed, 1000) as end:
        set_image(deployed, bad)
        with pytest.raises(RuntimeError, match="timed out waiting for the condition"):
            rolled_out(deployed, seconds=20)
        images, ready = pods(deployed)
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    assert sorted(images.values()) == sorted([IMAGE, IMAGE, bad])
    assert ready == set(old)
    deployed.kubectl("rollout", "undo", "deployment/my-service")
    rolled_out(deployed)
    assert pods(deployed)[0] == old
