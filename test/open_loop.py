"""Asks a service at a rate that does not depend on its answers; prints what became of each request as JSON.

Usage: open_loop.py HOST PORT RATE SECONDS CONNECTIONS [SEED]
RATE is requests a second, or two such with a colon between: it grows evenly from the first to the second. With
SECONDS 0 it asks until a line comes on stdin. With SEED times between requests are drawn (a Poisson process), else
they are all the same. A request's latency counts from its due time instead of the time of sending: where all
connections are taken it waits here, as clients would elsewhere, and a service that stands still is not asked less for
it. No request is sent twice. A connection that the service closes is made again for the next request that needs one.

The object has `began` (seconds of the machine's monotonic clock), `late_ms` (99 of 100 were sent at most so long after
they were due and a connection was free: how far the program itself can be trusted), and `requests`: [seconds from
`began` at which it was due, milliseconds until its answer, what was said], in the order of the answers.
"""

import gc
import json
import random
import select
import socket
import sys
import time
from collections import deque

BODY = b"[0.2, 0.7]"
REQUEST = b"POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
# Nobody waits longer for an answer.
PATIENCE = 30.0


class Connection:
    """One connection, with at most one request under way."""

    def __init__(self, address, message):
        self._message = message
        self.due = None
        self.sent_at = self.free_since = 0.0
        self._got = b""
        self.sock = socket.create_connection(address, timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self):
        """Return its descriptor, for select."""
        return self.sock.fileno()

    def send(self, due):
        """Send the request that was due then; raise OSError where it can't be sent."""
        self.due, self.sent_at = due, time.monotonic()
        self.sock.sendall(self._message)

    def receive(self):
        """Return (what was said, whether the connection stays) once the answer is whole, else None."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError as error:
            return f"{type(error).__name__}: {error}", False
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        lowered = head.lower()
        if end:
            length = int(lowered.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(body) >= length:
                self._got = b""
                stays = b"connection: close" not in lowered and bool(data)
                return f"{head[9:12].decode()} {body.decode()}", stays
        return None if data else ("closed without an answer" if self.due is not None else "", False)


class Load:
    """Requests that are due, connections that are free or taken, and what was said."""

    def __init__(self, address, connections):
        self._address, self._most = address, connections
        self._message = REQUEST % (len(BODY), BODY)
        self.due = deque()
        self.free, self.taken = [], set()
        self.requests, self.late = [], []

    def settle(self, due, said):
        """Note what became of a request."""
        self.requests.append((due, time.monotonic() - due, said))

    def send(self):
        """Send what is due, as far as connections are free or may be made."""
        while self.due and (self.free or len(self.taken) < self._most):
            due = self.due.popleft()
            try:
                connection = self.free.pop() if self.free else Connection(self._address, self._message)
                self.taken.add(connection)
                connection.send(due)
                self.late.append(connection.sent_at - max(due, connection.free_since))
            except OSError as error:
                self.settle(due, f"{type(error).__name__}: {error}")
                self.taken = {each for each in self.taken if each.due != due}

    def wait(self, until, others):
        """Take answers that come before this time; return whether one of the `others` has something to read."""
        watched = [*self.taken, *self.free, *others]
        # Not epoll, which Python lets wait for whole milliseconds only.
        ready = select.select(watched, (), (), max(0.0, until - time.monotonic()))[0]
        for connection in ready:
            if connection in others:
                return True
            self._take(connection)
        return False

    def _take(self, connection):
        answer = connection.receive()
        if answer is None:
            return
        said, stays = answer
        if connection.due is not None:
            self.settle(connection.due, said)
            self.taken.discard(connection)
        else:
            self.free.remove(connection)
        connection.due = None
        if stays:
            connection.free_since = time.monotonic()
            self.free.append(connection)
        else:
            connection.sock.close()

    def drop_late(self):
        """Give up requests that have waited for PATIENCE."""
        now = time.monotonic()
        for connection in [each for each in self.taken if now - each.sent_at > PATIENCE]:
            self.settle(connection.due, "no answer")
            self.taken.discard(connection)
            connection.sock.close()


def times(rates, seconds, seed):
    """Yield when requests are due, in seconds from the first."""
    chance = random.Random(int(seed)) if seed else None  # noqa: S311 - a load, which has to be the same each time
    when = 0.0
    while when < seconds:
        yield when
        rate = rates[0] + (rates[-1] - rates[0]) * (when / seconds)
        when += chance.expovariate(rate) if chance else 1 / rate


def main(host, port, rate, seconds, connections, seed=""):
    """Send a request, and report its outcome."""
    # Its pauses would be taken for the service's.
    gc.disable()
    load = Load((host, int(port)), int(connections))
    lasts = float(seconds) or float("inf")
    began = look_at = time.monotonic()
    others = [] if float(seconds) else [sys.stdin]
    due = (began + when for when in times([float(each) for each in rate.split(":")], lasts, seed))
    upcoming = next(due, None)
    while upcoming is not None or load.due or load.taken:
        now = time.monotonic()
        while upcoming is not None and upcoming <= now:
            load.due.append(upcoming)
            upcoming = next(due, None)
        load.send()
        if load.wait(now + 0.1 if upcoming is None else upcoming, others):
            upcoming, others = None, []
        if now > look_at:
            load.drop_late()
            look_at = now + 1
    late = sorted(load.late) or [0.0]
    requests = [(round(due - began, 4), round(1000 * taken, 3), said) for due, taken, said in load.requests]
    print(json.dumps({"began": began, "late_ms": 1000 * late[int(0.99 * len(late))], "requests": requests}))


if __name__ == "__main__":
    main(*sys.argv[1:])
