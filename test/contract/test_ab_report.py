"""`nb-builder ab-report` alongside Debian's Prometheus, which scrapes two real services."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from contract.services import LISTENING, Service, make_app_root, wait_until
from contract.test_feedback import predicted, send
from engine import provide

PREDICTOR = """
    import time

    def predictor(x):
        time.sleep({seconds})
        return {answer}

    examples = [1, 2]
"""
REQUESTS = 150


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Return {version: service}: b takes 60 ms, and is right in fewer cases than a, whose error is less, too."""
    running = {}
    try:
        for version, seconds, answer in (("a", 0.0, "x + 0.0"), ("b", 0.06, "x + 0.0 if x % 2 else x + 1.5")):
            root = tmp_path_factory.mktemp(version)
            make_app_root(root, PREDICTOR.format(seconds=seconds, answer=answer), {})
            running[version] = Service(root, S2I_APP_METRICS_PREFIX="fruit")
        yield {version: service.ready() for version, service in running.items()}
    finally:
        for service in running.values():
            service.close()


@pytest.fixture(scope="module")
def prometheus(services, tmp_path_factory):
    """Return the address of a Prometheus that scrapes both services, with the label `version`."""
    folder = tmp_path_factory.mktemp("prometheus")
    targets = [
        {"targets": [f"127.0.0.1:{service.port}"], "labels": {"version": version}}
        for version, service in services.items()
    ]
    config = {
        "global": {"scrape_interval": "500ms"},
        "scrape_configs": [{"job_name": "services", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                provide.program("prometheus", "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{_port(process, folder / 'log')}"
    finally:
        process.terminate()
        process.wait(30)


def _port(process, log):
    """Return the port that the process listens on, once it does."""

    found = []

    def listens():
        assert process.poll() is None, log.read_text()
        inodes = {os.readlink(f"/proc/{process.pid}/fd/{name}") for name in os.listdir(f"/proc/{process.pid}/fd")}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in inodes:
                found.append(int(fields[1].split(":")[1], 16))
        return bool(found)

    wait_until(listens)
    return found[0]


def value(prometheus, query):
    """Return the number that a query comes to, 0 for none."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={urllib.request.quote(query)}") as answer:
        result = json.loads(answer.read())["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


@pytest.fixture(scope="module")
def asked(services, prometheus):
    """Ask both services, send the truth of each answer, and wait until Prometheus has counted it all."""
    for version, service in services.items():
        # The first value of a counter is not an increase.
        send(service, {"id": predicted(service, 1), "answer": 1})
        seen = f'fruit_feedback_numbers_total{{version="{version}"}}'
        wait_until(lambda seen=seen: value(prometheus, seen) >= 1)
    for version, service in services.items():
        ids = [predicted(service, number) for number in range(REQUESTS)]
        feedback = [{"id": request_id, "answer": number} for number, request_id in enumerate(ids)]
        assert send(service, feedback)[1]["counted"] == REQUESTS
        seen = f'fruit_feedback_numbers_total{{version="{version}"}}'
        wait_until(lambda seen=seen: value(prometheus, seen) == REQUESTS + 1)


def report(*words):
    """Return (exit status, output) of `ab-report`."""
    command = [sys.executable, "-I", "-m", "nb_builder", "ab-report", *words]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.returncode, ran.stdout


@pytest.mark.usefixtures("asked")
def test_a_version_that_is_slower_and_less_right_is_said_to_be(prometheus):
    status, said = report(prometheus, "a", "b", "--prefix=fruit", "--since=10m")
    assert status == 3, said
    # Of quantiles further out so few requests say nothing for sure.
    assert re.fullmatch(
        r"Verdict: version=b is worse in latency p50,.* right answers and mean absolute error\.", said.splitlines()[-1]
    )
    # The other way round it is better in as much.
    status, said = report(prometheus, "b", "a", "--prefix=fruit", "--since=10m")
    assert status == 0, said
    assert said.splitlines()[-1].startswith("Verdict: version=a is better in latency p50,")


@pytest.mark.usefixtures("asked")
def test_as_json_it_says_the_same(prometheus):
    command = [sys.executable, "-I", "-m", "nb_builder", "ab-report", prometheus, "a", "b", "--prefix=fruit", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    made = json.loads(ran.stdout)
    assert ran.returncode == made["exit_status"] == 3
    by_name = {measure["name"]: measure for measure in made["measures"]}
    assert by_name["right answers"]["a"]["value"] == 1
    assert by_name["right answers"]["b"]["value"] == pytest.approx(0.5, abs=0.02)
    assert by_name["mean absolute error"]["b"]["value"] == pytest.approx(0.75, abs=0.03)
    assert by_name["latency p50"]["b"]["low"] == 0.05 and by_name["errors"]["better"] == "not known"


@pytest.mark.parametrize(
    ("words", "problem", "there"),
    [
        (("a", "b"), "ab-no-series", "The available metrics are fruit_http_requests_total."),
        (("a", "c", "--prefix=fruit"), "ab-no-series", "version is a, b."),
        (
            ("a", "b", "--prefix=fruit", "--label=track"),
            "ab-no-series",
            "None of these metrics has the label track; job is services.",
        ),
        (("a", "b", "--prefix=fruit", "--route=/v1/.*"), "ab-no-series", "For this version, route is"),
        (("a", "b", "--prefix=fruit", "--route=/metrics", "--since=1s"), "ab-", ""),
    ],
    ids=["another prefix", "another version", "another label", "another route", "too short a time"],
)
@pytest.mark.usefixtures("asked")
def test_what_is_not_there_is_reported_with_what_there_is(prometheus, words, problem, there):
    status, said = report(prometheus, *words)
    assert status == 1 and f"(problem {problem}" in said and there in said, said
