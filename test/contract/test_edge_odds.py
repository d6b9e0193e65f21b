"""What an outsider can do to the log, the numbers, the descriptors and the headers: nothing."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.notebooks import ECHO
from contract.services import SOON, children, free_port, module_service, wait_until
from contract.wire import Wire, ask, cpu_seconds, get, post

service = module_service(ECHO, S2I_MODEL_NAME="model")


@pytest.mark.parametrize("sent", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_empty_lines_now_and_then_are_no_request(start, sent):
    service = start(ECHO, S2I_RECEIVE_TIMEOUT="1").ready()
    with Wire(service, timeout=0.3) as wire:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 20:
                with contextlib.suppress(TimeoutError):
                    wire.send(sent)
                    if wire.socket.recv(65536) == b"":
                        break
    assert time.monotonic() - began < 10


JSON_ANSWERS = [
    (200, post(b"1")),
    (200, post(b'{"instances": [1]}', path=b"/v1/models/model:predict")),
    (200, post(b"[1]", path=b"/predict/batch")),
    (200, get(b"/healthz")),
    (200, get(b"/readyz")),
    (200, get(b"/openapi.json")),
    (200, get(b"/v2")),
    (400, post(b"{")),
    (400, post(b"{", path=b"/invocations")),
    (404, get(b"/no")),
    (405, get(b"/predict")),
    (415, post(b"1", kind=b"text/html")),
    (400, b"GET /version HTTP/1.1\r\nno colon\r\n\r\n"),
]


@pytest.mark.parametrize(("status", "sent"), JSON_ANSWERS, ids=range(len(JSON_ANSWERS)))
def test_no_browser_takes_json_for_something_else(service, status, sent):
    answer = ask(service, sent)
    assert answer.status == status
    assert "json" in answer.headers["Content-Type"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


FORGING = ["/no%20200%201.0ms%20id=forged", "/no%0a2026-01-01T00:00:00Z%20GET%20/forged%20200", "/no%0d%0aforged"]
FORGING += [
    "/no%e2%80%a8forged%20200",
    "/no%c2%85forged%20200",
    "/no%1b[31mforged",
    "/no%00forged",
    "/no%09200%09forged",
]
FORGING += ["/healthz%20200", "/no%22,%20%22status%22:%20200,%20%22forged%22:%20%22", "/no%25200%20forged", "/no+200"]


@pytest.mark.parametrize("path", FORGING)
def test_a_path_can_t_forge_fields_of_the_log(service, path):
    request_id = f"odd-{FORGING.index(path)}"
    answer = ask(service, get(path.encode(), b"X-Request-ID: " + request_id.encode()))
    assert answer.status in (400, 404)
    # Stamp, method, path, status, time, id: six words, whatever the path is.
    line = service.wait_for(rf"(?m)^(.*) id={request_id}\b.*$")[0]
    assert line.isascii() and line.isprintable()
    assert len(line.split()) == 6, line
    assert re.fullmatch(r"\S+ GET \S+ (400|404) \d+\.\dms id=\S+", line), line


@pytest.mark.parametrize("field", [b"X-Request-ID: a b 200", b"X-Request-ID: \xff\xfe", b"traceparent: 00-a b-c-01"])
def test_a_field_can_t_forge_fields_of_the_log_either(service, field):
    before = len(service.log.splitlines())
    ask(service, get(b"/nothing-here", field))
    assert wait_until(lambda: "GET /nothing-here 404" in "".join(service.log.splitlines()[before:]))
    for line in service.log.splitlines()[before:]:
        assert re.fullmatch(r"\S+ GET \S+ 404 \d+\.\dms id=\S+", line), line


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_without_descriptors_the_service_does_not_spin_and_heals(start):
    service = start(ECHO).ready()
    pid = service.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = descriptors(pid)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (held + 10, hard))
    clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(60)]
    try:
        assert wait_until(lambda: descriptors(pid) >= held + 5)
        before = cpu_seconds(pid)
        time.sleep(1)
        assert cpu_seconds(pid) - before < 0.2
        assert service.process.poll() is None
    finally:
        for client in clients:
            client.close()
    # With the limit as low as it was.
    assert wait_until(lambda: quiet_status(service) == 200)
    assert service.predict("after") == (200, "after")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert service.predict("after") == (200, "after")
    assert "Traceback" not in service.log


def quiet_status(service) -> int:
    """Return the status of a health check, 0 where none came."""
    try:
        return ask(service, get(b"/healthz"), 2).status
    except (OSError, AttributeError):
        return 0


def test_scorers_that_can_t_be_started_for_want_of_descriptors_are_started_later(start):
    service = start(ECHO).ready()
    pid = service.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = descriptors(pid)
    scorers = [one for zygote in children(pid) for one in children(zygote)]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(8, held - 10), hard))
    for scorer in scorers:
        os.kill(scorer, signal.SIGKILL)
    assert wait_until(lambda: not any(Path(f"/proc/{scorer}").exists() for scorer in scorers))
    time.sleep(0.5)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert wait_until(lambda: quiet_status(service) == 200 and service.status("/readyz") == 200)
    assert wait_until(lambda: service.predict("after") == (200, "after"))


NO_EXAMPLES = """
    def predictor(x):
        return 1
"""
EXAMPLES = """
    def predictor(x):
        return 1
    examples = [{"width": 1.5, "height": 2}]
"""


@pytest.mark.parametrize("code", [NO_EXAMPLES, EXAMPLES], ids=["without examples", "with examples"])
def test_clients_name_no_features_in_the_metrics(start, code):
    service = start(code, S2I_MODEL_NAME="model").ready()
    for turn in range(40):
        name = f"made-up-{turn}"
        assert service.predict({name: 1.5, "width": 2})[0] == 200
        assert service.ask(json.dumps([{name: 2}, {name: 3}]), "/predict/batch")[0] == 200
        assert service.ask(json.dumps({"instances": [{name: 2}]}), "/v1/models/model:predict")[0] == 200
    reported = service.ask(None, "/metrics", "GET", {})[1]
    assert "made-up" not in reported
    # Neither by a path, a method or an id.
    for sent in (get(b"/made-up"), get(b"/version", method=b"MADE-UP"), get(b"/version", b"X-Request-ID: made-up")):
        ask(service, sent)
    assert "made-up" not in service.ask(None, "/metrics", "GET", {})[1].lower()


def vary(answer) -> set[str]:
    """Return the names of the fields by which an answer differs."""
    return {word.strip().lower() for value in answer.headers.get_all("Vary") or () for word in value.split(",")}


@pytest.mark.parametrize("origin", [(), (b"Origin: https://other.example",), (b"Origin: https://app.example",)])
def test_caches_keep_answers_for_one_origin_from_another(start, tmp_path, origin):
    (tmp_path / "key").write_text("a-secret-of-ours")
    key = (b"X-API-Key: a-secret-of-ours",)
    settings = {"S2I_CORS_ORIGINS": "https://app.example", "S2I_API_KEY_FILE": str(tmp_path / "key")}
    service = start(ECHO, S2I_MODEL_NAME="model", **settings).ready()
    for sent, status in (
        (post(b"1", *key, *origin), 200),
        (post(b'{"instances": [1]}', *key, *origin, path=b"/v1/models/model:predict"), 200),
        (get(b"/docs", *key, *origin), 200),
        (get(b"/version", *key, *origin), 200),
        (get(b"/healthz", *origin), 200),
        (get(b"/no", *key, *origin), 404),
        (post(b"{", *key, *origin), 400),
        (get(b"/docs", *origin), 401),
    ):
        answer = ask(service, sent)
        assert answer.status == status
        assert "origin" in vary(answer), sent
        assert ("Access-Control-Allow-Origin" in answer.headers) is (b"app.example" in b"".join(origin))


TWICE = ["//models", "//v1/models", "//evil.example/predict", "//docs", "/docs//", "//", "///x", "///v1/models"]
TWICE += [
    "/v1//models",
    "/v1/models//model",
    "/v2//models/model",
    "/v1/models/",
    "/v2/models//model/infer",
    "/.//predict",
]


@pytest.mark.parametrize("path", TWICE)
def test_no_answer_sends_a_client_to_the_host_that_it_named(service, path):
    for method in (b"GET", b"POST", b"HEAD"):
        with Wire(service) as wire:
            sent = get(path.encode(), method=method).replace(b"Host: x", b"Host: evil.example")
            answer = wire.send(sent).answer(bodiless=method == b"HEAD")
        location = answer.headers.get("Location") or ""
        assert "evil.example" not in location and not location.startswith("//"), location


NINES = b"9" * 5000
DIGITS = {
    "a version of a model": get(b"/v1/models/model/versions/" + NINES),
    "a version to predict with": post(b'{"instances": [1]}', path=b"/v1/models/model/versions/" + NINES + b":predict"),
    "the length of a header of V2": post(
        b"{}",
        b"Inference-Header-Content-Length: " + NINES,
        path=b"/v2/models/model/infer",
        kind=b"application/octet-stream",
    ),
    "a shape of V2": post(
        b'{"inputs": [{"name": "x", "shape": [' + NINES + b'], "datatype": "FP64", "data": [1]}]}',
        path=b"/v2/models/model/infer",
    ),
    "a deep line": post(b"[" * 100_000 + b"\n", path=b"/predict/batch", kind=b"application/x-ndjson"),
    "a deep line of objects": post(b'{"a":' * 50_000 + b"\n", path=b"/invocations", kind=b"application/jsonlines"),
    "deep records": post(b'{"dataframe_records": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", path=b"/invocations"),
    "deep columns": post(
        b'{"dataframe_split": {"columns": ["x"], "data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}", path=b"/invocations"
    ),
}


@pytest.mark.parametrize("name", DIGITS)
def test_what_is_too_long_or_too_deep_is_the_client_s_fault(service, name):
    answer = ask(service, DIGITS[name])
    assert answer.status in (400, 404, 413, 422), answer


def test_a_service_whose_output_is_closed_serves_or_says_why_not(model_cache):
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {"APP_ROOT": str(model_cache(ECHO)), "PORT": port, "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    command = ["sh", "-c", 'exec "$0" -I -m nb_service >&-', sys.executable]
    process = subprocess.Popen(command, env={**kept, **settings}, stderr=subprocess.PIPE, text=True)

    class Here:
        port = int(settings["PORT"])

    try:
        assert wait_until(lambda: process.poll() is not None or quiet_status(Here) == 200)
        if process.poll() is None:
            assert wait_until(lambda: ask(Here, post(b"5")).status == 200)
            process.terminate()
            assert process.wait(SOON) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_connections_of_those_who_left_are_let_go(service):
    # What serves these is there from now on.
    assert service.status("/docs") == 200
    before = descriptors(service.process.pid)
    wires = [Wire(service) for _ in range(200)]
    for number, wire in enumerate(wires):
        wire.send((get(b"/docs"), post(b"1"), post(b"1")[:-1], get(b"/version")[:-2], b"")[number % 5])
    assert service.status("/healthz") == 200
    for number, wire in enumerate(wires):
        wire.reset() if number % 2 else wire.socket.close()
    assert wait_until(lambda: descriptors(service.process.pid) <= before)
