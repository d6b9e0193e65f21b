"""The pool: one bounded queue, and the scorers that take from it. What a back end talks to."""

import heapq
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from nb_scorer import frames

from nb_service.loop import Loop
from nb_service.model_folder import ModelFolder
from nb_service.scoring.answer import FULL, NOT_READY, TOO_SLOW, Answer, Job
from nb_service.scoring.link import Link, separate
from nb_service.scoring.plan import Plan
from nb_service.scoring.staff import Staff

# A scorer that works for so long on one call keeps nothing from those that are idle.
PATIENCE_SECONDS = 0.005
# One call for many samples may take this share of the time limit; then they are asked alone, so that one
# that hangs is known after little more than the limit.
BATCH_SHARE = 0.25
# Smaller bodies than this are bounded by their number alone.
LARGE_BYTES = 1 << 16
# A forked replacement is there much sooner. One that loads the model itself may take long, and a balancer should know.
ABSENCE_SECONDS = 1.0


class Pool:
    """The client of a model's scorers; every method is for the loop's thread.

    `staff` tells of the scorers themselves; its `on_change` is called when `ready` may have changed,
    its `on_fatal` with the Problem that makes going on useless.
    """

    def __init__(self, loop: Loop, model: ModelFolder, plan: Plan, say=print, stdout=None) -> None:
        self.model = model
        self.plan = plan
        self.staff = Staff(loop, model, plan, say, stdout)
        self.staff.on_unanswered = self._ask_again
        self._loop = loop
        self._say = say
        self._queue: deque[Job] = deque()
        self._look_again = None
        self._held = 0  # bytes of large bodies that have no answer yet
        self._there_at = 0.0  # when a scorer was last seen to take samples
        self._deserted = False  # for longer than ABSENCE_SECONDS
        self._kind = frames.TOGETHER if plan.batch > 1 else frames.SAMPLE
        loop.after_turn += [self._pump, self._relieve]

    @property
    def ready(self) -> bool:
        """Return whether a sample given now can be expected to be answered soon."""
        return self._takes and not self._deserted

    @property
    def _takes(self) -> bool:
        """Return whether samples may wait here: for scorers, or for one that is on its way."""
        return self.staff.warm and not self.staff.stopping and not self.staff.crash_looping

    @property
    def busy(self) -> bool:
        """Return whether a sample waits or is being worked on."""
        return bool(self._queue) or any(link.in_flight for link in self.staff.links.values())

    @property
    def waiting(self) -> int:
        """Return how many samples wait for a scorer."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """Return how many samples scorers have; read by any thread."""
        return sum(link.ahead + 1 for link in list(self.staff.links.values()))

    def submit(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Queue a sample (its JSON); `done` gets its Answer on a later turn of the loop, never now."""
        self._submit(Job(body, done, self._kind))

    def submit_many(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Queue a JSON array of samples for one scorer, as `submit` does.

        The Answer's payload is the array of their answers; of the first that fails, it is what that one
        gets, with its "index" in the payload.
        """
        self._submit(Job(body, done, frames.MANY))

    def _submit(self, job: Job) -> None:
        if not self._takes:
            self._loop.soon(partial(job.done, Answer(NOT_READY)))
        elif len(self._queue) >= self.plan.max_queue or not self._has_room(job):
            self._loop.soon(partial(job.done, Answer(FULL)))
        else:
            self._queue.append(job)
            # An idle scorer starts now; for busy ones, and for batches, the samples of a turn go out in one send.
            if self.plan.batch == 1 and any(not link.in_flight for link in self.staff.free):
                self._pump()

    def _has_room(self, job: Job) -> bool:
        """Return whether the job's body may be held until it is answered: many large ones would fill the memory."""
        size = len(job.body)
        if size < LARGE_BYTES:
            return True
        if self._held and self._held + size > self.plan.max_held:
            return False
        self._held += size
        done = job.done

        def let_go(answer: Answer) -> None:
            self._held -= size
            done(answer)

        job.done = let_go
        return True

    def start(self) -> None:
        """Start the scorers."""
        self.staff.start()
        self._check_limits()

    def stop(self, seconds: float = 1.0) -> None:
        """End every scorer within `seconds`; what is unanswered gets NOT_READY."""
        unanswered = self.staff.stop(seconds) + list(self._queue)
        self._queue.clear()
        for job in unanswered:
            job.done(Answer(NOT_READY))

    def _pump(self) -> None:
        """Hand waiting samples to scorers with room, the least busy first."""
        free = self.staff.free
        if self._queue:
            self._deal(free)
        for link in free:
            link.flush()
        if self._queue and self.staff.crash_looping:
            self._refuse_all()

    def _deal(self, free: list[Link]) -> None:
        places = [(bool(link.in_flight), -link.room(), number) for number, link in enumerate(free)]
        heapq.heapify(places)
        while self._queue and places and places[0][1] < 0:
            _, full, number = places[0]
            free[number].give(self._queue.popleft())
            heapq.heapreplace(places, (True, full + 1, number))

    def _relieve(self) -> None:
        """Let idle scorers have what was sent ahead to those that turned out to work on something slow."""
        free = self.staff.free
        idle = [link for link in free if not link.in_flight]
        if not idle or len(idle) == len(free):
            return
        slow_since = time.monotonic() - PATIENCE_SECONDS
        for link in free:
            if link.ahead > 0 and link.head_since <= slow_since:
                self._share(link, idle)
        # Of one that is slow already the next answer or sample will tell; of the others only time.
        if self._look_again is None and any(link.ahead > 0 and link.head_since > slow_since for link in free):
            self._look_again = self._loop.later(PATIENCE_SECONDS, self._looked)

    def _share(self, link: Link, idle: list[Link]) -> None:
        for one in idle:
            for job in link.take_back(one.room()):
                one.give(job)
            one.flush()

    def _looked(self) -> None:
        # What follows on each turn sees to it.
        self._look_again = None

    def _refuse_all(self) -> None:
        refused, self._queue = self._queue, deque()
        for job in refused:
            self._loop.soon(partial(job.done, Answer(NOT_READY)))

    def _ask_again(self, jobs: list[Job]) -> None:
        self._queue.extendleft(reversed(jobs))

    def _check_limits(self) -> None:
        if self.staff.stopping:
            return
        limit = self.plan.predict_timeout
        now = time.monotonic()
        for link in list(self.staff.links.values()):
            allowed = limit if link.suspects < 2 else limit * BATCH_SHARE
            if link.in_flight and now - link.head_since > allowed:
                self._too_slow(link, allowed)
        self._look_for_scorers(now)
        self._loop.later(min(0.25, limit / 5), self._check_limits)

    def _look_for_scorers(self, now: float) -> None:
        """Turn not ready while no scorer has the model; nothing waits for one longer than a prediction may take."""
        if self.staff.free or not self._takes:
            self._there_at = now
        absence = now - self._there_at
        was, self._deserted = self._deserted, absence > ABSENCE_SECONDS
        if self._deserted and not was:
            self._say("No scorer has the model: not ready until one has loaded it.")
        elif was and self.staff.free:
            self._say("A scorer is back.")
        if absence > max(ABSENCE_SECONDS, self.plan.predict_timeout):
            self._refuse_all()

    def _too_slow(self, link: Link, allowed: float) -> None:
        suspects = max(1, link.suspects)
        begun = link.first(suspects)
        what, limit = "one sample", "S2I_PREDICT_TIMEOUT"
        if suspects > 1:
            what, limit = f"{suspects} samples in one call, which are now asked alone,", f"a quarter of {limit}"
        self._say(f"Scorer {link.pid} is killed: it worked on {what} for more than {allowed:g} s ({limit}).")
        unanswered = self.staff.dismiss(link, "too slow")
        slow = unanswered.pop(0) if suspects == 1 and begun else None
        separate(begun)
        self._ask_again(unanswered)
        if slow is not None:
            slow.done(Answer(TOO_SLOW))
