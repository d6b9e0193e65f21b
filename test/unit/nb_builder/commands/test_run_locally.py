"""How `nb-builder run` finds its port."""

import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from nb_builder.commands import run_locally
from nb_builder.common.log import Log
from nb_scorer.common import paths
from nb_scorer.common.problem import SettingInvalid


def test_a_taken_port_is_left_to_its_owner(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stream = io.StringIO()
        free = run_locally.free_port(port, Log(stream))
    assert free > port
    assert f"port {port} is in use; using {free} instead." in stream.getvalue()


def test_port_0_is_any_that_is_free():
    assert run_locally.free_port(0, Log(io.StringIO())) > 1023


def test_a_port_that_is_none_is_reported_before_anything_is_built(monkeypatch):
    monkeypatch.setenv("PORT", "abc")
    with pytest.raises(SettingInvalid, match="PORT='abc'"):
        run_locally.main(["/nowhere"])


def test_a_port_of_the_repositorys_that_is_none_is_reported_before_anything_is_built(monkeypatch, tmp_path):
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_text("PORT=abc\n")
    monkeypatch.setattr(run_locally.subprocess, "run", lambda *_, **__: pytest.fail("it is built"))
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path / "home"))
    with pytest.raises(SettingInvalid, match="PORT='abc'"):
        run_locally.main([str(tmp_path)])


def test_a_problem_raised_before_the_build_is_json_and_no_traceback(tmp_path):
    program = [sys.executable, "-m", "nb_builder", "local", "--json", "/nowhere"]
    environ = {**os.environ, "PORT": "abc", "NB_BUILDER_HOME": str(tmp_path)}
    environ.pop("S2I_PROBLEM_FILE", None)
    ended = subprocess.run(program, env=environ, capture_output=True, text=True)
    assert json.loads(ended.stdout)["problem"]["code"] == "setting-invalid"
    assert ended.returncode == 1 and "PORT='abc'" in ended.stderr and "Traceback" not in ended.stderr


def test_a_port_that_no_one_has_asked_for_makes_way_for_the_next():
    log = io.StringIO()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = run_locally.free_port(port, Log(log))
    assert port < other < port + 100
    assert log.getvalue() == f"     note: port {port} is in use; using {other} instead.\n"


def test_that_no_port_is_free_is_a_problem_like_any():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
        with pytest.raises(run_locally.NoPortFree, match="No port from 65535 on is free"):
            run_locally.free_port(65535, Log(io.StringIO()))


def test_a_signal_during_the_build_ends_the_build(monkeypatch, tmp_path):
    assemble = tmp_path / "assemble"
    ended, started = tmp_path / "ended", tmp_path / "started"
    assemble.write_text(
        f"#!/bin/sh\ntrap 'touch {ended}; exit 1' TERM\ntouch {started}\n"
        "for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & wait; done\n"
    )
    assemble.chmod(0o755)
    monkeypatch.setattr(run_locally, "DOORWAYS", tmp_path)

    def terminate():
        while not started.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        threading.Thread(target=terminate).start()
        with pytest.raises(SystemExit):
            run_locally._assembled(dict(os.environ))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.exists()


@pytest.fixture
def rejecting():
    """Return the URL of a service that answers every request with 401."""

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(401, "no key")

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/predict"
        server.shutdown()


def asked(url, app_root, sample=1):
    model = app_root / paths.MODEL
    model.mkdir()
    (model / paths.GOLDEN).write_text(json.dumps({"sample": sample, "answer": 2}) + "\n")
    stream = io.StringIO()
    run_locally._send_example(app_root, url, Log(stream))
    return stream.getvalue()


def test_a_service_that_rejects_the_first_question_goes_on_serving(rejecting, tmp_path):
    assert "Sample request: 1 → status 401" in asked(rejecting, tmp_path)


@pytest.fixture
def picturing():
    """Return the URL of a service that predicts a picture."""

    class Picture(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            as_json = self.headers.get("Accept") == "application/json"
            self.wfile.write(b'"data:image/png;base64,iVBORw=="' if as_json else b"\x89PNG")

        def log_message(self, *_):
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Picture) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_predicted_picture_is_shown_as_json(picturing, tmp_path):
    assert 'Sample request: 1 → "data:image/png;base64,iVBORw=="' in asked(picturing, tmp_path)


def test_no_answer_to_the_first_question_is_a_note(tmp_path):
    assert "note: the sample request 1 failed (" in asked("http://127.0.0.1:1/predict", tmp_path)


def test_a_sample_with_a_file_does_not_fill_the_terminal(rejecting, tmp_path):
    printed = asked(rejecting, tmp_path, "data:audio/wav;base64," + "AAAA" * 5000)
    short = '"data:audio/wav;base64,' + "A" * 37 + "… (20,024 characters)"
    assert f"Sample request: {short} → status 401" in printed
    assert f"POST the file itself, or JSON such as {short} to {rejecting}/predict" in printed
    assert max(map(len, printed.splitlines())) < 200


STARTS = """#!{python}
import json, os, sys
ports = open({ports!r}, "a+")
ports.write(os.environ["PORT"] + "\\n")
ports.seek(0)
is_taken = len(ports.readlines()) <= {taken}
os.write(int(sys.argv[3]), json.dumps({{"port_taken": True}} if is_taken else {{"port": 1}}).encode() + b"\\n")
sys.exit(3 if is_taken else 0)
"""


@pytest.fixture
def starts(monkeypatch, tmp_path):
    """Return a function that serves although the port is taken that number of times; it returns (status, ports)."""

    def serve(taken, **environ):
        (tmp_path / "run").write_text(STARTS.format(python=sys.executable, ports=str(tmp_path / "ports"), taken=taken))
        (tmp_path / "run").chmod(0o755)
        monkeypatch.setattr(run_locally, "DOORWAYS", tmp_path)
        monkeypatch.setattr(run_locally, "_send_example", lambda *_: {})
        with pytest.raises(SystemExit) as ended:
            run_locally.serve(tmp_path, {**os.environ, **environ}, Log(io.StringIO()))
        return ended.value.code, (tmp_path / "ports").read_text().split()

    return serve


def test_a_port_that_another_process_takes_before_the_service_listens_is_left_to_it(starts):
    status, ports = starts(taken=2)
    assert (status, len(ports)) == (0, 3)


def test_a_service_whose_port_is_always_taken_is_not_started_for_ever(starts):
    status, ports = starts(taken=100)
    assert (status, len(ports)) == (3, run_locally.PORT_TRIES)


def test_a_port_that_was_asked_for_is_not_replaced(starts):
    with run_locally.listening(0, Log(io.StringIO())) as sock:
        port = str(sock.getsockname()[1])
    assert starts(taken=1, PORT=port) == (3, [port])


def test_of_two_that_choose_a_port_one_gets_it():
    with run_locally.listening(0, Log(io.StringIO())) as first:
        port = first.getsockname()[1]
        with run_locally.listening(port, Log(io.StringIO())) as second:
            assert second.getsockname()[1] != port


def test_a_dry_run_builds_nothing_for_a_notebook_that_has_a_predictor(monkeypatch, tmp_path, capfd):
    (tmp_path / "m.py").write_text("# %%\nrequirements = []\n# %%\ndef predictor(x):\n    return x\n")
    monkeypatch.setattr(run_locally, "_assembled", lambda *_: pytest.fail("it is built"))
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path / "home"))
    with pytest.raises(SystemExit) as ended:
        run_locally.main([str(tmp_path), "--dry-run"])
    assert ended.value.code == 0 and "Nothing was run." in "".join(capfd.readouterr())
