"""`nb-builder deploy` and `undeploy` on a cluster: a first version, the next one under load, broken ones, removal."""

import json

import pytest

from engine import provide
from operate.clients import ANSWERED
from operate.conftest import BROKEN, IMAGE, NEXT
from operate.test_kubernetes import load, pods, reached, wait_until


@pytest.fixture
def nb_builder(namespace):
    """Return a function that runs a command for the test's namespace: its exit status, and what --json prints."""

    def run(command, *words):
        place = ("--to", "kubernetes", "--namespace", namespace.name, "--json")
        ran = namespace.cluster.run(str(provide.ROOT / "s2i" / "nb-builder"), command, *words, *place)
        assert ran.stdout.startswith("{"), ran.stderr
        return ran.returncode, json.loads(ran.stdout)

    return run


def test_versions_are_deployed_under_load_and_broken_ones_rolled_back(namespace, nb_builder):
    status, made = nb_builder("deploy", IMAGE)
    assert (status, made.get("url")) == (0, f"http://my-service.{namespace.name}.svc"), made
    assert list(pods(namespace)[0].values()) == [IMAGE] * 2
    assert wait_until(lambda: reached(namespace), 60)
    with load(namespace, 1000) as end:
        assert nb_builder("deploy", NEXT)[0] == 0
        running, ready = pods(namespace)
        assert (list(running.values()), ready) == ([NEXT] * 2, set(running))
        (broken,) = BROKEN
        status, made = nb_builder("deploy", broken)
        assert (status, made["problem"]["code"]) == (1, "deploy-failed")
        assert "(problem model-missing)" in made["problem"]["what"], made
        assert made["problem"]["why"].startswith("The version before was restored"), made
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    assert wait_until(lambda: list(pods(namespace)[0].values()) == [NEXT] * 2, 120)
    assert pods(namespace)[1] == ready
    status, made = nb_builder("undeploy", "my-service")
    assert status == 0
    kinds = {name.partition(".")[0].partition("/")[0] for name in made["removed"]}
    assert kinds == {"deployment", "service", "poddisruptionbudget", "networkpolicy"}
    assert wait_until(lambda: not namespace.get("deployment,service,networkpolicy")["items"], 60)


def test_an_image_that_can_t_be_pulled_is_reported(namespace, nb_builder):
    status, made = nb_builder("deploy", "127.0.0.1:1/my-service:1")
    assert (status, made["problem"]["code"]) == (1, "deploy-failed")
    assert "ErrImagePull" in made["problem"]["what"] or "ImagePullBackOff" in made["problem"]["what"]
    assert made["problem"]["why"] == "There was no version before, so nothing was rolled back."


def test_objects_of_another_owner_are_left_as_they_are(namespace, nb_builder):
    namespace.kubectl("create", "service", "clusterip", "my-service", "--tcp=80:8080")
    before = namespace.get("service", "my-service")
    status, made = nb_builder("deploy", IMAGE)
    assert (status, made["problem"]["code"]) == (1, "deploy-foreign")
    assert nb_builder("undeploy", "my-service")[1]["removed"] == []
    assert namespace.get("service", "my-service") == before
    assert not namespace.get("deployment")["items"]
