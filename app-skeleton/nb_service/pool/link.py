"""A link: the front's end of one scorer's socket, pipelined by time, never blocking."""

import itertools
import json
import socket
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Protocol

from nb_scorer.protocol import frames
from nb_scorer.protocol.shared_counters import Tally

from nb_service.pool.answer import DIED, OK, Answer, Job
from nb_service.pool.guard import guarded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# So much work may be in flight on a link, by the moving average of what a sample takes there: enough
# to save wake-ups, too little for anyone to wait long behind another while a scorer is idle.
WINDOW_SECONDS = 0.002
MOST_IN_FLIGHT = 64
# A batch may take this share of the time limit, by the same average.
SHARE_OF_LIMIT = 0.125
WEIGHT_OF_NEWEST = 0.1
# Below what the allocator asks the system for anew each time: three system calls a read.
RECEIVE_BYTES = 1 << 16
# A link with so many bytes that its socket did not take yet gets no more samples.
MOST_UNSENT = 1 << 20
# Stands for a sample that was taken back, until the scorer says so.
TAKEN = Job(b"", lambda answer: None)


class Owner(Protocol):
    """Who is told what happens on a link."""

    def link_ready(self, link: "Link", pid: int) -> None:
        """Hear that the scorer has the model and waits for samples."""

    def link_problem(self, link: "Link", facts: dict) -> None:
        """Hear that the scorer could not load the model."""

    def link_first_answer(self, link: "Link") -> None:
        """Hear that the scorer has given an answer for the first time."""

    def link_tired(self, link: "Link") -> None:
        """Hear, with each answer from the `tired_after`-th on, that the scorer has done its share."""

    def link_handed_back(self, job: Job) -> None:
        """Hear that the scorer did not touch this sample, which it is asked for no more."""

    def link_empty(self, link: "Link") -> None:
        """Hear that this scorer may have room again, before its answers are handed to who waits for them."""

    def link_room(self, link: "Link") -> None:
        """Hear that this scorer may have room again, after the answers of a turn."""

    def link_strange(self, link: "Link") -> None:
        """Hear that the scorer said what nobody asked for; `link_gone` follows."""

    def link_gone(self, link: "Link", unanswered: list[Job]) -> None:
        """Hear that the scorer is gone; `unanswered` are the samples to ask again, in order."""


class Link:
    """One scorer: samples go in by `give`, answers come back in order to each job's `done`.

    Where samples may be scored together, an idle scorer takes up to `batch` of those that wait at
    once, however long one takes. Everything is for the loop's thread.
    """

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        tally: Tally,
        owner: Owner,
        loop: "asyncio.AbstractEventLoop",
        batch: int = 1,
        limit: float = 60.0,
    ) -> None:
        self.number = number
        self.pid: int | None = None
        self.alive = True
        self.in_flight: deque[Job] = deque()
        self.head_since = 0.0
        self.proved = False
        self.tired_after = float("inf")
        # Called with the jobs and answers of a turn.
        self.observe: Callable[[list[tuple[Job, Answer]]], None] | None = None
        self._tally = tally
        self.answers = 0
        self._taken = 0
        self._owner = owner
        self._average = WINDOW_SECONDS
        self._ahead = 1
        self._batch = self._at_once = batch
        self._most_ahead = min(MOST_IN_FLIGHT, batch) if batch > 1 else MOST_IN_FLIGHT
        self._batch_seconds = limit * SHARE_OF_LIMIT
        self._unsent = 0
        self._out = bytearray()
        self._deaf = False
        self._in = bytearray()
        self._sock = sock
        self._fd = sock.fileno()
        self._loop = loop
        self._writing = False
        sock.setblocking(False)
        loop.add_reader(self._fd, self._readable)

    def room(self) -> int:
        """Return how many more samples this link may take now."""
        in_flight = len(self.in_flight)
        if len(self._out) > MOST_UNSENT:
            return 0
        if self._batch > 1 and self._unsent == in_flight:
            return self._at_once - in_flight
        return self._ahead - in_flight

    def is_low(self) -> bool:
        """Return whether it should get more samples now: it has room, and not so much to do that a refill can wait."""
        return self._batch > 1 or 2 * len(self.in_flight) <= self._ahead

    def give(self, job: Job) -> None:
        """Take a sample; it leaves with the next `flush`."""
        in_flight = self.in_flight
        if not in_flight:
            self.head_since = time.monotonic()
        self._out += frames.request(job.kind, (self.answers + len(in_flight)) & frames.NUMBERS, job.body)
        in_flight.append(job)
        self._unsent += 1

    def flush(self) -> None:
        """Send what waits, as much as the socket takes; the rest follows by itself."""
        if self._out and not self._writing and not self._deaf:
            self._send()

    def _send(self) -> None:
        self._unsent = 0
        try:
            sent = self._sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            # No verdict yet: answers may still wait to be read. The end of file will tell.
            self._deaf = True
            self._want_to_write(False)
            return
        del self._out[:sent]
        self._want_to_write(bool(self._out))

    def _want_to_write(self, wanted: bool) -> None:
        if wanted == self._writing:
            return
        self._writing = wanted
        if wanted:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)

    @property
    def ahead(self) -> int:
        """Return how many samples, but for the first, were sent and not taken back."""
        return len(self.in_flight) - self._taken - 1

    def take_back(self, most: int) -> list[Job]:
        """Return up to `most` samples that the scorer has not started and will not start any more, the oldest first."""
        unstarted = range(self._tally.started - self.answers, len(self.in_flight))
        places = [place for place in unstarted if self.in_flight[place] is not TAKEN][:most]
        if not places:
            return []
        begun = self._tally.call_back(self.answers + places[-1] + 1) - self.answers
        # What it has started just now it keeps, or hands back itself.
        places = [place for place in places if place >= begun]
        jobs = [self.in_flight[place] for place in places]
        for place in places:
            self.in_flight[place] = TAKEN
        self._taken += len(jobs)
        return jobs

    def end(self) -> None:
        """Read what the scorer still said, then count it as gone."""
        while self.alive and self._receive():
            pass

    @property
    def suspects(self) -> int:
        """Return how many samples the scorer has started and not answered; above 1 they are one batch."""
        return max(0, min(self._tally.started - self.answers, len(self.in_flight)))

    def first(self, count: int) -> list[Job]:
        """Return those of the first `count` samples without an answer that were not taken back."""
        return [job for job in itertools.islice(self.in_flight, count) if job is not TAKEN]

    def drop(self) -> list[Job]:
        """Close this link without telling the owner; return the unanswered samples."""
        unanswered = self.first(len(self.in_flight))
        self.in_flight.clear()
        self._close()
        return unanswered

    def _close(self) -> None:
        if self.alive:
            self.alive = False
            self._loop.remove_reader(self._fd)
            self._want_to_write(False)
            self._deaf = True
            self._out.clear()
            self._sock.close()

    def _readable(self) -> None:
        try:
            self._receive()
        except Exception:  # noqa: BLE001 - a bug of ours, or what a scorer says that is no frame
            self._fault()

    def _writable(self) -> None:
        try:
            self._send()
            if not self._out:
                self._owner.link_room(self)
        except Exception:  # noqa: BLE001 - the same
            self._fault()

    def _fault(self) -> None:
        """Show what was raised here, and count the scorer as gone."""
        traceback.print_exc()
        if self.alive:
            guarded(self.gone)

    def _receive(self) -> bool:
        """Read once; return False when there is nothing more to read now or ever."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            data = b""
        if not data:
            self.gone()
            return False
        self._in += data
        # Golden rows are no client's: the last of them sets it.
        observe = self.observe
        pairs = self._settled(frames.take_answers(self._in))
        if self.alive:
            self._owner.link_empty(self)
        for job, answer in pairs:
            try:
                job.done(answer)
            except Exception:  # noqa: BLE001 - one asker's trouble is neither the scorer's nor the next one's
                traceback.print_exc()
        if observe is not None and pairs:
            # Counting is no reason to lose a scorer.
            guarded(observe, pairs)
        if self.alive:
            self._owner.link_room(self)
        return self.alive

    def _settled(self, answers: list[tuple]) -> list[tuple[Job, Answer]]:
        """Return each answer with its job, which is in flight no more, up to one that ends this link."""
        pairs, in_flight = [], self.in_flight
        self.head_since = time.monotonic()
        self._learn(answers)
        for status, payload, seconds, batch, number in answers:
            if not self.alive:
                break
            known = status <= frames.FAILED or status == frames.BACK
            if not known or not in_flight or number != self.answers & frames.NUMBERS:
                self._other_word(status, payload)
                continue
            job = in_flight.popleft()
            self.answers += 1
            if job is TAKEN:
                self._taken -= 1
            elif status == frames.BACK:
                self._owner.link_handed_back(job)
            else:
                pairs.append((job, Answer(status, payload, seconds, batch)))
                if not self.proved and status == OK:
                    self.proved = True
                    self._owner.link_first_answer(self)
            if self.answers >= self.tired_after and self.alive:
                self._owner.link_tired(self)
        return pairs

    def _other_word(self, status: int, payload: bytes) -> None:
        """Deal with what is no answer to the sample whose turn it is: a scorer's first word, or nonsense."""
        if self.pid is None and status == frames.HELLO:
            self.pid = json.loads(payload)["pid"]
            self._owner.link_ready(self, self.pid)
        elif self.pid is None and status == frames.PROBLEM:
            self._owner.link_problem(self, json.loads(payload))
        else:
            # It shares its socket with a process that it has started, or talks nonsense.
            self._owner.link_strange(self)
            if self.alive:
                self.gone()

    def _learn(self, answers: list[tuple]) -> None:
        """Let what samples took tell how many may be in flight."""
        average = self._average
        for status, _, seconds, _, _ in answers:
            if status < frames.BACK:
                average += WEIGHT_OF_NEWEST * (seconds - average)
        self._average = average
        self._ahead = max(1, min(self._most_ahead, int(WINDOW_SECONDS / (average + 1e-9))))
        if self._batch > 1:
            self._at_once = max(1, min(self._batch, int(self._batch_seconds / (average + 1e-9))))

    def gone(self) -> None:
        """Close; tell the owner, and the one sample that the scorer died of, if it is sure which.

        Of a batch each could be the one: they are asked again alone, and the next death will tell.
        """
        # It had started more samples than it answered: it died of one of those, else of none.
        suspects = self.suspects
        begun = self.first(suspects)
        unanswered = self.drop()
        died_of = unanswered.pop(0) if suspects == 1 and begun else None
        separate(begun)
        self._owner.link_gone(self, unanswered)
        if died_of is not None:
            guarded(died_of.done, Answer(DIED))


def separate(suspects: list[Job]) -> None:
    """Let each of these be asked alone from now on, unless it is alone among them."""
    if len(suspects) > 1:
        for job in suspects:
            job.kind = frames.SAMPLE
