"""Scorers that die, hang and are flooded: each costs its own request and no other."""

import contextlib
import json
import os
import resource
import signal
import socket
import threading

import pytest

from contract.services import JSON, children, wait_until

NOTEBOOK = """
    import ctypes
    import os
    import time

    def predictor(x):
        if x == "kill":
            os.kill(os.getpid(), 9)
        if x == "abort":
            os.abort()
        if x == "segfault":
            ctypes.string_at(0)
        if x == "leave":
            os._exit(0)
        if x == "pid":
            return os.getpid()
        if isinstance(x, dict):
            time.sleep(x["sleep"])
        return x

    examples = [1, {"sleep": 0}]
"""


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
@pytest.mark.parametrize("way", ["kill", "abort", "segfault", "leave"])
def test_a_scorer_that_dies_costs_only_the_request_that_killed_it(start, way, start_by):
    service = start(NOTEBOOK, S2I_SCORER_START=start_by).ready()
    assert service.predict(way)[0] == 500
    assert service.predict("after") == (200, "after")
    service.wait_for(r"Scorer \d+ (was killed by signal|exited with status)")
    assert wait_until(lambda: len(service.scorers) == 2)


def test_a_scorer_killed_from_outside_while_idle_costs_no_request(start):
    service = start(NOTEBOOK).ready()
    for scorer in service.scorers:
        os.kill(scorer, signal.SIGKILL)
    assert [service.predict(n) for n in range(10)] == [(200, n) for n in range(10)]


def test_a_killed_zygote_is_replaced(start):
    service = start(NOTEBOOK).ready()
    (zygote,) = [child for child in children(service.process.pid) if children(child)]
    os.kill(zygote, signal.SIGKILL)
    service.wait_for("starting another")
    assert service.predict("after") == (200, "after")
    assert wait_until(lambda: len(service.scorers) == 2)


def test_under_load_each_killed_scorer_costs_one_answer_and_none_is_mixed_up(start):
    service = start(NOTEBOOK, S2I_PREDICT_TIMEOUT="30").ready()
    wrong = []

    def client(number: int) -> None:
        for turn in range(100):
            sample = "kill" if (turn + number) % 50 == 49 else [number, turn]
            expected = 500 if sample == "kill" else 200
            status, answer = service.predict(sample)
            if status != expected or (status == 200 and answer != sample):
                wrong.append((sample, status, answer))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert wrong == []
    assert "Traceback" not in service.log


def test_pipelined_samples_behind_a_killer_are_answered(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1").ready()
    samples = [1, 2, "kill", 3, "kill", "kill", 4]
    connections = [send(service, sample) for sample in samples]
    statuses = [receive(connection) for connection in connections]
    assert statuses == [500 if sample == "kill" else 200 for sample in samples]


def send(service, sample) -> socket.socket:
    """Send one request and return its connection, unread."""
    body = json.dumps(sample)
    head = "".join(f"{name}: {value}\r\n" for name, value in JSON.items())
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    connection.sendall(f"POST /predict HTTP/1.0\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return connection


def receive(connection: socket.socket) -> int:
    """Return the status that comes back, and close."""
    with connection:
        return int(connection.recv(65536)[9:12])


def test_a_hanging_predictor_gives_504_and_others_are_served_meanwhile(start, in_background):
    service = start(NOTEBOOK, S2I_PREDICT_TIMEOUT="1").ready()
    before = set(service.scorers)
    hanging = in_background(service.predict, {"sleep": 1000})
    for n in range(20):
        assert service.predict(n) == (200, n)
    status, body = hanging()
    assert (status, body["detail"]) == (504, "The prediction took longer than this service allows.")
    service.wait_for(r"Scorer \d+ is killed: it worked on one sample for more than 1 s \(S2I_PREDICT_TIMEOUT\)")
    assert wait_until(lambda: len(service.scorers) == 2 and len(before & set(service.scorers)) == 1)


def test_health_is_answered_while_every_scorer_is_busy(start, in_background):
    service = start(NOTEBOOK).ready()
    busy = [in_background(service.predict, {"sleep": 1}) for _ in range(4)]
    assert wait_until(lambda: service.status("/healthz") == 200)
    assert service.status("/readyz") == 200
    assert [one()[0] for one in busy] == [200] * 4


def test_a_full_queue_is_503_with_retry_after(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1", S2I_MAX_QUEUE="2").ready()
    os.kill(service.scorers[0], signal.SIGSTOP)
    # One is with the scorer; the others fill the queue.
    waiting = [send(service, n) for n in range(3)]
    assert wait_until(lambda: "nb_queue_samples 2" in service.ask(None, "/metrics", "GET", {})[1])
    status, body, headers = service.ask("3")
    os.kill(service.scorers[0], signal.SIGCONT)
    assert (status, headers["Retry-After"]) == (503, "1")
    assert body["detail"] == "More samples are waiting than this service accepts (S2I_MAX_QUEUE); try again."
    assert [receive(one) for one in waiting] == [200] * 3


@pytest.mark.front
def test_large_bodies_that_wait_are_bounded_by_their_bytes(start, in_background):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1", S2I_MAX_BODY="100000").ready()
    (scorer,) = service.scorers
    os.kill(scorer, signal.SIGSTOP)
    sample = "x" * 99_000
    waiting = [in_background(service.predict, sample) for _ in range(20)]
    service.wait_for(r"(?s)(POST /predict 503 .*){5}")
    os.kill(scorer, signal.SIGCONT)
    answers = [answer() for answer in waiting]
    # The last eighth of what is held is for small ones; a body that is arriving in pieces may fill it with the first.
    statuses = [status for status, _ in answers]
    assert statuses.count(200) in (14, 15)
    assert set(statuses) == {200, 503}
    assert service.ask(json.dumps(sample))[0] == 200


def test_a_crash_loop_is_not_ready_and_says_so(start, tmp_path):
    poisoned = tmp_path / "poisoned"
    service = start(
        f"""
        import os
        def predictor(x):
            if os.path.exists({str(poisoned)!r}):
                os._exit(9)
            return x
        examples = [1]
        """
    ).ready()
    poisoned.touch()
    service.predict(1)
    service.predict(2)
    assert wait_until(lambda: service.status("/readyz") == 503)
    service.wait_for("scorers in a row crashed before their first prediction: not ready. The next one starts in")
    assert service.predict(3)[0] in (500, 503)
    assert service.status("/healthz") == 200
    poisoned.unlink()
    assert wait_until(lambda: service.status("/readyz") == 200)
    assert service.predict(4) == (200, 4)
    service.wait_for("Scorers respond again")
    assert service.log.count("Serving on") == 1


@pytest.mark.front
def test_a_body_over_the_limit_is_413_before_it_is_read(start):
    service = start(NOTEBOOK, S2I_MAX_BODY="1000").ready()
    exact = json.dumps("x" * 998)
    assert service.ask(exact)[0] == 200
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        said = client.recv(65536)
    assert said.startswith(b"HTTP/1.1 413 Content Too Large\r\n")
    assert b"S2I_MAX_BODY" in said


@pytest.mark.front
def test_a_client_that_sends_on_after_a_rejection_still_gets_it(start):
    service = start(NOTEBOOK, S2I_MAX_BODY="1000").ready()
    status, body, _ = service.ask(b"1" * 30_000_000)
    assert (status, body["title"]) == (413, "Content Too Large")


@pytest.fixture
def crowd():
    """Return a function that opens connections to a service; they are closed, and the limit of files restored."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = contextlib.ExitStack()

    def connect(service, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 2 * count:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2 * count if hard < 0 else min(hard, 2 * count), hard))
        address = ("127.0.0.1", service.port)
        return [opened.enter_context(socket.create_connection(address, timeout=20)) for _ in range(count)]

    yield connect
    opened.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_150_idle_and_500_slow_clients_change_nothing(start, crowd):
    service = start(NOTEBOOK).ready()
    clients = crowd(service, 650)
    slow = clients[150:]
    for client in slow:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[1"
        )
    for byte in b", 2, 3":
        assert service.predict(1) == (200, 1)
        assert service.status("/healthz") == service.status("/docs") == 200
        for client in slow:
            client.sendall(bytes([byte]))
    for client in slow:
        client.sendall(b"] ")
    assert [receive(client) for client in slow] == [200] * 500
    assert service.predict("after") == (200, "after")


def drip(client, pieces) -> bytes:
    """Send a piece every tenth of a second until an answer comes; return it."""
    client.settimeout(0.1)
    for piece in pieces:
        try:
            client.sendall(piece)
            if said := client.recv(65536):
                return said
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return b""


@pytest.mark.front
@pytest.mark.parametrize(
    "start_of_request", [b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"GET / HTTP/1.1\r\nX: "]
)
def test_who_sends_a_byte_now_and_then_is_rejected_in_the_end(start, start_of_request):
    service = start(NOTEBOOK, S2I_RECEIVE_TIMEOUT="1").ready()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(start_of_request)
        said = drip(client, [b"1"] * 100)
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"S2I_RECEIVE_TIMEOUT" in said
    assert service.predict("after") == (200, "after")


@pytest.mark.front
def test_who_says_nothing_is_hung_up_on_in_the_end_and_a_long_prediction_is_not(start, in_background):
    service = start(NOTEBOOK, S2I_RECEIVE_TIMEOUT="1").ready()
    slow = in_background(service.predict, {"sleep": 4})
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        assert client.recv(1) == b""
    assert slow() == (200, {"sleep": 4})


def half_closed(service, sent: bytes) -> bytes:
    """Send this, close the sending side, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def whole(path: str, body: bytes = b"") -> bytes:
    """Return a request that leaves the connection open."""
    head = "".join(f"{name}: {value}\r\n" for name, value in JSON.items())
    verb = "POST" if body else "GET"
    return f"{verb} {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (whole("/predict", b'{"sleep": 0.3}'), [b'{"sleep": 0.3}']),
        (whole("/predict", b"1") * 2 + whole("/predict", b"2"), [b"1", b"1", b"2"]),
        (whole("/predict", b'"%s"' % (b"x" * 2_000_000)), [b'"%s"' % (b"x" * 2_000_000)]),
        (whole("/healthz"), [b'{"status": "alive"}\n']),
        (whole("/v1/models/model:predict", b'{"instances": [{"sleep": 0.3}]}'), [b'{"predictions": [{"sleep": 0.3}]}']),
        (b"\r\n", []),
    ],
    ids=["slow", "pipelined", "large", "health", "by a thread", "nothing"],
)
def test_who_closes_its_sending_side_gets_every_answer(start, sent, answers):
    said = half_closed(start(NOTEBOOK).ready(), sent)
    assert [one.partition(b"\r\n\r\n")[2] for one in said.split(b"HTTP/1.1 200 OK\r\n")[1:]] == answers


@pytest.mark.front
@pytest.mark.parametrize("sent", [whole("/predict", b"[1, 2]")[:-1], b"GET /healthz HTTP/1.0\r\n"])
def test_who_closes_its_sending_side_amid_a_request_is_reported(start, sent):
    said = half_closed(start(NOTEBOOK).ready(), whole("/predict", b"1") + sent)
    assert said.count(b"HTTP/1.1 200 OK") == 1
    assert b"HTTP/1.1 400 Bad Request" in said
    assert b"The request could not be read: it ended too early." in said


def test_clients_that_hang_up_leave_no_trace(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="1").ready()
    for _ in range(20):
        send(service, {"sleep": 0.01}).close()
    assert service.predict("after") == (200, "after")
    assert "Traceback" not in service.log
