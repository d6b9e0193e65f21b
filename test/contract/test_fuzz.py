"""Whatever comes over the wire: nothing dies, no 5xx of our own making, memory stays flat.

The normal run takes seconds; FUZZ=100000 asks for that many examples.
"""

import contextlib
import json
import os
import random
import re
import socket
import struct
import threading
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.services import SOON, children, module_service

EXAMPLES = int(os.environ.get("FUZZ", "300"))
NOTEBOOK = """
    def validator(x):
        return x != "refuse"
    def predictor(x):
        return x
    examples = [[1, 2]]
"""
GROWTH_MB = 40
PATIENCE = 0.1
LAST = b"GET /healthz HTTP/1.0\r\n\r\n"
SENTINEL = (
    b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"sentinel"'
)
PATHS = ["/predict", "/", "/v1/models/model:predict", "/v2/models/model/infer", "/invocations", "/predict/batch"]
PATHS += ["/healthz", "/metrics", "/no", "*", "http://x/predict", "/%ff", "/predict?a=b#c", "//predict", "/../predict"]
PATHS += ["http://[/predict", "http://[1]/", "/" + "x" * 10_000]
TYPES = ["application/json", "application/json; charset=latin-1", "text/csv", "application/x-ndjson", "", "a/b;;;"]
TYPES += ["application/x-www-form-urlencoded", "application/octet-stream", "application/vnd.apache.arrow.stream"]
TYPES += ["application/cloudevents+json", "application/x-npy", "multipart/form-data; boundary=x", "\xff"]
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, -(2**63) - 1]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["instances", "inputs"]), inner),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
BODIES = st.one_of(
    JSONS,
    st.binary(max_size=300),
    JSONS.flatmap(lambda body: st.integers(0, len(body)).map(lambda end: body[:end])),
    st.sampled_from(
        [
            *(b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"NaN", b"-Infinity", b'"\xff\xfe"', b'{"a":1,"a":2}'),
            *(b"\xef\xbb\xbf[1]", b"\xff\xfe1\x00", b'"\\ud800"', b"\x93NUMPY\x01\x00", b"1e400", b"-0", b"[1]\x00"),
            *(b'{"instances": []}', b'{"inputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": []}]}'),
            *(b'a,b\n1,2\n\n"', b"json_args=[1]&json_args", b"args=gASVBQAAAAAAAABLAS4=", b"ARROW1\x00\x00"),
        ]
    ),
)
HEADERS = st.sampled_from(
    [
        *(
            b"Content-Length: -1",
            b"Content-Length: 5, 5",
            b"Content-Length: 99999999999999999999",
            b"Content-Length: +3",
            b"Content-Length: " + b"9" * 5000,
        ),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: \x0bchunked"),
        *(b"Expect: 100-continue", b"Expect: nonsense", b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c"),
        *(b"X-Request-ID: \xff\xfe", b"X-Request-ID: " + b"x" * 200, b"traceparent: 00-zz", b"Host: \x00", b"no colon"),
        *(
            b": empty",
            b" folded: yes",
            b"X: " + b"y" * 5000,
            b"Content-Encoding: gzip",
            b"Accept: \xff",
            b"Origin: null",
        ),
        *(b"Inference-Header-Content-Length: 9", b"Inference-Header-Content-Length: x", b"ce-specversion: 9.9"),
        *(b"X-Forwarded-For: ::1", b"Range: bytes=0-", b"If-Match: x", b"Content-Type: application/json"),
    ]
)


def request(method, path, version, kind, extra, body, length):
    """Return the bytes of one request."""
    lines = [f"{method} {path} {version}".encode("latin-1"), b"Host: x"]
    lines += [b"Content-Type: " + kind.encode("latin-1")] if kind else []
    lines += [b"Content-Length: %d" % (len(body) + length)] if length is not None else []
    return b"\r\n".join([*lines, *extra]) + b"\r\n\r\n" + body


REQUESTS = st.builds(
    request,
    st.sampled_from(
        ["POST"] * 8 + ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "post", "\x00"]
    ),
    st.sampled_from(PATHS),
    st.sampled_from(["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9", "", "\xff"]),
    st.sampled_from(TYPES),
    st.lists(HEADERS, max_size=3),
    BODIES,
    st.sampled_from([0] * 12 + [-1, 1, None]),
)


service = module_service(NOTEBOOK, S2I_MAX_BODY="1000000", S2I_PREDICT_TIMEOUT="20")


def exchange(service, pieces, patience: float = PATIENCE) -> bytes:
    """Send `pieces` one after the other on one connection; return all that comes back until nothing more does."""
    said = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client, contextlib.suppress(OSError):
        for piece in pieces:
            client.sendall(piece)
        # What is left waits for the rest of a body.
        client.settimeout(patience)
        while data := client.recv(1 << 16):
            said += data
    return said


def fragments(stream: bytes, cuts) -> list[bytes]:
    """Return `stream` cut at these shares of its length."""
    at = sorted({int(len(stream) * cut) for cut in cuts})
    return [stream[start:end] for start, end in zip([0, *at], [*at, len(stream)], strict=True)]


def statuses(said: bytes) -> list[int]:
    """Return the statuses of all answers in what came back."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", said)]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stream=st.lists(st.one_of(REQUESTS, st.binary(max_size=100)), min_size=1, max_size=4).map(b"".join),
    cuts=st.lists(st.floats(0, 1), max_size=3),
)
@example(stream=SENTINEL * 50, cuts=[0.1, 0.5])
@example(stream=b"\x00" * 100_000, cuts=[])
@example(stream=b"GET /predict HTTP/1.1\r\nX: " + b"y" * 300_000, cuts=[0.5])
@example(stream=b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", cuts=[])
def test_nothing_that_clients_send_is_a_fault_of_ours(service, stream, cuts):
    wrong = [status for status in statuses(exchange(service, fragments(stream + LAST, cuts))) if status >= 500]
    # A method, an encoding or a version that is not implemented is the client's doing.
    assert [status for status in wrong if status not in (501, 505)] == []


METHODS = ["POST"] * 6 + ["GET"] * 4 + ["HEAD", "OPTIONS", "\x00"]
VERSIONS = ["HTTP/1.1"] * 8 + ["HTTP/1.0", ""]
MIXED = [b"Expect: 100-continue", b"Connection: close", b"Transfer-Encoding: chunked", b"Content-Length: 5, 5"]
SMALL = [b"1", b'{"a":1}', b"[1,2]", b"", b"x" * 500, b"NaN", b'{"instances": [1]}']
LENGTHS = [0] * 8 + [-1, 1, None]
CLIENTS = 8


def leave_somehow(service, dice: random.Random) -> None:
    """Send some requests in pieces, and then wait for the answers, stop sending, hang up or break off."""

    def one() -> bytes:
        words = map(dice.choice, (METHODS, PATHS, VERSIONS, TYPES))
        return request(*words, dice.sample(MIXED, dice.randint(0, 2)), dice.choice(SMALL), dice.choice(LENGTHS))

    stream = b"".join(one() for _ in range(dice.randint(1, 5))) + (LAST if dice.random() < 0.6 else b"")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
        for piece in fragments(stream, [dice.random() for _ in range(dice.randint(0, 3))]):
            client.sendall(piece)
        way = dice.choice(["wait", "wait", "stop", "hang up", "break off"])
        if way == "stop":
            client.shutdown(socket.SHUT_WR)
        if way == "break off":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.settimeout(PATIENCE / 2)
        while way in ("wait", "stop") and client.recv(1 << 16):
            pass


def test_clients_at_once_find_no_fault_of_ours_either(service):
    def client(number: int) -> None:
        dice = random.Random(number)
        for _ in range(EXAMPLES // CLIENTS):
            leave_somehow(service, dice)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses(exchange(service, [SENTINEL + LAST], SOON)) == [200, 200]
    assert tracebacks(service.log) == []
    assert re.findall(r".* 5(?!01|05)\d\d \d+\.\dms", service.log) == []


def tracebacks(log: str) -> list[str]:
    """Return the first tracebacks of a log, with what stands around them."""
    return [log[max(0, found.start() - 300) : found.end() + 3000] for found in re.finditer("Traceback", log)][:3]


def resident(pid: int) -> float:
    """Return the megabytes of memory that a process has."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def test_after_all_that_everything_lives_and_memory_is_flat(service):
    for _ in range(200):
        exchange(service, [SENTINEL * 5 + LAST])
    before = {pid: resident(pid) for pid in [service.process.pid, *children(service.process.pid), *service.scorers]}
    for _ in range(EXAMPLES):
        exchange(service, [SENTINEL + LAST])
        exchange(service, [b"POST /predict HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000 + LAST])
        exchange(service, [b"GET /metrics HTTP/1.0\r\n\r\n"])
    assert statuses(exchange(service, [SENTINEL + LAST], SOON)) == [200, 200]
    after = {pid: resident(pid) for pid in before}
    assert {pid: grown for pid in before if (grown := after[pid] - before[pid]) > GROWTH_MB} == {}
    assert tracebacks(service.log) == []
    assert "ended" not in service.log
