"""A client's connection: what arrives becomes requests, and who stops sending or never ends is told."""

import select
import socket
import time

from waitress.channel import HTTPChannel
from waitress.utilities import BadRequest, Error

from nb_service.http import tasks
from nb_service.http.parser import PIECE, LaneParser
from nb_service.http.replies import Reply
from nb_service.loop import READ

LINGER_SECONDS = 2.0


class TooLate(Error):
    """A request that takes too long to arrive."""

    code = 408
    reason = "Request Timeout"


class LaneChannel(HTTPChannel):
    """A client's connection.

    When a request is refused before it was read, the client may still be sending: closing at once would
    reset the connection and take the refusal with it. So what still comes is read and thrown away, for
    a moment.
    """

    parser_class = LaneParser
    task_class = staticmethod(tasks.make_task)
    error_task_class = staticmethod(tasks.make_error_task)
    refused_unread = False

    def wants(self) -> int:
        """Return the events to wait for, as waitress's `readable` and `writable` say."""
        if self.total_outbufs_len or self.will_close or self.close_when_flushed:
            return select.POLLOUT
        return 0 if self.requests else READ

    def expire(self, limit: float) -> None:
        """Refuse what has been arriving for `limit` seconds; hang up on who took nothing of an answer in them."""
        if self.request is not None and time.monotonic() - self.request.began >= limit:
            self._refuse_rest(TooLate(""))
        elif self.total_outbufs_len and time.time() - self.last_activity >= limit:
            self.handle_close()

    def handle_read(self) -> None:
        """Take what came. Where the client sends no more, refuse what it began: it may still listen."""
        try:
            data = self.socket.recv(self._most_at_once())
        except OSError:
            self.handle_close()
            return
        if data:
            self.last_activity = time.time()
            if self.request is not None or self.requests or not self._take(data):
                self.received(data)
        elif self.request is not None and self.request.begun:
            self._refuse_rest(BadRequest("it ended before it was whole"))
        else:
            self.handle_close()

    def _most_at_once(self) -> int:
        """Return how many bytes to read before others have their turn: a body in chunks takes time to put together."""
        return PIECE if self.request is not None and self.request.chunked else self.adj.recv_bytes

    def _take(self, data: bytes) -> bool:
        """Return whether `data` is a whole request, which is on its way now. No thread has one of this client's."""
        if self.will_close or self.close_when_flushed:
            return False
        request = self.server.heads.request_in(data)
        if request is None:
            return False
        self.requests.append(request)
        self.server.add_task(self)
        return True

    def service(self) -> None:
        """Answer the first request; what the loop waits for is another now."""
        super().service()
        self.server.look_at(self._fileno)

    def answer(self, request: LaneParser, reply: Reply) -> None:
        """Write `reply` to the first request; on the loop's thread alone."""
        if not self._goes_at_once(request, reply):
            request.reply = reply
            self.service()
            return
        self.server.access.on_loop(request, reply.status)
        data = b"%b%b\r\n%b" % (tasks.head(reply, request), self.server.identity, reply.body)
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.handle_close()
            return
        if sent < len(data):
            self.write_soon(data[sent:])
        self.requests.clear()
        self.server.look_at(self._fileno)
        self.last_activity = time.time()

    def _goes_at_once(self, request: LaneParser, reply: Reply) -> bool:
        """Return whether nothing waits before this answer or behind it, and the connection stays open."""
        return (
            request.plain
            and reply.status == 200
            and not (reply.headers or request.origin_headers)
            and self.connected
            and len(self.requests) == 1
            and self.request is None
            and not (self.total_outbufs_len or self.will_close or self.server.closing)
        )

    def _refuse_rest(self, error: Error) -> None:
        """Answer the request that is arriving as if it had ended, with this error."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                # The last answer is on its way, and says that it is.
                return
            request, self.request = self.request, None
            request.error = error
            request.completed = True
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def _flush_some(self, do_close: bool = True) -> bool:
        """Send what waits, one thread at a time.

        waitress's loop takes no lock where no request is being answered. But a thread that has answered the last one
        may be inviting the next one's body just then (100 Continue), and both would send the same bytes.
        """
        with self.outbuf_lock:
            return self.connected and super()._flush_some(do_close)

    def send_continue(self) -> None:
        """Invite a body, unless the loop has closed the connection since a thread looked: its client is gone."""
        with self.outbuf_lock:
            if self.connected:
                super().send_continue()

    def handle_write(self) -> None:
        """Send, and close after the last answer."""
        if self.refused_unread and self.close_when_flushed and not self.total_outbufs_len:
            self._linger()
        else:
            super().handle_write()

    def _linger(self) -> None:
        self.wants = lambda: READ
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
