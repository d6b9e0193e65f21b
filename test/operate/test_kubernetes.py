"""docs/deploy/kubernetes on a cluster: what it has, and new versions that come, go, and fail, under load."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from engine import provide
from operate.conftest import BAD, IMAGE, NEXT

HERE = Path(__file__).parent
LEAST = 10_000
ANSWERED = "200 4"


@pytest.fixture
def deployed(namespace, tmp_path):
    """Return a namespace in which the service runs as its folder says."""
    folder = shutil.copytree(provide.ROOT / "docs/deploy/kubernetes", tmp_path / "kubernetes")
    kustomization = folder / "kustomization.yaml"
    text = kustomization.read_text(encoding="utf-8")
    kustomization.write_text(text.replace("newTag: latest", f"newTag: {IMAGE.rpartition(':')[2]!r}"))
    namespace.kubectl("apply", "--validate=strict", "--kustomize", str(folder))
    rolled_out(namespace)
    return namespace


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


@contextlib.contextmanager
def load(namespace, least):
    """Have clients ask by the Service's address; yield what ends them and returns {what was said: how often}."""
    address = namespace.get("service", "my-service")["spec"]["clusterIP"]
    process = namespace.cluster.start(sys.executable, str(HERE / "load.py"), address, "80", str(least))
    try:
        yield lambda: json.loads(process.communicate("\n", timeout=300)[0])
    finally:
        process.kill()
        process.wait()


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


def test_rolling_forth_and_back_fails_no_request_of_ten_thousand(deployed):
    with load(deployed, LEAST) as end:
        set_image(deployed, NEXT)
        rolled_out(deployed)
        assert set(pods(deployed)[0].values()) == {NEXT}
        deployed.kubectl("rollout", "undo", "deployment/my-service")
        rolled_out(deployed)
        assert set(pods(deployed)[0].values()) == {IMAGE}
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    assert counts[ANSWERED] >= LEAST


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
