"""Answers several requests at a time: a scorer has a link for each, in the event loop of the notebook's functions.

Each link has one request at a time, so numbers, counters and acknowledgements are those of a scorer with one link.
"""

import asyncio
import collections
import sys
import time

from nb_scorer.model import binary
from nb_scorer.protocol import frames
from nb_scorer.protocol.untaken_items import UntakenItems

RECEIVE_BYTES = 1 << 16


def answer_all(links, scorer, flush):
    """Answer requests from `links`, pairs of a socket and its counters, until the front has closed all of them.

    `flush` is called after each answer.
    """
    loop = scorer.loop
    main = loop.create_task(_run([Lane(link, counters, scorer, flush) for link, counters in links]))
    while not main.done():
        try:
            loop.run_until_complete(main)
        except (SystemExit, KeyboardInterrupt):
            # A task that the notebook has started exited. That ends the loop, but not the requests.
            if main.done():
                raise
            scorer.end_copy()
            sys.stderr.write("A task of the notebook tried to exit.\n")
    binary.folder.remove()


async def _run(lanes):
    await asyncio.gather(*[lane.run() for lane in lanes])


class Lane(object):
    """One link, and the request that it has; a `call` of AsyncCalls."""

    def __init__(self, link, counters, scorer, flush):
        link.setblocking(False)
        self.is_for_texts = False
        self._link = link
        self._counters = counters
        self._scorer = scorer
        self._flush = flush
        self._loop = scorer.loop
        self._buffer = bytearray()
        self._requests: collections.deque = collections.deque()
        self._has_ended = False
        self._waiter = None
        # Of the request that is under way.
        self._task = None
        self._number = None
        self._is_cancelled = False
        self._cancelled_early = None  # the number of a request that was cancelled before it was started
        self._since = 0.0
        self._untaken = UntakenItems()
        self._files: list = []
        # Writes the rest of a frame: the request may be cancelled meanwhile, its frame must be completed.
        self._writing = None

    @property
    def is_wanted(self):
        """Return whether the prediction is still needed."""
        return not (self._has_ended or self._is_cancelled)

    async def run(self):
        """Answer requests until end of file."""
        self._loop.add_reader(self._link.fileno(), self._receive)
        try:
            while not self._has_ended:
                if self._requests:
                    await self._answer(*self._requests.popleft())
                else:
                    await self._wait()
        finally:
            self._loop.remove_reader(self._link.fileno())

    def _receive(self):
        try:
            data = self._link.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._has_ended = True
            self._loop.remove_reader(self._link.fileno())
            self._cancel()
        self._buffer += data
        for request in frames.take_requests(self._buffer):
            kind, number, payload = request
            if kind == frames.CANCEL:
                self._on_cancel(number)
            elif kind == frames.TAKEN:
                if number == self._number:
                    self._untaken.take(frames.count_taken(payload))
            elif kind != frames.ALONE:
                self._requests.append(request)
        self._wake()

    def _on_cancel(self, number):
        if number == self._number:
            self._cancel()
        else:
            self._cancelled_early = number

    def _cancel(self):
        # Only once: the notebook's code may await something while it handles the first one.
        if self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()

    async def _wait(self):
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self):
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _answer(self, with_call, number, payload):
        kind, call, body = frames.without_call(with_call, payload)
        if self._counters.start() or number == self._cancelled_early:
            await self._write(frames.answer(frames.BACK, b"{}", number, 0.0, 0))
            return
        self._number, self._is_cancelled = number, False
        self._files, self._untaken = [], UntakenItems()
        self.is_for_texts = bool(kind & frames.TEXTS)
        started = self._since = time.perf_counter()
        self._task = self._loop.create_task(self._scored(kind, body, call))
        try:
            await asyncio.wait([self._task])
            answer = self._outcome(is_stream=bool(kind & frames.STREAMED))
        finally:
            self._task = self._number = None
            binary.folder.remove_files(self._files)
        self._scorer.end_copy()
        await self._write(frames.answers(self._scorer.sendable([answer]), number, time.perf_counter() - started))
        self._flush()

    def _outcome(self, is_stream):
        """Return (status, payload, batch) of the request that is over."""
        if self._task.cancelled() or (self._is_cancelled and not is_stream):
            return frames.BACK, b"{}", 0
        return (*self._task.result(), 1)

    async def _scored(self, kind, body, call):
        scorer, rejected = self._scorer.for_call(call)
        if rejected is not None:
            return rejected
        is_files = kind & ~frames.STREAM_FLAGS == frames.FILES
        if kind & frames.STREAMED:
            return await scorer.stream_async(body, self, is_files)
        return await (scorer.answer_files_async if is_files else scorer.answer_async)(body, self)

    # --- called by AsyncCalls ---

    def reader(self, original):
        """Return `original` as a function that notes the files it writes, which are removed after the request."""

        def read():
            binary.folder.written = self._files
            try:
                return original()
            finally:
                binary.folder.written = None

        return read

    async def note_progress(self):
        """Record that an item of a list is done, and let other requests take their turn."""
        self._counters.note_progress()
        await asyncio.sleep(0)

    async def send(self, payload):
        """Send an item of a stream, and wait while too many were not taken; return False if the client has left."""
        now = time.perf_counter()
        await self._write(frames.answer(frames.ITEM, payload, self._number, now - self._since, 0))
        self._since = now
        self._untaken.add(len(payload))
        # A generator that awaits nothing must not keep the others from their turn.
        await asyncio.sleep(0)
        while self.is_wanted and self._untaken.is_full:
            await self._wait()
        return self.is_wanted

    async def _write(self, data):
        if self._writing is not None:
            await asyncio.wait([self._writing])
        try:
            sent = self._link.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._has_ended = True
            return
        if sent < len(data):
            self._writing = self._loop.create_task(self._write_rest(memoryview(data)[sent:]))
            await asyncio.wait([self._writing])

    async def _write_rest(self, rest):
        try:
            await self._loop.sock_sendall(self._link, rest)
        except OSError:
            self._has_ended = True
