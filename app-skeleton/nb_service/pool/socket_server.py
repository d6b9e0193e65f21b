"""The front's end of a socket over which another process of ours asks the pool (see client.py)."""

import itertools
import socket
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nb_service.pool import wire
from nb_service.pool.answer import FULL, Answer, Job
from nb_service.pool.guard import guarded
from nb_service.pool.pool import Pool

if TYPE_CHECKING:
    import asyncio

# Below what the allocator asks the system for anew each time: three system calls a read.
RECEIVE_BYTES = 1 << 16
# While more of its answers wait to be taken, a peer is not listened to.
MOST_UNSENT = 1 << 20
# What scorers answer beyond it is told to have found no room: a peer that is behind must not fill the front's memory.
MOST_HELD = 1 << 25
# So many frames leave in one call.
AT_ONCE = 64


class PoolServer:
    """Serves the one process at the other end of `sock`, a connected UNIX stream socket.

    `facts` gives what it asks to know; `gone` is called, once, when it has gone by itself. What it still
    has in the queue then is abandoned. Everything is for the loop's thread; nothing waits.
    """

    def __init__(
        self,
        loop: "asyncio.AbstractEventLoop",
        pool: Pool,
        sock: socket.socket,
        facts: Callable[[], dict],
        gone: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._sock = sock
        self._fd = sock.fileno()
        self._facts = facts
        self._gone = gone
        self._jobs: dict[int, Job] = {}  # asked and not answered, by their number
        self._in = bytearray()
        self._out: deque[bytes | memoryview] = deque()
        self._unsent = 0  # bytes in it
        self._open = True
        self._reading = self._writing = self._flush_scheduled = False
        sock.setblocking(False)
        self._send(wire.json_frame(wire.HELLO, 0, {"together": pool.plan.batch > 1, "max_queue": pool.plan.max_queue}))
        self._watch()

    def close(self) -> None:
        """Hang up; what the other process has in the queue is abandoned."""
        if not self._open:
            return
        self._open = False
        self._out.clear()
        self._unsent = 0
        self._watch()
        self._sock.close()
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            self._pool.abandon(job)

    def _lost(self) -> None:
        if self._open:
            self.close()
            guarded(self._gone)

    def _watch(self) -> None:
        """Let the loop look for what matters now: answers leave first, and a peer that takes none is not read."""
        reading = self._open and self._unsent <= MOST_UNSENT
        writing = self._open and bool(self._out)
        if reading and not self._reading:
            self._loop.add_reader(self._fd, self._readable)
        elif self._reading and not reading:
            self._loop.remove_reader(self._fd)
        if writing and not self._writing:
            self._loop.add_writer(self._fd, self._writable)
        elif self._writing and not writing:
            self._loop.remove_writer(self._fd)
        self._reading, self._writing = reading, writing

    # --- what is asked ---

    def _readable(self) -> None:
        try:
            self._receive()
        except Exception:  # noqa: BLE001 - a bug at one end costs this peer, never the front
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
        self._in += data
        for kind, number, payload in wire.take(self._in):
            self._ask(kind, number, payload)

    def _ask(self, kind: int, number: int, payload: bytes) -> None:
        if kind == wire.FACTS:
            self._send(wire.json_frame(wire.FACTS, number, self._current_facts()))
            return
        if kind == wire.ABANDON:
            job = self._jobs.pop(number, None)
            if job is not None:
                self._pool.abandon(job)
            return
        submit = {wire.SAMPLE: self._pool.submit, wire.ARRAY: self._pool.submit_many}[kind]
        self._jobs[number] = submit(payload, partial(self._answered, number))

    def _current_facts(self) -> dict:
        try:
            return self._facts()
        except Exception:  # noqa: BLE001 - who asks for facts is not worth an outage
            traceback.print_exc()
            return {}

    # --- what is answered ---

    def _answered(self, number: int, answer: Answer) -> None:
        if self._jobs.pop(number, None) is not None:
            fits = self._unsent + len(answer.payload) <= MOST_HELD or not self._out
            self._send(wire.answer_frame(number, answer if fits else Answer(FULL)))

    def _send(self, frame: bytes) -> None:
        """Send with all that is to be sent in this turn."""
        self._out.append(frame)
        self._unsent += len(frame)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._writing:
            # What the socket has no room for may be too much by now.
            guarded(self._watch)
        else:
            self._writable()

    def _writable(self) -> None:
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
        """Let go of the first `size` bytes."""
        self._unsent -= size
        while size:
            first = self._out.popleft()
            if len(first) > size:
                self._out.appendleft(memoryview(first)[size:])
                return
            size -= len(first)
