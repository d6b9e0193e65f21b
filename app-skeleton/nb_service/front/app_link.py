"""The link to the app: streams requests that the front does not handle itself to the app, and the responses back."""

import asyncio
import contextlib
import socket
import traceback
from collections import deque
from typing import TYPE_CHECKING, Protocol

from httptools import HttpParserError, HttpResponseParser

from nb_service.front.head import Request
from nb_service.http import handing, hops, replies
from nb_service.http.replies import Reply

if TYPE_CHECKING:
    from nb_service.backends.http_service.app_process import AppProcess

# The app has one thread per request in progress; all other requests wait here, where they cost little.
MAX_REQUESTS = hops.THREADS
# Slots reserved for LOOKS, so that pages and metrics stay available while POSTs that wait for scorers occupy all
# others.
RESERVED_FOR_LOOKS = 8
# The maximum number of slots for UPLOADS, so that clients that stall in a large body occupy no more.
MAX_UPLOADS = 24
# Up to this many responses that the app has finished, but whose clients are still reading, hold no slot.
MAX_DRAINING = hops.MAX_DRAINING
# The reasons for a slot: to look something up, to call scorers, or to receive a large body first.
LOOKS, POSTS, UPLOADS = range(3)
# The number of idle connections kept open to the app. They are closed long before waitress closes them (its
# channel_timeout), because a request on a connection that the app is closing would be lost.
MAX_IDLE = 16
IDLE_SECONDS = 5.0
# The app hangs if it works on a request, does not wait for a scorer, and shows no activity for this long. The same
# limit applies to pauses within one request. A larger S2I_PREDICT_TIMEOUT replaces it.
HANG_SECONDS = 60.0
# An app thread that never responds is lost. The app is replaced once it has nothing else to do, or as soon as this many
# threads are lost.
MAX_STUCK = MAX_REQUESTS // 4
# How far the front writes ahead of the app, and how much of a body arrives before it needs a slot.
AHEAD = 1 << 16
# Retry interval while too many connections wait for the app, for example while it starts.
ROOM_SECONDS = 0.02
# Hop-by-hop headers (RFC 9110, section 7.6.1), and those that the front writes itself.
NOT_FORWARDED = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"http2-settings", b"expect", b"content-length", b"x-request-id"),
    )
)
NOT_RETURNED = frozenset(
    (b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"date", b"server", b"x-request-id")
)


class Client(Protocol):
    """The interface of a client's connection for an exchange with the app."""

    @property
    def takes(self) -> bool:
        """Return whether the client reads what is written to it."""

    def hold(self) -> None:
        """Pause reading the body."""

    def release(self) -> None:
        """Resume reading the body."""

    def fail(self, request: Request, reply: Reply) -> None:
        """Respond to `request` with this reply instead."""

    def begin_answer(self, request: Request, status: int, fields: bytes, length: int | None) -> bool:
        """Write the head of a response; return whether its body is chunked."""

    def answer_piece(self, data: bytes) -> None:
        """Write a piece of the response's body."""

    def end_answer(self, *, is_whole: bool) -> None:
        """Finish the response; abort it unless it is complete."""


class AppLink:
    """The connections to the app, opened through `channel` (see handing), and the slots that limit its requests."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, channel: socket.socket, process: "AppProcess", wait_seconds: float
    ) -> None:
        self.loop = loop
        self._channel = channel
        self._process = process
        self._process.on_down = self._reject_all
        self._wait_seconds = wait_seconds
        self._hang_seconds = max(HANG_SECONDS, wait_seconds)
        self._alive_at = 0.0  # when the app last showed activity on these connections, in the loop's time
        self._scored_at = 0.0  # when it last waited for scorers
        self._stuck = 0  # the number of threads, of the app with this process id, that never responded
        self._stuck_pid: int | None = None
        self._closed = False
        self._idle: list[Upstream] = []
        self._slots = [0, 0, 0]  # the number of slots in use, by kind
        self._waiting: tuple[deque, deque, deque] = (deque(), deque(), deque())  # waiting for a slot, by kind
        self._draining = 0
        self._connecting: set[asyncio.Task] = set()
        self._active: set[Exchange] = set()

    def works(self) -> None:
        """Record that the app has responded."""
        self._process.works()

    def note_activity(self) -> None:
        """Record that the app has read or written something."""
        self._alive_at = self.loop.time()

    def close(self) -> None:
        """Reject the waiting requests, and close idle connections."""
        self._closed = True
        self._reject_all()
        for upstream in list(self._idle):
            upstream.close()

    def exchange(self, connection: "Client", request: Request, length: int | None) -> "Exchange":
        """Return a new exchange, in which the app handles `request`; a body of `length` bytes, or chunks, follows."""
        if not self._process.is_down:
            self._process.start()
        return Exchange(self, connection, request, length)

    def queue(self, exchange: "Exchange", kind: int) -> None:
        """Start an exchange as soon as there is a slot for its kind."""
        exchange.kind = kind
        exchange.since = self.loop.time()
        self._waiting[kind].append(exchange)
        if self._process.is_down:
            self.loop.call_soon(self._reject_all)
        else:
            self._process.start()
            self._next()

    def body_is_whole(self, exchange: "Exchange") -> None:
        """Count an exchange with a complete upload as one of POSTS, because it waits for scorers from now on."""
        if exchange in self._waiting[UPLOADS]:
            self._waiting[UPLOADS].remove(exchange)
            self._waiting[POSTS].append(exchange)
        else:
            self._slots[UPLOADS] -= 1
            self._slots[POSTS] += 1
        exchange.kind = POSTS
        self._next()

    def answer_is_whole(self, exchange: "Exchange") -> None:
        """Free the slot of an exchange whose response is complete, even if its client is still reading."""
        if exchange.has_slot and self._draining < MAX_DRAINING:
            self._draining += 1
            self._slots[exchange.kind] -= 1
            exchange.has_slot = False
            self._next()

    def _has_free_slot(self, kind: int) -> bool:
        if sum(self._slots) >= MAX_REQUESTS:
            return False
        if kind == UPLOADS and self._slots[UPLOADS] >= MAX_UPLOADS:
            return False
        return kind == LOOKS or self._slots[POSTS] + self._slots[UPLOADS] < MAX_REQUESTS - RESERVED_FOR_LOOKS

    def _next(self) -> None:
        """Start the waiting exchanges for which there is a slot, in the order of their arrival.

        No kind has priority: otherwise, a steady stream of one kind could take every free slot.
        """
        while kinds := [kind for kind in (LOOKS, POSTS, UPLOADS) if self._waiting[kind] and self._has_free_slot(kind)]:
            longest = min(kinds, key=lambda kind: self._waiting[kind][0].since)
            self._begin(self._waiting[longest].popleft())

    def _begin(self, exchange: "Exchange") -> None:
        self._slots[exchange.kind] += 1
        exchange.has_slot = True
        self._active.add(exchange)
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
            sock = await self._connected(exchange)
            await self.loop.create_unix_connection(lambda: upstream, sock=sock)
        except OSError:
            if sock is not None:
                sock.close()
            exchange.connection_broke()
            return
        if exchange.is_over:
            upstream.close()
        else:
            exchange.connected(upstream)

    async def _connected(self, exchange: "Exchange") -> socket.socket:
        """Return a connection once there is room for one; raise OSError, also if the exchange times out first."""
        while True:
            try:
                return handing.connect(self._channel)
            except BlockingIOError:
                # The queue contains connections of clients that have left, which the app has not noticed yet.
                if exchange.is_over or self.loop.time() - exchange.since > self._wait_seconds:
                    raise
            await asyncio.sleep(ROOM_SECONDS)

    def end(self, exchange: "Exchange", upstream: "Upstream | None") -> None:
        """Free the slot of a finished exchange; `upstream` is its connection, if it can be reused."""
        if exchange.kind is None:
            return
        if exchange in self._waiting[exchange.kind]:
            self._waiting[exchange.kind].remove(exchange)
            return
        self._active.discard(exchange)
        if exchange.has_slot:
            self._slots[exchange.kind] -= 1
        else:
            self._draining -= 1
        if upstream is not None:
            if len(self._idle) < MAX_IDLE and not self._closed:
                upstream.since = self.loop.time()
                self._idle.append(upstream)
            else:
                upstream.close()
        self._next()

    def lost(self, upstream: "Upstream") -> None:
        """Remove a closed connection."""
        with contextlib.suppress(ValueError):
            self._idle.remove(upstream)

    def expire(self, now: float) -> None:
        """Reject requests that have waited for a slot for too long; close idle connections; detect a hanging app.

        The time limit is that of a prediction. A hanging app is killed and replaced. A request that the app has lost
        gets 504, and that app is replaced, too.
        """
        for upstream in [upstream for upstream in self._idle if now - upstream.since > IDLE_SECONDS]:
            self._idle.remove(upstream)
            upstream.close()
        for queue in self._waiting:
            while queue and now - queue[0].since > self._wait_seconds:
                queue[0].reject(replies.APP_FULL)
        self._look_for_hang(now)
        self._replace_stuck()

    def _replace_stuck(self) -> None:
        """Replace an app with hanging threads, if possible while no request waits for it."""
        if self._stuck_pid != self._process.pid:
            self._stuck = 0
        if self._stuck and (not self._active or self._stuck >= MAX_STUCK):
            self._process.kill(f"{self._stuck} of its threads did not respond within {self._hang_seconds:g} s")
            self._stuck = 0

    def _look_for_hang(self, now: float) -> None:
        if self._process.has_jobs:
            self._scored_at = now
        latest = now - self._hang_seconds
        overdue = [active for active in self._active if active.waits_for_app and active.active_at < latest]
        if not overdue or self._scored_at >= latest:
            return
        if max(self._alive_at, self._process.received_at) < latest:
            self._process.kill(f"it has been working on requests for {self._hang_seconds:g} s without any activity")
            for exchange in overdue:
                # The next app handles the connections that this one has not accepted yet.
                exchange.active_at = now
            return
        self._stuck = len(overdue) + (self._stuck if self._stuck_pid == self._process.pid else 0)
        self._stuck_pid = self._process.pid
        for exchange in overdue:
            exchange.is_forgotten()

    def _reject_all(self) -> None:
        for queue in self._waiting:
            while queue:
                queue[0].reject(replies.NO_APP)
        for exchange in [active for active in self._active if not active.has_begun]:
            exchange.connection_broke()

    def head_of(self, request: Request, length: int | None) -> bytes:
        """Return the head of `request` for the app, written from llhttp's parsed values.

        The client's own bytes are not passed on, so that waitress can't interpret them in a different way.
        """
        lines = [b"%b %b HTTP/1.1\r\n" % (request.command.encode("ascii"), request.head.target)]
        lines += [b"%b: %b\r\n" % field for field in request.head.fields.items() if field[0] not in NOT_FORWARDED]
        if b"host" not in request.head.fields:
            lines.append(b"host: \r\n")
        if length is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif length or request.command not in ("GET", "HEAD"):
            lines.append(b"content-length: %d\r\n" % length)
        lines.append(b"x-request-id: %b\r\n\r\n" % request.request_id.encode("ascii"))
        return b"".join(lines)


class Exchange:
    """A request to the app and its response; each side is read only as fast as the other side reads."""

    def __init__(self, app: AppLink, connection: "Client", request: Request, length: int | None) -> None:
        self.kind: int | None = None  # LOOKS, POSTS or UPLOADS, once the exchange needs a slot
        self.has_slot = False
        self.since = 0.0  # when it started to wait for a slot, in the loop's time
        self.active_at = 0.0  # when the app last read or wrote bytes of this exchange, in the loop's time
        self.has_begun = False
        self.is_over = False
        self._app = app
        self._connection = connection
        self._request = request
        self._length = length
        self._upstream: Upstream | None = None
        self._unsent_body = bytearray()
        self._body_is_sent = False
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
            self._unsent_body += framed
            if len(self._unsent_body) >= AHEAD:
                self._connection.hold()
                if self.kind is None:
                    self._app.queue(self, UPLOADS)

    def end(self) -> None:
        """Send the end of the body, and request a slot if the exchange has none."""
        self._body_is_sent = True
        if self._length is None and not self.is_over:
            if self._upstream is not None:
                self._upstream.write(b"0\r\n\r\n")
            else:
                self._unsent_body += b"0\r\n\r\n"
        if self.is_over:
            return
        if self.kind is None:
            # Requested only now: a client that sends slowly must not occupy a slot.
            only_looks = self._request.command != "POST" and self._length == 0
            self._app.queue(self, LOOKS if only_looks else POSTS)
        elif self.kind == UPLOADS:
            self._app.body_is_whole(self)

    def client_takes(self) -> None:
        """Resume reading from the app, because the client has received everything written so far."""
        if self._upstream is not None:
            self._upstream.resume()

    def abandon(self) -> None:
        """End the exchange, because the client has disconnected or received another response."""
        self._finish(reuse=False)

    # --- called by the link ---

    @property
    def waits_for_app(self) -> bool:
        """Return whether the exchange waits for the app rather than for the client."""
        upstream = self._upstream
        if upstream is None:
            return False
        return (self._body_is_sent or upstream.is_full) and not (self.has_begun and not self._connection.takes)

    def is_forgotten(self) -> None:
        """Reject the request, or abort its response: the app has lost it."""
        if self.has_begun:
            self.connection_broke()
        else:
            self.reject(replies.APP_TOO_SLOW)

    def note_activity(self) -> None:
        """Record that the app has read or written bytes."""
        self.active_at = self._app.loop.time()
        self._app.note_activity()

    def connected(self, upstream: "Upstream") -> None:
        """Send the head, and the part of the body that has arrived."""
        self._upstream = upstream
        self.active_at = self._app.loop.time()
        upstream.begin(self)
        upstream.write(self._app.head_of(self._request, self._length) + self._unsent_body)
        self._unsent_body = bytearray()
        if not upstream.is_full:
            self._connection.release()

    def reject(self, reply: Reply) -> None:
        """Respond with `reply` instead."""
        connection = self._connection
        self._finish(reuse=False)
        connection.fail(self._request, reply)

    def connection_broke(self) -> None:
        """Reject the request, or abort a response that has started: the connection to the app has failed."""
        if self.is_over:
            return
        if self.has_begun:
            connection = self._connection
            self._finish(reuse=False)
            connection.end_answer(is_whole=False)
        else:
            self.reject(replies.NO_APP)

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
        """Pause reading the body, because the app reads more slowly."""
        self._connection.hold()

    def release(self) -> None:
        """Resume reading."""
        self._connection.release()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Record a header of the response."""
        lowered = name.lower()
        if lowered == hops.ROUTE_FIELD:
            self._request.route = value.decode("latin-1") or None
        elif lowered == b"content-length":
            self._answer_length = int(value)
        elif lowered not in NOT_RETURNED:
            self._fields += (name, b": ", value, b"\r\n")

    def answered(self, status: int) -> None:
        """Start the client's response, now that its head is complete."""
        self._app.works()
        self.has_begun = True
        fields = b"".join(self._fields)
        self._in_chunks = self._connection.begin_answer(self._request, status, fields, self._answer_length)
        if self._body_is_sent and self._answer_length is not None:
            # Flask has finished a response with a known length, which only has to be passed on.
            self._app.answer_is_whole(self)
        if self._request.command == "HEAD":
            # The response parser doesn't know whether a body follows, so this connection is not reused.
            connection = self._connection
            self._finish(reuse=False)
            connection.end_answer(is_whole=True)

    def on_body(self, piece: bytes) -> None:
        """Pass on a piece of the response's body."""
        self._connection.answer_piece(b"%x\r\n%b\r\n" % (len(piece), piece) if self._in_chunks else piece)
        if not self._connection.takes and self._upstream is not None:
            self._upstream.pause()

    def on_message_complete(self) -> None:
        """Finish the client's response."""
        if self._in_chunks:
            self._connection.answer_piece(b"0\r\n\r\n")
        connection = self._connection
        self._finish(reuse=self._body_is_sent and self._upstream.keeps_alive)
        connection.end_answer(is_whole=True)


class Upstream(asyncio.Protocol):
    """One connection to the app, which serves one exchange at a time."""

    def __init__(self, app: AppLink) -> None:
        self.since = 0.0  # when the connection became idle, in the loop's time
        self._app = app
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._parser: HttpResponseParser | None = None
        self.is_full = False  # whether the app has not read everything written yet

    def begin(self, exchange: Exchange) -> None:
        """Use this connection for `exchange`."""
        self._exchange = exchange
        self._parser = HttpResponseParser(self)

    @property
    def keeps_alive(self) -> bool:
        """Return whether this connection can be reused: the app has not announced that it will close it."""
        return self._parser.should_keep_alive()

    def end(self) -> None:
        """Detach from the exchange."""
        self._exchange = None
        self.resume()

    # asyncio's stub says BaseTransport, but for a stream it is always a Transport.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Store the transport."""
        self._transport = transport
        transport.set_write_buffer_limits(high=AHEAD, low=AHEAD // 4)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the exchange."""
        self._transport = None
        self._app.lost(self)
        if self._exchange is not None:
            self._exchange.connection_broke()

    def write(self, data: bytes) -> None:
        """Send `data`."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close at once, dropping unsent data."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Pause reading the response."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Resume reading."""
        if self._transport is not None:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Pause sending the body."""
        self.is_full = True
        if self._exchange is not None:
            self._exchange.hold()

    def resume_writing(self) -> None:
        """Resume sending the body."""
        self.is_full = False
        if self._exchange is not None:
            self._exchange.note_activity()
            self._exchange.release()

    def data_received(self, data: bytes) -> None:
        """Parse a part of a response."""
        if self._exchange is None:
            # The app must not send data before a request.
            self.close()
            return
        self._exchange.note_activity()
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            traceback.print_exc()
            self.close()

    # --- called by llhttp ---

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pass on a header."""
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
