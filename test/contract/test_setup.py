"""The notebook's setup and teardown: once in each scorer, before its first sample and after its last."""

import json
import signal

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
