"""`nb-builder deploy` and `undeploy`: the files of docs/deploy, applied to a cluster, until all pods are ready."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from nb_builder.cli import manifests
from nb_builder.cli.installation import Installation
from nb_builder.cli.kubectl import Kubectl
from nb_builder.cli.problems import DeployFailed, DeployForeign, HostInvalid
from nb_builder.common.log import Log

PLATFORMS = ("kubernetes", "openshift")
# Objects have these labels, by which later runs recognise them.
OWNER = {"app.kubernetes.io/managed-by": "nb-builder"}
_INSTANCE = "app.kubernetes.io/instance"
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*")
# All kinds that `deploy` creates; on OpenShift, a Route instead of an Ingress.
_KINDS = ("deployment", "service", "poddisruptionbudget", "networkpolicy")
_ENTRANCES = {"kubernetes": "ingress", "openshift": "route"}
# A container that waits for one of these reasons does not start without a change.
_STUCK = {
    *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"),
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"),
}
_PROBLEM = re.compile(r"\(problem ([a-z0-9-]+)\)")
_POLL_SECONDS = 1.0
_LOG_LINES = 40


class Wanted(NamedTuple):
    """The service to deploy: its name and image, the platform, and the host name of its entrance ("" for none)."""

    name: str
    image: str
    platform: str
    host: str = ""


@contextmanager
def files(installation: Installation, wanted: Wanted) -> Iterator[Path]:
    """Yield a folder that `kubectl apply -k` takes; raise ServiceNameInvalid or HostInvalid."""
    if wanted.host and not _HOST.fullmatch(wanted.host):
        raise HostInvalid(host=wanted.host)
    with TemporaryDirectory(prefix="nb-deploy-") as scratch:
        folder = Path(scratch) / "manifests"
        manifests.write(installation, "kubernetes", folder, wanted.image, wanted.name)
        resources = [_entrance(folder, wanted)] if wanted.host or wanted.platform == "openshift" else []
        _customize(folder / "kustomization.yaml", wanted, resources)
        yield folder


def apply(client: Kubectl, folder: Path, wanted: Wanted, seconds: float, log: Log) -> str:
    """Apply the folder and wait until all pods are ready; return the address of the service.

    Raises DeployForeign before anything is changed, ClusterRejected, and DeployFailed after a rollback.
    """
    before = client.items("--kustomize", str(folder))
    if foreign := [_title(item) for item in before if not _is_ours(item, wanted.name)]:
        raise DeployForeign(objects=", ".join(foreign), name=wanted.name)
    revision = next((_revision(item) for item in before if item["kind"] == "Deployment"), "")
    client.run("apply", "--kustomize", str(folder))
    log.step("Waiting for the pods")
    if failure := _failure(client, wanted, seconds):
        raise DeployFailed(name=wanted.name, image=wanted.image, reason=failure, after=_undo(client, wanted, revision))
    return _address(client, wanted)


def remove(client: Kubectl, name: str, platform: str) -> list[str]:
    """Remove the objects of a deployed service, and return their names; raise ClusterRejected."""
    labels = ",".join(f"{label}={value}" for label, value in _labels(name).items())
    kinds = ",".join((*_KINDS, _ENTRANCES[platform]))
    removed = client.run("delete", kinds, f"--selector={labels}", "--ignore-not-found", "--output=name")
    # kubectl reports on stdout, too, that it has found nothing.
    return [line for line in removed.splitlines() if "/" in line]


def _labels(name: str) -> dict[str, str]:
    return {**OWNER, _INSTANCE: name}


def _entrance(folder: Path, wanted: Wanted) -> str:
    """Write the Route, or the Ingress, and return the name of its file."""
    metadata = {"name": wanted.name, "labels": {"app": wanted.name}}
    item: dict
    if wanted.platform == "openshift":
        spec = {
            **({"host": wanted.host} if wanted.host else {}),
            "to": {"kind": "Service", "name": wanted.name},
            "port": {"targetPort": "http"},
            "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"},
        }
        item = {"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": metadata, "spec": spec}
    else:
        service = {"service": {"name": wanted.name, "port": {"name": "http"}}}
        rule = {"host": wanted.host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": service}]}}
        item = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": metadata,
            "spec": {"rules": [rule]},
        }
    file = folder / f"{_ENTRANCES[wanted.platform]}.yaml"
    # JSON is YAML, too.
    file.write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
    return file.name


def _customize(file: Path, wanted: Wanted, resources: list[str]) -> None:
    """Add the labels, the entrance, and what OpenShift requires, to kustomization.yaml."""
    text = file.read_text(encoding="utf-8")
    for name in resources:
        text = text.replace("resources:\n", f"resources:\n  - {name}\n", 1)
    text += f"labels: {json.dumps([{'pairs': _labels(wanted.name)}])}\n"
    if wanted.platform == "openshift":
        # The project assigns the user.
        patch = [{"op": "remove", "path": "/spec/template/spec/securityContext/runAsUser"}]
        target = {"kind": "Deployment", "name": wanted.name}
        text += f"patches: {json.dumps([{'target': target, 'patch': json.dumps(patch)}])}\n"
    file.write_text(text, encoding="utf-8")


def _is_ours(item: dict, name: str) -> bool:
    return _labels(name).items() <= item["metadata"].get("labels", {}).items()


def _title(item: dict) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def _revision(item: dict) -> str:
    revision: str = item["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", "")
    return revision


def _failure(client: Kubectl, wanted: Wanted, seconds: float) -> str:
    """Wait for the rollout; return "" once all pods are ready, otherwise why they never will be."""
    until = time.monotonic() + seconds
    while True:
        (deployment,) = client.items("deployment", wanted.name) or [{}]
        if not deployment:
            return "its Deployment has been removed"
        if _is_complete(deployment):
            return ""
        pods = _new_pods(client, wanted.name, deployment)
        reason = _stuck(client, pods) or _condition(deployment)
        if not reason and time.monotonic() > until:
            reason = f"its pods are not ready after {seconds:.0f} seconds"
        if reason:
            return f"{reason}{_said(client, pods)}"
        time.sleep(_POLL_SECONDS)


def _is_complete(deployment: dict) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    is_seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return is_seen and counts == [wanted] * 3


def _new_pods(client: Kubectl, name: str, deployment: dict) -> list[dict]:
    """Return the pods of the newest revision."""
    if deployment.get("status", {}).get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return []
    uid, revision = deployment["metadata"]["uid"], _revision(deployment)
    for item in client.items("replicaset", f"--selector=app={name}"):
        owners = [owner["uid"] for owner in item["metadata"].get("ownerReferences", ())]
        if uid in owners and _revision(item) == revision:
            template = item["metadata"]["labels"]["pod-template-hash"]
            return client.items("pod", f"--selector=app={name},pod-template-hash={template}")
    return []


def _stuck(client: Kubectl, pods: list[dict]) -> str:
    """Return why a container can't start, or has failed; "" if none has."""
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", ()):
            waiting = container.get("state", {}).get("waiting", {})
            ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
            if ended:
                status = ended.get("exitCode")
                return f"its container exited with status {status} ({ended.get('reason', 'Error')})"
            if waiting.get("reason") in _STUCK:
                message = " ".join(waiting.get("message", "").split())
                return f"{waiting['reason']}{f': {message}' if message else ''}"
    return ""


def _condition(deployment: dict) -> str:
    """Return why the cluster has given up, or could create no pod."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        kind, state = condition["type"], condition["status"]
        is_failed = (kind == "ReplicaFailure" and state == "True") or (
            kind == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded"
        )
        if is_failed:
            return " ".join(condition.get("message", "").split()).rstrip(".")
    return ""


def _said(client: Kubectl, pods: list[dict]) -> str:
    """Return the problem in the log of a pod, or the log's last lines, to follow the reason."""
    for pod in pods:
        name = pod["metadata"]["name"]
        for options in ((), ("--previous",)):
            text = client.output("logs", name, "--container=service", f"--tail={_LOG_LINES}", *options).strip()
            if found := _PROBLEM.findall(text):
                return f" (problem {found[-1]}). Its log:\n{text}"
            if text and options:
                return f". Its log:\n{text}"
            if text and not _has_restarted(pod):
                return f". Its log:\n{text}"
    return ""


def _has_restarted(pod: dict) -> bool:
    return any(container.get("restartCount") for container in pod.get("status", {}).get("containerStatuses", ()))


def _undo(client: Kubectl, wanted: Wanted, revision: str) -> str:
    """Return to the previous revision, if there is one; return a sentence about it."""
    if not revision:
        return "There was no version before, so nothing was rolled back."
    deployments = client.items("deployment", wanted.name)
    if not deployments or _revision(deployments[0]) == revision:
        return "The version before was the same, so nothing was rolled back."
    client.run("rollout", "undo", f"deployment/{wanted.name}", f"--to-revision={revision}")
    return "The version before was restored, and its pods have kept serving."


def _address(client: Kubectl, wanted: Wanted) -> str:
    if wanted.platform == "openshift":
        (route,) = client.items("route", wanted.name)
        return f"https://{route['spec'].get('host', '')}"
    if wanted.host:
        return f"http://{wanted.host}"
    (service,) = client.items("service", wanted.name)
    return f"http://{wanted.name}.{service['metadata']['namespace']}.svc"
