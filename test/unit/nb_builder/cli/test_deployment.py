"""What deploy does with a cluster: a stand-in for kubectl answers from files and notes its calls."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from nb_builder.cli import deployment
from nb_builder.cli.deployment import Wanted
from nb_builder.cli.installation import Installation
from nb_builder.cli.kubectl import Kubectl
from nb_builder.cli.problems import ClusterRejected, DeployFailed, DeployForeign, HostInvalid, KubectlMissing
from nb_builder.common.log import Log

ROOT = Path(__file__).parents[4]
OURS = Installation(ROOT, ROOT / ".nb-builder")
IRIS = Wanted("iris", "registry.example.net/iris:7", "kubernetes")
LABELS = {"app.kubernetes.io/managed-by": "nb-builder", "app.kubernetes.io/instance": "iris"}
PROGRAM = f"""#!{sys.executable} -I
import json, pathlib, sys
folder = pathlib.Path(__file__).parents[1]
words = [word for word in sys.argv[1:] if not word.startswith(("--request-timeout", "--namespace"))]
with (folder / "calls").open("a") as file:
    file.write(json.dumps(words) + "\\n")
known = json.loads((folder / "known.json").read_text())
if words[0] == "get":
    print(json.dumps({{"items": known.get(words[1], [])}}))
elif words[0] in known:
    print(known[words[0]])
if words[0] in known.get("fails", ()):
    sys.exit("the server says no.")
"""


def metadata(**more):
    return {"name": "iris", "namespace": "team", "uid": "u", "generation": 2, "labels": LABELS, **more}


def deployment_of(ready, revision="2", **status):
    counts = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": ready}
    return {
        "kind": "Deployment",
        "metadata": metadata(annotations={"deployment.kubernetes.io/revision": revision}),
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, **counts, **status},
    }


def known(container=None, **more):
    """Return what the cluster has: a Deployment whose newest pod has this container's state."""
    newest = deployment_of(2 if container is None else 1)
    owned = {"ownerReferences": [{"uid": "u"}], "labels": {"pod-template-hash": "h"}}
    pod = {"metadata": {"name": "iris-h-1"}, "status": {"containerStatuses": [container or {}]}}
    return {
        "deployment": [newest],
        "replicaset": [{"metadata": {**owned, "annotations": newest["metadata"]["annotations"]}}],
        "pod": [pod],
        "service": [{"metadata": metadata()}],
        **more,
    }


@pytest.fixture
def cluster(tmp_path):
    """Return a function that makes a cluster with these objects: its client, and a function for its calls."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "kubectl"
    program.write_text(PROGRAM)
    program.chmod(0o755)

    def made(objects, platform="kubernetes"):
        (tmp_path / "known.json").write_text(json.dumps(objects))
        client = Kubectl({**os.environ, "PATH": str(tmp_path / "bin")}, platform, "team")

        def calls():
            return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

        return client, calls

    return made


def apply(client, tmp_path, wanted=IRIS, seconds=60):
    return deployment.apply(client, tmp_path, wanted, seconds, Log(io.StringIO()))


def test_a_service_is_applied_and_its_address_returned_once_all_pods_are_ready(cluster, tmp_path):
    client, calls = cluster(known())
    assert apply(client, tmp_path) == "http://iris.team.svc"
    assert [call[0] for call in calls()] == ["get", "apply", "get", "get"]
    assert apply(client, tmp_path, IRIS._replace(host="iris.example.net")) == "http://iris.example.net"


def test_openshift_s_address_is_that_of_the_route(cluster, tmp_path):
    client, _ = cluster(known(route=[{"spec": {"host": "iris.apps.example.net"}}]), "openshift")
    assert apply(client, tmp_path, IRIS._replace(platform="openshift")) == "https://iris.apps.example.net"


@pytest.mark.parametrize(
    "labels",
    [{}, {"app.kubernetes.io/managed-by": "Helm"}, {**LABELS, "app.kubernetes.io/instance": "iris-of-another-team"}],
)
def test_objects_of_another_owner_are_never_touched(labels, cluster, tmp_path):
    foreign = {"kind": "Service", "metadata": {"name": "iris", "labels": labels}}
    client, calls = cluster(known(**{"--kustomize": [deployment_of(2), foreign]}))
    with pytest.raises(DeployForeign, match="Service iris"):
        apply(client, tmp_path)
    assert [call[0] for call in calls()] == ["get"]


SAID = "ERROR: There is no model.\n  Why: because.\n  Fix: build it.\n  (problem model-missing)"


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}, "its container exited with status 1 (Error)"),
        (
            {"restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 137}}},
            "its container exited with status 137 (Error)",
        ),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such\nimage"}}},
            "ImagePullBackOff: no su",
        ),
    ],
)
def test_a_broken_image_is_reported_with_its_problem_and_the_version_before_restored(
    container, reason, cluster, tmp_path
):
    client, calls = cluster(known(container, logs=SAID, **{"--kustomize": [deployment_of(2, "1")]}))
    with pytest.raises(DeployFailed) as failed:
        apply(client, tmp_path)
    assert reason in failed.value.what and "(problem model-missing)" in failed.value.what
    assert failed.value.why.startswith("The version before was restored")
    assert calls()[-1] == ["rollout", "undo", "deployment/iris", "--to-revision=1"]


def test_a_first_version_that_fails_stays_to_be_looked_at(cluster, tmp_path):
    client, calls = cluster(known({"state": {"waiting": {"reason": "ErrImagePull"}}}))
    with pytest.raises(DeployFailed) as failed:
        apply(client, tmp_path)
    assert failed.value.why == "There was no version before, so nothing was rolled back."
    assert "rollout" not in [call[0] for call in calls()]


def test_the_same_version_is_not_rolled_back(cluster, tmp_path):
    stuck = {"state": {"waiting": {"reason": "ErrImagePull"}}}
    client, calls = cluster(known(stuck, **{"--kustomize": [deployment_of(1, "2")]}))
    with pytest.raises(DeployFailed, match="ErrImagePull"):
        apply(client, tmp_path)
    assert "rollout" not in [call[0] for call in calls()]


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "violates all"},
    ],
)
def test_pods_that_the_cluster_does_not_create_are_reported(condition, cluster, tmp_path):
    client, _ = cluster(known(deployment=[deployment_of(0, conditions=[condition])], pod=[]))
    with pytest.raises(DeployFailed, match="violates"):
        apply(client, tmp_path)


def test_pods_that_never_get_ready_are_reported_with_their_log(cluster, tmp_path):
    client, _ = cluster(known({"state": {"running": {}}}, logs="Golden row 3 differs."))
    with pytest.raises(DeployFailed, match="not ready after 0 seconds.*\n.*Golden row 3 differs") as failed:
        apply(client, tmp_path, seconds=0)
    assert "(problem" not in failed.value.what


def test_a_rollout_that_the_cluster_has_not_seen_yet_is_not_judged_by_the_pods_before(cluster, tmp_path):
    crashed = {"state": {"terminated": {"exitCode": 1}}}
    unseen = deployment_of(2, observedGeneration=1)
    client, _ = cluster(known(crashed, deployment=[unseen]))
    with pytest.raises(DeployFailed, match="not ready after 0 seconds"):
        apply(client, tmp_path, seconds=0)


def test_what_the_cluster_rejects_is_reported_with_the_command(cluster, tmp_path):
    client, _ = cluster({"fails": ["apply"]})
    with pytest.raises(ClusterRejected, match="kubectl --namespace=team apply .*: the server says no."):
        apply(client, tmp_path)


def test_undeploy_removes_by_the_labels_of_deploy(cluster):
    client, calls = cluster({"delete": "deployment.apps/iris\nservice/iris"})
    assert deployment.remove(client, "iris", "kubernetes") == ["deployment.apps/iris", "service/iris"]
    (call,) = calls()
    assert call[1].endswith(",ingress") and call[2] == "--selector=" + ",".join(map("=".join, LABELS.items()))


def test_without_a_client_a_sentence_says_so(tmp_path):
    with pytest.raises(KubectlMissing, match="oc or kubectl is not on PATH"):
        Kubectl({"PATH": str(tmp_path)}, "openshift")


def test_undeploy_of_nothing_removes_nothing(cluster):
    client, _ = cluster({"delete": "No resources found"})
    assert deployment.remove(client, "iris", "kubernetes") == []


@pytest.mark.parametrize("host", ["Iris.example.net", "iris..net", '"', "a" * 254, "iris\n"])
def test_a_host_that_is_no_name_is_rejected(host):
    with pytest.raises(HostInvalid), deployment.files(OURS, IRIS._replace(host=host)):
        pass


@pytest.mark.parametrize(
    ("platform", "host", "kind"),
    [("kubernetes", "", ""), ("kubernetes", "a.example.net", "Ingress"), ("openshift", "", "Route")],
)
def test_the_files_have_labels_and_the_platform_s_entrance(platform, host, kind):
    with deployment.files(OURS, IRIS._replace(platform=platform, host=host)) as folder:
        texts = {path.name: yaml.safe_load(path.read_text()) for path in folder.iterdir()}
    kustomization = texts["kustomization.yaml"]
    assert kustomization["labels"] == [{"pairs": LABELS}]
    assert ("patches" in kustomization) == (platform == "openshift")
    assert set(kustomization["resources"]) <= texts.keys()
    entrances = [item for item in texts.values() if item["kind"] in ("Ingress", "Route")]
    assert [item["kind"] for item in entrances] == ([kind] if kind else [])
    assert host in json.dumps(entrances)
