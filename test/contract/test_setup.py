"""The notebook's setup and teardown: once in each scorer, before its first sample and after its last."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.services import SOON, free_port, make_app_root, wait_until

NOTEBOOK = """
    import os, threading
    def setup():
        global lock, opened_by
        lock = threading.Lock()
        opened_by = os.getpid()
        print("set up", os.getpid(), flush=True)
    def teardown():
        print("torn down", opened_by, flush=True)
    def predictor(x):
        with lock:
            return [x, opened_by == os.getpid()]
    setup()
    examples = [1]
"""
ASYNC = """
    async def connect(device):
        return "a connection from " + device
    async def setup(device):
        global connection
        connection = await connect(device)
    def predictor(x):
        return connection
"""
BROKEN = """
    import os
    def setup():
        global answer
        if os.path.exists({path!r}):
            raise ConnectionError("the database is down")
        answer = 42
    def predictor(x):
        return answer
    examples = [1]
"""
HANGS = """
    import os, time
    def setup():
        if os.path.exists({path!r}):
            time.sleep(1000)
    def predictor(x):
        return x
"""


@pytest.fixture
def obstacle(tmp_path):
    """Return the path of a file that a test's setup minds; it is not there."""
    return tmp_path / "obstacle"


def readiness(service):
    """Return the body of /readyz, "" before it listens."""
    try:
        return json.dumps(service.ask(None, "/readyz", "GET")[1])
    except ConnectionError:
        return ""


def health(service):
    """Return the body of /health-check."""
    status, body, _ = service.ask(None, "/health-check", "GET")
    assert status == 200
    return body


@pytest.mark.parametrize("front", ["http", "waitress"])
def test_cogs_health_check_reports_a_failed_setup_until_it_works(start, tmp_path, obstacle, front):
    root = make_app_root(tmp_path, BROKEN.format(path=str(obstacle)), {})
    obstacle.touch()
    service = start(root, PORT=free_port(), **({"S2I_FRONT": front} if front == "waitress" else {}))
    service.wait_for("attempt 2")
    failed = health(service)
    assert failed["status"] == "SETUP_FAILED" or failed["setup"]["status"] == "starting"
    assert wait_until(lambda: health(service)["status"] == "SETUP_FAILED")
    assert "Attempt 1: The notebook's setup failed: ConnectionError. The service's log" in failed["setup"]["logs"]
    assert "database" not in failed["setup"]["logs"]
    obstacle.unlink()
    service.ready()
    works = health(service)
    assert (works["status"], works["setup"]["status"]) == ("READY", "succeeded")
    assert works["setup"]["started_at"] < works["setup"]["completed_at"]
    assert "Attempt 2" in works["setup"]["logs"]


RAISED = {
    "RuntimeError": 'raise RuntimeError("a remote error:\\nTraceback (most recent call last):\\npassword hunter2")',
    "ExceptionGroup": 'raise ExceptionGroup("password hunter2", [ValueError("password hunter2")])',
    "Silent": "raise Silent()",
}


@pytest.mark.parametrize("name", RAISED)
def test_cogs_health_check_shows_clients_only_the_class_of_an_error(start, tmp_path, obstacle, name):
    code = f"""
        import os
        class Silent(Exception):
            def __str__(self):
                raise ValueError("no text")
        def setup():
            if os.path.exists({str(obstacle)!r}):
                {RAISED[name]}
        def predictor(x):
            return x
    """
    root = make_app_root(tmp_path, code, {})
    obstacle.touch()
    service = start(root, PORT=free_port())
    service.wait_for("attempt 2")
    logs = health(service)["setup"]["logs"]
    assert f"Attempt 1: The notebook's setup failed: {name}. The service's log" in logs
    assert "hunter2" not in logs


def test_cogs_health_check_shows_the_traceback_in_debugging_only(start, tmp_path, obstacle):
    root = make_app_root(tmp_path, BROKEN.format(path=str(obstacle)), {})
    obstacle.touch()
    service = start(root, PORT=free_port(), S2I_DEBUG="1")
    service.wait_for("attempt 2")
    logs = health(service)["setup"]["logs"]
    assert "Traceback" in logs and "ConnectionError: the database is down." in logs


def test_cogs_health_check_while_setup_runs_and_while_all_scorers_work(start, tmp_path):
    gate = tmp_path / "gate"
    code = f"""
        import os, time
        def setup():
            while not os.path.exists({str(gate)!r}):
                time.sleep(0.01)
        def predictor(x):
            while x and os.path.exists({str(gate)!r}):
                time.sleep(0.01)
            return x
    """
    # The build calls setup, too.
    gate.touch()
    root = make_app_root(tmp_path, code, {})
    gate.unlink()
    service = start(root, PORT=free_port(), WEB_CONCURRENCY="1")
    assert wait_until(lambda: "setup is running" in readiness(service))
    starting = health(service)
    assert (starting["status"], starting["setup"]["status"]) == ("STARTING", "starting")
    assert "completed_at" not in starting["setup"]
    gate.touch()
    service.ready()
    assert health(service)["status"] == "READY"
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(service.predict, 1)
        assert wait_until(lambda: health(service)["status"] == "BUSY")
        gate.unlink()
        assert waiting.result() == (200, 1)


def test_cogs_health_check_of_a_wrong_golden_row_is_defunct_and_needs_the_key(start, tmp_path):
    root = make_app_root(tmp_path, "def predictor(x):\n    return x + 1\nexamples = [1]\n", {})
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": 3}\n')
    keys = tmp_path / "keys"
    keys.write_text("secret-key-of-sixteen\n")
    service = start(root, PORT=free_port(), S2I_API_KEY_FILE=str(keys))
    service.wait_for("golden row 1")
    assert service.ask(None, "/health-check", "GET")[0] == 401
    bearer = {"Authorization": "Bearer secret-key-of-sixteen"}
    status, body, _ = service.ask(None, "/health-check", "GET", headers=bearer)
    assert (status, body["status"]) == (200, "DEFUNCT")


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_each_scorer_sets_up_and_tears_down_for_itself(start, how):
    service = start(NOTEBOOK, S2I_SCORER_START=how).ready()
    assert service.predict(2) == (200, [2, True])
    scorers = service.scorers
    assert service.stop(signal.SIGTERM) == 0
    service.close()
    for pid in scorers:
        assert service.log.count(f"set up {pid}") == service.log.count(f"torn down {pid}") == 1


def test_a_scorer_that_is_recycled_tears_down(start):
    service = start(NOTEBOOK, S2I_MAX_REQUESTS="3", WEB_CONCURRENCY="1").ready()
    first = service.scorers[0]
    for x in range(10):
        assert service.predict(x) == (200, [x, True])
    service.wait_for(f"torn down {first}")


def test_setup_is_told_the_device_and_may_be_a_coroutine(start):
    assert start(ASYNC).ready().predict(1) == (200, "a connection from cpu")


def test_a_setup_that_fails_is_said_and_tried_again_until_it_works(start, tmp_path, obstacle):
    root = make_app_root(tmp_path, BROKEN.format(path=str(obstacle)), {})
    obstacle.touch()
    service = start(root, PORT=free_port())
    service.wait_for("ERROR: The notebook's setup failed: ConnectionError: the database is down.")
    service.wait_for(r"attempt 3")
    status, body, _ = service.ask(None, "/readyz", "GET")
    assert status == 503 and "setup failed" in json.dumps(body)
    assert service.predict(1)[0] == 503
    assert service.log.count("Traceback") == 1
    assert "in a row crashed" not in service.log
    obstacle.unlink()
    service.ready()
    assert service.predict(1) == (200, 42)


def test_a_setup_that_hangs_has_a_limit(start, tmp_path, obstacle):
    root = make_app_root(tmp_path, HANGS.format(path=str(obstacle)), {})
    obstacle.touch()
    service = start(root, PORT=free_port(), S2I_SETUP_TIMEOUT="2")
    assert wait_until(lambda: "setup is running" in readiness(service))
    service.wait_for(r"The notebook's setup failed: it has not returned after 2 s \(S2I_SETUP_TIMEOUT\)", SOON)
    obstacle.unlink()
    assert service.ready().predict(3) == (200, 3)


def test_a_teardown_that_fails_is_printed_and_one_that_hangs_ends_with_the_grace_period(start):
    code = """
        import time
        def teardown():
            if hangs:
                time.sleep(1000)
            raise OSError("already closed")
        hangs = False
        def predictor(x):
            return x
    """
    service = start(code).ready()
    assert service.stop(signal.SIGTERM) == 0
    service.close()
    assert "OSError: already closed" in service.log
    service = start(code.replace("hangs = False", "hangs = True"), S2I_GRACE="2", S2I_LINGER="0").ready()
    assert service.stop(signal.SIGTERM) == 0
