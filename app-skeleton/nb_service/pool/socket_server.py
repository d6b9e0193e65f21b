"""The front's end of a socket over which another process uses the pool (see client.py)."""

import itertools
import json
import socket
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nb_scorer.protocol import frames

from nb_service.pool import wire
from nb_service.pool.answer import FULL, ITEM, Answer, Job
from nb_service.pool.guard import guarded
from nb_service.pool.scoring_pool import Pool

if TYPE_CHECKING:
    import asyncio

# Smaller than the blocks that the allocator maps again each time, which costs three system calls per read.
RECEIVE_BYTES = 1 << 16
# A peer with more unread bytes of answers than this gets no more, and its requests are not read.
MAX_UNSENT = 1 << 20
# Beyond this, answers are replaced by FULL: a slow peer must not fill the front's memory.
MAX_HELD = 1 << 25
# How many frames are sent in one system call.
AT_ONCE = 64


class PoolServer:
    """Serves the process at the other end of `sock`, a connected UNIX stream socket.

    `facts` returns the response to a request for facts; `gone` is called, once, when the peer disconnects. Its samples
    in the queue are then abandoned. `on_message` handles its messages and returns the responses. For the loop's thread
    only; nothing here blocks.
    """

    def __init__(
        self,
        loop: "asyncio.AbstractEventLoop",
        pool: Pool,
        sock: socket.socket,
        facts: Callable[[], dict],
        gone: Callable[[], None],
        on_message: Callable[[dict], dict | None] = lambda message: None,
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._submit = {
            wire.SAMPLE: pool.submit,
            wire.ARRAY: pool.submit_many,
            wire.BLOCK: pool.submit_block,
            wire.FILES: pool.submit_files,
        }
        self._sock = sock
        self._fd = sock.fileno()
        self._facts = facts
        self._gone = gone
        self._on_message = on_message
        self._jobs: dict[int, Job] = {}  # unanswered requests, by number
        self._in = bytearray()
        self._out: deque[bytes | memoryview] = deque()
        self._unsent = 0  # bytes in _out
        self.received_at = 0.0  # when the peer last sent something (the loop's time)
        self._open = True
        self._reading = self._writing = self._flush_scheduled = False
        sock.setblocking(False)
        pool.on_one_by_one.append(self._greet)
        self._greet()
        self._watch()

    @property
    def has_jobs(self) -> bool:
        """Return whether the peer waits for answers."""
        return bool(self._jobs)

    def close(self) -> None:
        """Disconnect; the peer's samples in the queue are abandoned."""
        if not self._open:
            return
        self._open = False
        self._pool.on_one_by_one.remove(self._greet)
        self._out.clear()
        self._unsent = 0
        self._watch()
        self._sock.close()
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            self._pool.abandon(job)

    def _greet(self) -> None:
        """Send the peer a description of the pool: on connecting, and after each change."""
        pool = self._pool
        at_once = pool.manager.planned * pool.plan.concurrency * (pool.plan.batch if pool.together else 1)
        hello = {"together": pool.together, "max_queue": pool.plan.max_queue, "at_once": at_once}
        self._send(wire.json_frame(wire.HELLO, 0, hello))

    def _lost(self) -> None:
        if self._open:
            self.close()
            guarded(self._gone)

    def _watch(self) -> None:
        """Watch the socket for the events that matter now; a peer that does not read its answers is not read from."""
        reading = self._open and self._unsent <= MAX_UNSENT
        writing = self._open and bool(self._out)
        if reading and not self._reading:
            self._loop.add_reader(self._fd, self._on_readable)
        elif self._reading and not reading:
            self._loop.remove_reader(self._fd)
        if writing and not self._writing:
            self._loop.add_writer(self._fd, self._on_writable)
        elif self._writing and not writing:
            self._loop.remove_writer(self._fd)
        self._reading, self._writing = reading, writing

    # --- requests ---

    def _on_readable(self) -> None:
        try:
            self._receive()
        except Exception:  # noqa: BLE001 - a bug at either end costs this peer, never the front
            traceback.print_exc()
            self._lost()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            self._lost()
            return
        self.received_at = self._loop.time()
        self._in += data
        for kind, number, payload in wire.take(self._in):
            self._ask(kind, number, payload)

    def _ask(self, kind: int, number: int, payload: bytes) -> None:
        if kind == wire.FACTS:
            self._send(_facts_frame(number, self._facts))
            return
        if kind == wire.ASK:
            self._send(_facts_frame(number, self._on_message, json.loads(payload)))
            return
        if kind == wire.ABANDON:
            job = self._jobs.pop(number, None)
            if job is not None:
                self._pool.abandon(job)
            return
        if kind == wire.TAKEN:
            job = self._jobs.get(number)
            if job is not None:
                self._pool.take_items(job)
            return
        if kind == wire.TELL:
            guarded(self._on_message, json.loads(payload))
            return
        kind, call, body = frames.without_call(kind, payload)
        stream, kind = kind & frames.STREAM_FLAGS, kind & ~frames.STREAM_FLAGS
        submit: Callable[..., Job] = self._submit[kind]
        # Only these two kinds can be streams.
        further = {"stream": stream} if stream else {}
        self._jobs[number] = submit(body, partial(self._answered, number), None, call, **further)

    # --- answers ---

    def _answered(self, number: int, answer: Answer) -> None:
        if answer.outcome == ITEM:
            if number in self._jobs:
                self._send(wire.answer_frame(number, answer))
            return
        if self._jobs.pop(number, None) is not None:
            fits = self._unsent + len(answer.payload) <= MAX_HELD or not self._out
            self._send(wire.answer_frame(number, answer if fits else Answer(FULL)))

    def _send(self, frame: bytes) -> None:
        """Send `frame`, in one system call with the others of this turn."""
        self._out.append(frame)
        self._unsent += len(frame)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._writing:
            # The socket is full already, but the pending data may have grown past MAX_UNSENT.
            guarded(self._watch)
        else:
            self._on_writable()

    def _on_writable(self) -> None:
        try:
            if self._open:
                self._sent(self._sock.sendmsg(list(itertools.islice(self._out, AT_ONCE))))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._lost()
        try:
            self._watch()
        except OSError:
            traceback.print_exc()
            self._lost()

    def _sent(self, size: int) -> None:
        """Remove the first `size` bytes of the pending data."""
        self._unsent -= size
        while size:
            first = self._out.popleft()
            if len(first) > size:
                self._out.appendleft(memoryview(first)[size:])
                return
            size -= len(first)


def _facts_frame(number: int, read_facts: Callable[..., dict | None], *question: dict) -> bytes:
    """Return the frame with the result of `read_facts`, or with {} if it fails."""
    try:
        return wire.json_frame(wire.FACTS, number, read_facts(*question) or {})
    except Exception:  # noqa: BLE001 - a question for facts must not cost the connection
        traceback.print_exc()
        return wire.json_frame(wire.FACTS, number, {})
