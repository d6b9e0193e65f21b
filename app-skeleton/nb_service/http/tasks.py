"""How an answer is written: one that is at hand by the loop itself, any other by the WSGI application on a thread."""

import time

from waitress.task import WSGITask
from waitress.utilities import build_http_date

from nb_service.http import replies

# Where the application leaves the rule that a path matched, for the metrics.
ROUTE = "nb_service.route"
_HEAD = b"Content-Length: %d\r\nContent-Type: %s\r\nDate: %s\r\nX-Request-ID: %s\r\n"
_KNOWN_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n".encode("ascii") for status, reason in replies.REASONS.items()}


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


_date = (0, b"")


def _http_date() -> bytes:
    global _date  # noqa: PLW0603 - one value a second for all answers
    now = int(time.time())
    if _date[0] != now:
        _date = (now, build_http_date(now).encode("ascii"))
    return _date[1]
