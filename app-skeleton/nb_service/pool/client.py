"""The pool's client for other processes of the service: the app and the back ends.

The front creates a socket pair, serves one end with a PoolServer, and lets the process inherit the other end.
In that process:

    pool = PoolClient(socket.socket(fileno=number))
    answer = pool.ask(b"[1.5, 2]")              # from any thread; waits for the answer
    if answer.outcome == OK: use(answer.payload)

For several samples, call `ask_many`; if `together` is true and the body is an array already, call `ask_arrays` with the
whole array. No call raises for the outcome of a sample, which is one of answer.py's. When the front has disconnected,
pending and later requests get NOT_READY, so that the process can shut down in its own time. A client must not be used
after a fork, which doesn't copy its thread.
"""

import contextlib
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from nb_service.pool import answer as outcomes
from nb_service.pool import wire
from nb_service.pool.answer import Answer

# One request may fill one eighth of the queue, which leaves room for others.
SHARE = 8
# Limits the bytes without an answer, over all threads, because they are in the front's memory. A larger body is sent if
# no other is pending.
MAX_BYTES = 16 << 20
# How often a waiting thread checks whether its answers are still needed, in seconds.
LOOK_SECONDS = 0.25
# Smaller than the blocks that the allocator maps again each time, which costs three system calls per read.
RECEIVE_BYTES = 1 << 16


class PoolClient:
    """Calls the front's pool over the connected socket `sock`, from any number of threads.

    The reader's thread calls `gone` when the front has disconnected or `close` was called. Waiting threads call
    `is_given_up` regularly; it returns whether their answers are no longer needed.
    """

    def __init__(
        self,
        sock: socket.socket,
        gone: Callable[[], None] = lambda: None,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sock = sock
        self._gone = gone
        self.is_given_up = is_given_up
        self._sending = threading.Lock()
        self._numbers = itertools.count()
        self._pending: dict[int, tuple] = {}  # (queue for the answer, index in the request, bytes), by number
        self._bytes = _ByteBudget(MAX_BYTES)
        self._hello: dict = {"together": False, "max_queue": 1}
        self._greeted = threading.Event()
        self._closed = False
        sock.setblocking(True)
        self._thread = threading.Thread(target=self._read, name="pool", daemon=True)
        self._thread.start()

    @property
    def together(self) -> bool:
        """Return whether to send the samples of one body as an array, because scorers score it in one call."""
        self._greeted.wait()
        return self._hello["together"]

    @property
    def max_queue(self) -> int:
        """Return how many samples may wait in the front."""
        self._greeted.wait()
        return self._hello["max_queue"]

    def ask(self, sample: bytes, call: bytes = b"") -> Answer:
        """Return the outcome of one sample. Here and below, `call` is as in Pool.submit."""
        (answer,) = self.ask_many([sample], call)
        if answer is None:
            raise RuntimeError("a sample that nothing stands before was not asked")
        return answer

    def ask_files(self, sample: bytes, call: bytes = b"") -> Answer:
        """Return the outcome of one sample with files (see nb_scorer.model.binary)."""
        (answer,) = _Request(self, wire.FILES, [sample], call).answered()
        if answer is None:
            raise RuntimeError("a sample that nothing stands before was not asked")
        return answer

    def ask_many(self, samples: Sequence[bytes], call: bytes = b"") -> list[Answer | None]:
        """Return the outcome of each sample, in order; None for samples not sent because an earlier one failed."""
        return _Request(self, wire.SAMPLE, samples, call).answered()

    def ask_arrays(self, arrays: Sequence[bytes], call: bytes = b"") -> list[Answer | None]:
        """Return the outcome of each JSON array of samples, like ask_many."""
        return _Request(self, wire.ARRAY, arrays, call).answered()

    def ask_blocks(self, blocks: Sequence[bytes], call: bytes = b"") -> list[Answer | None]:
        """Return the outcome of each block of numbers, like ask_arrays."""
        return _Request(self, wire.BLOCK, blocks, call).answered()

    def ask_stream(
        self, sample: bytes, call: bytes, flags: int, idle: float, *, is_files: bool
    ) -> Generator[Answer | None, None, None]:
        """Yield each item of the prediction for a sample as an Answer with the outcome ITEM, then the last Answer.

        `flags` are those of nb_scorer.protocol.frames. Requesting the next item acknowledges the last one. It yields
        None after `idle` seconds without an item. Closing this generator ends the stream, which also stops when its
        client has left.
        """
        box: queue.SimpleQueue = queue.SimpleQueue()
        while not self.reserve(len(call) + len(sample), LOOK_SECONDS):
            if self._closed or self.is_given_up():
                yield Answer(outcomes.NOT_READY)
                return
        (number,) = self.send((wire.FILES if is_files else wire.SAMPLE) | flags, [(0, sample)], box, call)
        try:
            yield from self._items(number, box, idle)
        finally:
            # A stream that has ended is no longer pending.
            self.abandon(box)

    def _items(self, number: int, box: queue.SimpleQueue, idle: float) -> Iterator[Answer | None]:
        since = time.monotonic()
        while not self.is_given_up():
            try:
                _, answer = box.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if time.monotonic() - since >= idle:
                    since = time.monotonic()
                    yield None
                continue
            yield answer
            if answer.outcome != outcomes.ITEM:
                return
            since = time.monotonic()
            with contextlib.suppress(OSError), self._sending:
                self._sock.sendall(wire.frame(wire.TAKEN, number))

    def facts(self) -> dict:
        """Return the front's facts about itself; {} if it has disconnected."""
        return self._asked(wire.FACTS, b"")

    def ask_front(self, question: dict) -> dict:
        """Return the front's response to a message, both of which are JSON; {} if the front has disconnected."""
        body = json.dumps(question).encode("ascii")
        while not self.reserve(len(body), LOOK_SECONDS):
            if self._closed or self.is_given_up():
                return {}
        return self._asked(wire.ASK, body)

    def notify(self, message: dict) -> None:
        """Send the front a message, which JSON must be able to represent."""
        try:
            with self._sending:
                self._sock.sendall(wire.json_frame(wire.TELL, 0, message))
        except OSError:
            # As in `send`.
            self._hang_up()

    def _asked(self, kind: int, body: bytes) -> dict:
        box: queue.SimpleQueue = queue.SimpleQueue()
        self.send(kind, [(0, body)], box)
        payload = box.get()[1]
        return json.loads(payload) if isinstance(payload, bytes) else {}

    def close(self) -> None:
        """Disconnect; all pending requests get NOT_READY."""
        self._hang_up()
        self._thread.join()
        self._sock.close()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    # --- for requests ---

    def reserve(self, size: int, seconds: float) -> bool:
        """Reserve `size` bytes; return whether there was room for them within `seconds`."""
        return self._bytes.take(size, seconds)

    def send(self, kind: int, bodies: list[tuple[int, bytes]], box: queue.SimpleQueue, call: bytes = b"") -> list[int]:
        """Send bodies, each with its index; `box` is guaranteed to get (index, answer) for each, in any order.

        Returns the numbers of the requests.
        """
        parts, numbers = [], []
        for index, body in bodies:
            number = next(self._numbers) & wire.NUMBERS
            numbers.append(number)
            self._pending[number] = (box, index, len(call) + len(body))
            parts.append(wire.request(kind, number, body, call))
        try:
            with self._sending:
                self._sock.sendall(parts[0] if len(parts) == 1 else b"".join(parts))
        except OSError:
            # Part of a frame may have been sent, so nothing can follow it.
            self._hang_up()
        # Checked after adding them to _pending, so that at least one of this thread and the exiting reader sees them.
        if self._closed:
            for number in numbers:
                self._deliver(number, Answer(outcomes.NOT_READY))
        return numbers

    def abandon(self, box: queue.SimpleQueue) -> None:
        """Cancel all requests whose answers would go to `box`; no answer arrives there after that."""
        numbers = [number for number, entry in list(self._pending.items()) if entry[0] is box]
        if not numbers:
            return
        frames = []
        for number in numbers:
            entry = self._pending.pop(number, None)
            if entry is not None:
                self._bytes.give_back(entry[2])
                frames.append(wire.frame(wire.ABANDON, number))
        with contextlib.suppress(OSError), self._sending:
            self._sock.sendall(b"".join(frames))

    # --- the reader's thread ---

    def _read(self) -> None:
        try:
            self._receive()
        finally:
            self._closed = True
            self._hang_up()
            self._greeted.set()
            for number in list(self._pending):
                self._deliver(number, Answer(outcomes.NOT_READY))
            self._gone()

    def _receive(self) -> None:
        buffer = bytearray()
        while data := self._receive_some():
            buffer += data
            for kind, number, payload in wire.take(buffer):
                if kind == wire.ANSWER:
                    self._deliver(number, wire.answer_of(payload))
                elif kind == wire.FACTS:
                    self._deliver(number, payload)
                else:
                    self._hello = json.loads(payload)
                    self._greeted.set()

    def _receive_some(self) -> bytes:
        try:
            return self._sock.recv(RECEIVE_BYTES)
        except OSError:
            return b""

    def _deliver(self, number: int, answer: Answer | bytes) -> None:
        if isinstance(answer, Answer) and answer.outcome == outcomes.ITEM:
            entry = self._pending.get(number)
            if entry is not None:
                entry[0].put((entry[1], answer))
            return
        entry = self._pending.pop(number, None)
        if entry is not None:
            box, index, size = entry
            self._bytes.give_back(size)
            box.put((index, answer))


class _ByteBudget:
    """A number of bytes: threads take some, and the reader gives them back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._change = threading.Condition()
        # Lets threads wait one after the other, so that small bodies can't starve a large one.
        self._turn = threading.Lock()

    def take(self, size: int, seconds: float) -> bool:
        """Take `size` bytes within `seconds`, if there is room or none are taken; return whether they were taken."""
        if not self._turn.acquire(timeout=seconds):
            return False
        try:
            with self._change:
                fits = self._change.wait_for(lambda: self._fits(size), seconds)
                if fits:
                    self._taken += size
                return fits
        finally:
            self._turn.release()

    def give_back(self, size: int) -> None:
        """Give back `size` bytes."""
        with self._change:
            self._taken -= size
            self._change.notify()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._limit


class _Request:
    """The bodies of one request, sent by one thread: it limits how many are in the front's queue at a time."""

    def __init__(self, client: PoolClient, kind: int, bodies: Sequence[bytes], call: bytes) -> None:
        self._client = client
        self._kind = kind
        self._bodies = bodies
        self._call = call
        self._answers: list[Answer | None] = [None] * len(bodies)
        self._answer_queue: queue.SimpleQueue = queue.SimpleQueue()
        self._unasked = list(range(len(bodies)))[::-1]
        self._pending = 0
        self._failed = False
        self._queue_is_full = False
        self._window = max(1, client.max_queue // SHARE)

    def answered(self) -> list[Answer | None]:
        """Send all bodies; return the answers when they are complete."""
        self._feed()
        look_at = time.monotonic() + LOOK_SECONDS
        while self._pending:
            with contextlib.suppress(queue.Empty):
                self._note(*self._answer_queue.get(timeout=LOOK_SECONDS))
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_SECONDS
                if self._client.is_given_up():
                    self._give_up()
                    break
            # Process all answers that have arrived first, so that the next bodies can be sent together.
            while not self._answer_queue.empty():
                self._note(*self._answer_queue.get())
            self._feed()
        return self._answers

    def _feed(self) -> None:
        """Send as many bodies as this request may have in the queue."""
        full, self._queue_is_full = self._queue_is_full, False
        if full and self._pending:
            # The queue is full of other requests, so wait for the answer to an earlier body.
            return
        bodies: list[tuple[int, bytes]] = []
        while self._unasked and not self._failed and self._pending + len(bodies) < self._window:
            body = self._bodies[self._unasked[-1]]
            # While bodies are in flight, wait for their answers rather than for other threads to give back bytes.
            waits = not bodies and not self._pending
            if not self._client.reserve(len(self._call) + len(body), LOOK_SECONDS if waits else 0.0):
                if not waits:
                    break
                if self._client.is_given_up():
                    self._give_up()
                continue
            bodies.append((self._unasked.pop(), body))
        if bodies:
            self._pending += len(bodies)
            self._client.send(self._kind, bodies, self._answer_queue, self._call)

    def _give_up(self) -> None:
        self._client.abandon(self._answer_queue)
        self._pending = 0
        self._unasked.clear()
        self._answers = [answer or Answer(outcomes.NOT_READY) for answer in self._answers]

    def _note(self, index: int, answer: Answer) -> None:
        self._pending -= 1
        if answer.outcome == outcomes.FULL and self._pending:
            self._unasked.append(index)
            self._window = max(1, self._pending)
            self._queue_is_full = True
            return
        self._answers[index] = answer
        self._failed = self._failed or answer.outcome != outcomes.OK
