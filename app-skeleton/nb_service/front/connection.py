"""A client's connection: bytes become requests, one at a time, and each goes where it is answered."""

import asyncio
import socket
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

from nb_service.front import head, response
from nb_service.front.chunked import PIECE, Chunks
from nb_service.front.head import Head, Request, Unreadable
from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes

if TYPE_CHECKING:
    from nb_service.front.app_link import Exchange
    from nb_service.front.server import Front
    from nb_service.pool.answer import Job

# A refused client may still be sending: to close at once would reset the connection and take the answer with it.
LINGER_SECONDS = 2.0
# A body that was refused and is not larger is read and thrown away, and the connection goes on.
SMALL_REFUSED = 1 << 16
# So many requests of one client are looked at before others have their turn.
AT_ONCE = 16
# An answer that is larger is not copied behind its head.
LARGE = 1 << 16
# An idle connection that is not older may be about to be used.
FRESH_SECONDS = 0.2
# So long a body waits for others to leave room; then it is refused.
ROOM_SECONDS = 2.0

# How often the kernel is asked whether a client that sends no more is gone.
SHORTEST_LOOK = 0.01
LONGEST_LOOK = 1.0

# What a connection is about.
HEAD, BODY, ANSWER, LINGER = range(4)
# Why nothing is read from it for a while.
ANSWERING, NO_ROOM, UPSTREAM, OTHERS_TURN = 1, 2, 4, 8


class Connection(asyncio.BufferedProtocol):
    """One client. The next request is looked at when the answer to the last one has left.

    So whoever sends many requests and reads no answer makes nobody work, and holds what one read brought.
    """

    __slots__ = (
        "_arrives",
        "_body",
        "_budget",
        "_chunks",
        "_ended",
        "_exchange",
        "_front",
        "_holds",
        "_job",
        "_keeps",
        "_left",
        "_patience",
        "_phase",
        "_refusal",
        "_request",
        "_rest",
        "_since",
        "_stuck",
        "_transport",
        "_untaken",
        "_waits",
    )

    def __init__(self, front: "Front") -> None:
        self._front = front
        self._budget = front.budget
        self._transport: asyncio.Transport | None = None
        self._phase = HEAD
        self._rest = b""  # arrived, and not looked at yet
        self._request: Request | None = None
        self._body: bytearray | None = None  # of a request that the front collects
        self._chunks: Chunks | None = None
        self._left = 0  # bytes of the body that are to come
        self._refusal: Reply | None = None  # what is answered once the body was read and thrown away
        self._job: Job | None = None  # the sample that a scorer is asked
        self._exchange: Exchange | None = None  # with the app
        self._keeps = True
        self._holds = 0
        self._arrives = False  # a head has begun and is not whole
        self._since = 0.0  # since when it is idle, or its request has been arriving
        self._untaken = 0  # bytes of answers that the budget counts
        self._stuck: tuple[int, float] | None = None
        self._ended = False  # the client sends no more
        self._waits: asyncio.TimerHandle | None = None  # the timer of one that waits for room
        self._patience = 0.0  # until when it waits

    # --- called by asyncio ---

    # What asyncio calls a transport in general is, of a stream, always one that can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._transport = transport
        # Whatever the client does not take at once is told.
        transport.set_write_buffer_limits(high=0)
        self._since = time.monotonic()
        self._front.came(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to put what arrives: one place for all connections, a small one when there is no room."""
        return self._front.small_buffer if self._budget.is_full() else self._front.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what arrived."""
        if self._phase == LINGER:
            return
        data = self._front.buffer[:nbytes].tobytes()
        if self._rest:
            data = self._rest + data
            self._keep(b"")
        self._take(data)

    def eof_received(self) -> bool:
        """Hear that the client sends no more; it may still listen. Return whether the connection stays for now."""
        self._ended = True
        if self._phase == LINGER or (self._phase == HEAD and not self._rest):
            return False
        if self._phase == ANSWER:
            self._probe()
        else:
            self._refuse(400, "The request could not be read: it ended before it was whole.")
        return True

    def pause_writing(self) -> None:
        """Count what the client does not take."""
        self._count_untaken()

    def resume_writing(self) -> None:
        """Go on: the client has taken everything."""
        self._count_untaken()
        self._stuck = None
        if self._exchange is not None:
            self._exchange.client_takes()
        elif self._phase == HEAD:
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything: nobody is answered any more."""
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
        self._front.went(self)

    # --- called by the front ---

    def expire(self, now: float, limit: float) -> None:
        """Refuse what has been arriving for `limit` seconds; hang up on who is idle or takes nothing for so long."""
        if self._untaken:
            self._count_untaken()
        if self._untaken:
            if self._stuck is None or self._stuck[0] != self._untaken:
                self._stuck = self._untaken, now
            elif now - self._stuck[1] >= limit:
                self._transport.abort()
        elif now - self._since < limit or self._phase in (ANSWER, LINGER):
            return
        elif self._phase == HEAD and not self._rest:
            self._transport.close()
        elif not self._holds & (UPSTREAM | NO_ROOM):
            self._refuse(408, "The request took longer to arrive than this service waits (S2I_RECEIVE_TIMEOUT).")

    @property
    def is_busy(self) -> bool:
        """Return whether a request is arriving or being answered, or an answer has not left yet."""
        return self._phase in (BODY, ANSWER, LINGER) or bool(self._untaken) or bool(self._rest)

    def is_fresh(self, now: float) -> bool:
        """Return whether it is idle only since a moment: a request may be on its way."""
        return self._phase == HEAD and now - self._since < FRESH_SECONDS

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it, whatever it is about."""
        if self._transport is not None:
            self._transport.abort()

    # --- reading ---

    def _take(self, data: bytes) -> None:
        """Look at `data` as far as can be done now, and keep the rest; an error of ours costs this connection alone."""
        try:
            data = self._read(data)
        except Unreadable as wrong:
            self._refuse_reply(_reply_to(wrong))
        except Exception:  # noqa: BLE001 - one client's trouble must not end the service
            traceback.print_exc()
            self.abort()
        else:
            if data and self._phase != LINGER:
                self._keep(data)
                if self._phase == ANSWER or self._untaken:
                    self._hold(ANSWERING)
                    if self._request is not None:
                        # Nothing is read, so only the kernel knows whether the client is still there.
                        self._front.loop.call_later(
                            LONGEST_LOOK / 4, self._look_for_reset, self._request, LONGEST_LOOK / 4
                        )

    def _read(self, data: bytes) -> bytes:
        """Read heads and bodies in `data` until something must be waited for; return what is left."""
        heads = 0
        while data:
            if self._phase == BODY and not self._holds:
                data = self._take_body(data)
            elif self._phase != HEAD or self._untaken:
                break
            elif not self._keeps:
                # The client was told that this connection ends.
                return b""
            elif heads == AT_ONCE:
                self._give_turn()
                break
            else:
                heads += 1
                data = self._take_head(data)
        return data

    def _give_turn(self) -> None:
        """Let others have their turn before more of this client is looked at."""
        self._hold(OTHERS_TURN)
        self._front.loop.call_soon(self._release, OTHERS_TURN)

    def _keep(self, data: bytes) -> None:
        self._budget.take(len(data))
        if self._rest:
            self._budget.give(len(self._rest))
        self._rest = data

    def _hold(self, reason: int) -> None:
        """Read nothing more for this reason."""
        if not self._holds and self._transport is not None:
            self._transport.pause_reading()
        self._holds |= reason

    def _release(self, reason: int) -> None:
        """Read on, if this was the only reason not to."""
        if not self._holds & reason:
            return
        self._holds &= ~reason
        if not self._holds and self._transport is not None:
            if self._rest:
                # Not from here: whoever releases may be in the midst of something.
                self._front.loop.call_soon(self._take_rest)
            else:
                self._transport.resume_reading()

    def _take_rest(self) -> None:
        if self._transport is None or self._holds:
            return
        data = self._rest
        self._keep(b"")
        self._take(data)
        if not self._holds and self._transport is not None:
            self._transport.resume_reading()
        if self._ended:
            self._end()

    def _end(self) -> None:
        """Deal with a client that sends no more, if it has no whole request left."""
        if self._phase not in (HEAD, BODY) or self._holds or self._transport is None or self._untaken:
            return
        if self._phase == HEAD and not self._rest:
            self._transport.close()
        else:
            self._refuse(400, "The request could not be read: it ended before it was whole.")

    def _take_head(self, data: bytes) -> bytes:
        """Begin a request if its head is whole; return what lies behind it."""
        end = data.find(head.END) + len(head.END)
        if end < len(head.END):
            head.check_begin(data)
            if data.strip(b"\r\n"):
                if not self._arrives:
                    self._arrives, self._since = True, time.monotonic()
                self._keep(data)
            return b""
        if end > head.LONGEST:
            raise Unreadable(431, "its header fields are larger than this service takes")
        begin = data[:end]
        if not begin.strip(b"\r\n"):
            return data[end:]
        if not self._arrives:
            self._since = time.monotonic()
        self._arrives = False
        try:
            self._request = request = Request(head.read(begin))
        except Unreadable:
            self._request = Request(Head())
            if begin.lstrip(b"\r\n").startswith(b"HEAD "):
                # Of what a HEAD asks, also a refusal has no body.
                self._request.command = "HEAD"
            raise
        self._keeps = request.head.keeps_alive
        return self._begin(request, data[end:])

    def _begin(self, request: Request, data: bytes) -> bytes:
        """Send a request on its way by its head; return what lies behind it and its body."""
        length, expects_continue = request.head.length, request.head.expects_continue
        reply = self._front.reply_to(request)
        if reply is not None:
            if length is None or length > SMALL_REFUSED or expects_continue:
                self._phase = ANSWER
                self._answer_unread(request, reply)
                return b""
            self._refusal = reply
        elif request.head.is_for_pool:
            if length and len(data) >= length and not expects_continue:
                # Nearly always all of it is there.
                self._count(length)
                self._ask(request, data[:length])
                return data[length:]
            self._body = bytearray()
        else:
            self._exchange = self._front.app.exchange(self, request, length)
        if expects_continue:
            self._transport.write(response.CONTINUE)
        self._phase = BODY
        if length is None:
            self._chunks = Chunks(self._front.max_body)
        else:
            self._left = length
            if not length:
                self._end_body()
        return data

    def _take_body(self, data: bytes) -> bytes:
        """Take what belongs to the body; return what lies behind it."""
        if self._chunks is None:
            piece, rest = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self._take_piece(piece)
            if not self._left:
                self._end_body()
            return rest
        chunks = self._chunks
        used = chunks.feed(data[:PIECE])
        piece, chunks.content = bytes(chunks.content), bytearray()
        if piece:
            self._take_piece(piece)
        if chunks.ended:
            self._chunks = None
            self._end_body()
        elif used < len(data):
            self._give_turn()
        return data[used:]

    def _take_piece(self, piece: bytes) -> None:
        if self._refusal is not None:
            return
        if self._body is not None:
            self._body += piece
        else:
            self._exchange.send(piece)
        self._count(len(piece))
        is_over = self._left == 0 if self._chunks is None else self._chunks.ended
        if not is_over and self._budget.is_full(self._size()):
            self._wait_for_room()

    def _count(self, size: int) -> None:
        self._request.held += size
        self._budget.take(size)

    def _end_body(self) -> None:
        request = self._request
        if self._refusal is not None:
            reply, self._refusal = self._refusal, None
            self._phase = ANSWER
            request.asked_at = time.monotonic()
            self._reply(request, reply)
        elif self._body is not None:
            body, self._body = bytes(self._body), None
            self._ask(request, body)
        else:
            self._phase = ANSWER
            request.asked_at = time.monotonic()
            self._exchange.end()

    # --- no room ---

    def _wait_for_room(self) -> None:
        if self._waits is None:
            self._hold(NO_ROOM)
            # All the waits of one body together: what others leave free in turns must not make it wait for ever.
            self._patience = self._patience or time.monotonic() + ROOM_SECONDS
            self._waits = self._front.loop.call_later(self._patience - time.monotonic(), self._no_room)
            self._budget.wait(self._room, self._size())

    def _size(self) -> int:
        """Return how large the body is, or, in chunks, how much of it has come."""
        length = self._request.head.length
        return self._request.held if length is None else length

    def _room(self) -> None:
        self._end_waiting()
        self._since = time.monotonic()
        self._release(NO_ROOM)

    def _no_room(self) -> None:
        self._end_waiting()
        self._refuse_reply(replies.FULL)

    def _end_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None
            self._budget.leave(self._room)

    # --- asking ---

    def _ask(self, request: Request, body: bytes) -> None:
        """Have a scorer asked; the body is whole."""
        self._phase = ANSWER
        request.asked_at = time.monotonic()
        front = self._front
        if request.head.raw_path == front.ARRAY_PATH:
            if not front.is_one_call(body):
                self._exchange = front.app.exchange(self, request, len(body))
                self._exchange.send(body)
                self._exchange.end()
                return
            self._job = front.pool.submit_many(body, partial(self._answered_many, request))
        elif body:
            self._job = front.pool.submit(body, partial(self._answered, request))
        else:
            self._reply(request, replies.EMPTY)

    def _answered(self, request: Request, answer: Answer) -> None:
        if self._request is not request:
            return
        self._job = None
        try:
            self._reply_with(request, answer)
        except Exception:  # noqa: BLE001 - whatever is wrong here, this client must not wait for ever
            traceback.print_exc()
            self.abort()

    def _reply_with(self, request: Request, answer: Answer) -> None:
        is_plain = len(answer.payload) < LARGE and request.head.version == "1.1" and not request.origin_headers
        if answer.outcome == outcomes.OK and is_plain and self._keeps and not self._front.closing:
            # Nothing but the request's id is to be said in its head.
            self._transport.write(response.ok(answer.payload, request.request_id, self._front.last_fields))
            # Behind the answer: while it is counted and logged, the client has it already.
            self._front.access(request, 200)
            self._end_answer()
        elif answer.outcome == outcomes.OK:
            self._reply(request, Reply(200, answer.payload))
        else:
            self._reply(request, replies.from_answer(answer, self._front.shown))

    def _answered_many(self, request: Request, answer: Answer) -> None:
        if self._request is not request:
            return
        self._job = None
        try:
            self._reply(request, replies.from_answer_to_many(answer, self._front.shown))
        except Exception:  # noqa: BLE001 - the same
            traceback.print_exc()
            self.abort()

    def _probe(self) -> None:
        """Find out whether a client that sends no more still listens, while its sample waits.

        Any client of HTTP/1.1 takes this answer before the real one (RFC 9110, section 15.2); one that is gone makes
        the kernel say so.
        """
        if self._is_unanswered() and self._request.head.version == "1.1":
            self._transport.write(response.CONTINUE)
            self._look_for_reset(self._request, SHORTEST_LOOK)

    def _look_for_reset(self, request: Request, seconds: float) -> None:
        """Hang up where the kernel has heard that the client is gone, which asyncio, reading no more, has not."""
        if self._request is not request or self._transport is None or not self._is_unanswered():
            return
        if self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.abort()
            return
        later = min(2 * seconds, LONGEST_LOOK)
        self._front.loop.call_later(seconds, self._look_for_reset, request, later)

    def _is_unanswered(self) -> bool:
        """Return whether its sample waits for a scorer, or the app has said nothing yet."""
        if self._exchange is not None:
            return not self._exchange.has_begun
        return self._job is not None and self._front.pool.is_waiting(self._job)

    # --- answering ---

    def _reply(self, request: Request, reply: Reply) -> None:
        """Write an answer that is at hand, and go on."""
        keeps = self._keeps = self._keeps and not self._front.closing
        data = response.head_of(reply, request.request_id)
        if reply.headers or request.origin_headers:
            data += response.fields(reply.headers + request.origin_headers)
        if not keeps or request.head.version == "1.0":
            data += response.connection(keeps, request.head.version)
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
        """Write a body in pieces: of what a client does not take, no more than that is held."""
        view = memoryview(body)
        for at in range(0, len(view), LARGE):
            self._transport.write(view[at : at + LARGE].tobytes())
        if self._untaken:
            self._count_untaken()

    def _end_answer(self) -> None:
        """Make ready for the next request."""
        self._forget()
        self._phase = HEAD
        self._since = time.monotonic()
        if not self._keeps:
            self._transport.close()
        elif not self._untaken and (self._holds or self._ended):
            self._go_on()

    def _go_on(self) -> None:
        if not self._keeps or self._transport is None:
            return
        if self._holds:
            self._release(ANSWERING)
        elif self._ended:
            self._front.loop.call_soon(self._end)

    def _forget(self) -> None:
        """Let go of the request and of all that belongs to it."""
        request, self._request = self._request, None
        self._body = self._chunks = self._job = self._exchange = self._refusal = None
        self._patience = 0.0
        if self._waits is not None:
            self._end_waiting()
        if self._holds & (NO_ROOM | UPSTREAM):
            # Whatever held the body back is gone with the request; `_go_on` and `_linger` let go of this one.
            self._holds = self._holds & OTHERS_TURN | ANSWERING
        if request is not None and request.held:
            self._budget.give(request.held)
            request.held = 0

    def _count_untaken(self) -> None:
        """Count what the client has not taken; hang up on it where that is more than there is room for."""
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

    # --- refusing ---

    def _refuse(self, status: int, detail: str) -> None:
        self._refuse_reply(replies.problem(status, detail))

    def _refuse_reply(self, reply: Reply) -> None:
        """Answer a request that was not read to its end, and close."""
        request = self._request or Request(Head())
        if self._exchange is not None:
            self._exchange.abandon()
            if self._exchange.has_begun:
                self.abort()
                return
        if not request.asked_at:
            request.asked_at = time.monotonic()
        self._answer_unread(request, reply)

    def _answer_unread(self, request: Request, reply: Reply) -> None:
        self._keeps = False
        data = response.head_of(reply, request.request_id)
        data += response.fields(reply.headers + request.origin_headers) + response.CLOSE + self._front.last_fields
        if not request.asked_at:
            request.asked_at = time.monotonic()
        self._front.access(request, reply.status)
        self._transport.write(data + (b"" if request.command == "HEAD" else reply.body))
        self._end_waiting()
        self._forget()
        self._keep(b"")
        self._linger()

    def _linger(self) -> None:
        """Read and throw away what a refused client still sends, for a moment."""
        self._phase = LINGER
        if self._holds:
            self._holds = 0
            self._transport.resume_reading()
        if self._ended:
            self._transport.close()
            return
        self._transport.write_eof()
        self._front.loop.call_later(LINGER_SECONDS, self.close)

    # --- called by the exchange with the app ---

    def hold(self) -> None:
        """Read no more of the body: the app does not take it."""
        self._hold(UPSTREAM)

    def release(self) -> None:
        """Read on."""
        if self._holds & UPSTREAM:
            self._since = time.monotonic()
        self._release(UPSTREAM)

    @property
    def takes(self) -> bool:
        """Return whether the client has taken all that was written."""
        return not self._untaken

    def begin_answer(self, request: Request, status: int, fields: bytes, length: int | None) -> bool:
        """Write the head of an answer of the app's; return whether its body goes in chunks.

        `length` is None where nobody knows it yet.
        """
        # These have no body, and say nothing of its length (RFC 9110, section 8.6).
        has_body = status not in (204, 304)
        in_chunks = has_body and length is None and request.head.version == "1.1" and request.command != "HEAD"
        is_unread = self._phase == BODY
        if is_unread or self._front.closing or (has_body and length is None and not in_chunks):
            self._keeps = False
        reason = replies.REASONS.get(status, "Unknown").encode("ascii")
        first = b"HTTP/1.1 %d %b\r\n" % (status, reason)
        framing = b"Transfer-Encoding: chunked\r\n" if in_chunks else b""
        if has_body and length is not None:
            framing = b"Content-Length: %d\r\n" % length
        request_id = b"X-Request-ID: %b\r\n" % request.request_id.encode("ascii")
        origin = response.fields(request.origin_headers)
        connection = response.connection(self._keeps, request.head.version)
        request.asked_at = request.asked_at or time.monotonic()
        self._front.access(request, status)
        self._write(b"".join((first, framing, fields, response.date(), request_id, origin, connection, b"\r\n")))
        return in_chunks

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
            if self._untaken:
                self._count_untaken()

    def answer_piece(self, data: bytes) -> None:
        """Write a piece of an answer."""
        self._write(data)

    def end_answer(self, *, is_whole: bool) -> None:
        """Hear that the answer was written; one that broke off must not look like a whole one."""
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
        """Answer with `reply`, because the app did not."""
        self._exchange = None
        if self._transport is None:
            return
        if self._phase == BODY:
            self._answer_unread(request, reply)
        else:
            self._reply(request, reply)


def _reply_to(wrong: Unreadable) -> Reply:
    if wrong.status == 413:
        return replies.TOO_LARGE
    if wrong.status == 431:
        return replies.problem(431, "The header fields are larger than this service takes.")
    return replies.problem(wrong.status, f"The request could not be read: {wrong}.")
