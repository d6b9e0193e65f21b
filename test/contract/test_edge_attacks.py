"""Whoever reaches the port can neither end the front, nor freeze it, nor get what another was answered.

STORM=100000 makes each storm that large; the normal run is over in seconds.
"""

import contextlib
import json
import os
import random
import re
import signal
import threading
import time
from itertools import product

import pytest

from contract.notebooks import ECHO
from contract.services import children, module_service
from contract.wire import Wire, cpu_seconds, get, post, tree

STORM = int(os.environ.get("STORM", "3000"))
# Few at a time: where many are, each waits, and none breaks off at a moment of its choice.
STORMS = 4


service = module_service(ECHO, S2I_MODEL_NAME="model")


def test_clients_that_break_off_amid_two_requests_do_not_end_the_front(start):
    service = start(ECHO, S2I_MODEL_NAME="model").ready()
    expecting = post(b"[1, 2]", b"Expect: 100-continue")[:-6]
    of_the_app = post(b'{"instances": [1]}', b"Expect: 100-continue", path=b"/v1/models/model:predict")[:-18]
    pairs = [get(b"/version") + expecting, get(b"/v1/models/model") + of_the_app, get(b"/docs") + of_the_app[:-1]]

    def storm(number: int) -> None:
        dice = random.Random(number)
        for turn in range(STORM // STORMS):
            with contextlib.suppress(OSError):
                wire = Wire(service)
                with contextlib.suppress(OSError):
                    wire.send(pairs[turn % len(pairs)])
                    time.sleep(dice.random() * 0.004)
                wire.reset()

    storms = [threading.Thread(target=storm, args=(number,)) for number in range(STORMS)]
    for one in storms:
        one.start()
    for one in storms:
        one.join()
    assert service.process.poll() is None
    assert service.status("/healthz") == service.status("/readyz") == 200
    assert service.predict("after") == (200, "after")
    assert service.ask(b'{"instances": [1]}', "/v1/models/model:predict")[:2] == (200, {"predictions": [1]})
    assert "Traceback" not in service.log


NAMES = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Content-Type",
    "Cookie",
    "Authorization",
    "Range",
    "Forwarded",
]
NAMES += ["X-Forwarded-For", "X-Forwarded-Host", "If-None-Match", "If-Modified-Since", "Date", "traceparent", "Origin"]
RUNS = [
    b";",
    b",",
    b'"',
    b"=",
    b"\\",
    b"(",
    b"%",
    b"a",
    b"0",
    b'\\"',
    b";a=",
    b'";',
    b",a;q=",
    b"a,",
    b"= ",
    b";;,,",
    b"*=",
]
SIZE = 30_000


def run_of(piece: bytes, size: int = SIZE) -> bytes:
    """Return this piece, repeated to about 30 kB."""
    return piece * (size // len(piece))


def first_line(method: bytes, target: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """Return a request of this first line."""
    return b" ".join((method, target, version)) + b"\r\nHost: x\r\n\r\n"


SPACES = {
    "spaces, then a control byte": b" " * (SIZE + 1500) + b"\x01",
    "spaces between two letters": b"a" + b" " * SIZE + b"b",
    "tabs between two letters": b"a" + b"\t" * SIZE + b"b",
    "spaces and tabs, then a control byte": run_of(b" \t") + b"\x01",
    "letters and spaces, then a control byte": run_of(b"a ") + b"\x01",
    "spaces, then DEL": b"a" + b" " * SIZE + b"\x7f",
}
HOSTILE = {name: get(b"/version", b"X: " + value) for name, value in SPACES.items()}
HOSTILE |= {
    "a scheme, then no version": first_line(b"GET", b"a://" + b"x" * SIZE, b"bad HTTP/1.1"),
    "a scheme, then no version, in 8 kB": first_line(b"GET", b"a://" + b"x" * 8000, b"bad HTTP/1.1"),
    "a scheme of letters": first_line(b"GET", b"a" * SIZE + b"://x"),
    "a host of letters": first_line(b"GET", b"http://" + b"x" * SIZE + b"/version"),
    "a host of colons": first_line(b"GET", b"http://" + b":" * SIZE + b"/version"),
    "a path of slashes": first_line(b"GET", b"/" * SIZE),
    "a path of dots": first_line(b"GET", run_of(b"/..")),
    "a path of escapes": first_line(b"GET", b"/" + run_of(b"%2e")),
    "a path of escapes that are none": first_line(b"GET", b"/" + run_of(b"%")),
    "a first line of spaces": b"GET" + b" " * SIZE + b"HTTP/1.1\r\nHost: x\r\n\r\n",
    "a first line of methods": run_of(b"GET ") + b"\r\n\r\n",
    "a Host of letters": b"GET /version HTTP/1.1\r\nHost: " + b"x" * SIZE + b"\r\n\r\n",
    "a Host of colons": b"GET /version HTTP/1.1\r\nHost: " + b":" * SIZE + b"\r\n\r\n",
    "a length of digits": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * SIZE + b"\r\n\r\n",
    "a length of commas": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: " + run_of(b"1,") + b"1\r\n\r\n",
    "codings": b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
    + run_of(b"a, ")
    + b"chunked\r\n\r\n0\r\n\r\n",
    "a scheme beyond any limit": first_line(b"GET", b"a://" + b"x" * 200_000, b"bad HTTP/1.1"),
    "spaces beyond any limit, then a control byte": get(b"/version", b"X: " + b" " * 200_000 + b"\x01"),
    "words of Connection": get(b"/version", b"Connection: " + run_of(b"a, ")),
    "fields of a letter": get(b"/version", *[b"%x:" % n for n in range(4000)]),
    "the same field": get(b"/version", *[b"X: y"] * 4000),
}
ROUTES = {
    "a sample": lambda *fields: post(b"1", *fields),
    "a page": lambda *fields: get(b"/docs", *fields),
    "a route of the application": lambda *fields: post(
        b'{"instances": [1]}', *fields, path=b"/v1/models/model:predict"
    ),
}


# Seconds of CPU: a clock would also measure how busy the machine is. What freezes a service takes many of them.
MAX_SECONDS = 0.4


def cost(service, sent: bytes) -> float:
    """Return how many seconds of CPU the service takes to answer this request, and a health check right behind it."""
    with Wire(service, timeout=60) as hostile, Wire(service, timeout=60) as other:
        # The application, too, has been started then.
        assert other.send(get(b"/version")).answer().status == 200
        before = spent(service)
        hostile.send(sent)
        assert other.send(get(b"/healthz")).answer().status == 200
        hostile.answer()
        return spent(service) - before


def spent(service) -> float:
    """Return the seconds of CPU that the processes of a service have used."""
    return sum(map(cpu_seconds, tree(service.process.pid)))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_head_freezes_the_service(start, name):
    # One of its own for each: what is frozen stays so for minutes.
    service = start(ECHO).ready()
    assert cost(service, HOSTILE[name]) < MAX_SECONDS


@pytest.mark.parametrize("route", ROUTES)
def test_no_field_s_value_freezes_the_service(service, route):
    frozen = {}
    for name, run in product(NAMES, RUNS):
        seconds = cost(service, ROUTES[route](name.encode() + b": a" + run_of(run) + b"b"))
        if seconds >= MAX_SECONDS:
            frozen[name, run] = seconds
            assert len(frozen) < 3, frozen
    assert frozen == {}


@pytest.mark.parametrize("route", ["/docs", "/v1/models/model", "/healthz", "/no"])
def test_no_query_freezes_the_service(service, route):
    runs = [b"&", b"=", b"a&", b"a=b&", b"%", b"%41", b"+", b"[", b";", b"?", b"/"]
    frozen = {}
    for run in runs:
        seconds = cost(service, get(route.encode() + b"?" + run_of(run)))
        if seconds >= MAX_SECONDS:
            frozen[run] = seconds
            assert len(frozen) < 3, frozen
    assert frozen == {}


def test_no_body_of_a_form_freezes_the_service(service):
    frozen = {}
    for run in (b"&", b"=", b"a&", b"%", b"json_args=1&", b"\r\n", b"--x\r\n", b"-", b";"):
        for kind in (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"):
            seconds = cost(service, post(run_of(run, 200_000), kind=kind))
            if seconds >= MAX_SECONDS:
                frozen[run, kind] = seconds
    assert frozen == {}


# A child that comes back into the scorer's loop has the same socket as its parent, and the same samples before it.
FORKING = """
    import os
    def answer(x):
        if x % 40 == 39 and os.fork() == 0:
            if x % 80 == 39:
                raise RuntimeError("in the child")
            return "a child's"
        return x
    def predictor(x):
        return answer(x)
    examples = [1]
"""
BATCHES = """
    def batch_predictor(xs):
        return [answer(x) for x in xs]
"""


class Numbers:
    """Clients that each ask for their own numbers, four at a time on one connection."""

    CLIENTS = 32

    def __init__(self, service) -> None:
        self._service = service
        self.wrong: list = []
        self.failed: list = []
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Return whether all were asked."""
        return not any(thread.is_alive() for thread in self._threads)

    def _ask(self, number: int) -> None:
        with Wire(self._service) as wire:
            for turn in range(0, STORM // self.CLIENTS, 4):
                samples = [(number << 32) + turn + at for at in range(4)]
                try:
                    wire.send(b"".join(post(b"%d" % sample) for sample in samples))
                    answers = [wire.answer() for _ in samples]
                except (OSError, AssertionError) as trouble:
                    self.wrong.append((samples, repr(trouble)))
                    return
                if None in answers or {answer.status for answer in answers} - {200, 500, 503, 504}:
                    self.wrong.append((samples, answers))
                    return
                for sample, answer in zip(samples, answers, strict=True):
                    if answer.status != 200:
                        self.failed.append(sample)
                    elif json.loads(answer.body) != sample:
                        self.wrong.append((sample, answer.body))


@pytest.mark.parametrize("most", ["one by one", "in batches"])
def test_no_one_gets_the_answer_to_another_s_sample(start, most):
    verified = {"golden": 1, "batch_predictor": most == "in batches"}
    code = FORKING + (BATCHES if most == "in batches" else "")
    service = start(code, verified, S2I_PREDICT_TIMEOUT="5").ready()
    clients = Numbers(service)
    killed = 0
    while not clients.over:
        time.sleep(0.15)
        if scorers := [one for zygote in children(service.process.pid) for one in children(zygote)]:
            os.kill(scorers[killed % len(scorers)], signal.SIGKILL)
            killed += 1
    assert clients.wrong == []
    # A kill costs the sample that was worked on; a fork may cost its own.
    assert len(clients.failed) <= 2 * killed + STORM // 40 + 1
    assert service.process.poll() is None
    assert service.predict(7) == (200, 7)
    tracebacks = re.findall(r"(?m)^Traceback.*\n(?: .*\n)+.*", service.log)
    assert [one for one in tracebacks if "in the child" not in one] == []
