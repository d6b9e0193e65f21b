"""Sends the items of a stream from a scorer, and handles the front's messages about the stream.

After each item, the scorer reads messages without waiting. If too many items were not taken, it waits for the front. If
the front cancels a stream while predictor runs, it sends frames.INTERRUPT, which raises Left there.
"""

import contextlib
import signal
import socket
import threading
import time

from nb_scorer.protocol import frames
from nb_scorer.protocol.untaken_items import UntakenItems

# With a larger buffer, the allocator would request memory from the system each time: three system calls per read.
RECEIVE_BYTES = 1 << 16


class Left(GeneratorExit):
    """Raised in predictor's code when the client of its stream has left; a generator handles it like close()."""


class Inbox(object):
    """The requests that have arrived on the socket `link`, and the messages about the current stream."""

    def __init__(self, link):
        self.requests = []
        self.ended = False
        # The number of the last cancelled stream, and how many items of the current stream were taken.
        self.cancelled = None
        self.stream = None
        self.taken = 0
        self._link = link
        self._buffer = bytearray()

    def take(self):
        """Return the requests that have arrived, and remove them from this object."""
        requests, self.requests = self.requests, []
        return requests

    def receive(self, flags=0):
        """Read once from the socket."""
        try:
            data = self._link.recv(RECEIVE_BYTES, flags)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            self.ended = True
            return
        self._buffer += data
        requests = frames.take_requests(self._buffer)
        # Complete messages must be handled before waiting.
        if not requests and not flags:
            try:
                requests = frames.take_large_files(self._buffer, self._link.recv_into)
            except EOFError:
                self.ended = True
        for request in requests:
            kind, number, payload = request
            if kind == frames.CANCEL:
                self.cancelled = number
            elif kind != frames.TAKEN:
                self.requests.append(request)
            elif number == self.stream:
                self.taken += frames.count_taken(payload)


class Outlet(object):
    """Sends the items of a stream, the response to the request `number` of this `kind`."""

    def __init__(self, link, inbox, number, kind):
        self.is_for_texts = bool(kind & frames.TEXTS)
        self._link = link
        self._inbox = inbox
        self._number = number
        self._untaken = UntakenItems()
        self._since = time.perf_counter()
        self._is_stepping = False

    def send(self, payload):
        """Send an item; wait while too many items have not been taken. Return False if the client has left."""
        now = time.perf_counter()
        try:
            self._link.sendall(frames.answer(frames.ITEM, payload, self._number, now - self._since, 0))
        except OSError:
            self._inbox.ended = True
            return False
        self._since = now
        self._untaken.add(len(payload))
        self._inbox.receive(socket.MSG_DONTWAIT)
        self._settle()
        while self._is_wanted() and self._untaken.is_full:
            self._inbox.receive()
            self._settle()
        return self._is_wanted()

    def _settle(self):
        taken, self._inbox.taken = self._inbox.taken, 0
        self._untaken.take(taken)

    def _is_wanted(self):
        return not self._inbox.ended and self._inbox.cancelled != self._number

    @contextlib.contextmanager
    def interruptible(self):
        """Let an interrupt raise Left in code that `step` calls inside the block, or now if the client has left."""
        self._inbox.stream, self._inbox.taken = self._number, 0
        self._inbox.receive(socket.MSG_DONTWAIT)
        if not self._is_wanted():
            raise Left
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(frames.INTERRUPT, self._interrupt)
        try:
            yield
        finally:
            # None means that Python did not set the handler.
            signal.signal(frames.INTERRUPT, signal.SIG_DFL if before is None else before)

    def step(self, function, *args):
        """Return the result of a function that runs predictor's code."""
        self._is_stepping = True
        try:
            return function(*args)
        finally:
            self._is_stepping = False

    def _interrupt(self, number, frame):
        if self._is_stepping:
            self._is_stepping = False
            raise Left
