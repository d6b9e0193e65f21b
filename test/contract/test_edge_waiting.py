"""Nobody waits for what others do: not for who hung up, who is slow, or who does not read the log."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time

import pytest

from contract.notebooks import SLOW
from contract.services import SOON, Service, copy_of, free_port, wait_until
from contract.wire import Wire, ask, get, post, quickly

LONG = """
    def predictor(x):
        return "y" * x
    examples = [1]
"""


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("path", [b"/predict", b"/v1/models/model:predict"])
def test_samples_of_those_who_hung_up_are_not_scored_any_more(start, path, way):
    service = start(SLOW, WEB_CONCURRENCY="1", S2I_MODEL_NAME="model").ready()
    # What answers the second path is there: while it starts, all would wait before it.
    assert service.status("/docs") == 200
    body = b'{"sleep": 0.25}' if path == b"/predict" else b'{"instances": [{"sleep": 0.25}]}'
    wires = [Wire(service) for _ in range(40)]
    for wire in wires:
        wire.send(post(body, path=path))
    # All of them were read before this is answered.
    assert {service.status("/healthz") for _ in range(3)} == {200}
    for wire in wires:
        wire.reset() if way == "reset" else wire.socket.close()
    began = time.monotonic()
    assert service.predict("after") == (200, "after")
    assert time.monotonic() - began < 8
    assert "Traceback" not in service.log


@pytest.mark.parametrize("way", ["slow to send", "slow to predict"])
def test_slow_posts_outside_of_predict_hold_up_no_one(start, way):
    service = start(SLOW, S2I_MODEL_NAME="model").ready()
    slow = post(b'{"instances": [{"sleep": 5}]}', path=b"/v1/models/model:predict")
    wires = [Wire(service) for _ in range(16)]
    try:
        for wire in wires:
            wire.send(slow[:-3] if way == "slow to send" else slow)
        assert {service.status("/healthz") for _ in range(3)} == {200}

        def others() -> None:
            assert ask(service, get(b"/v1/models/model"), 4).status == 200
            assert ask(service, post(b"{", path=b"/v1/models/model:predict"), 4).status == 400
            assert ask(service, post(b"", path=b"/invocations"), 4).status == 400
            assert ask(service, get(b"/metrics"), 4).status == 200

        assert quickly(others, 1) < 1
    finally:
        for wire in wires:
            wire.reset()


@pytest.fixture
def looked_at():
    """Return what has many clients look at a page of a service again and again, for as long as the block takes."""

    @contextlib.contextmanager
    def looking(service, path, clients):
        end = threading.Event()
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as wires:
            for _ in range(clients):
                wire = wires.enter_context(Wire(service).send(get(path) * 1000))
                wire.socket.setblocking(False)
                selector.register(wire.socket, selectors.EVENT_READ)

            def take():
                while not end.is_set():
                    for key, _ in selector.select(0.1):
                        key.fileobj.recv(1 << 20)

            taker = threading.Thread(target=take)
            taker.start()
            try:
                yield
            finally:
                end.set()
                taker.join()

    return looking


def test_pages_that_are_looked_at_without_end_keep_no_one_from_predictions(start, looked_at):
    service = start(SLOW, S2I_MODEL_NAME="model").ready()
    assert service.status("/docs") == 200
    with looked_at(service, b"/docs", 400):
        for _ in range(3):
            assert ask(service, post(b"[1]", path=b"/predict/batch"), 10).status == 200
            assert ask(service, post(b'{"instances": [1]}', path=b"/v1/models/model:predict"), 10).status == 200


def test_who_takes_no_answers_keeps_no_one_else_from_theirs(start):
    service = start(LONG, S2I_MODEL_NAME="model", S2I_RECEIVE_TIMEOUT="60", S2I_APP_MEMORY="2000000000").ready()
    assert service.status("/docs") == 200
    # As many as the app works on at a time, none of whom takes more than the kernel does for it.
    wires = [Wire(service, receive_buffer=4096) for _ in range(64)]
    try:
        for number, wire in enumerate(wires, 1):
            wire.send(post(b'{"instances": [5000000]}', path=b"/v1/models/model:predict"))
            # One after the other: on its way from scorers to the app, so much at once would find no room.
            assert wait_until(lambda number=number: service.log.count(":predict 200") == number), service.log[-2000:]
        assert ask(service, post(b'{"instances": [1]}', path=b"/v1/models/model:predict"), 10).status == 200
    finally:
        for wire in wires:
            wire.reset()


class Unread:
    """A service whose output is not read."""

    def __init__(self, root, **settings: str) -> None:
        self.port = int(free_port())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ours = {"APP_ROOT": str(root), "PORT": str(self.port), "S2I_HOST": "127.0.0.1", "WEB_CONCURRENCY": "2"}
        command = [sys.executable, "-I", "-m", "nb_service"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env={**kept, **ours, **settings}, stdout=pipe, stderr=subprocess.STDOUT
        )

    def ready(self) -> "Unread":
        """Wait until it reports that it is ready; return itself."""
        assert wait_until(lambda: status_of(self, b"/readyz") == 200)
        return self

    def close(self) -> None:
        """Make sure that nothing is left."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def status_of(service, path: bytes) -> int:
    """Return the status of a GET, 0 if the port is closed."""
    try:
        return ask(service, get(path), 5).status
    except ConnectionRefusedError:
        return 0


CHATTY = """
    def predictor(x):
        if x > 1:
            print("x" * 100_000)
        return x
    examples = [1]
"""


def test_a_predictor_that_prints_a_lot_answers_while_no_one_reads_the_log(model_cache):
    service = Unread(model_cache(CHATTY), S2I_PREDICT_TIMEOUT="5").ready()
    try:
        for sample in range(2, 22):
            answer = ask(service, post(b"%d" % sample), 8)
            assert (answer.status, answer.body) == (200, b"%d" % sample)
        for _ in range(2000):
            assert status_of(service, b"/no") == 404
        assert status_of(service, b"/healthz") == status_of(service, b"/readyz") == 200
        service.process.terminate()
        assert service.process.wait(SOON) == 0
    finally:
        service.close()


LOADING = """
    import os
    import time
    def load(path):
        while not os.path.exists(path):
            time.sleep(0.01)
        return 1
    class Slow:
        def __reduce__(self):
            return load, ({go!r},)
    slow = Slow()
    def predictor(x):
        return [x, bool(slow)]
    examples = {examples}
"""


@pytest.fixture
def loading(start, tmp_path):
    """Return what starts a service whose model is loaded once `go` is there."""
    go = tmp_path / "go"

    def begin(examples=(), **settings) -> Service:
        service = start(LOADING.format(go=str(go), examples=list(examples)), PORT=free_port(), **settings)
        service.go = go
        assert wait_until(lambda: status_of(service, b"/healthz") == 200)
        return service

    yield begin
    go.touch()


@pytest.mark.parametrize("path", [b"/predict", b"/predict/batch", b"/v1/models/model:predict", b"/invocations"])
def test_a_request_that_comes_while_the_model_loads_waits_for_it(loading, path):
    service = loading(S2I_MODEL_NAME="model")
    body = {b"/predict": b"5", b"/predict/batch": b"[5]", b"/v1/models/model:predict": b'{"instances": [5]}'}
    with Wire(service) as wire:
        wire.send(post(body.get(path, b"5"), path=path))
        for _ in range(10):
            assert [status_of(service, check) for check in (b"/readyz", b"/ping", b"/v2/health/ready")] == [503] * 3
            assert status_of(service, b"/healthz") == 200
        service.go.touch()
        answer = wire.answer()
    assert answer.status == 200
    assert b"[5, true]" in answer.body.replace(b"5,true", b"5, true")
    assert wait_until(lambda: status_of(service, b"/readyz") == 200)


def test_those_who_wait_for_the_model_are_bounded_by_the_queue(loading):
    service = loading(S2I_MAX_QUEUE="2")
    with contextlib.ExitStack() as open_ones:
        wires = [open_ones.enter_context(Wire(service)).send(post(b"%d" % number)) for number in range(6)]
        assert {status_of(service, b"/healthz") for _ in range(3)} == {200}
        answer = ask(service, post(b"7"), 5)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        service.go.touch()
        statuses = [wire.answer().status for wire in wires]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 2


def test_no_one_waits_for_the_model_longer_than_for_a_prediction(loading):
    service = loading(S2I_PREDICT_TIMEOUT="1")
    began = time.monotonic()
    answer = ask(service, post(b"5"), 10)
    assert answer.status in (503, 504)
    assert 0.9 < time.monotonic() - began < 9
    assert json.loads(answer.body)["status"] == answer.status


def test_a_model_that_is_rejected_is_not_waited_for(start, model_cache, tmp_path):
    root = copy_of(model_cache(SLOW), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": 2, "from": "examples"}\n')
    service = start(root, PORT=free_port())
    service.wait_for("Not ready: golden row 1")
    answer = ask(service, post(b"5"), 5)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
