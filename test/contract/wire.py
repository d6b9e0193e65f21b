"""HTTP/1.1 as bytes on a socket: what clients' libraries would not send, and every answer that comes back."""

import http.client
import io
import os
import re
import selectors
import socket
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

from contract.services import SOON, children

PROBLEM = "application/problem+json"
LENGTH = re.compile(rb"^Content-Length: (\d+)\r$", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^Transfer-Encoding: chunked\r$", re.IGNORECASE | re.MULTILINE)


class Answer(NamedTuple):
    """One answer: its status, its header fields as bytes and its body."""

    status: int
    fields: bytes
    body: bytes

    @property
    def headers(self) -> http.client.HTTPMessage:
        """Return its header fields as http.client has them."""
        return http.client.parse_headers(io.BytesIO(self.fields))


class Wire:
    """A connection to a service that sends bytes as they are and reads whole answers."""

    def __init__(self, service, timeout: float = SOON, receive_buffer: int | None = None) -> None:
        """Connect; a small `receive_buffer` is that of a client which takes little at a time."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self._held = b""
        try:
            self.socket.connect(("127.0.0.1", service.port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> "Wire":
        """Send all of `data`; return itself."""
        self.socket.sendall(data)
        return self

    def answer(self, *, bodiless: bool = False, interim: bool = False) -> Answer | None:
        """Return the next answer, None at the end of the stream; `bodiless` answers a HEAD.

        What comes before the final answer (100 Continue) is passed over unless `interim` asks for it.
        """
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, _, fields = head.partition(b"\r\n")
        status = int(re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [ -~]*", first)[1])
        if 100 <= status < 200:
            return Answer(status, fields, b"") if interim else self.answer(bodiless=bodiless)
        if bodiless or status in (204, 304):
            return Answer(status, fields, b"")
        lengths = LENGTH.findall(fields)
        if lengths:
            (length,) = lengths
            return Answer(status, fields, self._exactly(int(length)))
        if CHUNKED.search(fields):
            return Answer(status, fields, self._chunks())
        return Answer(status, fields, self.rest())

    def rest(self) -> bytes:
        """Return all that comes until the other side closes; a reset is an error."""
        while data := self.socket.recv(1 << 16):
            self._held += data
        said, self._held = self._held, b""
        return said

    def reset(self) -> None:
        """Break the connection off: what is on its way is thrown away, and the other side gets RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._held:
            data = self.socket.recv(1 << 16)
            if not data:
                assert self._held == b"", f"half an answer: {self._held[:500]}"
                return None
            self._held += data
        said, _, self._held = self._held.partition(end)
        return said + end

    def _exactly(self, size: int) -> bytes:
        pieces, length = [self._held], len(self._held)
        while length < size:
            data = self.socket.recv(1 << 16)
            assert data, f"{length} of {size} bytes of an answer"
            pieces.append(data)
            length += len(data)
        said = b"".join(pieces)
        self._held = said[size:]
        return said[:size]

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._exactly(size + 2)[:-2]
        self._until(b"\r\n")
        return body


def post(body: bytes, *fields: bytes, path: bytes = b"/predict", kind: bytes = b"application/json") -> bytes:
    """Return a whole POST."""
    named = (b"Host: x", b"Content-Type: " + kind, b"Content-Length: %d" % len(body), *fields)
    return b"POST " + path + b" HTTP/1.1\r\n" + b"".join(field + b"\r\n" for field in named) + b"\r\n" + body


def get(path: bytes, *fields: bytes, method: bytes = b"GET") -> bytes:
    """Return a whole request without a body."""
    return method + b" " + path + b" HTTP/1.1\r\n" + b"".join(one + b"\r\n" for one in (b"Host: x", *fields)) + b"\r\n"


def ask(service, data: bytes, timeout: float = SOON) -> Answer:
    """Return the first answer to these bytes, on a connection of its own."""
    with Wire(service, timeout) as wire:
        return wire.send(data).answer()


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(one for child in children(pid) for one in tree(child))]


def resident(pid: int) -> float:
    """Return the megabytes of memory that a process has; 0 for one that is gone."""
    try:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024
    except (OSError, TypeError):
        return 0


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks again and again at the memory of a process and of all that descend from it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.at_first = {one: resident(one) for one in tree(pid)}
        self.most = dict(self.at_first)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join(SOON)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for one in tree(self.pid):
                self.most[one] = max(self.most.get(one, 0), resident(one))

    @property
    def front(self) -> float:
        """Return the most megabytes that the process itself had."""
        return self.most[self.pid]

    @property
    def grown(self) -> float:
        """Return the megabytes by which all of them grew, those that are new counted whole."""
        return sum(most - self.at_first.get(one, 0) for one, most in self.most.items())


class Crowd:
    """Many connections at once that send as fast as they are let, and note what comes back."""

    def __init__(self, service, requests: list[bytes]) -> None:
        """Connect once for each of these requests."""
        self.said = [b""] * len(requests)
        self.ended = [False] * len(requests)
        self._left = [memoryview(request) for request in requests]
        self._poll = selectors.DefaultSelector()
        self._sockets = [socket.create_connection(("127.0.0.1", service.port)) for _ in requests]
        for number, one in enumerate(self._sockets):
            one.setblocking(False)
            self._poll.register(one, selectors.EVENT_READ | selectors.EVENT_WRITE, number)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._poll.close()
        for one in self._sockets:
            one.close()

    def run(self, enough, seconds: float = SOON) -> bool:
        """Send and read until `enough()`; return whether that came about in time."""
        until = time.monotonic() + seconds
        while not enough():
            if time.monotonic() > until:
                return False
            for key, events in self._poll.select(0.05):
                self._move(key.fileobj, key.data, events)
        return True

    def _move(self, one: socket.socket, number: int, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._left[number] = self._left[number][one.send(self._left[number][: 1 << 18]) :]
            if events & selectors.EVENT_READ:
                data = one.recv(1 << 16)
                self.said[number] += data
                self.ended[number] = self.ended[number] or not data
        except BlockingIOError:
            return
        except OSError:
            self.ended[number] = True
        if self.ended[number]:
            self._poll.unregister(one)
        elif not self._left[number]:
            self._poll.modify(one, selectors.EVENT_READ, number)

    @property
    def statuses(self) -> list[int]:
        """Return the status that each has, 0 for none so far."""
        found = [re.match(rb"HTTP/1\.1 (\d{3}) ", said) for said in self.said]
        return [int(one[1]) if one else 0 for one in found]


def quickly(run, limit: float, tries: int = 2) -> float:
    """Return the seconds that `run` took, the least of some tries where one took longer than `limit`.

    Others use the same machine; what is slow by its own fault is slow each time.
    """
    took = []
    for _ in range(tries):
        began = time.monotonic()
        run()
        took.append(time.monotonic() - began)
        if took[-1] <= limit:
            break
    return min(took)
