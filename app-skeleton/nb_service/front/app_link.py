"""The way to the app: requests that the front does not answer itself go there, both ways as a stream."""

import asyncio
import contextlib
import socket
import traceback
from collections import deque
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpResponseParser

from nb_service.front.head import Request
from nb_service.http import hops, replies
from nb_service.http.replies import Reply

if TYPE_CHECKING:
    from nb_service.backends.http_service.app_process import AppProcess
    from nb_service.front.connection import Connection

# So many requests the app has at a time, which is how many threads it has; the others wait here.
MOST = hops.THREADS
# Places that those who ask scorers, and may have to wait for them, leave to those who only look.
FOR_LOOKING = 8
# Of them, those whose large bodies are still arriving: who stops in the middle holds no more.
MOST_UPLOADS = 24
# Answers that were made and are not taken yet hold no place, up to so many.
MOST_DRAINING = hops.MOST_DRAINING
# What a request wants a place for: to look at something, to ask scorers, to send a large body first.
LOOKS, POSTS, UPLOADS = range(3)
# Connections that are kept open between requests.
MOST_IDLE = 16
IDLE_SECONDS = 5.0
# What is written to the app ahead of what it takes.
AHEAD = 1 << 16
BACKLOG = 1024
# Fields that are between two neighbours only (RFC 9110, section 7.6.1), or said anew by the front.
NOT_FORWARDED = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"http2-settings", b"expect", b"content-length", b"x-request-id", hops.SECRET_FIELD),
    )
)
NOT_RETURNED = frozenset(
    (b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"date", b"server", b"x-request-id")
)


def listen() -> socket.socket:
    """Return a listening socket of a name that nobody has, outside of all folders (unix(7), autobind)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("")
    listener.listen(BACKLOG)
    return listener


class AppLink:
    """The streams to the app.

    Its address is in no folder, so that any user can make it on a root that is read-only; the secret keeps other
    processes of this machine out.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, process: "AppProcess", wait_seconds: float
    ) -> None:
        self.loop = loop
        self._address = listener.getsockname()
        self._process = process
        self._process.on_down = self._refuse_all
        self._wait_seconds = wait_seconds
        self._secret = process.secret.encode("ascii")
        self._over = False
        self._idle: list[Upstream] = []
        self._places = [0, 0, 0]  # that are taken, by kind
        self._waiting: tuple[deque, deque, deque] = (deque(), deque(), deque())  # for a place, by kind
        self._draining = 0
        self._connecting: set[asyncio.Task] = set()
        self._begun: set[Exchange] = set()

    def works(self) -> None:
        """Hear that the app has answered."""
        self._process.works()

    def close(self) -> None:
        """Refuse who waits, and close the connections that are idle."""
        self._over = True
        self._refuse_all()
        for upstream in list(self._idle):
            upstream.close()

    def exchange(self, connection: "Connection", request: Request, length: int | None) -> "Exchange":
        """Return the exchange that has the app answer `request`; its body of `length` bytes follows."""
        if not self._process.is_down:
            self._process.start()
        return Exchange(self, connection, request, length)

    def queue(self, exchange: "Exchange", kind: int) -> None:
        """Let an exchange begin when there is a place for its kind."""
        exchange.kind = kind
        exchange.since = self.loop.time()
        self._waiting[kind].append(exchange)
        if self._process.is_down:
            self.loop.call_soon(self._refuse_all)
        else:
            self._process.start()
            self._next()

    def body_is_whole(self, exchange: "Exchange") -> None:
        """Hear that what was being uploaded is there: it waits for scorers from now on."""
        if exchange in self._waiting[UPLOADS]:
            self._waiting[UPLOADS].remove(exchange)
            self._waiting[POSTS].append(exchange)
        else:
            self._places[UPLOADS] -= 1
            self._places[POSTS] += 1
        exchange.kind = POSTS
        self._next()

    def answer_is_whole(self, exchange: "Exchange") -> None:
        """Hear that the app has done its work, though its client may take long to take the answer."""
        if exchange.has_place and self._draining < MOST_DRAINING:
            self._draining += 1
            self._places[exchange.kind] -= 1
            exchange.has_place = False
            self._next()

    def _has_place(self, kind: int) -> bool:
        if sum(self._places) >= MOST:
            return False
        if kind == UPLOADS and self._places[UPLOADS] >= MOST_UPLOADS:
            return False
        return kind == LOOKS or self._places[POSTS] + self._places[UPLOADS] < MOST - FOR_LOOKING

    def _next(self) -> None:
        """Let those begin for whom there is a place."""
        for kind in (LOOKS, POSTS, UPLOADS):
            while self._waiting[kind] and self._has_place(kind):
                self._begin(self._waiting[kind].popleft())

    def _begin(self, exchange: "Exchange") -> None:
        self._places[exchange.kind] += 1
        exchange.has_place = True
        self._begun.add(exchange)
        if self._idle:
            exchange.connected(self._idle.pop())
        else:
            task = self.loop.create_task(self._connect(exchange))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, exchange: "Exchange") -> None:
        upstream = Upstream(self)
        sock = None
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect(self._address)
            await self.loop.create_unix_connection(lambda: upstream, sock=sock)
        except OSError:
            if sock is not None:
                sock.close()
            exchange.broke()
            return
        if exchange.is_over:
            upstream.close()
        else:
            exchange.connected(upstream)

    def end(self, exchange: "Exchange", upstream: "Upstream | None") -> None:
        """Hear that an exchange is over; `upstream` is what may be used again."""
        if exchange.kind is None:
            return
        if exchange in self._waiting[exchange.kind]:
            self._waiting[exchange.kind].remove(exchange)
            return
        self._begun.discard(exchange)
        if exchange.has_place:
            self._places[exchange.kind] -= 1
        else:
            self._draining -= 1
        if upstream is not None:
            if len(self._idle) < MOST_IDLE and not self._over:
                upstream.since = self.loop.time()
                self._idle.append(upstream)
            else:
                upstream.close()
        self._next()

    def lost(self, upstream: "Upstream") -> None:
        """Hear that a connection is closed."""
        with contextlib.suppress(ValueError):
            self._idle.remove(upstream)

    def expire(self, now: float) -> None:
        """Refuse who has waited for a place longer than a prediction may take; close what nobody used for a while."""
        for upstream in [one for one in self._idle if now - one.since > IDLE_SECONDS]:
            self._idle.remove(upstream)
            upstream.close()
        for queue in self._waiting:
            while queue and now - queue[0].since > self._wait_seconds:
                queue[0].refuse(replies.FULL)

    def _refuse_all(self) -> None:
        for queue in self._waiting:
            while queue:
                queue[0].refuse(replies.NO_APP)
        for exchange in [one for one in self._begun if not one.has_begun]:
            exchange.broke()

    def head_of(self, request: Request, length: int | None) -> bytes:
        """Return the head of `request` as the app gets it: written anew, of what llhttp understood."""
        lines = [b"%b %b HTTP/1.1\r\n" % (_method(request), request.head.target)]
        lines += [b"%b: %b\r\n" % pair for pair in request.head.fields.items() if pair[0] not in NOT_FORWARDED]
        if b"host" not in request.head.fields:
            lines.append(b"host: \r\n")
        if length is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif length or request.command not in ("GET", "HEAD"):
            lines.append(b"content-length: %d\r\n" % length)
        lines.append(b"x-request-id: %b\r\n" % request.request_id.encode("ascii"))
        lines.append(b"%b: %b\r\n\r\n" % (hops.SECRET_FIELD, self._secret))
        return b"".join(lines)


def _method(request: Request) -> bytes:
    # What is asked by HEAD has a length and no body, which the parser of answers can't know: the front leaves it out.
    return b"GET" if request.command == "HEAD" else request.command.encode("ascii")


class Exchange:
    """One request to the app and its answer; what happens on one side holds the other back."""

    def __init__(self, app: AppLink, connection: "Connection", request: Request, length: int | None) -> None:
        self.kind: int | None = None  # LOOKS, POSTS or UPLOADS, once it wants a place
        self.has_place = False
        self.since = 0.0  # since when it waits for one
        self.has_begun = False
        self.is_over = False
        self._app = app
        self._connection = connection
        self._request = request
        self._length = length
        self._upstream: Upstream | None = None
        self._early = bytearray()
        self._is_sent = False
        self._in_chunks = False
        self._fields: list[bytes] = []
        self._answer_length: int | None = None

    # --- called by the client's connection ---

    def send(self, piece: bytes) -> None:
        """Pass on a piece of the body."""
        if self.is_over:
            return
        framed = piece if self._length is not None else b"%x\r\n%b\r\n" % (len(piece), piece)
        if self._upstream is not None:
            self._upstream.write(framed)
        else:
            self._early += framed
            if len(self._early) >= AHEAD:
                self._connection.hold()
                if self.kind is None:
                    self._app.queue(self, UPLOADS)

    def end(self) -> None:
        """Hear that the body is whole."""
        self._is_sent = True
        if self._length is None and not self.is_over:
            if self._upstream is not None:
                self._upstream.write(b"0\r\n\r\n")
            else:
                self._early += b"0\r\n\r\n"
        if self.is_over:
            return
        if self.kind is None:
            # Not before: who sends slowly takes nobody's place.
            looks = self._request.command != "POST" and self._length == 0
            self._app.queue(self, LOOKS if looks else POSTS)
        elif self.kind == UPLOADS:
            self._app.body_is_whole(self)

    def client_takes(self) -> None:
        """Read on: the client has taken what was written."""
        if self._upstream is not None:
            self._upstream.resume()

    def abandon(self) -> None:
        """Let it be: the client is gone, or was answered otherwise."""
        self._finish(reuse=False)

    # --- called by the link ---

    def connected(self, upstream: "Upstream") -> None:
        """Send what there is."""
        self._upstream = upstream
        upstream.begin(self)
        upstream.write(self._app.head_of(self._request, self._length) + self._early)
        self._early = bytearray()
        self._connection.release()

    def refuse(self, reply: Reply) -> None:
        """Answer with `reply` instead."""
        connection = self._connection
        self._finish(reuse=False)
        connection.fail(self._request, reply)

    def broke(self) -> None:
        """Hear that there is no connection any more."""
        if self.is_over:
            return
        if self.has_begun:
            connection = self._connection
            self._finish(reuse=False)
            connection.end_answer(is_whole=False)
        else:
            self.refuse(replies.NO_APP)

    def _finish(self, *, reuse: bool) -> None:
        if self.is_over:
            return
        self.is_over = True
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.end()
            if not reuse:
                upstream.close()
        self._app.end(self, upstream if reuse else None)

    # --- called by the connection to the app ---

    def hold(self) -> None:
        """Take no more of the body: the app is behind."""
        self._connection.hold()

    def release(self) -> None:
        """Take more."""
        self._connection.release()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the answer's head."""
        lowered = name.lower()
        if lowered == hops.ROUTE_FIELD:
            self._request.route = value.decode("latin-1") or None
        elif lowered == b"content-length":
            self._answer_length = int(value)
        elif lowered not in NOT_RETURNED:
            self._fields += (name, b": ", value, b"\r\n")

    def answered(self, status: int) -> None:
        """Begin the client's answer: the head is whole."""
        self._app.works()
        self.has_begun = True
        fields = b"".join(self._fields)
        self._in_chunks = self._connection.begin_answer(self._request, status, fields, self._answer_length)
        if self._is_sent and self._answer_length is not None:
            # Flask has made all of it: what is left is to pass it on.
            self._app.answer_is_whole(self)

    def on_body(self, piece: bytes) -> None:
        """Pass on a piece of the answer."""
        if self._request.command == "HEAD":
            return
        self._connection.answer_piece(b"%x\r\n%b\r\n" % (len(piece), piece) if self._in_chunks else piece)
        if not self._connection.takes and self._upstream is not None:
            self._upstream.pause()

    def on_message_complete(self) -> None:
        """End the client's answer."""
        if self._in_chunks:
            self._connection.answer_piece(b"0\r\n\r\n")
        connection = self._connection
        self._finish(reuse=self._is_sent and self._upstream.keeps_alive)
        connection.end_answer(is_whole=True)


class Upstream(asyncio.Protocol):
    """One connection to the app; it has one exchange at a time."""

    def __init__(self, app: AppLink) -> None:
        self.since = 0.0  # since when nobody uses it
        self._app = app
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._parser: HttpResponseParser | None = None
        self._is_full = False

    def begin(self, exchange: Exchange) -> None:
        """Serve `exchange` from now on."""
        self._exchange = exchange
        self._parser = HttpResponseParser(self)

    @property
    def keeps_alive(self) -> bool:
        """Return whether the app takes another request here: it may have said that it closes."""
        return self._parser.should_keep_alive()

    def end(self) -> None:
        """Serve it no more."""
        self._exchange = None
        self.resume()

    # What asyncio calls a transport in general is, of a stream, always one that can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._transport = transport
        transport.set_write_buffer_limits(high=AHEAD, low=AHEAD // 4)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is served here."""
        self._transport = None
        self._app.lost(self)
        if self._exchange is not None:
            self._exchange.broke()

    def write(self, data: bytes) -> None:
        """Send `data`."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read no more of the answer for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Hold the body back."""
        if self._exchange is not None:
            self._exchange.hold()

    def resume_writing(self) -> None:
        """Let more of it come."""
        if self._exchange is not None:
            self._exchange.release()

    def data_received(self, data: bytes) -> None:
        """Read an answer."""
        if self._exchange is None:
            # Nothing was asked.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            traceback.print_exc()
            self.close()

    # --- called by llhttp ---

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pass on a field."""
        self._exchange.on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass on the status."""
        self._exchange.answered(self._parser.get_status_code())

    def on_body(self, piece: bytes) -> None:
        """Pass on a piece."""
        if self._exchange is not None:
            self._exchange.on_body(piece)

    def on_message_complete(self) -> None:
        """Pass on the end."""
        if self._exchange is not None:
            self._exchange.on_message_complete()
