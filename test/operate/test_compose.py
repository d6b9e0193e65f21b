"""docs/deploy/compose, ab and shadow: instances replaced, who gets which version, copies of requests. Nine minutes."""

import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

import shared
from contract import clients as grpc_clients
from contract.services import wait_until
from engine import compose, docker, stand_ins
from image import repos
from operate import clients
from operate.clients import ANSWERED, GRPC_ANSWERED, MIN_COUNT
from operate.conftest import DEPLOY, IMAGE, NEXT

HERE = Path(__file__).parent
HAPROXY, NGINX, PROMETHEUS = stand_ins.PUBLIC
LONG = 120
# Two versions whose answers differ for whole tens.
FIRST = "def predictor(x):\n    return x[0] * 2\nexamples = [[1], [2]]"
SECOND = "def predictor(x):\n    return x[0] * 2 if x[0] % 10 else x[0] * 2 + 0.5\nexamples = [[1], [2]]"
TEN = {"a": 20, "b": 20.5}
LOAD = {"200 0.4"}


class Project:
    """What a compose file has started, from a copy of its folder."""

    def __init__(self, folder, environ):
        self.folder = folder
        name = f"{shared.name()}{folder.name}".replace("-", "")
        self._command = ["docker-compose", "--project-name", name, "--file", f"{folder}/compose.yaml"]
        self._addresses = {}
        self._environ = {**os.environ, "PORT": "0", "GRPC_PORT": "0", "PROMETHEUS_PORT": "0", **environ}

    def run(self, *words, **environ):
        """Return the output of `docker compose …`; it must have succeeded."""
        done = subprocess.run(
            [*self._command, *words], env={**self._environ, **environ}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def address(self, service, port):
        """Return (host, port) at which this machine reaches a service's port; asked once, as compose takes a second."""
        if (service, port) not in self._addresses:
            host, _, published = self.run("port", service, str(port)).strip().rpartition(":")
            self._addresses[service, port] = host, published
        return self._addresses[service, port]

    def ask(self, body, **headers):
        """Return the answer to a sample, by the proxy."""
        address = "http://{}:{}/predict".format(*self.address("proxy", 8080))
        asked = urllib.request.Request(address, body.encode(), {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.headers, json.loads(answer.read())

    def answers(self, *services):
        """Return whether these services are healthy and the proxy has an answer."""
        states = [
            docker.docker("inspect", "--format", "{{.State.Health.Status}}", self.run("ps", "--quiet", each).strip())
            for each in services
        ]
        try:
            return {state.stdout.strip() for state in states} == {"healthy"} and bool(self.ask("[0.2, 0.7]"))
        except OSError:
            return False

    def query(self, expression):
        """Return {labels: value} of a query of Prometheus."""
        words = urllib.parse.urlencode({"query": expression})
        result = self._prometheus(f"query?{words}")["result"]
        return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in result}

    def rules(self):
        """Return {name of a rule: how its evaluation went} of Prometheus."""
        groups = self._prometheus("rules")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _prometheus(self, words):
        address = "http://{}:{}".format(*self.address("prometheus", 9090))
        with urllib.request.urlopen(f"{address}/api/v1/{words}", timeout=60) as answer:
            return json.load(answer)["data"]


@pytest.fixture
def project(engine, tmp_path):
    """Return a function that starts the compose file of a folder of docs/deploy; the test stops it."""
    compose.install_if_lacking()
    with contextlib.ExitStack() as stack:

        def start(name, *public, **environ):
            stack.enter_context(stand_ins.named(*public))
            folder = shutil.copytree(DEPLOY / name, tmp_path / name)
            # What files of several folders name as ../prometheus.
            shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus", dirs_exist_ok=True)
            for file in folder.glob("prometheus.yml"):
                file.write_text(file.read_text().replace("scrape_interval: 15s", "scrape_interval: 1s"))
            project = Project(folder, environ)
            stack.callback(project.run, "down", "--volumes", "--timeout", "1")
            project.run("up", "--detach")
            return project

        yield start


@pytest.fixture(scope="module")
def two(build_once, tmp_path_factory):
    """Return the images of two versions whose answers differ now and then."""
    sources = {"first": FIRST, "second": SECOND}
    folder = tmp_path_factory.mktemp("versions")
    return [build_once(name, repos.write(folder / name, code)) for name, code in sources.items()]


def test_compose_starts_all_and_an_instance_after_the_other_is_replaced(project, versions):
    started = project("compose", HAPROXY, PROMETHEUS, SERVICE=IMAGE)
    assert wait_until(lambda: started.answers("one", "two"), LONG), started.run("logs")
    with (
        clients.by_http(started.address("proxy", 8080), MIN_COUNT) as end_http,
        clients.by_grpc(started.address("proxy", 8081), MIN_COUNT) as end_grpc,
    ):
        for image in (NEXT, IMAGE):
            for name in ("one", "two"):
                started.run("up", "--detach", "--no-deps", name, SERVICE=image)
                assert wait_until(lambda name=name: started.answers(name), LONG), started.run("logs")
        http, grpc = end_http(), end_grpc()
    assert (set(http), set(grpc)) == ({ANSWERED}, {GRPC_ANSWERED}), (http, grpc)
    assert http[ANSWERED] >= MIN_COUNT
    assert grpc[GRPC_ANSWERED] >= MIN_COUNT
    assert wait_until(lambda: len(started.query("nb_ready == 1")) == 2, LONG)
    assert wait_until(lambda: set(started.rules().values()) == {"ok"}, LONG), started.rules()
    assert {"NbNotReady", "NbInputDrift"} <= started.rules().keys()
    count = 'haproxy_frontend_http_requests_total{proxy="http"}'
    assert wait_until(lambda: sum(started.query(count).values()) >= MIN_COUNT, LONG), started.query(count)


def test_clients_get_a_version_by_lot_by_user_and_by_name_and_keep_it(project, two):
    started = project("ab", HAPROXY, PROMETHEUS, A=two[0], B=two[1])
    assert wait_until(lambda: started.answers("a", "b"), LONG), started.run("logs")
    assert wait_until(lambda: version_of(started, **{"X-Version": "b"}) == "b", LONG)
    # New clients: within four standard deviations of the share that the file says.
    drawn = collections.Counter(version_of(started) for _ in range(1000))
    assert 62 <= drawn["b"] <= 138, drawn
    # Clients with cookies.
    for version in ("a", "b"):
        headers, _ = started.ask("[10]", **{"X-Version": version})
        (cookie,) = [each.partition(";")[0] for each in headers.get_all("Set-Cookie")]
        assert {version_of(started, Cookie=cookie) for _ in range(30)} == {version}
    # Users.
    users = {f"user-{number}" for number in range(200)}
    first = {user: version_of(started, **{"X-User-ID": user}) for user in users}
    assert first == {user: version_of(started, **{"X-User-ID": user}) for user in users}
    assert 5 <= sum(version == "b" for version in first.values()) <= 40
    assert started.ask("[10]", **{"X-User-ID": "user-1"})[0]["Set-Cookie"] is None
    # Who calls by gRPC says the same as metadata.
    called = collections.Counter(map(tuple, calls(started, [["x-version", "b"]], [["x-user-id", "user-1"]], [])))
    by_user = version_of(started, **{"X-User-ID": "user-1"})
    assert called[("b", TEN["b"])] >= 30 and {version for version, _ in called} <= set(TEN), called
    assert all(answer == TEN[version] for version, answer in called), called
    assert called[(by_user, TEN[by_user])] >= 30, called
    counts = "sum by (version) (nb_http_requests_total{route='/predict', status='200'})"
    assert wait_until(lambda: {version for ((_, version),) in started.query(counts)} == {"a", "b"}, LONG)


def test_a_share_is_changed_and_a_version_ends_without_a_failed_request(project, two):
    started = project("ab", HAPROXY, PROMETHEUS, A=two[0], B=two[1])
    assert wait_until(lambda: started.answers("a", "b"), LONG), started.run("logs")
    config = started.folder / "proxy" / "haproxy.cfg"
    with clients.by_http(started.address("proxy", 8080), MIN_COUNT) as end:
        config.write_text(config.read_text().replace("-m int lt 10 }", "-m int lt 50 }"))
        started.run("kill", "-s", "USR2", "proxy")
        shares = []
        assert wait_until(lambda: 130 <= drawn_b(started, shares, 400) <= 270, LONG), shares
        started.run("stop", "b")
        assert {version_of(started, **{"X-Version": "b"}) for _ in range(50)} == {"a"}
        counts = end()
    assert set(counts) == LOAD, counts


def test_copies_of_requests_are_answered_by_the_shadow_and_compared_by_their_ids(project, two):
    started = project("shadow", NGINX, LIVE=two[0], SHADOW=two[1])
    assert wait_until(lambda: started.answers("live", "shadow"), LONG), started.run("logs")
    for number in range(200):
        assert started.ask(f"[{number}]", **{"X-Request-ID": f"sample-{number}"})[1] == number * 2
    assert wait_until(lambda: compared(started)["compared"] >= 200, LONG), started.run("logs", "proxy")
    said = compared(started)
    assert (said["only_live"], said["only_shadow"], said["largest_difference"]) == (0, 0, 0.5)
    # Those before the two hundred have no whole tens.
    assert said["different"] == 20
    assert {each["id"] for each in said["examples"]} <= {f"sample-{number}" for number in range(0, 200, 10)}
    assert (compared(started, "--most", "0.2", status=True), compared(started, status=True)) == (0, 1)


@pytest.mark.parametrize("word", ["stop", "pause"])
def test_a_shadow_that_is_away_or_hangs_fails_no_request(project, two, word):
    started = project("shadow", NGINX, LIVE=two[0], SHADOW=two[1])
    assert wait_until(lambda: started.answers("live", "shadow"), LONG), started.run("logs")
    with clients.by_http(started.address("proxy", 8080), 200) as end:
        started.run(word, "shadow")
        counts = end()
    # And once it is away for sure.
    with clients.by_http(started.address("proxy", 8080), 400) as end:
        later = end()
    assert (set(counts), set(later)) == (LOAD, LOAD), (counts, later)
    if word == "pause":
        started.run("unpause", "shadow")


def version_of(project, **headers):
    """Return the version that answered, by what it answered."""
    got, answer = project.ask("[10]", **headers)
    assert answer == TEN[got["X-Version"]]
    return got["X-Version"]


def calls(project, *metadata):
    """Return [version, answer] of thirty calls by gRPC with each of these metadata, on one channel."""
    command = [grpc_clients.python_of("triton-grpc"), HERE / "call_with.py", *project.address("proxy", 8081)]
    done = subprocess.run([*command, json.dumps(metadata)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def drawn_b(project, shares, number):
    """Return how many of the new clients got version b; it is kept in `shares`, too."""
    shares.append(sum(version_of(project) == "b" for _ in range(number)))
    return shares[-1]


def compared(project, *words, status=False):
    """Return what compare.py says of the log of the proxy, or its exit status."""
    log = project.run("logs", "--no-color", "--no-log-prefix", "proxy")
    command = [sys.executable, DEPLOY / "shadow" / "compare.py", "--json", *words]
    done = subprocess.run(command, input=log, capture_output=True, text=True)
    return done.returncode if status else json.loads(done.stdout)
