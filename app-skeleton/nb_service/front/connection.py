"""A client's connection: parses its bytes into requests, one at a time, and passes them on."""

import asyncio
import contextlib
import socket
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, cast

from nb_service.front import head, response
from nb_service.front.chunked import PIECE, Chunks
from nb_service.front.head import Head, Request, Unreadable
from nb_service.http import content_coding, replies, streaming
from nb_service.http.replies import Reply
from nb_service.http.streaming import Form
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes

if TYPE_CHECKING:
    from nb_service.front.app_link import Exchange
    from nb_service.front.server import Front
    from nb_service.pool.answer import Job

# A rejected client may still be sending. Closing at once would reset the connection, and the client would lose the
# response.
LINGER_SECONDS = 2.0
# A rejected body up to this size is read and discarded, so that the client can keep its connection.
SMALL_REFUSED = 1 << 16
# After this many requests of one client in a row, other clients are served.
AT_ONCE = 16
# A larger response is written separately from its head, in pieces of this size, to avoid a copy.
LARGE = 1 << 16
# Larger responses are not compressed: that takes a millisecond per hundred kilobytes, in which no other client is
# served.
MAX_COMPRESSED = 1 << 18
# During shutdown, a connection stays open if it has been idle for less than this: its next request may be on its way,
# and closing would reset it.
FRESH_SECONDS = 0.2
# The total time that a body may wait for room in the budget before it gets 503.
ROOM_SECONDS = 2.0

# The shortest and longest pause between checks whether a client has reset a connection that is not being read.
MIN_LOOK = 0.01
MAX_LOOK = 1.0
# How often a client of a stream that has closed its sending side is sent bytes that it ignores. If it has exited, its
# system responds with a reset.
PROBE_SECONDS = 0.25
# TCP keepalive for a client that has closed its sending side and waits: it has left if it misses this many probes. The
# pause before the first probe, and between probes, in seconds.
KEEPALIVE_PROBES, KEEPALIVE_SECONDS = 3, 3
# The option for the first pause on Linux and on macOS.
FIRST_PAUSE = next(getattr(socket, name) for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE") if hasattr(socket, name))

# States of a connection.
HEAD, BODY, ANSWER, LINGER = range(4)
# Reasons for not reading; several may apply at the same time.
ANSWERING, NO_ROOM, UPSTREAM, OTHERS_TURN = 1, 2, 4, 8


class Connection(asyncio.BufferedProtocol):
    """A client's connection. Its next request is parsed only after the response to the previous one was sent.

    So a client that sends many requests without reading the responses costs no work, and only the memory of one read.
    """

    __slots__ = (
        "_body",
        "_body_left",
        "_budget",
        "_chunks",
        "_client_ended",
        "_exchange",
        "_front",
        "_head_begun",
        "_hold_reasons",
        "_in_chunks",
        "_items_untaken",
        "_job",
        "_keeps_alive",
        "_phase",
        "_rejection",
        "_request",
        "_rest",
        "_room_deadline",
        "_room_timer",
        "_since",
        "_stream",
        "_stuck",
        "_transport",
        "_unlogged",
        "_untaken",
    )

    def __init__(self, front: "Front") -> None:
        self._front = front
        self._budget = front.budget
        self._transport: asyncio.Transport | None = None
        self._phase = HEAD
        self._rest = b""  # received, but not parsed yet
        self._request: Request | None = None
        self._body: bytearray | None = None  # the part of a body that the front has received
        self._chunks: Chunks | None = None
        self._body_left = 0  # bytes of the body that have not arrived yet
        self._rejection: Reply | None = None  # the reply to send once the rest of the body has been read and discarded
        self._job: Job | None = None  # the sample, once it is in the pool
        self._exchange: Exchange | None = None  # the exchange with the app, if the app handles the request
        self._stream: Form | None = None  # set once the first item was written
        self._in_chunks = False
        self._items_untaken = 0
        self._unlogged: int | None = None  # the status of a response that is logged when it ends
        self._keeps_alive = True
        self._hold_reasons = 0
        self._head_begun = False  # whether an incomplete head has arrived
        self._since = 0.0  # when it became idle, its request started to arrive, or part of a stream was written
        self._untaken = 0  # unsent bytes of responses, counted in the budget
        self._stuck: tuple[int, float] | None = None  # their number when it last changed, and when that was
        self._client_ended = False  # whether the client has closed its sending side
        self._room_timer: asyncio.TimerHandle | None = None  # set while the body waits for room
        self._room_deadline = 0.0  # the total for all waits of one body

    # --- called by asyncio ---

    # asyncio's stub says BaseTransport; for a stream, it is always a Transport.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Store the transport."""
        self._transport = transport
        # A limit of 0 makes asyncio call pause_writing for anything that the kernel does not accept at once.
        transport.set_write_buffer_limits(high=0)
        self._since = time.monotonic()
        self._front.connection_opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer, shared by all connections, for arriving data; a small part of it if the budget is full."""
        if self._budget.is_full():
            return self._front.small_buffer
        # For a large body, fewer but larger pieces cost less.
        is_collecting = self._phase == BODY and self._body is not None
        return self._front.large_buffer if is_collecting else self._front.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle the data that arrived in the buffer."""
        if self._phase == LINGER:
            return
        arrived = self._front.large_buffer[:nbytes]
        body = self._body
        is_collected = body is not None and self._phase == BODY and not self._rest and not self._hold_reasons
        if body is not None and is_collected and nbytes < self._body_left:
            # A large body is received directly into its own buffer.
            body += arrived
            self._body_left -= nbytes
            self._count_piece(nbytes)
            return
        data = arrived.tobytes()
        if self._rest:
            data = self._rest + data
            self._keep(b"")
        self._take(data)

    def eof_received(self) -> bool:
        """Record that the client sends no more, although it may still read.

        Return whether to keep the connection open.
        """
        self._client_ended = True
        if self._phase == LINGER or (self._phase == HEAD and not self._rest):
            return False
        if self._phase == ANSWER:
            self._probe()
        else:
            self._reject(400, "The request could not be read: it ended too early.")
        return True

    def pause_writing(self) -> None:
        """Count the bytes that the client has not received."""
        self._count_untaken()

    def resume_writing(self) -> None:
        """Continue with the next request, or the rest of the response, because the client has received everything."""
        self._count_untaken()
        self._stuck = None
        if self._exchange is not None:
            self._exchange.client_takes()
        elif self._stream is not None:
            self._take_items()
        elif self._phase == HEAD:
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._transport = None
        self._keep(b"")
        self._budget.give(self._untaken)
        self._untaken = 0
        self._end_waiting()
        if self._job is not None:
            self._front.pool.abandon(self._job)
        if self._exchange is not None:
            self._exchange.abandon()
        self._forget()
        self._front.connection_closed(self)

    # --- called by the front ---

    def expire(self, now: float, limit: float) -> None:
        """Reject a request that has been arriving for `limit` seconds; close if there was no progress for that long."""
        if self._untaken:
            self._count_untaken()
        if self._untaken:
            if self._stuck is None or self._stuck[0] != self._untaken:
                self._stuck = self._untaken, now
            elif now - self._stuck[1] >= limit:
                self._transport.abort()
        elif self._stream is not None:
            if now - self._since >= streaming.IDLE_SECONDS:
                self._write_streamed(self._stream.idle)
        elif now - self._since < limit or self._phase in (ANSWER, LINGER):
            return
        elif self._phase == HEAD and not self._rest:
            self._transport.close()
        elif not self._hold_reasons & (UPSTREAM | NO_ROOM):
            self._reject(408, "The request took longer to arrive than this service allows (S2I_RECEIVE_TIMEOUT).")

    @property
    def is_busy(self) -> bool:
        """Return whether a request is arriving or being handled, or a response is not fully sent."""
        return self._phase in (BODY, ANSWER, LINGER) or bool(self._untaken) or bool(self._rest)

    def is_fresh(self, now: float) -> bool:
        """Return whether it became idle only a moment ago, so that a request may be on its way."""
        return self._phase == HEAD and now - self._since < FRESH_SECONDS

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once, whatever its state."""
        if self._transport is not None:
            self._transport.abort()

    # --- reading ---

    def _take(self, data: bytes) -> None:
        """Handle as much of `data` as possible, and keep the rest; an exception closes only this connection."""
        try:
            data = self._read(data)
        except Unreadable as error:
            self._reject_reply(_reply_to(error))
        except Exception:  # noqa: BLE001 - one client's trouble must not end the service
            traceback.print_exc()
            self.abort()
        else:
            if data and self._phase != LINGER:
                self._keep(data)
                if self._phase == ANSWER or self._untaken:
                    self._hold(ANSWERING)
                    if self._request is not None:
                        # While the connection is not read, only the kernel knows whether the client is still connected.
                        self._front.loop.call_later(MAX_LOOK / 4, self._look_for_reset, self._request, MAX_LOOK / 4)

    def _read(self, data: bytes) -> bytes:
        """Parse heads and bodies in `data` until it has to wait; return the rest."""
        heads = 0
        while data:
            if self._phase == BODY and not self._hold_reasons:
                data = self._take_body(data)
            elif self._phase != HEAD or self._untaken:
                break
            elif not self._keeps_alive:
                # The response has announced that this connection will close.
                return b""
            elif heads == AT_ONCE:
                self._give_turn()
                break
            else:
                heads += 1
                data = self._take_head(data)
        return data

    def _give_turn(self) -> None:
        """Let other clients be served before this one continues."""
        self._hold(OTHERS_TURN)
        self._front.loop.call_soon(self._release, OTHERS_TURN)

    def _keep(self, data: bytes) -> None:
        self._budget.take(len(data))
        if self._rest:
            self._budget.give(len(self._rest))
        self._rest = data

    def _hold(self, reason: int) -> None:
        """Stop reading for this reason."""
        if not self._hold_reasons and self._transport is not None:
            self._transport.pause_reading()
        self._hold_reasons |= reason

    def _release(self, reason: int) -> None:
        """Resume reading if this was the only reason not to."""
        if not self._hold_reasons & reason:
            return
        self._hold_reasons &= ~reason
        if not self._hold_reasons and self._transport is not None:
            if self._rest:
                # Deferred, because the caller may be handling this connection right now.
                self._front.loop.call_soon(self._take_rest)
            else:
                self._transport.resume_reading()

    def _take_rest(self) -> None:
        if self._transport is None or self._hold_reasons:
            return
        data = self._rest
        self._keep(b"")
        self._take(data)
        if not self._hold_reasons and self._transport is not None:
            self._transport.resume_reading()
        if self._client_ended:
            self._end()

    def _end(self) -> None:
        """Close, or reject an incomplete request: the client has closed its sending side."""
        if self._phase not in (HEAD, BODY) or self._hold_reasons or self._transport is None or self._untaken:
            return
        if self._phase == HEAD and not self._rest:
            self._transport.close()
        else:
            self._reject(400, "The request could not be read: it ended too early.")

    def _take_head(self, data: bytes) -> bytes:
        """Start a request if its head is complete; return the bytes after it."""
        end = data.find(head.END) + len(head.END)
        if end < len(head.END):
            head.check_begin(data)
            if data.strip(b"\r\n"):
                if not self._head_begun:
                    self._head_begun, self._since = True, time.monotonic()
                self._keep(data)
            return b""
        if end > head.MAX_LENGTH:
            raise Unreadable(431, "its header fields are larger than this service accepts")
        head_bytes = data[:end]
        if not head_bytes.strip(b"\r\n"):
            return data[end:]
        if not self._head_begun:
            self._since = time.monotonic()
        self._head_begun = False
        if head_bytes == head.HTTP2_PREFACE:
            self._request = Request(Head())
            self._answer_unread(self._request, replies.NO_HTTP2, response.HTTP2_REFUSAL)
            return b""
        try:
            self._request = request = Request(head.read(head_bytes))
        except Unreadable:
            self._request = Request(Head())
            if head_bytes.lstrip(b"\r\n").startswith(b"HEAD "):
                # The response to HEAD has no body, even if the request is rejected.
                self._request.command = "HEAD"
            raise
        self._keeps_alive = request.head.keeps_alive
        return self._begin(request, data[end:])

    def _begin(self, request: Request, data: bytes) -> bytes:
        """Decide from the head where a request goes; return the bytes after the head, or after the body if read."""
        length, expects_continue = request.head.length, request.head.expects_continue
        reply = self._front.reply_to(request)
        if reply is not None:
            if length is None or length > SMALL_REFUSED or expects_continue:
                self._phase = ANSWER
                self._answer_unread(request, reply)
                return b""
            self._rejection = reply
        elif request.head.is_for_pool:
            if length and len(data) >= length and not expects_continue:
                # The usual case: the complete body arrived with its head.
                self._count(length)
                self._ask(request, data[:length])
                return data[length:]
            self._body = bytearray()
        elif expects_continue and not self._front.takes_bodies(request.head.path):
            # The app reports the error. The client still holds back the body, which is not requested.
            self._keeps_alive = False
            self._phase = ANSWER
            self._exchange = self._front.app.exchange(self, request, 0)
            request.asked_at = time.monotonic()
            self._exchange.end()
            return b""
        else:
            self._exchange = self._front.app.exchange(self, request, length)
        if expects_continue:
            self._transport.write(response.CONTINUE)
        self._phase = BODY
        if length is None:
            self._chunks = Chunks(self._front.max_body)
        else:
            self._body_left = length
            if not length:
                self._end_body()
        return data

    def _take_body(self, data: bytes) -> bytes:
        """Read the part of `data` that belongs to the body; return the bytes after it."""
        if self._chunks is None:
            piece, rest = data[: self._body_left], data[self._body_left :]
            self._body_left -= len(piece)
            self._take_piece(piece)
            if not self._body_left:
                self._end_body()
            return rest
        chunks = self._chunks
        consumed = chunks.feed(data[:PIECE])
        piece, chunks.content = bytes(chunks.content), bytearray()
        if piece:
            self._take_piece(piece)
        if chunks.ended:
            self._chunks = None
            self._end_body()
        elif consumed < len(data):
            self._give_turn()
        return data[consumed:]

    def _take_piece(self, piece: bytes) -> None:
        if self._rejection is not None:
            return
        if self._body is not None:
            self._body += piece
        else:
            self._exchange.send(piece)
        self._count_piece(len(piece))

    def _count_piece(self, size: int) -> None:
        """Count a piece of the body in the budget; if it is full, wait before reading the next piece."""
        self._count(size)
        is_over = self._body_left == 0 if self._chunks is None else self._chunks.ended
        if not is_over and self._budget.is_full(self._size()):
            self._wait_for_room()

    def _count(self, size: int) -> None:
        self._request.held += size
        self._budget.take(size)

    def _end_body(self) -> None:
        request = self._request
        if self._rejection is not None:
            reply, self._rejection = self._rejection, None
            self._phase = ANSWER
            request.asked_at = time.monotonic()
            self._reply(request, reply)
        elif self._body is not None:
            # A file is not copied, because nothing changes it from here on.
            body = cast("bytes", self._body) if request.head.file_prefix else bytes(self._body)
            self._body = None
            self._ask(request, body)
        else:
            self._phase = ANSWER
            request.asked_at = time.monotonic()
            self._exchange.end()

    # --- no room ---

    def _wait_for_room(self) -> None:
        if self._room_timer is None:
            self._hold(NO_ROOM)
            # One deadline for all waits of a body: otherwise, it could wait for ever if room is repeatedly free for a
            # moment only.
            self._room_deadline = self._room_deadline or time.monotonic() + ROOM_SECONDS
            self._room_timer = self._front.loop.call_later(self._room_deadline - time.monotonic(), self._on_no_room)
            self._budget.wait(self._on_room, self._size())

    def _size(self) -> int:
        """Return the size of the body in bytes; for a chunked one, the size received so far."""
        length = self._request.head.length
        return self._request.held if length is None else length

    def _on_room(self) -> None:
        self._end_waiting()
        self._since = time.monotonic()
        self._release(NO_ROOM)

    def _on_no_room(self) -> None:
        self._end_waiting()
        self._reject_reply(replies.HELD)

    def _end_waiting(self) -> None:
        if self._room_timer is not None:
            self._room_timer.cancel()
            self._room_timer = None
            self._budget.stop_waiting(self._on_room)

    # --- requesting predictions ---

    def _ask(self, request: Request, body: bytes) -> None:
        """Pass the complete body to the pool, or to the app if it is an array too large for one scorer."""
        self._phase = ANSWER
        request.asked_at = time.monotonic()
        front = self._front
        call = request.head.call
        if request.head.raw_path == front.ARRAY_PATH:
            if not front.is_one_call(body):
                self._ask_app(request, body)
                return
            self._job = front.pool.submit_many(body, partial(self._answered_many, request), request.request_id, call)
        elif not body:
            self._reply(request, replies.EMPTY)
        elif front.is_for_app(request.head, body):
            self._ask_app(request, body)
        else:
            self._ask_pool(request, body)

    def _ask_pool(self, request: Request, body: bytes) -> None:
        pool, head = self._front.pool, request.head
        form, prefix = head.stream, head.file_prefix
        done = partial(self._answered, request) if form is None else partial(self._streamed, request, form)
        flags = 0 if form is None else form.flags
        if prefix:
            self._job = pool.submit_files(body, done, request.request_id, head.call, prefix, flags)
        else:
            self._job = pool.submit(body, done, request.request_id, head.call, flags)

    def _streamed(self, request: Request, form: Form, answer: Answer) -> None:
        """Write an item of a stream, or its end."""
        if self._request is not request or self._transport is None:
            return
        try:
            if answer.outcome == outcomes.ITEM:
                self._write_item(request, form, answer.payload)
            else:
                self._job = None
                self._end_stream(request, form, answer)
        except Exception:  # noqa: BLE001 - whatever goes wrong here, this client must not wait for ever
            traceback.print_exc()
            self.abort()

    def _write_item(self, request: Request, form: Form, payload: bytes) -> None:
        if self._stream is None:
            self._begin_stream(request, form)
        self._write_streamed(form.item(payload))
        self._items_untaken += 1
        if self.takes:
            self._take_items()

    def _begin_stream(self, request: Request, form: Form) -> None:
        fields = response.fields((("Content-Type", form.content_type), *streaming.HEADERS))
        self._in_chunks = self.begin_answer(request, 200, fields + response.NOSNIFF + self._front.identity_fields, None)
        self._stream = form

    def _write_streamed(self, data: bytes) -> None:
        """Write a part of a stream."""
        self._since = time.monotonic()
        # An empty chunk would mark the end.
        if data:
            self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._in_chunks else data)

    def _take_items(self) -> None:
        """Let the scorer continue, because the client has received everything written so far."""
        count, self._items_untaken = self._items_untaken, 0
        if count and self._job is not None:
            self._front.pool.take_items(self._job, count)

    def _end_stream(self, request: Request, form: Form, answer: Answer) -> None:
        is_ok = answer.outcome == outcomes.OK
        if self._stream is None:
            if not is_ok:
                # Nothing was sent yet, so the response can still have the problem's status.
                self._reply(request, replies.from_answer(answer, self._front.disclosure))
                return
            self._begin_stream(request, form)
        is_whole = is_ok or form.is_whole_with_error
        if is_ok:
            self._write_streamed(form.end)
        else:
            self._write_streamed(form.failure(replies.from_answer(answer, self._front.disclosure).body))
        if is_whole and self._in_chunks:
            self._write(b"0\r\n\r\n")
        # Without its last chunk, the response is incomplete. Closing still delivers the bytes written before.
        self._keeps_alive = self._keeps_alive and is_whole
        self._end_answer()

    def _ask_app(self, request: Request, body: bytes) -> None:
        """Pass a complete body to the app."""
        self._exchange = self._front.app.exchange(self, request, len(body))
        self._exchange.send(body)
        self._exchange.end()

    def _answered(self, request: Request, answer: Answer) -> None:
        if self._request is not request:
            return
        self._job = None
        try:
            self._reply_with(request, answer)
        except Exception:  # noqa: BLE001 - whatever goes wrong here, this client must not wait for ever
            traceback.print_exc()
            self.abort()

    def _reply_with(self, request: Request, answer: Answer) -> None:
        is_plain = (
            len(answer.payload) < content_coding.MIN_SIZE
            and request.head.version == "1.1"
            and not request.origin_headers
        )
        if answer.outcome == outcomes.OK and is_plain and self._keeps_alive and not self._front.closing:
            # The head of most responses, in which only the request's id varies.
            self._transport.write(response.ok(answer.payload, request.request_id, self._front.last_fields))
            # After the response, so that the client doesn't wait for counting and logging.
            self._front.access(request, 200)
            self._end_answer()
        elif answer.outcome == outcomes.OK:
            self._reply(request, Reply(200, answer.payload))
        else:
            self._reply(request, replies.from_answer(answer, self._front.disclosure))

    def _answered_many(self, request: Request, answer: Answer) -> None:
        if self._request is not request:
            return
        self._job = None
        try:
            self._reply(request, replies.from_answer_to_many(answer, self._front.disclosure))
        except Exception:  # noqa: BLE001 - the same
            traceback.print_exc()
            self.abort()

    def _probe(self) -> None:
        """Check whether a client that has closed its sending side, and waits for a response, still reads.

        Closing that side does not mean that the client has left (RFC 9112, section 9.6). Every HTTP/1.1 client accepts
        an interim response before the final one (RFC 9110, section 15.2). If the client has exited, its system responds
        to it with a reset, which the kernel records on the socket. In a stream, bytes that clients ignore take its
        place, repeatedly, because the client may exit later. If the stream's form has no such bytes, or the app sends
        the stream, it ends here, as in most servers. The kernel detects other clients that exit later, or use HTTP/1.0.
        """
        if self._phase != ANSWER:
            return
        self._let_kernel_probe()
        if self._unlogged is not None and (self._stream is None or not self._stream.idle):
            self.abort()
        elif self._stream is not None:
            self._write_streamed(self._stream.idle)
            self._look_for_reset(self._request, MIN_LOOK)
        elif self._is_unanswered():
            if self._request.head.version == "1.1":
                self._transport.write(response.CONTINUE)
            self._look_for_reset(self._request, MIN_LOOK)

    def _let_kernel_probe(self) -> None:
        """Make the kernel report an error on the socket once the client no longer responds to TCP."""
        sock = self._transport.get_extra_info("socket")
        # macOS rejects options for a connection that was reset.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
            for option in (FIRST_PAUSE, socket.TCP_KEEPINTVL):
                sock.setsockopt(socket.IPPROTO_TCP, option, KEEPALIVE_SECONDS)

    def _look_for_reset(self, request: Request, seconds: float) -> None:
        """Disconnect if the kernel has received a reset, which asyncio does not notice while it is not reading."""
        if self._request is not request or self._transport is None or not self._is_unanswered():
            return
        if self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.abort()
            return
        later = min(2 * seconds, MAX_LOOK)
        if self._client_ended and self._stream is not None:
            later = min(later, PROBE_SECONDS)
            if seconds == PROBE_SECONDS and self.takes:
                self._write_streamed(self._stream.idle)
        self._front.loop.call_later(seconds, self._look_for_reset, request, later)

    def _is_unanswered(self) -> bool:
        """Return whether the sample waits for a scorer or may be endless, or the app has not started to respond."""
        if self._exchange is not None:
            return not self._exchange.has_begun
        if self._front.yields_items or self._request.head.stream is not None:
            return self._job is not None
        return self._job is not None and self._front.pool.is_waiting(self._job)

    # --- responding ---

    def _reply(self, request: Request, reply: Reply) -> None:
        """Write a complete response, and continue."""
        keeps_alive = self._keeps_alive = self._keeps_alive and not self._front.closing
        reply = _compressed(request, replies.in_form_of(request.path, reply))
        data = response.head_of(reply, request.request_id)
        if reply.headers or request.origin_headers:
            data += response.fields(reply.headers + request.origin_headers)
        if not keeps_alive or request.head.version == "1.0":
            data += response.connection(keeps_alive, request.head.version)
        data += self._front.last_fields
        self._front.access(request, reply.status)
        if request.command == "HEAD":
            self._transport.write(data)
        elif len(reply.body) < LARGE:
            self._transport.write(data + reply.body)
        else:
            self._transport.write(data)
            self._write_large(reply.body)
        self._end_answer()

    def _write_large(self, body: bytes) -> None:
        """Write a body in pieces, so that only the part that the client has not received is buffered and counted."""
        view = memoryview(body)
        for at in range(0, len(view), LARGE):
            self._transport.write(view[at : at + LARGE].tobytes())
        if self._untaken:
            self._count_untaken()

    def _end_answer(self) -> None:
        """Prepare for the next request."""
        self._forget()
        self._phase = HEAD
        self._since = time.monotonic()
        if not self._keeps_alive:
            self._transport.close()
        elif not self._untaken and (self._hold_reasons or self._client_ended):
            self._go_on()

    def _go_on(self) -> None:
        if not self._keeps_alive or self._transport is None:
            return
        if self._hold_reasons:
            self._release(ANSWERING)
        elif self._client_ended:
            self._front.loop.call_soon(self._end)

    def _forget(self) -> None:
        """Release the request and everything that belongs to it."""
        request, self._request = self._request, None
        if self._unlogged is not None and request is not None:
            status, self._unlogged = self._unlogged, None
            self._front.access(request, status)
        self._body = self._chunks = self._job = self._exchange = self._rejection = self._stream = None
        self._items_untaken = 0
        self._room_deadline = 0.0
        if self._room_timer is not None:
            self._end_waiting()
        if self._hold_reasons & (NO_ROOM | UPSTREAM):
            # Reasons that concern the body end with the request. OTHERS_TURN stays, because `_go_on` and `_linger`
            # restart what it paused.
            self._hold_reasons = self._hold_reasons & OTHERS_TURN | ANSWERING
        if request is not None and request.held:
            self._budget.give(request.held)
            request.held = 0

    def _count_untaken(self) -> None:
        """Count the bytes that the client has not received; disconnect if they exceed the budget."""
        if self._transport is None:
            return
        size = self._transport.get_write_buffer_size()
        change, self._untaken = size - self._untaken, size
        if change > 0:
            self._budget.take(change)
            if self._budget.held > self._budget.limit:
                self._transport.abort()
        elif change:
            self._budget.give(-change)

    # --- rejecting ---

    def _reject(self, status: int, detail: str) -> None:
        self._reject_reply(replies.problem(status, detail))

    def _reject_reply(self, reply: Reply) -> None:
        """Reject an incompletely read request, and close."""
        request = self._request or Request(Head())
        if self._exchange is not None:
            self._exchange.abandon()
            if self._exchange.has_begun:
                self.abort()
                return
        if not request.asked_at:
            request.asked_at = time.monotonic()
        self._answer_unread(request, reply)

    def _answer_unread(self, request: Request, reply: Reply, as_bytes: bytes = b"") -> None:
        """Respond to an incompletely read request, and close; `as_bytes` is the reply in another protocol."""
        self._keeps_alive = False
        reply = replies.in_form_of(request.path, reply)
        data = response.head_of(reply, request.request_id)
        data += response.fields(reply.headers + request.origin_headers) + response.CLOSE + self._front.last_fields
        if not request.asked_at:
            request.asked_at = time.monotonic()
        self._front.access(request, reply.status)
        self._transport.write(as_bytes or data + (b"" if request.command == "HEAD" else reply.body))
        self._end_waiting()
        self._forget()
        self._keep(b"")
        self._linger()

    def _linger(self) -> None:
        """Read and discard, for a moment, what a rejected client still sends; then close."""
        self._phase = LINGER
        if self._hold_reasons:
            self._hold_reasons = 0
            self._transport.resume_reading()
        if self._client_ended:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:
            # The client has disconnected, which the loop will report in a moment.
            self.abort()
            return
        self._front.loop.call_later(LINGER_SECONDS, self.close)

    # --- called by the exchange with the app ---

    def hold(self) -> None:
        """Pause reading the body, because the app reads more slowly."""
        self._hold(UPSTREAM)

    def release(self) -> None:
        """Resume reading."""
        if self._hold_reasons & UPSTREAM:
            self._since = time.monotonic()
        self._release(UPSTREAM)

    @property
    def takes(self) -> bool:
        """Return whether the client has received everything written so far."""
        return not self._untaken

    def begin_answer(self, request: Request, status: int, fields: bytes, length: int | None) -> bool:
        """Write the head of one of the app's responses; return whether its body is chunked.

        `length` is None if the app did not set it.
        """
        # These have no body, and no Content-Length (RFC 9110, section 8.6).
        has_body = status not in (204, 304)
        in_chunks = has_body and length is None and request.head.version == "1.1" and request.command != "HEAD"
        is_unread = self._phase == BODY
        if is_unread or self._front.closing or (has_body and length is None and not in_chunks):
            self._keeps_alive = False
        reason = replies.phrase(status).encode("ascii")
        status_line = b"HTTP/1.1 %d %b\r\n" % (status, reason)
        framing = b"Transfer-Encoding: chunked\r\n" if in_chunks else b""
        if has_body and length is not None:
            framing = b"Content-Length: %d\r\n" % length
        request_id = b"X-Request-ID: %b\r\n" % request.request_id.encode("ascii")
        origin = response.fields(request.origin_headers)
        connection = response.connection(self._keeps_alive, request.head.version)
        request.asked_at = request.asked_at or time.monotonic()
        if has_body and length is None:
            # A stream is logged when it ends, which may be much later.
            self._unlogged = status
            if self._client_ended:
                self._front.loop.call_soon(self._probe)
        else:
            self._front.access(request, status)
        self._write(b"".join((status_line, framing, fields, response.date(), request_id, origin, connection, b"\r\n")))
        return in_chunks

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
            if self._untaken:
                self._count_untaken()

    def answer_piece(self, data: bytes) -> None:
        """Write a piece of a response."""
        self._write(data)

    def end_answer(self, *, is_whole: bool) -> None:
        """Finish a response, or abort an incomplete one, so that it does not look complete."""
        if self._transport is None:
            return
        if not is_whole:
            self.abort()
        elif self._phase == BODY:
            self._end_waiting()
            self._forget()
            self._keep(b"")
            self._linger()
        else:
            self._end_answer()

    def fail(self, request: Request, reply: Reply) -> None:
        """Respond with `reply`, because the app did not respond."""
        self._exchange = None
        if self._transport is None:
            return
        if self._phase == BODY:
            self._answer_unread(request, reply)
        else:
            self._reply(request, reply)


def _compressed(request: Request, reply: Reply) -> Reply:
    """Return `reply` with gzip if the client accepts it and compressing doesn't block the loop for too long."""
    is_packed = reply.content_type.startswith(("image/", "audio/", "video/"))
    if is_packed or not content_coding.MIN_SIZE <= len(reply.body) <= MAX_COMPRESSED:
        return reply
    headers = (("Vary", "Accept-Encoding"), *reply.headers)
    if not content_coding.takes_gzip(request.head.headers.get("accept-encoding", "")):
        return reply._replace(headers=headers)
    return reply._replace(body=content_coding.compressed(reply.body), headers=(("Content-Encoding", "gzip"), *headers))


def _reply_to(error: Unreadable) -> Reply:
    if error.status == 413:
        return replies.TOO_LARGE
    if error.status == 431:
        return replies.problem(431, "The header fields are larger than this service accepts.")
    return replies.problem(error.status, f"The request could not be read: {error}.")
