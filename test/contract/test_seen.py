"""What is seen of a service from outside: its metrics, its log, ids and traces of requests."""

import json
import os
import re
import signal
import time

import pytest
from nb_service.http.hops import THREADS
from prometheus_client.parser import text_string_to_metric_families

from contract.services import JSON, connections, wait_until
from promtool import promtool

NOTEBOOK = """
    import os
    def predictor(x):
        if x == "kill":
            os.kill(os.getpid(), 9)
        if x == "print":
            print("said by\\nthe notebook")
        return {True: "big", False: "small"}[sum(x) > 1] if isinstance(x, list) else x
    examples = [[0.5, 0.25], [0.75, 1.0]]
"""
FAILS_TO_LOAD = """
    class Broken:
        def __call__(self, x):
            return x
        def __reduce__(self):
            return int, ("not a number",)
    predictor = Broken()
"""
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def told(service, path="/metrics"):
    """Return {(name, labels): value} of the service's metrics."""
    _, text, headers = service.ask(None, path, "GET", {})
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.items())): sample.value for sample in samples}


@pytest.fixture
def numbers(start):
    """Return what gives a service's metrics in a format; it has all kinds of them."""
    service = start(NOTEBOOK).ready()
    for sample in ([0.5, 0.6], 0.25, "kill", [0.1, 0.1]):
        service.predict(sample)

    def text(accept="text/plain"):
        return service.ask(None, "/metrics", "GET", {"Accept": accept})[1]

    assert wait_until(lambda: 'nb_scorer_restarts_total{reason="died"} 1.0' in text())
    return text


def test_prometheus_s_own_tool_finds_nothing_wrong_with_the_metrics(numbers):
    text = numbers()
    assert "nb_prediction_values_bucket" in text and "nb_predictions_total" in text
    assert promtool("check", "metrics", given=text) == (0, "")


def test_prometheus_s_own_tool_reads_the_metrics_of_openmetrics(numbers, tmp_path):
    text = numbers("application/openmetrics-text; version=1.0.0")
    # It looks at this format as at the one before, in which a counter's help would have the whole name.
    _, said = promtool("check", "metrics", given=text)
    assert [line for line in said.splitlines() if not line.endswith("_total no help text")] == []
    # By its parser for this format it reads samples with times.
    stamped = re.sub(r"^([^#].*)$", rf"\1 {int(time.time())}", text, flags=re.MULTILINE)
    (tmp_path / "numbers").write_text(stamped)
    status, said = promtool("tsdb", "create-blocks-from", "openmetrics", tmp_path / "numbers", tmp_path / "blocks")
    samples = len(re.findall(r"^[^#]", text, re.MULTILINE))
    assert (status, int(said.splitlines()[1].split()[4])) == (0, samples)


def test_metrics_report_what_was_asked_answered_and_restarted(start):
    service = start(NOTEBOOK).ready()
    for sample in ([0.5, 0.6], [1, 1], [0.1, 0.1], 7, 0.25, "kill"):
        service.predict(sample)
    service.ask("{")
    service.ask(None, "/no/such/path", "GET", {})
    service.ask(None, "/v1/models/a-name-that-a-client-made-up", "GET", {})
    assert wait_until(lambda: told(service)["nb_scorer_restarts_total", ("reason", "died")] == 1)
    shown = told(service)
    requests = "nb_http_requests_total"
    assert shown[requests, ("route", "/predict"), ("status", "200")] == 5
    assert shown[requests, ("route", "/predict"), ("status", "500")] == 1
    assert shown[requests, ("route", "/predict"), ("status", "400")] == 1
    assert shown[requests, ("route", "other"), ("status", "404")] == 1
    assert shown[requests, ("route", "/v1/models/<path:rest>"), ("status", "404")] == 1
    assert shown["nb_predictions_total", ("value", "big")] == 2
    assert shown["nb_predictions_total", ("value", "small")] == 1
    assert shown["nb_predictions_total", ("value", "7")] == 1
    assert shown["nb_prediction_values_bucket", ("le", "0.3")] == 1
    assert shown["nb_processing_seconds_count",] == 6
    assert shown["nb_input_bucket", ("feature", "1"), ("le", "+Inf")] == 3
    assert shown["nb_ready",] == 1
    assert "a-name-that-a-client-made-up" not in str(shown)


def test_metrics_have_the_prefix_that_is_set_and_the_path_of_tensorflow_serving(start):
    service = start(NOTEBOOK, S2I_APP_METRICS_PREFIX="fruit").ready()
    service.predict([1, 1])
    assert told(service, "/monitoring/prometheus/metrics")["fruit_predictions_total", ("value", "big")] == 1


def test_metrics_of_batches(start):
    service = start(
        """
        import time
        def predictor(x):
            time.sleep(0.3)
            return x
        def batch_predictor(xs):
            return xs
        """,
        {"golden": 1, "batch_predictor": True},
        WEB_CONCURRENCY="1",
    ).ready()
    from contract.test_batches import ask_all

    assert {status for status, _ in ask_all(service, list(range(16)))} == {200}
    shown = told(service)
    assert shown["nb_batch_samples_sum",] == 16
    assert shown["nb_batch_samples_count",] < 16


def logged(service, wanted):
    """Return the JSON lines of the log for which `wanted` is true, waiting for the first."""
    found = []

    def look():
        found[:] = [line for line in map(json.loads, service.lines) if wanted(line)]
        return found

    assert wait_until(look)
    return found


LOUD = """
    import ctypes, os, subprocess, sys, threading, traceback, warnings
    print("printed while it loads")
    def predictor(x):
        if x == "kill":
            os.kill(os.getpid(), 9)
        if x == "print":
            print("said by\\nthe notebook")
        if x == "warn":
            warnings.warn("a warning")
        if x == "raw":
            os.write(1, b"past Python\\n\\nand on\\n")
            os.write(2, b'{"half": "an obj')
        if x == "child":
            subprocess.run(["sh", "-c", "echo to stdout; echo to stderr >&2"])
        if x == "thread":
            thread = threading.Thread(target=int, args=("not a number",))
            thread.start()
            thread.join()
        if x == "caught":
            try:
                {}["a key"]
            except KeyError:
                traceback.print_exc()
        if x == "c":
            ctypes.CDLL(None).puts(b"from C")
            ctypes.CDLL(None).fflush(None)
        return x["no such key"] if isinstance(x, dict) else x
    examples = [1]
"""


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_as_json_every_line_of_the_log_is_an_object(start, start_by):
    service = start(LOUD, S2I_LOG_FORMAT="json", S2I_SCORER_START=start_by).ready()
    service.ask('"print"', headers={**JSON, "X-Request-ID": "order-17", "traceparent": TRACE})
    service.predict({"cause": "a failure"})
    for sample in ("warn", "raw", "child", "thread", "caught", "c", "kill"):
        service.predict(sample)
    (line,) = logged(service, lambda line: line.get("request_id") == "order-17")
    assert (line["method"], line["path"], line["status"], line["traceparent"]) == ("POST", "/predict", 200, TRACE)
    (line,) = logged(service, lambda line: line.get("message") == "said by\nthe notebook")
    assert (line["stream"], type(line["scorer"])) == ("stdout", int)
    (line,) = logged(service, lambda line: "The predictor failed on a sample:" in line.get("message", ""))
    assert "in predictor" in line["message"] and line["message"].rstrip().endswith("KeyError: 'no such key'")
    for words in ("UserWarning: a warning", "past Python\n\nand on", '{"half": "an obj', "to stdout", "to stderr"):
        assert logged(service, lambda line, words=words: words in line.get("message", ""))
    for words in ("ValueError: invalid literal", "KeyError: 'a key'", "from C", "was killed by signal 9"):
        assert logged(service, lambda line, words=words: words in line.get("message", ""))
    assert service.stop() == 0
    service.close()
    assert all(json.loads(line)["time"] for line in service.lines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_that_a_predictor_has_not_ended_is_no_part_of_the_service_s_own(start, form):
    code = "import os\ndef predictor(x):\n    os.write(1, b'half a line')\n    return x\n"
    service = start(code, S2I_LOG_FORMAT=form).ready()
    service.ask("1", headers={**JSON, "X-Request-ID": "order-18"})
    assert wait_until(lambda: "order-18" in service.log and "half a line" in service.log)
    (line,) = (line for line in service.lines if "order-18" in line)
    assert "half" not in line


@pytest.mark.parametrize(
    ("code", "env", "problem"),
    [
        ("def predictor(x):\n    return x\n", {"S2I_MAX_QUEUE": "many"}, "setting-invalid"),
        ("def predictor(x):\n    return x\n", {"APP_ROOT": "/nowhere"}, "model-missing"),
        ("def predictor(x):\n    return x\n", {"S2I_API_KEY_FILE": "/nowhere"}, "api-key-unreadable"),
        (FAILS_TO_LOAD, {}, "model-load-failed"),
        (FAILS_TO_LOAD, {"S2I_SCORER_START": "spawn"}, "model-load-failed"),
    ],
)
def test_as_json_a_problem_that_ends_the_service_is_an_object_too(start, code, env, problem):
    service = start(code, S2I_LOG_FORMAT="json", **env)
    assert service.process.wait(20) == 1
    service.close()
    *_, last = [json.loads(line) for line in service.lines]
    assert last["problem"] == problem
    assert last["message"].startswith("ERROR: ") and last["why"] and last["fix"] and last["time"]


def test_prints_of_the_predictor_say_which_scorer_printed_them(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1").ready()
    (scorer,) = service.scorers
    service.predict("print")
    service.wait_for("the notebook")
    assert f"[scorer {scorer}] said by\n[scorer {scorer}] the notebook\n" in service.log


def test_a_request_s_id_comes_back_and_is_made_where_there_is_none(start):
    service = start(NOTEBOOK).ready()
    assert service.ask("1", headers={**JSON, "X-Request-ID": "mine"})[2]["X-Request-ID"] == "mine"
    made = {service.ask("1")[2]["X-Request-ID"] for _ in range(3)}
    made |= {service.ask(None, path, "GET", {})[2]["X-Request-ID"] for path in ("/healthz", "/", "/no", "/metrics")}
    assert len(made) == 7
    assert service.ask("{", headers={**JSON, "X-Request-ID": "bad id"})[2]["X-Request-ID"] != "bad id"
    service.wait_for(r"POST /predict 200 \d+\.\dms id=mine")


def test_checks_that_succeed_leave_no_line(start):
    service = start(NOTEBOOK).ready()
    for _ in range(3):
        assert service.status("/healthz") == service.status("/readyz") == 200
    service.predict(1)
    service.wait_for("POST /predict 200")
    assert "/healthz" not in service.log
    assert "/readyz" not in service.log


@pytest.mark.front
@pytest.mark.parametrize("path", ["/metrics", "/docs"])
def test_metrics_and_pages_are_there_while_more_wait_for_scorers_than_there_are_threads(start, path, in_background):
    service = start("import time\ndef predictor(x):\n    time.sleep(x)\n", WEB_CONCURRENCY="1").ready()
    os.kill(service.scorers[0], signal.SIGSTOP)
    before = connections(service)
    body = json.dumps({"instances": [0]})
    waiting = [in_background(service.ask, body, "/v1/models/model:predict") for _ in range(2 * THREADS)]
    assert wait_until(lambda: connections(service) >= before + len(waiting))
    assert service.status("/healthz") == service.status(path) == 200
    os.kill(service.scorers[0], signal.SIGCONT)
    assert {answer()[0] for answer in waiting} == {200}
