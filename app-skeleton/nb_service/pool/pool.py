"""The pool: one bounded queue, and the scorers that take from it. What a back end talks to."""

import heapq
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from nb_scorer.protocol import frames

from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import DIED, FULL, NOT_READY, TOO_SLOW, Answer, Job
from nb_service.pool.guard import guarded
from nb_service.pool.link import Link, separate
from nb_service.pool.plan import Plan
from nb_service.pool.scorer_manager import Staff
from nb_service.pool.turns import TurnLoop

if TYPE_CHECKING:
    import asyncio

# A scorer that works for so long on one call keeps nothing from those that are idle.
PATIENCE_SECONDS = 0.005
# One call for many samples may take this share of the time limit; then they are asked alone, so that one
# that hangs is known after little more than the limit.
BATCH_SHARE = 0.25
# A forked replacement is there much sooner. One that loads the model itself may take long, and a balancer should know.
ABSENCE_SECONDS = 1.0


class Pool:
    """The client of a model's scorers; every method is for the loop's thread.

    `staff` tells of the scorers themselves; its `on_change` is called when `ready` may have changed,
    its `on_fatal` with the Problem that makes going on useless. How many bytes wait here is bounded by
    who gives them; how many samples, by the plan.
    """

    def __init__(
        self,
        loop: TurnLoop,
        model: ModelFolder,
        plan: Plan,
        say: Callable[[str], object] = print,
        stdout: IO | None = None,
    ) -> None:
        self.model = model
        self.plan = plan
        self.staff = Staff(loop, model, plan, say, stdout)
        self.staff.on_unanswered = self._ask_again
        self.staff.on_room = self._room
        self.staff.on_empty = self._refill
        self._loop = loop
        self._say = say
        self._queue: deque[Job] = deque()
        self._turn_scheduled = False
        self._called = False  # in this turn's end, a callback or a timer was given to the loop
        self._look_again: asyncio.TimerHandle | None = None
        self._there_at = 0.0  # when a scorer was last seen to take samples
        self._deserted = False  # for longer than ABSENCE_SECONDS
        self._one_by_one = plan.batch == 1
        self._kind = frames.SAMPLE if self._one_by_one else frames.TOGETHER

    @property
    def ready(self) -> bool:
        """Return whether a sample given now can be expected to be answered soon."""
        return self.staff.warm and self.staff.hopeful and not self._deserted

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
        """Return how many samples scorers have."""
        return sum(link.ahead + 1 for link in self.staff.links.values())

    def submit(self, body: bytes, done: Callable[[Answer], None]) -> Job:
        """Queue a sample (its JSON); `done` gets its Answer on a later turn of the loop, never now.

        Before the first scorer is ready it waits, for no longer than a prediction may take.
        """
        return self._submit(Job(body, done, self._kind))

    def submit_many(self, body: bytes, done: Callable[[Answer], None]) -> Job:
        """Queue a JSON array of samples for one scorer, as `submit` does.

        The Answer's payload is the array of their answers; of the first that fails, it is what that one
        gets, with its "index" in the payload.
        """
        return self._submit(Job(body, done, frames.MANY))

    def is_waiting(self, job: Job) -> bool:
        """Return whether no scorer has this sample yet."""
        return job in self._queue

    def abandon(self, job: Job) -> None:
        """Let go of a sample whose client is gone: if it waits, it leaves the queue, and is answered no more.

        One that a scorer has goes on, and its `done` is called; if that scorer dies, it is not asked again.
        """
        job.abandoned = True
        try:
            self._queue.remove(job)
        except ValueError:
            # A scorer has it, or its answer is on its way.
            return

    def start(self) -> None:
        """Start the scorers."""
        self.staff.start()
        self._check_limits()

    def stop(self, seconds: float = 1.0) -> None:
        """End every scorer within `seconds`; what is unanswered gets NOT_READY."""
        unanswered = self.staff.stop(seconds) + list(self._queue)
        self._queue.clear()
        for job in unanswered:
            guarded(job.done, Answer(NOT_READY))

    def _submit(self, job: Job) -> Job:
        staff = self.staff
        if not staff.hopeful:
            self._answer_soon(job, NOT_READY)
        elif len(self._queue) >= self.plan.max_queue:
            self._answer_soon(job, FULL)
        else:
            self._queue.append(job)
            if not staff.warm:
                job.since = time.monotonic()
            elif self._one_by_one and self._anyone_idle():
                # An idle scorer starts now; for busy ones, and for batches, the samples of a turn go out in one send.
                self._pump()
            elif not self._turn_scheduled and self._anyone_low():
                self._schedule()
        return job

    def _anyone_idle(self) -> bool:
        # No any(): a generator costs more than the loop in it.
        for link in self.staff.free:  # noqa: SIM110
            if not link.in_flight:
                return True
        return False

    def _anyone_low(self) -> bool:
        return any(link.is_low() for link in self.staff.free)

    def _answer_soon(self, job: Job, outcome: int) -> None:
        self._called = True
        self._loop.call_soon(guarded, job.done, Answer(outcome))

    def _room(self, link: Link | None) -> None:
        """Look at the queue after this turn, if this link's answers, or with None anything, may matter to it."""
        if (
            link is None
            or (self._queue and link.is_low())
            or (not link.in_flight and any(one.ahead > 0 for one in self.staff.free))
        ):
            self._schedule()

    def _refill(self, link: Link) -> None:
        """Give a scorer that answers samples together its next ones now: it works on them while answers go out."""
        if self._queue and not self._one_by_one and link in self.staff.free:
            self._deal([link])
            link.flush()

    def _schedule(self) -> None:
        """Deal with all that comes in this turn of the loop once, at its end."""
        if not self._turn_scheduled:
            self._turn_scheduled = True
            self._loop.at_end(self._turn)

    def _turn(self) -> bool:
        """Deal; return whether the loop was given something to do."""
        self._turn_scheduled = self._called = False
        try:
            self._pump()
            self._relieve()
        except Exception:  # noqa: BLE001 - the next turn may do better
            traceback.print_exc()
        return self._called

    def _pump(self) -> None:
        """Hand waiting samples to scorers with room, the least busy first."""
        if self.staff.warm:
            free = self.staff.free
            if self._queue:
                self._deal([link for link in free if link.is_low()])
            for link in free:
                link.flush()
        if self._queue and not self.staff.hopeful:
            self._refuse_all()

    def _deal(self, free: list[Link]) -> None:
        waiting = self._queue
        if len(free) == 1:
            link = free[0]
            while waiting and link.room() > 0:
                link.give(waiting.popleft())
            return
        places = [(bool(link.in_flight), -link.room(), number) for number, link in enumerate(free)]
        heapq.heapify(places)
        while waiting and places and places[0][1] < 0:
            number = places[0][2]
            link = free[number]
            link.give(waiting.popleft())
            heapq.heapreplace(places, (True, -link.room(), number))

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
            self._called = True
            self._look_again = self._loop.call_later(PATIENCE_SECONDS, guarded, self._look)

    def _share(self, link: Link, idle: list[Link]) -> None:
        for one in idle:
            for job in link.take_back(one.room()):
                one.give(job)
            one.flush()

    def _look(self) -> None:
        self._look_again = None
        self._relieve()

    def _refuse_all(self) -> None:
        while self._queue:
            self._answer_soon(self._queue.popleft(), NOT_READY)

    def _ask_again(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.abandoned:
                self._answer_soon(job, DIED)
        self._queue.extendleft(job for job in reversed(jobs) if not job.abandoned)
        self._schedule()

    def _check_limits(self) -> None:
        if self.staff.stopping:
            return
        self._loop.call_later(min(0.25, self.plan.predict_timeout / 5), self._check_limits)
        now = time.monotonic()
        for link in list(self.staff.links.values()):
            guarded(self._check_limit, link, now)
        guarded(self.staff.replace_silent, now)
        guarded(self._look_for_scorers, now)

    def _check_limit(self, link: Link, now: float) -> None:
        limit = self.plan.predict_timeout
        allowed = limit if link.suspects < 2 else limit * BATCH_SHARE
        if link.in_flight and now - link.head_since > allowed:
            self._too_slow(link, allowed)

    def _look_for_scorers(self, now: float) -> None:
        """Turn not ready while no scorer has the model; nothing waits for one longer than a prediction may take."""
        if not self.staff.warm:
            self._refuse_old(now - self.plan.predict_timeout)
        if self.staff.free or not (self.staff.warm and self.staff.hopeful):
            self._there_at = now
        absence = now - self._there_at
        was, self._deserted = self._deserted, absence > ABSENCE_SECONDS
        if self._deserted and not was:
            self._say("No scorer has the model: not ready until one has loaded it.")
        elif was and self.staff.free:
            self._say("A scorer is back.")
        if absence > max(ABSENCE_SECONDS, self.plan.predict_timeout):
            self._refuse_all()

    def _refuse_old(self, before: float) -> None:
        """Refuse what has waited for the first scorer since a time `before` this one."""
        while self._queue and self._queue[0].since < before:
            self._answer_soon(self._queue.popleft(), NOT_READY)

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
            guarded(slow.done, Answer(TOO_SLOW))
