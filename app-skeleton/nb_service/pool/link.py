"""A link: the front's end of one scorer's socket, which never blocks and keeps a few samples in flight."""

import contextlib
import itertools
import json
import os
import socket
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Protocol

from nb_scorer.protocol import frames, untaken_items
from nb_scorer.protocol.orders import ALL
from nb_scorer.protocol.shared_counters import SharedCounters
from nb_scorer.protocol.untaken_items import UntakenItems

from nb_service.pool.answer import DIED, ITEM, OK, Answer, Job
from nb_service.pool.guard import guarded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

# The seconds of work to keep in flight per link, estimated from the moving average of a sample's time: enough to save
# wake-ups, but so little that no sample waits long while another scorer is idle.
WINDOW_SECONDS = 0.002
MAX_IN_FLIGHT = 64
# A batch may take this share of the time limit, estimated from the same average.
SHARE_OF_LIMIT = 0.125
WEIGHT_OF_NEWEST = 0.1
# Smaller than the blocks that the allocator maps again each time, which costs three system calls per read.
RECEIVE_BYTES = 1 << 16
# A link with more unsent bytes than this gets no more samples, because the scorer is not reading.
MAX_UNSENT = 1 << 20
# A body of at least this size is sent without copying; smaller ones are copied into one buffer.
LARGE = 1 << 16
# A stream's items are acknowledged each time the client has taken this fraction of the allowed ones.
TAKEN_AT_ONCE = 4
# How many buffers are sent in one system call.
BUFFERS = 16
# Replaces a sample that was taken back, until the scorer confirms that.
TAKEN = Job(b"", lambda answer: None)


class Owner(Protocol):
    """Callbacks of a link."""

    def link_ready(self, link: "Link", pid: int) -> None:
        """Handle a scorer that has loaded the model, and waits for samples."""

    def link_setting_up(self, link: "Link") -> None:
        """Handle a scorer that has loaded the model, and is calling the notebook's setup."""

    def link_problem(self, link: "Link", facts: dict) -> None:
        """Handle a scorer that could not load the model, or whose setup failed."""

    def link_first_answer(self, link: "Link") -> None:
        """Handle the first answer of a scorer to a sample."""

    def link_quota_reached(self, link: "Link") -> None:
        """Handle a scorer that has served its quota; called with each answer from the `quota`-th on."""

    def link_handed_back(self, job: Job) -> None:
        """Handle a sample that the scorer has not started and never will."""

    def link_empty(self, link: "Link") -> None:
        """Handle a scorer that may have room again, before its answers go to their callbacks."""

    def link_room(self, link: "Link") -> None:
        """Handle a scorer that may have room again, after its answers went to their callbacks."""

    def link_batching_ended(self, link: "Link", facts: dict) -> None:
        """Handle a scorer that scores one by one from now on, because a batched answer differed from the single one."""

    def link_strange(self, link: "Link") -> None:
        """Handle a scorer that sent an unexpected frame; a call of `link_gone` follows."""

    def link_gone(self, link: "Link", unanswered: list[Job]) -> None:
        """Handle a scorer that has exited; `unanswered` are the samples to score again, in order.

        Of a scorer with several links, `link` is the first one.
        """


# The default value.
MAX_ANSWER = 1 << 30


class Link:
    """One scorer: `give` sends it samples, and each job's `done` gets the answers, in order.

    If samples may be scored together, an idle scorer takes up to `batch` waiting samples at once, however long one
    takes. For the loop's thread only.

    A scorer that serves several requests at a time has a link for each, its `lanes`, which have one sample at a time.
    They end together: the `first_lane` is the one that the owner knows.
    """

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        counters: SharedCounters,
        owner: Owner,
        loop: "asyncio.AbstractEventLoop",
        batch: int = 1,
        limit: float = 60.0,
    ) -> None:
        self.number = number
        self.lanes: tuple[Link, ...] = (self,)
        self.pid: int | None = None
        self.alive = True
        self.gpu = ALL  # index in the plan of the only GPU that the scorer may use
        self.in_flight: deque[Job] = deque()
        self.head_since = 0.0
        self.proved = False
        self.setup_failed = False
        self.quota = float("inf")
        # The maximum size of an answer: predictor's own process announces its length, and the front has to hold it.
        self.largest = MAX_ANSWER
        # Called with the jobs and answers of one read.
        self.observe: Callable[[list[tuple[Job, Answer]]], object] | None = None
        self._counters = counters
        self._progress = counters.progress
        self.answers = 0
        self._taken = 0
        self._owner = owner
        self._average = WINDOW_SECONDS
        self._ahead = 1
        self._batch = self._at_once = batch
        self._most_ahead = min(MAX_IN_FLIGHT, batch) if batch > 1 else MAX_IN_FLIGHT
        self._batch_seconds = limit * SHARE_OF_LIMIT
        self._unsent = 0
        self.has_ended = False
        self._is_given_up = False  # whether the front waits only for the scorer to cancel the sample in flight
        # For the current stream: the sizes of the items that have not been acknowledged to the scorer, their sum, and
        # the number of these items that the client has taken.
        self._untaken = UntakenItems()
        self._items_taken = 0
        self._out = bytearray()
        # Sent before _out: large bodies, and the data before each of them.
        self._large: deque[memoryview] = deque()
        self._large_size = 0
        self._is_broken = False
        self._in = bytearray()
        self._sock = sock
        self._fd = sock.fileno()
        self._loop = loop
        self._writing = False
        sock.setblocking(False)
        loop.add_reader(self._fd, self._on_readable)

    def join(self, others: "Sequence[Link]") -> None:
        """Make this link and `others` the lanes of one scorer."""
        lanes = (self, *others)
        for lane in lanes:
            lane.lanes = lanes

    @property
    def first_lane(self) -> "Link":
        """Return the link on which the scorer reports its start; this one unless there are several."""
        return self.lanes[0]

    @property
    def busy_lanes(self) -> int:
        """Return how many of the scorer's links have samples."""
        return sum(bool(lane.in_flight) for lane in self.lanes)

    @property
    def has_suspect(self) -> bool:
        """Return whether the scorer works on a sample that must be alone in it."""
        return any(job.is_suspect for lane in self.lanes for job in lane.in_flight)

    def room(self) -> int:
        """Return how many more samples this link may take now."""
        in_flight = len(self.in_flight)
        if self._large_size + len(self._out) > MAX_UNSENT:
            return 0
        if in_flight and self.in_flight[-1].kind & frames.STREAMED:
            # A stream's client determines how long it takes.
            return 0
        if self._batch > 1 and self._unsent == in_flight:
            return self._at_once - in_flight
        return self._ahead - in_flight

    def is_low(self) -> bool:
        """Return whether it should get more samples now: when half of its window is done; always with batches."""
        return self._batch > 1 or 2 * len(self.in_flight) <= self._ahead

    def give(self, job: Job) -> None:
        """Queue a sample, which is sent with the next `flush`."""
        in_flight = self.in_flight
        if not in_flight:
            self.head_since = time.monotonic()
        number = (self.answers + len(in_flight)) & frames.NUMBERS
        if job.prefix or len(job.body) >= LARGE:
            self._give_large(job, number)
        else:
            self._out += frames.request(job.kind, number, job.body, job.call)
        if job.kind & frames.STREAMED or len(self.lanes) > 1:
            job.link = self
        in_flight.append(job)
        self._unsent += 1

    def _give_large(self, job: Job, number: int) -> None:
        """Queue a sample without copying its body."""
        head = frames.request_head(job.kind, number, len(job.prefix) + len(job.body), job.call) + job.prefix
        for part in (bytes(self._out) + head, job.body):
            self._large.append(memoryview(part))
            self._large_size += len(part)
        self._out.clear()

    # --- the stream that the scorer works on ---

    @property
    def is_streaming(self) -> bool:
        """Return whether a stream is the next request that the scorer responds to."""
        return bool(self.in_flight and self.in_flight[0].kind & frames.STREAMED)

    def _is_at_work_on(self, job: Job) -> bool:
        return self.alive and bool(self.in_flight) and self.in_flight[0] is job

    def take_items(self, job: Job, count: int) -> None:
        """Count `count` items of the stream as taken by its client; several are acknowledged at once."""
        if not self._is_at_work_on(job):
            return
        self._items_taken += count
        is_of_few = self._items_taken * TAKEN_AT_ONCE < untaken_items.MAX_ITEMS
        if is_of_few and self._untaken.size_of(self._items_taken) * TAKEN_AT_ONCE < untaken_items.MAX_BYTES:
            return
        if self.is_held:
            # The scorer continues only now.
            self.head_since = time.monotonic()
        self._out += frames.taken(self.answers & frames.NUMBERS, self._items_taken)
        self._untaken.take(self._items_taken)
        self._items_taken = 0
        self.flush()

    @property
    def is_held(self) -> bool:
        """Return whether the scorer waits for the client of its stream to take items."""
        return self._untaken.is_full

    def cancel(self, job: Job) -> None:
        """Make the scorer end a stream, or not start it; with several lanes, any sample."""
        if self.alive and job in self.in_flight:
            number = (self.answers + self.in_flight.index(job)) & frames.NUMBERS
            self._out += frames.request(frames.CANCEL, number, b"")
            self.flush()

    def give_up(self) -> Job | None:
        """Cancel the sample in flight, and wait for no answer to it; return it, or None if that was done before.

        Only one of several requests in a scorer is over then.
        """
        if self._is_given_up or not self.in_flight:
            return None
        job = self.in_flight[0]
        self._is_given_up = True
        self.cancel(job)
        # The scorer's last frames for it still arrive.
        rest = Job(b"", lambda answer: None, job.kind)
        rest.abandoned = True
        self.in_flight[0] = rest
        self.head_since = time.monotonic()
        return job

    @property
    def is_given_up(self) -> bool:
        """Return whether the scorer must cancel the sample in flight."""
        return self._is_given_up

    def interrupt(self, job: Job) -> bool:
        """Interrupt predictor in a stream that was cancelled; return whether the scorer is still working on it.

        In a scorer with several requests, others may be at work: it has cancelled the right one, or does so later.
        """
        is_at_work = self._is_at_work_on(job) and len(self.lanes) == 1
        # The process id was sent by predictor's own process, which could name any other process.
        if is_at_work and isinstance(self.pid, int) and self.pid > 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, frames.INTERRUPT)
        return is_at_work

    def stop_batching(self) -> None:
        """Score all samples one by one from now on, including those of an array."""
        self._batch = self._at_once = 1
        self._most_ahead = MAX_IN_FLIGHT
        # The message has no number, because it gets no answer.
        self._out += frames.request(frames.ALONE, (self.answers + len(self.in_flight)) & frames.NUMBERS, b"")
        self.flush()

    def flush(self) -> None:
        """Send as much pending data as the socket accepts; the loop sends the rest later."""
        if self._has_unsent() and not self._writing and not self._is_broken:
            self._send()

    def _has_unsent(self) -> bool:
        return bool(self._out or self._large)

    def _send(self) -> None:
        self._unsent = 0
        try:
            if self._large:
                sent = self._sock.sendmsg([*itertools.islice(self._large, BUFFERS)])
            else:
                sent = self._sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            # The link is not closed yet: answers may still have to be read before the end of file.
            self._is_broken = True
            self._watch_writable(False)
            return
        if self._large:
            self._drop_large(sent)
        else:
            del self._out[:sent]
        self._watch_writable(self._has_unsent())

    def _drop_large(self, sent: int) -> None:
        """Remove the first `sent` bytes of the large buffers."""
        self._large_size -= sent
        while self._large and sent >= len(self._large[0]):
            sent -= len(self._large.popleft())
        if sent:
            self._large[0] = self._large[0][sent:]

    def _watch_writable(self, wants: bool) -> None:
        if wants == self._writing:
            return
        self._writing = wants
        if wants:
            self._loop.add_writer(self._fd, self._on_writable)
        else:
            self._loop.remove_writer(self._fd)

    @property
    def ahead(self) -> int:
        """Return how many samples after the first were sent and not taken back."""
        return len(self.in_flight) - self._taken - 1

    def take_back(self, limit: int) -> list[Job]:
        """Take back up to `limit` samples, which the scorer then does not start; return them, oldest first."""
        # Predictor's own process counts the started samples, and may count backwards.
        unstarted = range(max(0, self._counters.started - self.answers), len(self.in_flight))
        positions = [position for position in unstarted if self.in_flight[position] is not TAKEN][:limit]
        if not positions:
            return []
        first_unstarted = self._counters.call_back(self.answers + positions[-1] + 1) - self.answers
        # Samples that the scorer has started in the meantime stay with it, or it hands them back itself.
        positions = [position for position in positions if position >= first_unstarted]
        jobs = [self.in_flight[position] for position in positions]
        for position in positions:
            self.in_flight[position] = TAKEN
        self._taken += len(jobs)
        return jobs

    def end(self) -> None:
        """Read the scorer's remaining answers; the end of file then marks it as gone."""
        while self.alive and self._receive():
            pass

    @property
    def suspects(self) -> int:
        """Return how many samples the scorer has started and not answered; more than 1 are one batch."""
        return max(0, min(self._counters.started - self.answers, len(self.in_flight)))

    def has_progressed(self) -> bool:
        """Return whether the scorer has finished a sample of an array since the last call."""
        before, self._progress = self._progress, self._counters.progress
        return self._progress != before

    def withdraw(self) -> None:
        """Make the scorer end a list of items early if its client has left."""
        if self.in_flight and self.in_flight[0].abandoned:
            self._counters.withdraw(self.answers + 1)

    def first(self, count: int) -> list[Job]:
        """Return the first `count` unanswered samples, without those that were taken back."""
        return [job for job in itertools.islice(self.in_flight, count) if job is not TAKEN]

    def drop(self) -> list[Job]:
        """Close all links of this scorer without notifying the owner; return the unanswered samples."""
        return [job for lane in self.lanes for job in lane.drop_lane()]

    def drop_lane(self) -> list[Job]:
        """Close only this link; return its unanswered samples."""
        unanswered = self.first(len(self.in_flight))
        self.in_flight.clear()
        self._close()
        return unanswered

    def _close(self) -> None:
        if self.alive:
            self.alive = False
            self._loop.remove_reader(self._fd)
            self._watch_writable(False)
            self._is_broken = True
            self._out.clear()
            self._large.clear()
            self._large_size = 0
            self._sock.close()

    def _on_readable(self) -> None:
        try:
            self._receive()
        except Exception:  # noqa: BLE001 - a bug of ours, or bytes from the scorer that are not a frame
            self._fault()

    def _on_writable(self) -> None:
        try:
            self._send()
            if not self._has_unsent():
                self._owner.link_room(self)
        except Exception:  # noqa: BLE001 - the same
            self._fault()

    def _fault(self) -> None:
        """Print the traceback, and count the scorer as gone."""
        traceback.print_exc()
        if self.alive:
            guarded(self.gone)

    def _receive(self) -> bool:
        """Read once; return False if nothing more can be read now, or ever."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            data = b""
        if not data:
            self.has_ended = True
            self.gone()
            return False
        self._in += data
        # Read before the callbacks: the last golden row's sets it, and golden rows must not be counted.
        observe = self.observe
        pairs = self._settled(frames.take_answers(self._in))
        if self._may_go_on():
            self._owner.link_empty(self)
        for job, answer in pairs:
            try:
                job.done(answer)
            except Exception:  # noqa: BLE001 - a callback that fails must cost neither the scorer nor other samples
                traceback.print_exc()
        if observe is not None and pairs:
            # An exception while counting must not stop a scorer.
            guarded(observe, pairs)
        if self.alive:
            self._owner.link_room(self)
        return self.alive

    def _may_go_on(self) -> bool:
        """Return whether the scorer is usable; treat it as gone if its next answer is too large."""
        if self.alive and frames.announced(self._in) > self.largest:
            self._owner.link_strange(self)
            if self.alive:
                self.gone()
        return self.alive

    def _settled(self, answers: list[tuple]) -> list[tuple[Job, Answer]]:
        """Return each answer with its job, which is no longer in flight; stop at a frame that ends this link."""
        pairs, in_flight = [], self.in_flight
        self.head_since = time.monotonic()
        self._adapt_window(answers)
        for status, payload, seconds, batch, number in answers:
            if not self.alive:
                break
            if status == ITEM and self._is_of_stream(number):
                pairs.append((in_flight[0], self._item(payload)))
                continue
            is_answer = status <= frames.FILE or status == frames.BACK
            if not is_answer or not in_flight or number != self.answers & frames.NUMBERS:
                self._on_other_frame(status, payload)
                continue
            job = in_flight.popleft()
            self.answers += 1
            self._is_given_up = False
            if job.kind & frames.STREAMED:
                self._untaken, self._items_taken = UntakenItems(), 0
            if job is TAKEN:
                self._taken -= 1
            elif status == frames.BACK:
                self._owner.link_handed_back(job)
            else:
                pairs.append((job, Answer(status, payload, seconds, batch)))
                if not self.proved and status == OK:
                    self.proved = self.first_lane.proved = True
                    self._owner.link_first_answer(self.first_lane)
            if self.answers >= self.quota and self.alive:
                self._owner.link_quota_reached(self.first_lane)
        return pairs

    def _is_of_stream(self, number: int) -> bool:
        return bool(
            self.is_streaming
            and number == self.answers & frames.NUMBERS
            # A scorer that sends more than was requested must not fill the memory.
            and not self.is_held
        )

    def _item(self, payload: bytes) -> Answer:
        """Count an item of the current stream; return it, the first one with the seconds since its request."""
        job = self.in_flight[0]
        is_first, job.has_begun = not job.has_begun, True
        self._untaken.add(len(payload))
        return Answer(ITEM, payload, time.monotonic() - job.since if is_first else 0.0, int(is_first))

    def _on_other_frame(self, status: int, payload: bytes) -> None:
        """Handle a frame that is not the next sample's answer: the scorer's first one, or an invalid one."""
        if self.pid is None and status == frames.HELLO:
            self.pid = json.loads(payload)["pid"]
            self._owner.link_ready(self, self.pid)
        elif self.pid is None and status == frames.SETTING_UP:
            self._owner.link_setting_up(self)
        elif self.pid is None and status == frames.PROBLEM:
            self._owner.link_problem(self, json.loads(payload))
        elif self.pid is not None and status == frames.BATCHING_ENDED:
            self._owner.link_batching_ended(self, json.loads(payload))
        else:
            # A predictor that forks leaves two processes on one socket, so answers can no longer be trusted.
            self._owner.link_strange(self)
            if self.alive:
                self.gone()

    def _adapt_window(self, answers: list[tuple]) -> None:
        """Adapt the number of samples in flight to the time that these took."""
        average = self._average
        for status, _, seconds, _, _ in answers:
            if status <= frames.FILE:
                average += WEIGHT_OF_NEWEST * (seconds - average)
        self._average = average
        most_ahead = self._most_ahead if len(self.lanes) == 1 else 1
        self._ahead = max(1, min(most_ahead, int(WINDOW_SECONDS / (average + 1e-9))))
        if self._batch > 1:
            self._at_once = max(1, min(self._batch, int(self._batch_seconds / (average + 1e-9))))

    def gone(self) -> None:
        """Close; notify the owner. The sample that killed the scorer gets DIED if there is only one candidate.

        In a batch, any sample may be the cause. They are scored again one by one, and another death shows which it is.
        """
        if len(self.lanes) > 1 and not self._read_other_lanes():
            return
        # The cause is one of the samples that the scorer has started and not answered. If there are none, it is not a
        # sample.
        suspects = sum(lane.suspects for lane in self.lanes)
        begun = self.begun
        unanswered = self.drop()
        died_of = begun[0] if suspects == 1 and begun else None
        if died_of is not None:
            unanswered.remove(died_of)
        separate(begun)
        self._owner.link_gone(self.first_lane, unanswered)
        if died_of is not None:
            guarded(died_of.done, Answer(DIED))

    @property
    def begun(self) -> list[Job]:
        """Return the samples that the scorer has started and not answered."""
        return [job for lane in self.lanes for job in lane.first(lane.suspects)]

    def _read_other_lanes(self) -> bool:
        """Read the answers that a dead scorer sent on its other links; return whether `gone` is still to be handled."""
        for lane in self.lanes:
            if not lane.has_ended:
                lane.end()
        return self.alive


def separate(suspects: list[Job]) -> None:
    """Mark each of several suspects to be scored alone."""
    if len(suspects) > 1:
        for job in suspects:
            job.is_suspect = True
            if job.kind == frames.TOGETHER:
                job.kind = frames.SAMPLE
