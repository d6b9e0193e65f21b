"""Every byte that the service holds is counted, from any client and wherever it waits: past a budget it answers 503.

The budget is 16 times S2I_MAX_BODY; the process that clients reach may have that and 60 MB.
"""

import json
import time

import pytest

from contract.services import SOON, copy_of, wait_until
from contract.wire import Crowd, Watch, Wire, cpu_seconds, get, post, tree

BESIDE_MB = 60
# Of all processes together: what the front holds is in the app as bytes, as text and as JSON for a scorer, perhaps all
# at once, and what was given back to Python is not always given back to the machine.
COPIES = 4
BESIDE_ALL_MB = 150
HELD = """
    import os
    import time
    def predictor(x):
        while isinstance(x, str) and not os.path.exists({go!r}):
            time.sleep(0.01)
        return len(x) if isinstance(x, str) else x
    examples = [1]
"""


@pytest.fixture
def held(start, tmp_path):
    """Return what starts a service whose predictor answers no text before `go` is there."""

    def begin(**settings):
        service = start(HELD.format(go=str(tmp_path / "go")), S2I_MODEL_NAME="model", **settings).ready()
        service.go = tmp_path / "go"
        # The application may start late; what it weighs is not the clients' doing.
        assert service.status("/docs") == 200
        return service

    return begin


def within(watch: Watch, budget_mb: float) -> None:
    """Check what all that has taken of the machine's memory."""
    assert watch.front <= budget_mb + BESIDE_MB, watch.most
    assert watch.grown <= COPIES * budget_mb + BESIDE_ALL_MB, (watch.at_first, watch.most)


@pytest.mark.parametrize("path", [b"/predict", b"/v1/models/model:predict"])
def test_bodies_of_clients_without_a_key_are_not_even_held(start, tmp_path, path):
    (tmp_path / "key").write_text("a-secret-of-ours")
    code = "def predictor(x):\n    return x\nexamples = [1]\n"
    service = start(code, S2I_MODEL_NAME="model", S2I_API_KEY_FILE=str(tmp_path / "key")).ready()
    body = post(b'"' + b"x" * 15_000_000 + b'"', path=path)
    with Watch(service.process.pid) as watch, Crowd(service, [body] * 80) as crowd:
        answered = crowd.run(lambda: all(crowd.statuses))
        assert answered, crowd.statuses
        assert set(crowd.statuses) == {401}
        assert service.status("/healthz") == 200
        within(watch, 0)


@pytest.mark.parametrize(
    ("path", "many", "size"),
    [(b"/predict", 80, 950_000), (b"/v1/models/model:predict", 80, 950_000), (b"/invocations", 80, 950_000)],
)
def test_bodies_that_wait_are_bounded_and_the_rest_is_reported_to_come_again(held, path, many, size):
    service = held(S2I_MAX_BODY="1000000")
    text = b'"' + b"x" * size + b'"'
    body = post(text if path == b"/predict" else b'{"instances": [' + text + b"]}", path=path)
    with Watch(service.process.pid) as watch, Crowd(service, [body] * many) as crowd:
        try:
            rejected = crowd.run(lambda: 503 in crowd.statuses)
            assert rejected, crowd.statuses
            # All that would come has come.
            crowd.run(lambda: crowd.statuses.count(503) >= many - 20, 2)
            assert service.status("/healthz") == 200
        finally:
            service.go.touch()
        assert crowd.run(lambda: all(crowd.statuses)), crowd.statuses
        assert set(crowd.statuses) == {200, 503}
        assert crowd.statuses.count(200) >= 2
        assert all(b"\r\nRetry-After: " in said for said in crowd.said if said.startswith(b"HTTP/1.1 503"))
        within(watch, 16)
    assert service.predict(7) == (200, 7)


def test_many_large_bodies_outside_of_predict_are_bounded_while_scorers_hang(held):
    service = held(S2I_MAX_BODY="4000000")
    body = post(b'{"instances": ["' + b"x" * 3_900_000 + b'"]}', path=b"/v1/models/model:predict")
    with Watch(service.process.pid) as watch, Crowd(service, [body] * 250) as crowd:
        try:
            rejected = crowd.run(lambda: 503 in crowd.statuses)
            assert rejected, crowd.statuses
            crowd.run(lambda: crowd.statuses.count(503) > 200, 3)
            assert service.status("/healthz") == 200
        finally:
            service.go.touch()
        # What is read and answered is a gigabyte: a busy machine takes its time.
        assert crowd.run(lambda: all(crowd.statuses), 4 * SOON), crowd.statuses
        assert set(crowd.statuses) == {200, 503}
        within(watch, 64)
    assert service.predict(7) == (200, 7)


def test_bodies_that_never_end_are_bounded_too(held):
    service = held(S2I_MAX_BODY="1000000", S2I_RECEIVE_TIMEOUT="2")
    for path in (b"/predict", b"/v1/models/model:predict"):
        chunks = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9c40\r\n"
        body = chunks + (b"1" * 40_000 + b"\r\n9c40\r\n") * 23
        with Watch(service.process.pid) as watch, Crowd(service, [body] * 80) as crowd:
            assert crowd.run(lambda: all(crowd.ended)), crowd.statuses
            assert set(crowd.statuses) <= {408, 503}
            within(watch, 16)
    assert service.predict(7) == (200, 7)


@pytest.fixture
def booklet(start, model_cache, tmp_path):
    """Return a service whose notebook page is large."""
    root = copy_of(model_cache("def predictor(x):\n    return x\nexamples = [1]\n"), tmp_path)
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "notebook.html").write_text("<p>" + "x" * 500_000)
    service = start(root, S2I_MAX_BODY="1000000").ready()
    assert service.status("/notebook") == service.status("/openapi.json") == 200
    return service


def idle(service) -> bool:
    """Return whether none of the service's processes has anything to do for a moment."""
    pids = tree(service.process.pid)
    before = [cpu_seconds(pid) for pid in pids]
    time.sleep(0.3)
    return [cpu_seconds(pid) for pid in pids] == before


@pytest.mark.parametrize("path", [b"/notebook", b"/openapi.json"])
def test_a_client_that_reads_nothing_is_not_answered_in_advance(booklet, path):
    many = 1000
    with Watch(booklet.process.pid) as watch, Wire(booklet, receive_buffer=65536) as wire:
        wire.socket.setblocking(False)
        left = memoryview(b"".join(get(path, b"X-Request-ID: %d" % number) for number in range(many)))
        until = time.monotonic() + 2
        while left and time.monotonic() < until:
            try:
                left = left[wire.socket.send(left) :]
            except BlockingIOError:
                time.sleep(0.01)
        assert wait_until(lambda: idle(booklet))
        # The others are served.
        for _ in range(5):
            assert booklet.status("/healthz") == booklet.status("/notebook") == 200
        assert booklet.predict(7) == (200, 7)
        # Reading at last, it gets all of it, in order.
        wire.socket.settimeout(20)
        few = 150
        answers = [wire.answer() for _ in range(few)]
        assert [answer.status for answer in answers] == [200] * few
        assert [answer.headers["X-Request-ID"] for answer in answers] == [str(number) for number in range(few)]
        assert len({answer.body for answer in answers}) == 1
        within(watch, 16)


def test_answers_that_no_one_takes_are_counted_and_let_go(start):
    code = "def predictor(x):\n    return 'x' * x\nexamples = [1]\n"
    service = start(code, S2I_MAX_BODY="1000000", S2I_RECEIVE_TIMEOUT="3").ready()
    assert service.status("/docs") == 200
    asking = [post(b"2000000"), post(b'{"instances": [2000000]}', path=b"/v1/models/model:predict")]
    with Watch(service.process.pid) as watch:
        wires = [Wire(service, receive_buffer=4096) for _ in range(100)]
        for number, wire in enumerate(wires):
            wire.send(asking[number % 2])
        assert service.status("/healthz") == 200
        # Whoever takes nothing is hung up on; then there is room again.
        assert wait_until(lambda: service.predict(3) == (200, "xxx"))
        assert wait_until(lambda: service.ask(b"2000000")[:2] == (200, "x" * 2_000_000))
        for wire in wires:
            wire.socket.close()
    within(watch, 16)
    assert service.process.poll() is None


def test_a_slow_reader_gets_all_of_a_large_answer(start):
    code = "def predictor(x):\n    return 'x' * x\nexamples = [1]\n"
    service = start(code, S2I_MODEL_NAME="model", S2I_MAX_BODY="1000000").ready()
    size = 3_000_000
    for sent in (post(b"%d" % size), post(b'{"instances": [%d]}' % size, path=b"/v1/models/model:predict")):
        with Wire(service, receive_buffer=4096) as wire:
            wire.send(sent)
            time.sleep(0.3)
            answer = wire.answer()
            assert (answer.status, len(json.dumps("x" * size)) <= len(answer.body) + 30) == (200, True)
