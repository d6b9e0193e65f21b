"""The board and the rules, as a service writes them, alongside a real Prometheus that scrapes it under load.

Numbers of a bus are those of a text that is served in the place of a service: what is asked of them is the same.
"""

import http.server
import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml
from nb_service.observability import files

from contract.services import Service, free_port, wait_until
from engine import provide
from metric_numbers import text_of_everything

PREFIX = "fruit"
NOTEBOOK = """
    import random
    chance = random.Random(2)
    baseline = [[chance.gauss(0, 1), chance.random()] for _ in range(1000)]

    def predictor(x):
        if x[1] == 3:
            raise ValueError("not this one")
        return x[0] / 3 if x[1] == 2 else "big" if x[0] > 0 else "small"

    def size(x):
        return x[0]

    def parts(x):
        yield from x

    predictors = {"size": size, "parts": parts}
    examples = [[0.5, 0.5], [-1.0, 0.25], [0.5, 2]]
"""
# What Grafana puts in the place of its variables where one service is chosen, and where all versions of the bus are.
VARIABLES = {"$job": "my-service", "$version": "a", "$route": "/predict|/predict/batch", "$__rate_interval": "10s"}
OF_THE_BUS = {"$job": "bus", "$version": ".*"}
# What the service lacks, and the numbers of that which serves the bus's have.
NOT_HERE = ("Bus", "GPUs")
EVENTS = {"Content-Type": "application/json", "Accept": "text/event-stream"}
LONG = 90
# Samples in a body: enough for the rules on drift.
MANY = 300
TRUTH = json.dumps(
    [{"prediction": "big", "answer": true} for true in ("small", "big")] + [{"prediction": 1, "answer": 1.5}]
)


def word(root, *words, prefix=PREFIX, stdout=subprocess.PIPE):
    """Return what a word of the service's command line did."""
    env = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), "S2I_APP_METRICS_PREFIX": prefix}
    command = [sys.executable, "-I", "-m", "nb_service", *words]
    return subprocess.run(command, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True)


class Prometheus:
    """A Prometheus on loopback, and a client of its HTTP API."""

    def __init__(self, folder, jobs, rules):
        (folder / "rules.yml").write_text(rules)
        scrapes = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}
            for job, (port, labels) in jobs.items()
        ]
        config = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yml"], "scrape_configs": scrapes}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._address = f"127.0.0.1:{free_port()}"
        command = [
            provide.program("prometheus", "prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self._address}",
        ]
        with open(folder / "log", "w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(self, path, **words):
        """Return (None, data) of a question, or (what is wrong with it, None)."""
        address = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return None, json.load(answer)["data"]
        except urllib.error.HTTPError as rejected:
            return json.load(rejected)["error"], None

    def is_up(self):
        """Return whether it answers."""
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=20):
                return True
        except OSError:
            return False

    def series(self, expression, *, over_time):
        """Return {labels: finite values} of a query, as Grafana asks it: at a moment, or over the last 20 seconds."""
        now = time.time()
        words = {"start": now - 20, "end": now, "step": 1} if over_time else {"time": now}
        wrong, data = self.ask("query_range" if over_time else "query", query=expression, **words)
        assert wrong is None, f"{wrong}: {expression}"
        found = {}
        for each in data["result"]:
            pairs = each["values"] if over_time else [each["value"]]
            values = [value for value in (float(text) for _, text in pairs) if math.isfinite(value)]
            if values:
                found[tuple(sorted(each["metric"].items()))] = values
        return found

    def close(self):
        """End it."""
        self._process.kill()
        self._process.wait()


class Bus(http.server.ThreadingHTTPServer):
    """Serves the numbers of a bus whose counters grow with each scrape."""

    def __init__(self):
        steps = itertools.count(1)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = text_of_everything(PREFIX, next(steps)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def load(service, ended):
    """Ask for predictions of all kinds until `ended`: many in a body, alone, fractional numbers, failures."""
    chance = random.Random(3)
    for _ in range(3):
        many = [[chance.gauss(0, 1), chance.random()] for _ in range(MANY)]
        assert service.ask(json.dumps(many), "/predict/batch")[0] == 200
    while not ended.wait(0.05):
        assert service.predict([chance.gauss(0, 1), chance.random()])[0] == 200
        assert service.predict([chance.random(), 2])[0] == 200
        assert service.predict([0, 3])[0] == 500
        assert service.ask(TRUTH, "/feedback")[0] == 200
        assert service.ask("[1, 2]", "/predict/size")[0] == 200
        assert service.ask("[1, 2]", "/predict/parts", headers=EVENTS)[0] == 200


@pytest.fixture(scope="module")
def root(model_cache):
    """Return the folder of the model."""
    return model_cache(NOTEBOOK)


@pytest.fixture(scope="module")
def board(root):
    """Return the board that the service writes."""
    written = word(root, "dashboard")
    assert written.returncode == 0, written.stderr
    return json.loads(written.stdout)


@pytest.fixture(scope="module")
def prometheus(root, tmp_path_factory):
    """Return a Prometheus with the service's own rules, which has scraped it and a bus under load for a while."""
    rules = word(root, "alerts").stdout
    # Nobody waits here for minutes: how long an alert has to last, promtool asks in test/unit.
    rules, changed = re.subn(r"^( +)(interval|for): \w+$", r"\1\2: 1s", rules, flags=re.MULTILINE)
    assert changed == 2 + len(files.alert_names(PREFIX))
    bus, ended = Bus(), threading.Event()
    service = Service(root, S2I_APP_METRICS_PREFIX=PREFIX)
    loader = threading.Thread(target=load, args=(service, ended))
    started = None
    try:
        service.ready()
        # One with the label that the variable chooses by, and one without.
        jobs = {"my-service": (service.port, {"version": "a"}), "bus": (bus.server_port, {})}
        started = Prometheus(tmp_path_factory.mktemp("prometheus"), jobs, rules)
        assert wait_until(started.is_up, LONG)
        # The first scrape is before the load: an increase is only of what Prometheus has seen grow.
        assert wait_until(lambda: started.series(f"{PREFIX}_drift_psi_critical", over_time=False), LONG)
        loader.start()
        yield started
    finally:
        ended.set()
        if loader.ident:
            loader.join()
        service.close()
        bus.shutdown()
        bus.server_close()
        if started is not None:
            started.close()


def resolved(expression, values=VARIABLES):
    """Return a query as Grafana sends it: without variables."""
    for name, value in values.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def panels(board):
    """Return (title of the row, panel) of all panels."""
    row, every = "", []
    for panel in board["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            every += [(row, inside) for inside in panel["panels"]]
        else:
            every.append((row, panel))
    return every


def empty(prometheus, board):
    """Return (row, panel, query) of each query of the board that has no series with a number, or not its labels."""
    lacking = []
    for row, panel in panels(board):
        for target in panel["targets"]:
            chosen = {**VARIABLES, **OF_THE_BUS} if row in NOT_HERE else VARIABLES
            series = prometheus.series(resolved(target["expr"], chosen), over_time=target["range"])
            # A call by gRPC has this label, a request by HTTP none.
            wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"protocol"}
            if not any(wanted <= dict(labels).keys() for labels in series):
                lacking.append((row, panel["title"], target["expr"]))
    return lacking


def test_each_query_of_each_panel_is_answered_with_numbers(prometheus, board):
    assert len(panels(board)) > 30
    wait_until(lambda: not empty(prometheus, board), LONG)
    assert empty(prometheus, board) == []


def test_all_versions_are_those_without_that_label_too(board):
    (version,) = [one for one in board["templating"]["list"] if one["name"] == "version"]
    assert version["allValue"] == OF_THE_BUS["$version"]


def test_choices_are_the_services_versions_and_routes_that_there_are(prometheus, board):
    def values(name):
        (variable,) = [one for one in board["templating"]["list"] if one["name"] == name]
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
        wrong, data = prometheus.ask(f"label/{label}/values", **{"match[]": resolved(selector)})
        assert wrong is None, wrong
        return data

    routes = ["/feedback", "/predict", "/predict/<name>", "/predict/batch"]
    assert wait_until(lambda: values("route") == routes, LONG), values("route")
    assert values("job") == ["bus", "my-service"]
    assert values("version") == ["a"]


def test_a_new_version_and_an_alert_are_marked(prometheus, board):
    marks = {one["name"]: resolved(one["target"]["expr"]) for one in board["annotations"]["list"]}
    assert list(marks) == ["A new version of a model", "An alert"]
    for name, labels in (("A new version of a model", {"model_name", "model_version"}), ("An alert", {"alertname"})):
        assert wait_until(lambda name=name: prometheus.series(marks[name], over_time=True), LONG)
        assert all(labels <= dict(found).keys() for found in prometheus.series(marks[name], over_time=True))


def test_each_rule_is_evaluated_without_a_complaint_and_errors_are_reported_of(prometheus):
    def evaluated():
        _, data = prometheus.ask("rules")
        return [rule for group in data["groups"] for rule in group["rules"]]

    assert wait_until(lambda: all(rule["health"] != "unknown" for rule in evaluated()), LONG)
    assert [(rule["name"], rule["lastError"]) for rule in evaluated() if rule["health"] != "ok"] == []
    assert len(evaluated()) == 20

    def told():
        return {
            alert["labels"]["alertname"]: alert["annotations"]["summary"]
            for alert in prometheus.ask("alerts")[1]["alerts"]
            if alert["state"] == "firing" and alert["labels"]["job"] == "my-service"
        }

    assert wait_until(lambda: "FruitErrors" in told(), LONG)
    assert re.fullmatch(
        r"my-service has been failing requests for five minutes \([\d.e-]+ a second\)", told()["FruitErrors"]
    )
    # In time, drift is reported as well: the baseline does not contain that many fractions.
    assert not told().keys() & {"FruitNotReady", "FruitUnreachable", "FruitScorersEnd", "FruitBusDisconnected"}


@pytest.mark.parametrize("name", ["dashboard", "alerts"])
def test_a_word_says_what_it_takes_and_rejects_the_rest(root, name):
    asked = word(root, name, "--help")
    assert asked.returncode == 0 and asked.stdout.startswith(f"Usage: {name} > ")
    rejected = word(root, name, "--pretty")
    assert (rejected.returncode, rejected.stdout) == (2, "")
    assert f"Back end {name} takes no arguments; got: --pretty." in rejected.stderr
    with open("/dev/full", "w") as full:
        unwritten = word(root, name, stdout=full)
    assert unwritten.returncode == 1
    assert "stdout can't be written: No space left on device." in unwritten.stderr
    wrong = word(root, name, prefix="9")
    assert wrong.returncode == 1 and "S2I_APP_METRICS_PREFIX='9' is not" in wrong.stderr


def test_what_is_written_is_the_same_for_every_model_and_no_scorer_is_started(root, model_cache):
    other = model_cache("def predictor(x):\n    return x\nexamples = [1]")
    for name in ("dashboard", "alerts"):
        written = [word(each, name) for each in (root, other)]
        assert written[0].stdout == written[1].stdout != ""
        assert [each.stderr for each in written] == ["", ""]
