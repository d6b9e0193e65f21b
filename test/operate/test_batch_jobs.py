"""docs/deploy/batch.yaml on a cluster: files of a volume are scored once and at night, whatever ends the pods."""

import copy
import json
import time

import pytest
import yaml

from engine import docker, provide
from operate.conftest import IMAGE, PUBLISHED

TEXT = (provide.ROOT / "docs/deploy/batch.yaml").read_text(encoding="utf-8")
ITEMS = yaml.safe_load(TEXT.replace(PUBLISHED, IMAGE))["items"]
SMALL = "".join(f"{number / 10},{number % 7}\n" for number in range(100))
FEW = "0.1,1\n0.2,2\n"
# Some seconds of work, of which some parts are done before the others begin.
LARGE = "".join(f"{number / 1e5},{number % 7}\n" for number in range(600_000))
SOON, ENOUGH = 60, 1 << 20


def item(kind):
    """Return the one item of this kind."""
    (found,) = [item for item in ITEMS if item["kind"] == kind]
    return found


@pytest.fixture
def volume(namespace, tmp_path):
    """Return the folder that the claim of the namespace is bound to."""
    folder = tmp_path / "volume"
    (folder / "in").mkdir(parents=True)
    # A folder of a machine keeps its owner; other volumes are their pod's group's.
    folder.chmod(0o777)
    name = {"name": f"{namespace.name}-data"}
    claim = {"namespace": namespace.name, "name": item("PersistentVolumeClaim")["metadata"]["name"]}
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "claimRef": claim,
        "hostPath": {"path": str(folder)},
    }
    namespace.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": name, "spec": spec})
    namespace.apply(item("PersistentVolumeClaim"))
    yield folder
    namespace.cluster.kubectl("delete", "persistentvolume", name["name"], "--wait=false")


def scored(text):
    """Return what the image makes of lines on a pipe."""
    return docker.docker("run", "--rm", "--interactive", IMAGE, "batch", stdin=text.encode()).stdout


def report_of(namespace, what):
    """Return what a job reports at its end."""
    (line,) = [line for line in namespace.kubectl("logs", what).splitlines() if line.startswith("{")]
    return json.loads(line)


def test_files_are_scored_once_and_at_night(namespace, volume):
    (volume / "in" / "a.csv").write_text(SMALL)
    namespace.apply(item("Job"))
    namespace.apply(item("CronJob"))
    namespace.wait("job/my-service-once", "condition=complete")
    assert (volume / "out" / "a.csv").read_text() == scored(SMALL)
    report = report_of(namespace, "job/my-service-once")
    assert (report["rows_in"], report["rows_out"], report["rows_refused"]) == (100, 100, 0)
    (volume / "in" / "b.csv").write_text(FEW)
    namespace.kubectl("create", "job", "tonight", "--from=cronjob/my-service-nightly")
    namespace.wait("job/tonight", "condition=complete")
    assert (volume / "out" / "b.csv").read_text() == scored(FEW)


def test_a_pod_that_is_killed_is_followed_by_one_that_goes_on(namespace, volume):
    (volume / "in" / "large.csv").write_text(LARGE)
    job = copy.deepcopy(item("Job"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "S2I_BATCH_KEEP", "value": "0.2"}]
    namespace.apply(job)
    until = time.monotonic() + SOON
    while sum(path.stat().st_size for path in (volume / "out").rglob("*")) < ENOUGH:
        assert time.monotonic() < until, namespace.kubectl("describe", "pods")
        time.sleep(0.05)
    namespace.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
    assert not (volume / "out" / "large.csv").exists()
    namespace.wait("job/my-service-once", "condition=complete", seconds=300)
    assert report_of(namespace, "job/my-service-once")["resumed_after_row"] > 0
    assert (volume / "out" / "large.csv").read_text() == scored(LARGE)
