"""docs/deploy/podman on a machine of its own, with systemd: units and pods are replaced under load. Eleven minutes."""

import contextlib
import json
import re

import pytest

from contract.services import wait_until
from engine import machines, stand_ins
from operate import clients
from operate.clients import ANSWERED, GRPC_ANSWERED, MIN_COUNT
from operate.conftest import BAD, DEPLOY, IMAGE, NAME, NEXT

HERE = DEPLOY / "podman"
UNITS = "/etc/containers/systemd"
PROXY, PUBLIC = "haproxy:3.2-alpine", "docker.io/library/haproxy:3.2-alpine"
# What the files call the image: whatever version it is by then.
STABLE = f"{NAME}:stable"
INSTANCES = ("my-service@one", "my-service@two")
LONG = 240
# Sooner than in the file: by then an instance that is not ready has failed.
SOON = "/etc/systemd/system/my-service@.service.d/soon.conf", b"[Service]\nTimeoutStartSec=60\n"


@pytest.fixture(scope="module")
def machine(versions):
    """Return a machine with podman that has the versions, and the proxy."""
    proxy = stand_ins.made(PROXY)
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(machines.podman(HERE, (8080, 8081)))
        machine.take({**{name: name for name in versions}, proxy: PUBLIC})
        machine.engine("network", "create", "--ignore", "my-service")
        yield machine


@pytest.fixture
def units(machine):
    """Return the machine on which Quadlet's units run as in the files."""
    machine.engine("tag", IMAGE, STABLE)
    machine.run("sh", "-c", f"mkdir -p {UNITS} && cp -R {HERE}/*.container {HERE}/*.network {HERE}/proxy {UNITS}")
    machine.run("sh", "-c", f"mkdir -p $(dirname {SOON[0]}) && cat > {SOON[0]}", stdin=SOON[1])
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", *INSTANCES, "my-service-proxy")
    assert wait_until(lambda: balanced(machine), LONG), machine.engine("logs", "my-service-proxy")
    yield machine
    machine.run("systemctl", "stop", *INSTANCES, "my-service-proxy")


@pytest.fixture
def pods(machine):
    """Return the machine on which both pods run behind the proxy."""
    machine.engine("tag", IMAGE, STABLE)
    proxy = ("--name=my-service-proxy", "--network=my-service", f"--volume={HERE}/proxy:/usr/local/etc/haproxy:ro")
    machine.engine("run", "--detach", *proxy, "--publish=8080:8080", "--publish=8081:8081", PUBLIC)
    for name in ("one", "two"):
        play(machine, name)
    assert wait_until(lambda: balanced(machine), LONG), machine.engine("logs", "my-service-proxy")
    yield machine
    for name in ("one", "two"):
        machine.engine("kube", "down", f"{HERE}/{name}.yaml")
    machine.engine("rm", "--force", "my-service-proxy")


def balanced(machine):
    """Return whether the proxy's last word on both instances is that they are up, for both protocols.

    Who asks knows that they are ready: a server counts as up from when its name is known until a check has failed.
    """
    done = machine.run("podman", "logs", "my-service-proxy")
    last = dict(re.findall(r"Server (\w+/\w+) (?:\(.*?\) )?is (UP|DOWN)", done.stdout + done.stderr))
    return last == {f"{backend}/{name}": "UP" for backend in ("predictions", "calls") for name in ("one", "two")}


def play(machine, name):
    """Have a pod be of the version that is called stable by now, and wait until it is ready.

    Its service ends first: podman would take the network away while it still answers.
    """
    if machine.has("container", "exists", f"my-service-{name}-service"):
        machine.engine("stop", f"my-service-{name}-service")
    machine.engine("kube", "play", "--replace", "--network=my-service", f"{HERE}/{name}.yaml")
    ready = ("podman", "exec", f"my-service-{name}-service", "ready")
    assert wait_until(lambda: machine.run(*ready, ok=False).returncode == 0, LONG)


def auto_update(machine, image):
    """Have the units follow this image, as `podman auto-update` does; return what became of both, in order of time."""
    machine.engine("tag", image, STABLE)
    return [each["Updated"] for each in json.loads(machine.engine("auto-update", "--format", "json"))]


def running(machine):
    """Return {container's id: image's id} of the instances."""
    shown = machine.engine("ps", "--no-trunc", "--format", "{{.ID}} {{.ImageID}} {{.Names}}").splitlines()
    return {words[0]: words[1] for words in map(str.split, shown) if words[2] != "my-service-proxy"}


def expected_units(machine, image):
    """Return the ids that `running` shows where both instances are of this image."""
    return [machine.engine("image", "inspect", "--format", "{{.Id}}", image).strip().removeprefix("sha256:")] * 2


def logged(machine):
    """Return {container's id: the lines that it has written}."""
    lines = {}
    for line in machine.run(
        "journalctl", "--output=json", "--output-fields=CONTAINER_ID_FULL,MESSAGE"
    ).stdout.splitlines():
        entry = json.loads(line)
        lines.setdefault(entry.get("CONTAINER_ID_FULL"), []).append(str(entry.get("MESSAGE")))
    return lines


def failures(machine):
    """Return what the proxy has logged of requests that failed."""
    return [line for line in machine.run("podman", "logs", "my-service-proxy").stdout.splitlines() if " http " in line]


def test_auto_update_forth_and_back_fails_no_request_of_ten_thousand_by_http_and_by_grpc(units):
    with (
        clients.by_http(units.port(8080), MIN_COUNT) as end_http,
        clients.by_grpc(units.port(8081), MIN_COUNT) as end_grpc,
    ):
        for image in (NEXT, IMAGE):
            assert auto_update(units, image) == ["true", "true"]
            assert [*running(units).values()] == expected_units(units, image)
        http, grpc = end_http(), end_grpc()
    assert (set(http), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (http, grpc)
    assert http[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT


@pytest.mark.parametrize("bad", BAD, ids=["cut", "other-answers"])
def test_a_version_that_is_not_what_was_built_is_rolled_back_and_got_no_request(units, bad):
    earlier = {*logged(units), *running(units)}
    with clients.by_http(units.port(8080), 1000) as end:
        assert "rolled back" in auto_update(units, bad)
        counts = end()
    assert set(counts) == {ANSWERED}, counts
    assert [*running(units).values()] == expected_units(units, IMAGE)
    later = {each: lines for each, lines in logged(units).items() if each not in {*earlier, *running(units)}}
    assert later
    assert [line for lines in later.values() for line in lines if " /predict " in line] == []


def test_pods_replaced_one_after_the_other_fail_no_request_of_ten_thousand_by_http_and_by_grpc(pods):
    with (
        clients.by_http(pods.port(8080), MIN_COUNT) as end_http,
        clients.by_grpc(pods.port(8081), MIN_COUNT) as end_grpc,
    ):
        for image in (NEXT, IMAGE):
            pods.engine("tag", image, STABLE)
            for name in ("one", "two"):
                play(pods, name)
        http, grpc = end_http(), end_grpc()
    assert (set(http), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (http, grpc, failures(pods))
    assert http[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT
