"""Asks a service for what nearly is HTTP, as fast as it answers: python mutations.py PORT SEED COUNT.

Each connection carries one to three requests, some of them changed, and then closes its sending side: so the service
has to answer and to close by itself, and nothing waits for the clock. What was wrong is printed as JSON.
"""

import contextlib
import json
import random
import re
import socket
import sys

PATIENCE = 20
BATCH = 200
HOST = b"Host: x\r\n"
KIND = b"Content-Type: application/json\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
# Not our fault: a method, an encoding or a version that is not implemented, and a budget that is used up.
NOT_OURS = frozenset((501, 503, 505))


def request(first: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """Return a request of these lines."""
    return b"".join(line + b"\r\n" for line in (first, b"Host: x", *fields)) + b"\r\n" + body


def posted(body: bytes, *fields: bytes, path: bytes = b"/predict", kind: bytes = b"application/json") -> bytes:
    """Return a POST of this body."""
    length = b"Content-Length: %d" % len(body)
    return request(b"POST " + path + b" HTTP/1.1", b"Content-Type: " + kind, length, *fields, body=body)


def in_chunks(body: bytes, *fields: bytes, path: bytes = b"/predict") -> bytes:
    """Return a POST of this chunked body."""
    coding = b"Transfer-Encoding: chunked"
    return request(b"POST " + path + b" HTTP/1.1", b"Content-Type: application/json", coding, *fields, body=body)


# A seed or more for each piece of the grammar in RFC 9112, and for each kind of route.
SEEDS = [
    # 2.2, 3: empty lines, methods, targets of the four forms, versions
    b"\r\n" + request(b"GET /version HTTP/1.1"),
    request(b"GET / HTTP/1.1", b"Accept: text/html"),
    request(b"HEAD /version HTTP/1.1"),
    request(b"PUT /predict HTTP/1.1", b"Content-Length: 1", body=b"1"),
    request(b"DELETE /predict HTTP/1.1"),
    request(b"PATCH /v1/models/model HTTP/1.1", b"Content-Length: 2", body=b"{}"),
    request(b"OPTIONS * HTTP/1.1"),
    request(b"OPTIONS /predict HTTP/1.1", b"Origin: https://app.example", b"Access-Control-Request-Method: POST"),
    request(b"TRACE / HTTP/1.1"),
    request(b"CONNECT x.example:443 HTTP/1.1"),
    request(b"M-SEARCH * HTTP/1.1", b"MAN: ssdp:discover"),
    request(b"PROPFIND /docs HTTP/1.1", b"Depth: 1"),
    request(b"SOURCE /live ICE/1.0"),
    request(b"DESCRIBE rtsp://x/live RTSP/1.0", b"CSeq: 2"),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    request(b"GET http://x.example:8080/version?a=b HTTP/1.1"),
    request(b"GET http://[::1]:80/version HTTP/1.1"),
    request(b"GET /%76ersion?x=%41&y=+&z#f HTTP/1.1"),
    request(b"GET //v1/../models/./model;v=1 HTTP/1.1"),
    b"GET /version HTTP/1.0\r\n\r\n",
    b"GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /version\r\n",
    # 5: fields
    request(b"GET /version HTTP/1.1", b"X:y", b"X:  y  ", b"X:\ty\t", b"X:", b"x-y_z!#$%&'*+.^`|~09: \xff\xc3\xa4"),
    request(b"GET /version HTTP/1.1", b"X: a\r\n b\r\n\tc"),
    request(b"GET /version HTTP/1.1", b'Accept: text/*;q=0.5, "a\\"b"; c, */*;q=0', b"Accept-Encoding: gzip, br;q=0"),
    request(b"GET /docs HTTP/1.1", b"Cookie: a=b; c=d", b"Range: bytes=0-1,-5", b'If-None-Match: W/"x", "y"'),
    request(
        b"GET /version HTTP/1.1", b"X-Request-ID: abc", b"traceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    ),
    request(b"GET /version HTTP/1.1", b"Authorization: Basic bWU6d3Jvbmc=", b"X-API-Key: wrong"),
    request(
        b"GET /version HTTP/1.1", b"Authorization: Bearer wrong", b"Forwarded: for=1;host=y", b"X-Forwarded-For: ::1"
    ),
    request(b"GET /version HTTP/1.1", b"X: " + b"y" * 9000),
    request(b"GET /version HTTP/1.1", *[b"X-%d: y" % number for number in range(150)]),
    # 6.2: a length
    posted(b"1"),
    posted(b'{"a": [1, 2.5, null, "x"]}'),
    posted(b""),
    posted(b"x" * 3000),
    request(b"POST /predict HTTP/1.1", b"Content-Length: 1", b"Content-Length: 1", body=b"1"),
    request(b"POST /predict HTTP/1.1", b"Content-Length: 1, 1", body=b"1"),
    request(b"POST /predict HTTP/1.1", b"Content-Length: 99999999999999999999", body=b"1"),
    posted(b"[1, 2, 3]", path=b"/predict/batch"),
    posted(b"1,2\n3,4\n", path=b"/predict/batch", kind=b"text/csv"),
    posted(b"1\n2\n", path=b"/predict/batch", kind=b"application/x-ndjson"),
    posted(b"json_args=%5B1%5D", kind=b"application/x-www-form-urlencoded"),
    posted(
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--', kind=b"multipart/form-data; boundary=b"
    ),
    posted(b'{"instances": [1]}', path=b"/v1/models/model:predict"),
    posted(
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]}', path=b"/v2/models/model/infer"
    ),
    posted(
        b"{}", b"Inference-Header-Content-Length: 2", path=b"/v2/models/model/infer", kind=b"application/octet-stream"
    ),
    posted(b'{"dataframe_split": {"columns": ["x"], "data": [[1]]}}', path=b"/invocations"),
    posted(b"1", b"ce-specversion: 1.0", b"ce-id: 1", b"ce-source: x", b"ce-type: y", path=b"/"),
    # 7: chunks, extensions, trailers
    in_chunks(b"1\r\n1\r\n0\r\n\r\n"),
    in_chunks(b"1\r\n[\r\n2\r\n1]\r\n000\r\n\r\n"),
    in_chunks(b'A;a=b;c="d\\"e";f\r\n[1, 2, 3 ]\r\n0;g\r\n\r\n'),
    in_chunks(b"1\r\n1\r\n0\r\nX-Sum: 1\r\nY: \r\n\r\n", b"Trailer: X-Sum"),
    in_chunks(b"ffffffffffffffff\r\n1\r\n0\r\n\r\n"),
    in_chunks(b'12\r\n{"instances": [1]}\r\n0\r\n\r\n', path=b"/v1/models/model:predict"),
    in_chunks(b"1\r\n1\r\n0\r\n\r\n", b"Content-Length: 11"),
    in_chunks(b"1\r\n1\r\n0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"),
    in_chunks(b"1\r\n1\r\n0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
    # 9: connections, upgrades; RFC 9110, 10.1.1: expectations
    request(b"GET /version HTTP/1.1", b"Connection: close, te", b"TE: trailers"),
    request(
        b"GET /version HTTP/1.1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"
    ),
    posted(b"1", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
    posted(b"1", b"Expect: 100-continue"),
    in_chunks(b"1\r\n1\r\n0\r\n\r\n", b"Expect: 100-continue", b"Connection: keep-alive, close"),
    request(b"GET /healthz HTTP/1.1", b"Expect: 100-continue"),
    request(b"GET /healthz HTTP/1.1"),
    request(b"GET /openapi.json HTTP/1.1"),
    request(b"GET /metrics HTTP/1.1"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
]
ENDS = [
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\r\n\r\n",
    b"\n\r\n",
    b"\r\n ",
    b"\r\n\t",
    b"",
    b" \r\n",
    b"\r\n\x00",
    b"\x0b",
    b"\x85",
]
BYTES = b'\x00\x01\t\n\x0b\r "#%&()*+,-./0159:;<=>?@ABHT[\\]_`az{|}~\x7f\x80\x85\xa0\xc3\xff'
NUMBERS = [b"0", b"-1", b"+1", b"00", b"1e1", b"0x1", b"9" * 9, b"9" * 20, b"9" * 400, b"f" * 16, b" 1", b"1 1", b"1.0"]
WORDS = [
    b"chunked",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 1\r\n",
    b"close",
    b"HTTP/1.1",
    b"Host: x\r\n",
    b"gzip",
]
WORDS += [
    b"Expect: 100-continue\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"/predict",
    b"0\r\n\r\n",
    b"identity",
    b",",
    b";",
]


def place(dice: random.Random, stream: bytes) -> int:
    """Return a place in these bytes, of a head rather than of a long body."""
    return int(dice.random() ** 1.5 * (len(stream) + 1))


def flip(dice, stream):
    """Change one bit of one byte."""
    at = min(place(dice, stream), len(stream) - 1)
    return stream[:at] + bytes([stream[at] ^ 1 << dice.randrange(8)]) + stream[at + 1 :] if stream else stream


def put(dice, stream):
    """Put a byte that means something in."""
    at = place(dice, stream)
    return stream[:at] + BYTES[(n := dice.randrange(len(BYTES))) : n + 1] + stream[at:]


def replace(dice, stream):
    """Put a byte that means something in another's place."""
    at = place(dice, stream)
    return stream[:at] + BYTES[(n := dice.randrange(len(BYTES))) : n + 1] + stream[at + 1 :]


def cut(dice, stream):
    """Take some bytes out."""
    at = place(dice, stream)
    return stream[:at] + stream[at + dice.randint(1, 20) :]


def end(dice, stream):
    """Leave the rest away."""
    return stream[: place(dice, stream)]


def repeat(dice, stream):
    """Say some bytes several times."""
    at = place(dice, stream)
    piece = stream[at : at + dice.randint(1, 30)]
    return stream[:at] + piece * dice.choice((2, 3, 10, 100)) + stream[at + len(piece) :]


def splice(dice, stream):
    """Go on as another seed does."""
    other = dice.choice(SEEDS)
    return stream[: place(dice, stream)] + other[place(dice, other) :]


def nest(dice, stream):
    """Put a piece of another seed in."""
    other = dice.choice(SEEDS)
    at, start = place(dice, stream), place(dice, other)
    return stream[:at] + other[start : start + dice.randint(1, 60)] + stream[at:]


def break_line(dice, stream):
    """End a line in another way."""
    ends = stream.count(b"\r\n")
    if not ends:
        return stream
    lines = stream.split(b"\r\n")
    at = dice.randrange(ends)
    return b"\r\n".join(lines[: at + 1]) + dice.choice(ENDS) + b"\r\n".join(lines[at + 1 :])


def swap_lines(dice, stream):
    """Say two lines in another order, or one of them twice."""
    lines = stream.split(b"\r\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    if dice.random() < 0.5:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(one, lines[other])
    return b"\r\n".join(lines)


def count(dice, stream):
    """Put another number in a number's place."""
    found = list(re.finditer(rb"\d+", stream))
    if not found:
        return stream
    number = dice.choice(found)
    return stream[: number.start()] + dice.choice(NUMBERS) + stream[number.end() :]


def say(dice, stream):
    """Put a word of HTTP in."""
    at = place(dice, stream)
    if dice.random() < 0.7:
        at = stream.find(b"\r\n", at) + 2
    return stream[:at] + dice.choice(WORDS) + stream[at:]


CHANGES = [flip, put, replace, cut, end, repeat, splice, nest, break_line, break_line, swap_lines, count, say]


def mutated(dice: random.Random) -> bytes:
    """Return the bytes of one to three requests, of which one at least is changed."""
    streams = [dice.choice(SEEDS) for _ in range(dice.choice((1, 1, 2, 3)))]
    for _ in range(dice.choice((1, 1, 2, 3, 5))):
        at = dice.randrange(len(streams))
        streams[at] = dice.choice(CHANGES)(dice, streams[at])
    return b"".join(streams)


def exchange(port: int, stream: bytes) -> bytes:
    """Send `stream` on a connection of its own, close the sending side, and return all that comes back."""
    said = b""
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        # Who is refused may be hung up on while it sends.
        with contextlib.suppress(ConnectionError):
            client.sendall(stream)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while data := client.recv(1 << 16):
                said += data
    return said


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def run(port: int, seed: int, most: int, key: bytes) -> dict:
    """Ask `most` times; return how often, and the first things that were wrong."""
    dice = random.Random(seed)  # noqa: S311 - the same ones again for the same seed
    wrong = []
    asked = 0
    while asked < most and len(wrong) < 5:
        stream = mutated(dice)
        asked += 1
        try:
            said = exchange(port, stream)
        except OSError as trouble:
            wrong.append([repr(trouble), ascii(stream[:2000])])
            continue
        ours = [status for status in map(int, STATUS.findall(said)) if status >= 500 and status not in NOT_OURS]
        if ours:
            wrong.append([ours, ascii(stream[:2000]), ascii(said[:1000])])
        if asked % BATCH == 0:
            number = b"%d" % ((seed << 32) + asked)
            known = exchange(port, posted(number, b"Connection: close", b"X-API-Key: " + key))
            # We send no more, and are asked so whether we are there while the sample waits.
            known = known.removeprefix(CONTINUE)
            if not (known.startswith(b"HTTP/1.1 200 OK\r\n") and known.endswith(b"\r\n\r\n" + number)):
                wrong.append(["the known request", ascii(known[:1000])])
    return {"asked": asked, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:4]), sys.argv[4].encode())))
