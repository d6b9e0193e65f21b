"""POST /v2/repository/models/<name>/load: other scorers replace the present ones without losing a request."""

import contextlib
import http.client
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.services import make_app_root, wait_until
from contract.test_streaming import EVENTS, Stream
from contract.weights import root_with_weights, write_files

# A sample that is a path is answered when its file is gone.
NOTEBOOK = """
    import os, time
    def setup():
        global number, pid
        with open({path!r}) as file:
            text = file.read()
        while text == "wait":
            time.sleep(0.01)
            with open({path!r}) as file:
                text = file.read()
        number, pid = int(text), os.getpid()
    def teardown():
        print("torn down", pid, flush=True)
    def predictor(x):
        while isinstance(x, str) and os.path.exists(x):
            time.sleep(0.01)
        return number if x is None else [x, pid]
    examples = [None]
"""
OF_WEIGHTS = """
    def setup():
        global number
        with open("weights/x/sub/number.txt") as file:
            number = int(file.read())
    def predictor(x):
        return x + number
    number = 41
    examples = [1]
"""
OF_STREAMS = """
    import os, time
    def setup():
        pass
    def predictor(x: str):
        yield "first"
        while os.path.exists(x):
            yield "more"
            time.sleep(0.01)
"""
CLIENTS = 8


@pytest.fixture
def value(tmp_path):
    """Return the file that the notebook's setup reads."""
    path = tmp_path / "value"
    path.write_text("1")
    return path


@pytest.fixture
def root(tmp_path, value):
    return make_app_root(tmp_path, NOTEBOOK.format(path=str(value)), {})


def load(service, headers=None):
    """Return (status, body) of the request to load the model again."""
    name = service.ask(None, "/v2/models", "GET", headers or {})[1]["models"][0]
    return service.ask(b"", f"/v2/repository/models/{name}/load", headers=headers or {})[:2]


def pids(service):
    """Return the process ids of the scorers that answer now."""
    return {service.predict(number)[1][1] for number in range(20)}


WAYS = [{"S2I_SCORER_START": "fork"}, {"S2I_SCORER_START": "spawn"}, {"S2I_FRONT": "waitress"}]


@pytest.mark.parametrize("how", WAYS)
def test_a_reload_under_load_loses_no_request(start, root, how):
    service = start(root, **how).ready()
    before = pids(service)
    over = threading.Event()

    def ask():
        answers = []
        while not over.is_set():
            answers.append(service.predict(len(answers)))
        return answers

    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(ask) for _ in range(CLIENTS)]
        statuses = [load(service)[0] for _ in range(3)]
        over.set()
        answers = [client.result() for client in clients]
    assert statuses == [200, 200, 200]
    for of_client in answers:
        assert [(status, body[0]) for status, body in of_client] == [(200, number) for number in range(len(of_client))]
    assert not before & pids(service)
    for pid in before:
        service.wait_for(f"torn down {pid}")
    assert service.stop() == 0


def test_a_sample_that_is_being_scored_is_answered_by_its_scorer(start, root, tmp_path):
    service = start(root).ready()
    before = pids(service)
    held = tmp_path / "held"
    held.touch()
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(service.predict, str(held))
        assert wait_until(lambda: service.metric("nb_in_flight_samples") >= 1)
        assert load(service)[0] == 200
        assert not before & pids(service)
        held.unlink()
        status, (_, pid) = slow.result()
    assert status == 200 and pid in before
    service.wait_for(f"torn down {pid}")


def test_scorers_that_predict_golden_rows_otherwise_are_not_used(start, root, value):
    service = start(root).ready()
    before, scorers = pids(service), sorted(service.scorers)
    value.write_text("2")
    status, body = load(service)
    assert status == 500
    assert "the present scorers keep predicting. Golden row 1 is not predicted as it was" in body["error"]
    assert service.predict(None) == (200, 1)
    assert pids(service) <= before
    assert wait_until(lambda: sorted(service.scorers) == scorers)
    value.write_text("1")
    assert load(service)[0] == 200
    assert not before & pids(service)


def test_a_setup_that_fails_changes_nothing(start, root, value):
    service = start(root).ready()
    scorers = sorted(service.scorers)
    value.write_text("no number")
    status, body = load(service)
    assert status == 500 and body["error"].endswith("The notebook's setup failed; the log shows the error.")
    assert "ValueError: invalid literal" in service.log
    assert wait_until(lambda: sorted(service.scorers) == scorers)
    assert service.predict(None) == (200, 1)
    assert service.ask(None, "/readyz", "GET")[0] == 200


def test_a_second_request_is_rejected_and_a_stop_ends_the_first(start, root, value):
    # A stop that waited for the reload would take all of S2I_GRACE.
    service = start(root, S2I_GRACE="60").ready()
    value.write_text("wait")
    with ThreadPoolExecutor() as threads:
        first = threads.submit(load, service)
        service.wait_for("Reload: starting other scorers")
        assert load(service)[0] == 409
        assert service.predict(None) == (200, 1)
        assert service.stop() == 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert first.result()[0] >= 500


def test_a_reload_waits_for_the_streams_of_replaced_scorers(start, tmp_path):
    service = start(OF_STREAMS, S2I_PREDICT_TIMEOUT="1").ready()
    held = tmp_path / "held"
    held.touch()
    with Stream(service, str(held), EVENTS) as stream:
        assert stream.line() == 'data: "first"\n'
        assert load(service)[0] == 200
        status, body = load(service)
        assert status == 503
        assert body["error"].endswith("The scorers that the last reload replaced have not finished their streams.")
        held.unlink()
        assert stream.read().endswith("event: done\ndata: {}\n\n")
    assert load(service)[0] == 200


def test_the_key_is_needed_as_for_predictions(start, root, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("secret-key-of-sixteen\n")
    service = start(root, S2I_API_KEY_FILE=str(keys)).ready()
    assert service.ask(b"", "/v2/repository/models/model/load")[0] == 401
    assert load(service, {"Authorization": "Bearer secret-key-of-sixteen"})[0] == 200


def test_weights_are_compared_again(start, model_cache, tmp_path):
    files = write_files(tmp_path / "files")
    root = root_with_weights(model_cache(OF_WEIGHTS), tmp_path / "app", f"file://{files}", files)
    service = start(root, S2I_WEIGHTS_DIR=str(files)).ready()
    assert service.predict(1) == (200, 42)
    (files / "sub" / "number.txt").write_text("40")
    status, body = load(service)
    assert status == 503
    assert f"weights/x/sub/number.txt from {files} has another content than in weights.lock" in body["error"]
    assert service.predict(1) == (200, 42)
    (files / "sub" / "number.txt").write_text("41")
    assert load(service)[0] == 200
    assert service.predict(1) == (200, 42)
    shutil.rmtree(os.path.dirname(os.readlink(root / "src" / "weights" / "x")))
