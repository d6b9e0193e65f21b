"""The lane: predictions and health checks on waitress's own loop, everything else to its threads.

A prediction costs no thread, no WSGI call and no lock that a thread might hold.
"""

import socket
import time
from functools import partial

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import Error, build_http_date

from nb_service.http import form, replies, request_id
from nb_service.http.replies import Reply
from nb_service.loop import Loop

LINGER_SECONDS = 2.0
# An array of samples that is not larger goes to a scorer as it is; larger ones are read and divided by a thread.
ARRAY_PATH = "/predict/batch"
MOST_ARRAY_BYTES = 1 << 18
MOST_COMMAS = 10_000
# Where the application leaves the rule that a path matched, for the metrics.
ROUTE = "nb_service.route"

_HEAD = b"Content-Length: %d\r\nContent-Type: %s\r\nDate: %s\r\nX-Request-ID: %s\r\n"
_KNOWN_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n".encode("ascii") for status, reason in replies.REASONS.items()}


class Lane:
    """waitress's task dispatcher: `add_task` is called for each request that was read.

    waitress calls it with the channel's lock held, so nothing is ever answered from inside it.
    """

    def __init__(self, loop: Loop, pool, health, threads: int, got: dict, gate=None) -> None:
        self._loop = loop
        self._pool = pool
        self._debug = got["S2I_DEBUG"]
        # Where Vertex AI was told to ask, its bodies come, perhaps beside others.
        self._paths = {"/predict", ARRAY_PATH} - {got["AIP_PREDICT_ROUTE"]}
        self._health = health
        self._gate = gate
        self._most_commas = min(MOST_COMMAS, got["S2I_MAX_SAMPLES"])
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(threads)

    def add_task(self, channel: "LaneChannel") -> None:
        """Take the channel's first request."""
        request = channel.requests[0]
        request.asked_at = time.monotonic()
        request.request_id = request_id.of(request.headers)
        if request.error is not None:
            self._later(channel.service)
        elif request.command == "POST" and request.path in self._paths and self._is_taken(request):
            request.route = request.path
            if self._loop.on_own_thread():
                self._predict(channel, request)
            else:
                self._loop.from_thread(partial(self._predict, channel, request))
        elif request.path in self._health and request.command in ("GET", "HEAD"):
            request.route = request.path
            self._later(partial(self._check, channel, request))
        else:
            self._threads.add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_pending, timeout)

    def _later(self, call) -> None:
        if self._loop.on_own_thread():
            self._loop.soon(call)
        else:
            self._loop.from_thread(call)

    def _predict(self, channel, request) -> None:
        refusal = None if self._gate is None else self._gate.refusal(request)
        if refusal is None:
            body = b"" if request.body_rcv is None else request.body_rcv.getbuf().get()
            if request.path == ARRAY_PATH:
                self._pool.submit_many(body, partial(self._answered_many, channel, request))
                return
            sample = form.sample_in(request.headers.get("CONTENT_TYPE"), body)
            if type(sample) is bytes:
                self._pool.submit(sample, partial(self._answered, channel, request))
                return
            refusal = sample
        self._loop.soon(partial(_reply, channel, request, refusal))

    def _answered(self, channel, request, answer) -> None:
        _reply(channel, request, replies.from_answer(answer, self._debug))

    def _answered_many(self, channel, request, answer) -> None:
        _reply(channel, request, replies.from_answer_to_many(answer, self._debug))

    def _is_taken(self, request) -> bool:
        """Return whether a scorer can take the body as it is, and answer an array in one call for a client of JSON."""
        if request.path != ARRAY_PATH:
            return True
        if self._pool.plan.batch < 2:
            return False
        headers = request.headers
        wanted, given = headers.get("ACCEPT", "*/*"), headers.get("CONTENT_TYPE")
        return (
            given == replies.JSON_TYPE
            and wanted in ("*/*", replies.JSON_TYPE)
            and "CONTENT_ENCODING" not in headers
            and request.body_rcv is not None
            and len(request.body_rcv) <= MOST_ARRAY_BYTES
            and request.body_rcv.getbuf().get().count(b",") < self._most_commas
        )

    def _check(self, channel, request) -> None:
        _reply(channel, request, self._health[request.path]())


def _reply(channel, request, reply: Reply) -> None:
    """Let the channel write `reply` as the answer to its first request."""
    request.reply = reply
    channel.service()


class ReplyTask:
    """A waitress task whose answer is at hand: one write for header and body."""

    def __init__(self, channel, request) -> None:
        self.channel = channel
        self.request = request
        self.close_on_finish = False
        self.wrote_header = False

    def service(self) -> None:
        """Write the reply; the channel closes afterwards where the client or HTTP/1.0 wants that."""
        request, reply = self.request, self.request.reply
        head = _KNOWN_LINES[reply.status] + _HEAD % (
            len(reply.body),
            reply.content_type.encode("ascii"),
            _http_date(),
            request.request_id.encode("ascii"),
        )
        for name, value in reply.headers + request.origin_headers:
            head += f"{name}: {value}\r\n".encode("latin-1")
        head += self.channel.server.identity + self._connection()
        self.wrote_header = True
        self.channel.refused_unread = reply.status in (408, 413)
        self.channel.server.access(request, reply.status)
        self.channel.write_soon(head + b"\r\n" + (b"" if request.command == "HEAD" else reply.body))

    def _connection(self) -> bytes:
        asked = self.request.headers.get("CONNECTION", "").lower()
        if self.request.error is not None or self.channel.server.closing or asked == "close":
            self.close_on_finish = True
        elif self.request.version != "1.1":
            self.close_on_finish = asked != "keep-alive"
            return b"" if self.close_on_finish else b"Connection: Keep-Alive\r\n"
        return b"Connection: close\r\n" if self.close_on_finish else b""


class _LoggedTask(WSGITask):
    """A WSGI task that leaves a line in the access log."""

    def execute(self) -> None:
        if self.channel.server.closing:
            self.set_close_on_finish()
        super().execute()
        self.request.route = self.get_environment().get(ROUTE)
        self.channel.server.access(self.request, int(self.status[:3]))

    def build_response_header(self) -> bytes:
        self.response_headers.append(("X-Request-ID", self.request.request_id))
        return super().build_response_header()


def _make_task(channel, request):
    return (ReplyTask if hasattr(request, "reply") else _LoggedTask)(channel, request)


def _make_error_task(channel, request):
    error = request.error
    # What could not be read may lack a method and a path; neither is needed to refuse it.
    request.command = getattr(request, "command", "-")
    request.path = getattr(request, "path", "-")
    request.reply = replies.from_waitress(error.code, error.reason, error.body)
    return ReplyTask(channel, request)


class TooLate(Error):
    """A request that takes too long to arrive."""

    code = 408
    reason = "Request Timeout"


class LaneParser(HTTPRequestParser):
    """waitress's parser, which must not invite a body that it has already refused.

    It also carries what the lane notes about a request.
    """

    asked_at = 0.0
    request_id = "-"
    route: str | None = None
    origin_headers: tuple = ()

    def __init__(self, adj) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take `data`; return how much of it belongs to this request."""
        consumed = super().received(data)
        if self.error:
            self.expect_continue = False
        return consumed


class LaneChannel(HTTPChannel):
    """A client's connection.

    When a body is refused before it was read, the client may still be sending: closing at once would
    reset the connection and take the refusal with it. So what still comes is read and thrown away, for
    a moment.
    """

    parser_class = LaneParser
    task_class = staticmethod(_make_task)
    error_task_class = staticmethod(_make_error_task)
    refused_unread = False

    def expire(self, before: float) -> None:
        """Refuse the request that is still arriving, if it began so long ago."""
        with self.requests_lock:
            request = self.request
            if request is None or request.began > before:
                return
            request.error = TooLate("")
            request.completed = True
            self.request = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def handle_write(self) -> None:
        """Send, and close after the last answer."""
        if self.refused_unread and self.close_when_flushed and not self.total_outbufs_len:
            self._linger()
        else:
            super().handle_write()

    def _linger(self) -> None:
        # On the instance: asked of every connection on every turn, these must stay what they are.
        self.readable = lambda: True
        self.writable = lambda: False
        # An empty read closes this channel in recv.
        self.handle_read = lambda: self.recv(self.adj.recv_bytes)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
            return
        self.server.later(LINGER_SECONDS, self._end_linger)

    def _end_linger(self) -> None:
        if self._fileno is not None:
            self.handle_close()


_date = (0, b"")


def _http_date() -> bytes:
    global _date  # noqa: PLW0603 - one value a second for all answers
    now = int(time.time())
    if _date[0] != now:
        _date = (now, build_http_date(now).encode("ascii"))
    return _date[1]
