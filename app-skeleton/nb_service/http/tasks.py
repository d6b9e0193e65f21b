"""How an answer is written: one that is at hand by the loop itself, any other by the WSGI application on a thread."""

import time

from waitress.task import WSGITask
from waitress.utilities import build_http_date

from nb_service.http import replies

# Where the application leaves the rule that a path matched, for the metrics.
ROUTE = "nb_service.route"


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
        begun = head(reply, request)
        for name, value in reply.headers + request.origin_headers:
            begun += f"{name}: {value}\r\n".encode("latin-1")
        begun += self.channel.server.identity + self._connection()
        self.wrote_header = True
        self.channel.refused_unread = request.error is not None
        self.channel.server.access(request, reply.status)
        self.channel.write_soon(begun + b"\r\n" + (b"" if request.command == "HEAD" else reply.body))

    def _connection(self) -> bytes:
        asked = self.request.headers.get("CONNECTION", "").lower()
        if self.request.error is not None or self.channel.server.closing or asked == "close":
            self.close_on_finish = True
        elif self.request.version != "1.1":
            self.close_on_finish = asked != "keep-alive"
            return b"" if self.close_on_finish else b"Connection: Keep-Alive\r\n"
        return b"Connection: close\r\n" if self.close_on_finish else b""


class LoggedTask(WSGITask):
    """A WSGI task that leaves a line in the access log."""

    def execute(self) -> None:
        """Run the application for this request."""
        if self.channel.server.closing:
            self.set_close_on_finish()
        super().execute()
        self.request.route = self.get_environment().get(ROUTE)
        self.channel.server.access(self.request, int(self.status[:3]))

    def build_response_header(self) -> bytes:
        """Return the head of the answer, with the request's id."""
        self.response_headers.append(("X-Request-ID", self.request.request_id))
        return super().build_response_header()


def make_task(channel, request) -> ReplyTask | LoggedTask:
    """Return the task for a request: its reply is at hand, or the application makes it."""
    return (ReplyTask if hasattr(request, "reply") else LoggedTask)(channel, request)


def make_error_task(channel, request) -> ReplyTask:
    """Return the task that refuses a request which could not be read."""
    error = request.error
    # What could not be read may lack a method and a path; neither is needed to refuse it.
    request.command = getattr(request, "command", "-")
    request.path = getattr(request, "path", "-")
    request.reply = replies.from_waitress(error.code, error.reason, error.body)
    return ReplyTask(channel, request)


_second = 0
_parts: dict[tuple[int, str], tuple[bytes, bytes]] = {}


def head(reply: replies.Reply, request) -> bytes:
    """Return the head of the reply to `request` as far as every reply has it: its end is missing."""
    global _second  # noqa: PLW0603 - what does not change within a second is made once
    now = int(time.time())
    if now != _second:
        _second = now
        _parts.clear()
    kind = reply.status, reply.content_type
    parts = _parts.get(kind)
    if parts is None:
        parts = _parts[kind] = _made(*kind, now)
    return b"%b%d%b%b\r\n" % (parts[0], len(reply.body), parts[1], request.request_id.encode("ascii"))


def _made(status: int, content_type: str, now: int) -> tuple[bytes, bytes]:
    first = f"HTTP/1.1 {status} {replies.REASONS[status]}\r\nContent-Length: "
    then = f"\r\nContent-Type: {content_type}\r\nDate: {build_http_date(now)}\r\nX-Request-ID: "
    return first.encode("ascii"), then.encode("ascii")
