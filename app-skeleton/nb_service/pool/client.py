"""The client of the pool for other processes of ours: the app, and every further back end.

The front makes a socketpair, serves one end of it with a PoolServer, and lets the process inherit the other.
There:

    pool = PoolClient(socket.socket(fileno=number))
    answer = pool.ask(b"[1.5, 2]")              # from any thread; waits for the answer
    if answer.outcome == OK: use(answer.payload)

A back end on gRPC calls `ask` in its worker threads, one on a bus `ask_many` with the messages at hand; a body
that is an array already goes whole by `ask_arrays` where `together` is true. No call raises for what
becomes of a sample: outcomes are those of answer.py, and when the front is gone, all that waits and all that
is asked later gets NOT_READY, so that a process may end itself in its own time. A client is not for use
after a fork.
"""

import contextlib
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence

from nb_service.pool import answer as outcomes
from nb_service.pool import wire
from nb_service.pool.answer import Answer

# One request may have this part of the queue, so that it leaves room for others.
SHARE = 8
# So many bytes may be asked and not answered, over all threads: they wait in the front's memory. One body that
# is larger goes alone.
MOST_BYTES = 16 << 20
# How often a thread that waits looks whether it still has to.
LOOK_SECONDS = 0.25
# Below what the allocator asks the system for anew each time: three system calls a read.
RECEIVE_BYTES = 1 << 16


class PoolClient:
    """Asks the front's pool over the connected socket `sock`, for any number of threads.

    `gone` is called, by the reader's thread, when the front is gone or `close` was called.
    `is_given_up` is asked now and then by threads that wait, whether anybody still wants what they ask for.
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
        self._pending: dict[int, tuple] = {}  # (where the answer goes, its place there, bytes), by number
        self._bytes = _Bytes(MOST_BYTES)
        self._hello: dict = {"together": False, "max_queue": 1}
        self._greeted = threading.Event()
        self._closed = False
        sock.setblocking(True)
        self._thread = threading.Thread(target=self._read, name="pool", daemon=True)
        self._thread.start()

    @property
    def together(self) -> bool:
        """Return whether samples of one body are best asked as an array: a batch_predictor scores them in one call."""
        self._greeted.wait()
        return self._hello["together"]

    @property
    def max_queue(self) -> int:
        """Return how many samples may wait in the front."""
        self._greeted.wait()
        return self._hello["max_queue"]

    def ask(self, sample: bytes) -> Answer:
        """Return what became of one sample."""
        (answer,) = self.ask_many([sample])
        if answer is None:
            raise RuntimeError("a sample that nothing stands before was not asked")
        return answer

    def ask_many(self, samples: Sequence[bytes]) -> list[Answer | None]:
        """Return what became of each sample, in order; after one that failed, None for those not asked any more."""
        return _Request(self, wire.SAMPLE, samples).answered()

    def ask_arrays(self, arrays: Sequence[bytes]) -> list[Answer | None]:
        """Return what became of each JSON array of samples, as ask_many does of each sample."""
        return _Request(self, wire.ARRAY, arrays).answered()

    def facts(self) -> dict:
        """Return what the front tells of itself; nothing when it is gone."""
        box: queue.SimpleQueue = queue.SimpleQueue()
        self.send(wire.FACTS, [(0, b"")], box)
        payload = box.get()[1]
        return json.loads(payload) if isinstance(payload, bytes) else {}

    def close(self) -> None:
        """Hang up: whoever waits gets NOT_READY."""
        self._hang_up()
        self._thread.join()
        self._sock.close()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    # --- for requests ---

    def reserve(self, size: int, seconds: float) -> bool:
        """Return whether so many bytes may be sent within `seconds`."""
        return self._bytes.take(size, seconds)

    def send(self, kind: int, bodies: list[tuple[int, bytes]], box: queue.SimpleQueue) -> None:
        """Send bodies, each with its place; `box` gets (place, answer) for each, in any order and for certain."""
        parts, numbers = [], []
        for place, body in bodies:
            number = next(self._numbers) & wire.NUMBERS
            numbers.append(number)
            self._pending[number] = (box, place, len(body))
            parts.append(wire.frame(kind, number, body))
        try:
            with self._sending:
                self._sock.sendall(parts[0] if len(parts) == 1 else b"".join(parts))
        except OSError:
            # Part of a frame may have left: nothing can follow it.
            self._hang_up()
        # Looked at after they were noted: either the reader, at its end, sees them, or this does.
        if self._closed:
            for number in numbers:
                self._deliver(number, Answer(outcomes.NOT_READY))

    def abandon(self, box: queue.SimpleQueue) -> None:
        """Let go of all whose answers would come to `box`: none comes any more."""
        numbers = [number for number, entry in list(self._pending.items()) if entry[0] is box]
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
        while data := self._some():
            buffer += data
            for kind, number, payload in wire.take(buffer):
                if kind == wire.ANSWER:
                    self._deliver(number, wire.answer_of(payload))
                elif kind == wire.FACTS:
                    self._deliver(number, payload)
                else:
                    self._hello = json.loads(payload)
                    self._greeted.set()

    def _some(self) -> bytes:
        try:
            return self._sock.recv(RECEIVE_BYTES)
        except OSError:
            return b""

    def _deliver(self, number: int, answer: Answer | bytes) -> None:
        entry = self._pending.pop(number, None)
        if entry is not None:
            box, place, size = entry
            self._bytes.give_back(size)
            box.put((place, answer))


class _Bytes:
    """So many bytes, of which threads take and the reader gives back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._change = threading.Condition()
        # Who waits holds it: those behind wait their turn, so that small ones never keep a large one out.
        self._turn = threading.Lock()

    def take(self, size: int, seconds: float) -> bool:
        """Take `size` bytes if there is room within `seconds`, or if none are taken."""
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
        """Let others have them."""
        with self._change:
            self._taken -= size
            self._change.notify()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._most


class _Request:
    """The bodies of one request, asked by one thread: no more at a time than its window in the queue."""

    def __init__(self, client: PoolClient, kind: int, bodies: Sequence[bytes]) -> None:
        self._client = client
        self._kind = kind
        self._bodies = bodies
        self._answers: list[Answer | None] = [None] * len(bodies)
        self._box: queue.SimpleQueue = queue.SimpleQueue()
        self._todo = list(range(len(bodies)))[::-1]
        self._waiting = 0
        self._failed = False
        self._full = False
        self._window = max(1, client.max_queue // SHARE)

    def answered(self) -> list[Answer | None]:
        """Ask; return the answers when all are there."""
        self._feed()
        look_at = time.monotonic() + LOOK_SECONDS
        while self._waiting:
            with contextlib.suppress(queue.Empty):
                self._note(*self._box.get(timeout=LOOK_SECONDS))
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_SECONDS
                if self._client.is_given_up():
                    self._give_up()
                    break
            # What else has come is dealt with first, so that what follows it leaves together.
            while not self._box.empty():
                self._note(*self._box.get())
            self._feed()
        return self._answers

    def _feed(self) -> None:
        """Ask as much as this request may have in the queue."""
        full, self._full = self._full, False
        if full and self._waiting:
            # Others fill the queue: this one waits for an answer to a sample before it.
            return
        bodies: list[tuple[int, bytes]] = []
        while self._todo and not self._failed and self._waiting + len(bodies) < self._window:
            body = self._bodies[self._todo[-1]]
            # Whoever has something on its way waits for that, never for what others must give back.
            waits = not bodies and not self._waiting
            if not self._client.reserve(len(body), LOOK_SECONDS if waits else 0.0):
                if not waits:
                    break
                if self._client.is_given_up():
                    self._give_up()
                continue
            bodies.append((self._todo.pop(), body))
        if bodies:
            self._waiting += len(bodies)
            self._client.send(self._kind, bodies, self._box)

    def _give_up(self) -> None:
        self._client.abandon(self._box)
        self._waiting = 0
        self._todo.clear()
        self._answers = [answer or Answer(outcomes.NOT_READY) for answer in self._answers]

    def _note(self, place: int, answer: Answer) -> None:
        self._waiting -= 1
        if answer.outcome == outcomes.FULL and self._waiting:
            self._todo.append(place)
            self._window = max(1, self._waiting)
            self._full = True
            return
        self._answers[place] = answer
        self._failed = self._failed or answer.outcome != outcomes.OK
