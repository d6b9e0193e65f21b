"""docs/deploy/swarm on a Swarm of its own: versions come, go, and fail, under load by HTTP and gRPC. Five minutes."""

import collections
import contextlib
import os

import pytest

from contract.services import wait_until
from engine import machines, stand_ins
from operate import clients
from operate.clients import ANSWERED, GRPC_ANSWERED, MIN_COUNT
from operate.conftest import BAD, DEPLOY, IMAGE, NEXT

PROXY = "haproxy:3.2-alpine"
SERVICE = "my-service_service"
LONG = 240
RATE, QUIET_SECONDS = 500, 30
# Each look at the engine takes as much of the machine as a hundred requests, whose times would show it.
SELDOM = 2.0
# No registry is asked which digest a name has.
UPDATE = ("update", "--no-resolve-image")
# Sooner than in the file: a replica that is not ready has failed within seconds.
SOON = ("--health-start-period=1s", "--health-interval=2s")


@pytest.fixture(scope="module")
def node(versions):
    """Return a machine that is a Swarm, on which the stack runs as in its file."""
    proxy = stand_ins.made(PROXY)
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(machines.swarm(DEPLOY, (8080, 8081)))
        node.take({**{name: name for name in versions}, proxy: PROXY})
        deploy = ("stack", "deploy", "--resolve-image=never", "--compose-file", f"{DEPLOY}/swarm/stack.yaml")
        node.run("env", f"SERVICE={IMAGE}", "docker", *deploy, "my-service")
        assert wait_until(lambda: serving(node) == [IMAGE] * 4, LONG), node.engine("service", "ps", SERVICE)
        assert wait_until(lambda: balanced(node), LONG), node.engine("service", "logs", "my-service_proxy")
        yield node


def serving(node):
    """Return the images of all replicas that are healthy."""
    shown = node.engine("ps", "--filter", f"name={SERVICE}", "--filter", "health=healthy", "--format", "{{.Image}}")
    return sorted(shown.split())


def balanced(node):
    """Return whether the proxy knows all replicas, for both protocols: Swarm names those that are healthy."""
    (proxy,) = node.engine("ps", "--quiet", "--filter", "name=my-service_proxy").split()
    log = node.run("docker", "logs", proxy).stderr + node.run("docker", "logs", proxy).stdout
    names = (f"{backend}/replica{number}" for backend in ("predictions", "calls") for number in range(1, 5))
    return all(f"Server {name} administratively READY" in log for name in names)


def state_after(node, *words, ok=True):
    """Have `docker service …` change the service, to its end; return the state that it ends with."""
    node.run("docker", "service", *words, SERVICE, ok=ok)
    return node.engine("service", "inspect", "--format", "{{.UpdateStatus.State}}", SERVICE).strip()


def predictions_of(node, image):
    """Return what containers of an image have logged of predictions, and how many containers there were."""
    containers = node.engine("ps", "--all", "--quiet", "--filter", f"ancestor={image}").split()
    lines = [line for each in containers for line in node.engine("logs", each).splitlines()]
    return [line for line in lines if "/predict" in line or "ModelInfer" in line], len(containers)


def test_update_and_rollback_fail_no_request_of_ten_thousand_by_http_and_by_grpc(node):
    with (
        clients.by_http(node.port(8080), MIN_COUNT) as end_http,
        clients.by_grpc(node.port(8081), MIN_COUNT) as end_grpc,
    ):
        assert state_after(node, *UPDATE, "--image", NEXT) == "completed"
        assert wait_until(lambda: serving(node) == [NEXT] * 4, LONG)
        assert state_after(node, "rollback") == "rollback_completed"
        assert wait_until(lambda: serving(node) == [IMAGE] * 4, LONG)
        http, grpc = end_http(), end_grpc()
    assert (set(http), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (http, grpc)
    assert http[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT


def test_update_and_rollback_under_500_requests_a_second_fail_none(node):
    with clients.at_rate(node.port(8080), RATE, QUIET_SECONDS) as end:
        quiet = end()
    with clients.at_rate(node.port(8080), RATE) as end:
        assert state_after(node, *UPDATE, "--image", NEXT) == "completed"
        assert wait_until(lambda: serving(node) == [NEXT] * 4, LONG, SELDOM)
        assert state_after(node, "rollback") == "rollback_completed"
        assert wait_until(lambda: serving(node) == [IMAGE] * 4, LONG, SELDOM)
        rolled = end()
    for name, said in (("quiet", quiet), ("rolled", rolled)):
        counts = collections.Counter(said for _, _, said in said["requests"])
        # Figures depend on the machine: shown, never asserted (-s).
        p50, p99, most = (f"{clients.percentile(said, share):.1f}" for share in (0.5, 0.99, 1 - 1e-9))
        times = f"p50 {p50}, p99 {p99}, most {most} ms, p99 of how late they were sent {said['late_ms']:.1f} ms"
        print(f"\n{name}: {counts.total()} at {RATE}/s, {times}, load {os.getloadavg()[0]:.1f}")
        assert set(counts) == {ANSWERED}, (name, counts)


@pytest.mark.parametrize("bad", BAD, ids=["cut", "other-answers"])
def test_a_version_that_is_not_what_was_built_gets_no_request_and_the_old_one_goes_on(node, bad):
    with clients.by_http(node.port(8080), 1000) as end:
        assert state_after(node, *UPDATE, "--image", bad, *SOON, ok=False) == "rollback_completed"
        assert wait_until(lambda: serving(node) == [IMAGE] * 4, LONG)
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    predictions, containers = predictions_of(node, bad)
    assert containers >= 1
    assert predictions == []
