"""The end of a service as its clients see it: a client that was let in is answered, one that comes later is rejected.

A proxy repeats a POST whose connection was refused, but not one whose connection was reset: so no accepted one may be.
"""

import json
import signal
import threading
import time

import pytest

from contract.services import SOON, wait_until
from contract.wire import Wire, get, post

NOTEBOOK = """
    import os, time
    def predictor(x):
        if isinstance(x, dict):
            time.sleep(x.get("sleep", 0))
            while "until" in x and not os.path.exists(x["until"]):
                time.sleep(0.01)
        return x
    examples = [1]
"""
PATHS = (b"/predict", b"/v1/models/model:predict")


def sample(path: bytes, number: int) -> tuple[bytes, object]:
    """Return a request that asks for a number on this path, and the answer."""
    if path == b"/predict":
        return post(b"%d" % number), number
    return post(b'{"instances": [%d]}' % number, path=path), {"predictions": [number]}


class Clients:
    """Clients that ask without a pause until they are refused; what they were not answered is in `lost`."""

    def __init__(self, service) -> None:
        self._service = service
        self.lost: list = []
        self.answered = 0
        self.refused_at: list[float] = []
        self.accepted_at: list[float] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._stay, args=(path,)) for path in PATHS * 3]
        self._threads += [threading.Thread(target=self._come, args=(path,)) for path in (*PATHS, PATHS[0])]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all connections were refused."""
        for thread in self._threads:
            thread.join(SOON)

    def _connect(self) -> Wire | None:
        began = time.monotonic()
        try:
            wire = Wire(self._service)
        except ConnectionRefusedError:
            self.refused_at.append(began)
            return None
        except OSError as trouble:
            self.lost.append(("connecting", repr(trouble)))
            return None
        self.accepted_at.append(began)
        return wire

    def _ask(self, wire: Wire, path: bytes, number: int):
        sent, wanted = sample(path, number)
        try:
            answer = wire.send(sent).answer()
            status, body = answer.status, json.loads(answer.body)
        except (OSError, AttributeError, AssertionError) as trouble:
            self.lost.append((path, number, repr(trouble)))
            return None
        if (status, body) != (200, wanted):
            self.lost.append((path, number, status, body))
            return None
        with self._lock:
            self.answered += 1
        return answer

    def _stay(self, path: bytes) -> None:
        """Send requests on a connection until a response closes it, then on another."""
        number = 0
        while not self.lost and (wire := self._connect()):
            with wire:
                while (answer := self._ask(wire, path, number)) and b"close" not in answer.fields.lower():
                    number += 1

    def _come(self, path: bytes) -> None:
        """Ask on a connection of its own each millisecond."""
        number = 0
        while not self.lost and (wire := self._connect()):
            with wire:
                self._ask(wire, path, number)
            number += 1
            time.sleep(0.001)


def test_at_the_end_no_one_who_was_let_in_is_reset(start):
    service = start(NOTEBOOK, S2I_MODEL_NAME="model", S2I_MAX_QUEUE="100000").ready()
    assert service.ask(b'{"instances": [1]}', PATHS[1].decode())[0] == 200
    clients = Clients(service)
    assert wait_until(lambda: clients.answered > 300)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(SOON) == 0
    clients.join()
    assert clients.lost == []
    assert clients.answered > 300
    # The door is closed once, for all.
    assert max(clients.accepted_at) <= min(clients.refused_at) + 0.05
    assert "Traceback" not in service.log


def test_while_it_ends_answers_say_that_the_connection_does(start, tmp_path):
    ends = tmp_path / "ends"
    service = start(NOTEBOOK, S2I_MODEL_NAME="model").ready()
    with Wire(service) as slow, Wire(service) as busy, Wire(service) as idle:
        slow.send(post(b'{"until": "%s"}' % bytes(ends)))
        assert busy.send(post(b"1")).answer().status == 200
        assert idle.send(get(b"/version")).answer().status == 200
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Stopping: no longer ready, finishing requests in flight")
        for sent in (post(b"2"), post(b'{"instances": [2]}', path=PATHS[1]), get(b"/healthz"), get(b"/version")):
            with Wire(service) as late:
                answer = late.send(sent).answer()
                assert (answer.status, answer.headers["Connection"].lower()) == (200, "close")
                assert late.rest() == b""
        answer = busy.send(post(b"2")).answer()
        assert (answer.status, answer.body, answer.headers["Connection"].lower()) == (200, b"2", "close")
        assert busy.rest() == b""
        ends.touch()
        answer = slow.answer()
        assert (answer.status, answer.headers["Connection"].lower()) == (200, "close")
        assert slow.rest() == b""
        assert idle.rest() == b""
    assert service.process.wait(SOON) == 0


def test_pipelined_requests_are_answered_at_the_end(start):
    service = start(NOTEBOOK).ready()
    with Wire(service) as wire:
        wire.send(post(b'{"sleep": 0.5}') + post(b"1") + post(b"2") + get(b"/version"))
        assert service.status("/healthz") == 200
        service.process.send_signal(signal.SIGTERM)
        statuses = []
        while answer := wire.answer():
            statuses.append(answer.status)
            said = answer
        # The last says so; none behind it was started.
        assert statuses[0] == 200 and set(statuses) == {200}
        assert said.headers["Connection"].lower() == "close"
    assert service.process.wait(SOON) == 0


def test_a_body_that_is_on_its_way_at_the_end_is_answered(start):
    for path, sent in ((PATHS[0], post(b'"half"')), (PATHS[1], post(b'{"instances": ["half"]}', path=PATHS[1]))):
        service = start(NOTEBOOK, S2I_MODEL_NAME="model").ready()
        with Wire(service) as wire:
            wire.send(sent[:-4])
            assert service.status("/healthz") == 200
            service.process.send_signal(signal.SIGTERM)
            service.wait_for("Stopping")
            answer = wire.send(sent[-4:]).answer()
            assert (answer.status, answer.headers["Connection"].lower()) == (200, "close"), path
        assert service.process.wait(SOON) == 0


SIGNALS = ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGVTALRM", "SIGWINCH", "SIGIO")


def test_no_signal_that_can_be_caught_loses_a_request(start):
    service = None
    lost = []
    for name in SIGNALS:
        service = service or start(NOTEBOOK).ready()
        with Wire(service) as wire:
            wire.send(post(b'{"sleep": 0.3}'))
            assert service.status("/healthz") == 200
            service.process.send_signal(getattr(signal, name))
            try:
                answer = wire.answer()
            except OSError as trouble:
                answer = trouble
        if getattr(answer, "status", 0) != 200:
            lost.append((name, answer))
        # It goes on as if nothing were, or has ended as after SIGTERM.
        if b"close" in getattr(answer, "fields", b"close").lower():
            if service.process.wait(SOON) != 0:
                lost.append((name, service.process.returncode))
            service = None
        else:
            assert service.predict(name) == (200, name)
    assert lost == []


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_readiness_goes_first(start, name):
    service = start(NOTEBOOK).ready()
    with Wire(service) as wire:
        wire.send(post(b'{"sleep": 1}'))
        assert service.status("/healthz") == 200
        service.process.send_signal(getattr(signal, name))
        service.wait_for("Stopping: no longer ready, finishing requests in flight")
        assert service.status("/readyz") == 503
        assert wire.answer().status == 200
    assert service.process.wait(SOON) == 0
