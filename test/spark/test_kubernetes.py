"""docs/deploy/spark on a cluster: executors in pods score each row once, also where one of them is deleted."""

import json

import pytest

from contract import clients
from engine import cluster as clusters
from engine import docker, provide

DEPLOY = provide.ROOT / "docs" / "deploy" / "spark"
HERE = provide.ROOT / "test" / "spark"
# As in node.sh: pods reach what runs alongside the node there.
NODE = "10.199.0.2"
ROWS, COMPARED = 400_000, 2000


@pytest.fixture(scope="module")
def executors(example):
    """Return the name of an image that docs/deploy/spark makes of the running example's; of Spark it has PySpark's."""
    distribution, spark, image = (f"{example}-{kind}" for kind in ("pyspark", "spark", "executors"))
    program = "import pyspark; print(pyspark.__path__[0])"
    home = clients.run("spark", "-c", program).strip()
    docker.docker("build", "--tag", distribution, "--file", "-", home, stdin=b"FROM scratch\nCOPY . /opt/spark\n")
    script = f"FROM {distribution}\nCOPY executor.sh /opt/entrypoint.sh\n".encode()
    docker.docker("build", "--tag", spark, "--file", "-", str(HERE), stdin=script)
    choice = ("--build-arg", f"SERVICE={example}", "--build-arg", f"SPARK={spark}")
    docker.docker("build", *choice, "--tag", image, str(DEPLOY))
    return image


@pytest.fixture(scope="module")
def ended(executors, example, tmp_path_factory):
    """Return what the driver printed."""
    python = clients.python_of("spark")
    folder = tmp_path_factory.mktemp("kubernetes")
    archive = folder / "model.zip"
    archive.write_bytes(docker.raw("run", "--rm", example, "spark-model").stdout)
    with clusters.running(executors) as cluster, cluster.namespace("spark") as namespace:
        cluster.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
        words = [python, "-I", HERE / "score_in_pods.py", f"k8s://https://{NODE}:6443", archive, ROWS, executors]
        words += [DEPLOY / "executor.yaml", namespace.name, NODE]
        ran = cluster.run(*map(str, words))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.strip().splitlines()[-1])


def test_every_row_is_there_once_though_an_executor_s_pod_was_deleted(ended):
    assert ended["deleted"]["pods"] == 2
    assert 4 <= ended["deleted"]["after"] < 16
    assert (ended["rows"], ended["ids"], ended["refused"]) == (ROWS, ROWS, 0)


def test_answers_are_those_of_the_service_s_own_image(ended, example):
    lines = "".join(f"{number % 1009 / 1009},{number % 7}\n" for number in range(COMPARED))
    scored = docker.docker("run", "-i", "--rm", example, "batch", stdin=lines.encode()).stdout
    assert ended["answers"] == [int(line.rpartition(",")[2]) for line in scored.splitlines()]
