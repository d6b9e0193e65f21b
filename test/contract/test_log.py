"""The log of a service whose reader is slow, gone or missing; and output of others in it."""

import http.client
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from contract.services import JSON, SOON, free_port, wait_until

FORMS = ("text", "json")
LOUD = """
    import os
    import sys

    def predictor(x):
        if x == "print":
            print("words " * 17_000)
        if x == "lines":
            print("words\\n" * 17_000)
        if x == "raw":
            os.write(1, b"raw words\\n" * 10_000)
        if x == "endless":
            os.write(2, b"no end of this line " * 5_000)
        if x == "error":
            print("words " * 17_000, file=sys.stderr)
        return x

    examples = [1]
"""


@contextmanager
def served(app_root, redirection="", **streams):
    """Give the port of a ready service with these standard streams, or those of a shell's `redirection`."""
    port = int(free_port())
    command = [sys.executable, "-I", "-m", "nb_service"]
    if redirection:
        command = ["sh", "-c", f'exec "$0" "$@" {redirection}', *command]
    inherited = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    ours = {"APP_ROOT": str(app_root), "PORT": str(port), "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    form = {"S2I_LOG_FORMAT": streams.pop("form", "text"), "S2I_PREDICT_TIMEOUT": "3"}
    process = subprocess.Popen(command, env={**inherited, **ours, **form}, **streams)
    try:
        assert wait_until(lambda: process.poll() is not None or asked(port, "GET", "/readyz") == 200)
        assert process.poll() is None
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(SOON)
        finally:
            process.kill()
            process.wait()


def asked(port, method, path, body=None):
    """Return the status of a request; None where no connection is had."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
    try:
        connection.request(method, path, body, JSON if body else {})
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sample", ["print", "lines", "raw", "endless", "error"])
def test_a_predictor_that_prints_much_answers_also_where_no_one_reads_the_log(model_cache, form, sample):
    reader, writer = os.pipe()
    with served(model_cache(LOUD), stdout=writer, stderr=writer, form=form) as (_, port):
        assert [asked(port, "POST", "/predict", json.dumps(sample)) for _ in range(30)] == [200] * 30
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "redirection",
    [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", "<&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"],
)
def test_a_service_without_a_log_serves(model_cache, redirection, form):
    with served(model_cache(LOUD), redirection, form=form) as (process, port):
        for sample in ("print", "raw", "error", 1):
            assert asked(port, "POST", "/predict", json.dumps(sample)) == 200
        process.terminate()
        assert process.wait(SOON) == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_service_whose_log_s_reader_is_gone_serves(model_cache, form):
    reader, writer = os.pipe()
    os.close(reader)
    with served(model_cache(LOUD), stdout=writer, stderr=writer, form=form) as (process, port):
        os.close(writer)
        assert [asked(port, "POST", "/predict", json.dumps("print")) for _ in range(5)] == [200] * 5
        process.terminate()
        assert process.wait(SOON) == 0


def test_lines_of_text_come_as_they_were_printed(start):
    service = start(LOUD, WEB_CONCURRENCY="1").ready()
    assert service.predict("lines")[0] == 200
    assert service.predict("raw")[0] == 200
    assert service.stop() == 0
    service.close()
    marked = [line for line in service.lines if line.startswith("[scorer") and line.endswith("] words\n")]
    assert len(marked) == 17_000
    assert service.lines.count("raw words\n") == 10_000


def test_what_was_left_out_is_counted_once_the_log_is_read_again(model_cache):
    reader, writer = os.pipe()
    with served(model_cache(LOUD), stdout=writer, stderr=writer) as (process, port):
        os.close(writer)
        for _ in range(150):
            asked(port, "POST", "/predict", json.dumps("raw"))
        lines: list[bytes] = []
        with open(reader, "rb") as log:
            thread = threading.Thread(target=lambda: lines.extend(log))
            thread.start()
            assert wait_until(lambda: b"raw words\n" in lines)
            asked(port, "POST", "/predict", "1")
            assert wait_until(lambda: any(b" lines were dropped" in line for line in lines))
            process.terminate()
            thread.join(SOON)
