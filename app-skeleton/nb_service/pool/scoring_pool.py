"""The pool that back ends use: a bounded queue, and the scorers that take samples from it."""

import heapq
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from nb_scorer.protocol import frames

from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import DIED, FULL, NOT_READY, TOO_SLOW, Answer, Job
from nb_service.pool.guard import guarded
from nb_service.pool.link import Link, separate
from nb_service.pool.plan import Plan
from nb_service.pool.reload import Reload
from nb_service.pool.scorer_manager import ScorerManager
from nb_service.pool.turns import TurnLoop

if TYPE_CHECKING:
    import asyncio

# If a scorer has worked on one call for this long, samples sent after it go to idle scorers.
PATIENCE_SECONDS = 0.005
# A call with many samples may take this share of the time limit; after that, each sample is scored alone. So a sample
# that hangs is detected after little more than the time limit.
BATCH_SHARE = 0.25
# After the client of a stream has left, predictor has INTERRUPT_SECONDS to yield its next item, and its scorer has
# CLOSE_SECONDS in all before it is killed.
INTERRUPT_SECONDS = 0.4
CLOSE_SECONDS = 0.9
# The service becomes not ready after this long without a scorer. A forked replacement starts much faster; one that
# loads the model itself may take long, and load balancers should know.
ABSENCE_SECONDS = 1.0

# Scorers of a model without teardown need no time to exit.
STOP_SECONDS = 1.0


class Pool:
    """The queue before a model's scorers; every method is for the loop's thread.

    `manager` starts and stops the scorers. It calls `on_change` when `ready` may have changed, and `on_fatal` with a
    Problem that makes serving impossible. The plan limits the number of waiting samples; callers limit their bytes.
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
        self.manager = ScorerManager(loop, model, plan, say, stdout)
        self.manager.on_unanswered = self._ask_again
        self.manager.on_room = self._room
        self.manager.on_empty = self._refill
        self.manager.on_batching_ended = self._stop_batching
        self._replaced: list[ScorerManager] = []  # scorers that finish their samples, or are exiting
        self._reload: Reload | None = None  # the latest one, finished or not
        self._loop = loop
        self._say = say
        self._queue: deque[Job] = deque()
        # Samples that may have killed a scorer with several requests, and the scorer that gets no other sample until it
        # has none, so that it can take the first of them.
        self._suspects: deque[Job] = deque()
        self._reserved: Link | None = None
        self._turn_scheduled = False
        self._gave_loop_work = False  # whether the work at the end of this turn scheduled a callback or a timer
        self._look_again: asyncio.TimerHandle | None = None
        self._last_present = 0.0  # when a scorer last took samples, in the loop's time
        self._deserted = False  # whether no scorer has taken samples for longer than ABSENCE_SECONDS
        self._one_by_one = plan.batch == 1
        # Called when `together` becomes False.
        self.on_one_by_one: list[Callable[[], object]] = []
        self._kind = frames.SAMPLE if self._one_by_one else frames.TOGETHER

    @property
    def ready(self) -> bool:
        """Return whether scorers have the model, so that a sample submitted now is scored soon."""
        return self.manager.warm and self.manager.accepts_samples and not self._deserted

    @property
    def why_not_ready(self) -> str:
        """Return why `ready` is False, as a sentence that reveals no model data; "" if it is True."""
        if self.ready:
            return ""
        if self.manager.stopping:
            return "The service is stopping."
        return self.manager.why_not_ready or "No scorer is running; the log shows how the last one crashed."

    @property
    def has_idle_scorer(self) -> bool:
        """Return whether a sample submitted now would be scored at once."""
        return not self._queue and self._anyone_idle()

    @property
    def busy(self) -> bool:
        """Return whether a sample is waiting or being scored."""
        return bool(self.waiting) or any(manager.is_busy for manager in self._managers)

    @property
    def waiting(self) -> int:
        """Return how many samples wait for a scorer."""
        return len(self._queue) + len(self._suspects)

    @property
    def in_flight(self) -> int:
        """Return the number of samples sent to scorers and not answered yet."""
        return sum(link.ahead + 1 for link in self._links)

    @property
    def streams(self) -> int:
        """Return the number of streams in progress."""
        return sum(link.is_streaming for link in self._links)

    @property
    def _managers(self) -> tuple[ScorerManager, ...]:
        """Return the manager of the scorers that take samples, and those that are replaced."""
        return self.manager, *self._replaced

    @property
    def _links(self) -> Iterator[Link]:
        return (link for manager in self._managers for link in manager.all_links)

    @property
    def is_reloading(self) -> bool:
        """Return whether other scorers are started to replace the present ones."""
        return self._reload is not None and not self._reload.is_over

    @property
    def child_pids(self) -> tuple[int | None, ...]:
        """Return the process ids of the children of this process; None for those that are not running."""
        return tuple(pid for manager in self._all_managers for pid in manager.child_pids)

    @property
    def _all_managers(self) -> tuple[ScorerManager, ...]:
        starting = (self._reload.candidate,) if self._reload is not None and self.is_reloading else ()
        return *self._managers, *starting

    def reap(self) -> None:
        """Reap the children that have exited."""
        for manager in self._all_managers:
            manager.reap()

    def submit(
        self,
        body: bytes,
        done: Callable[[Answer], None],
        request_id: str | None = None,
        call: bytes = b"",
        stream: int = 0,
    ) -> Job:
        """Queue a sample (its JSON). `done` gets its Answer in a later turn of the loop, never during this call.

        `call` is as in Job. If `stream` contains flags of nb_scorer.protocol.frames, `done` gets each item of the
        prediction as an Answer with the outcome ITEM, and `take_items` must be called for the items that the client has
        taken.

        Before the first scorer is ready, a sample waits, but no longer than a prediction may take.
        """
        return self._submit(Job(body, done, frames.SAMPLE | stream if stream else self._kind, request_id, call))

    def submit_many(
        self, body: bytes, done: Callable[[Answer], None], request_id: str | None = None, call: bytes = b""
    ) -> Job:
        """Queue a JSON array of samples for one scorer, as `submit` does.

        The Answer's payload is the array of predictions. If a prediction fails, the Answer is that of the first
        failure, with the sample's "index" in the payload.
        """
        return self._submit(Job(body, done, frames.MANY, request_id, call))

    def submit_block(
        self, body: bytes, done: Callable[[Answer], None], request_id: str | None = None, call: bytes = b""
    ) -> Job:
        """Queue a block of numbers (see nb_scorer.protocol.number_blocks), as `submit_many` does."""
        return self._submit(Job(body, done, frames.BLOCK, request_id, call))

    def submit_files(
        self,
        body: bytes,
        done: Callable[[Answer], None],
        request_id: str | None = None,
        call: bytes = b"",
        prefix: bytes = b"",
        stream: int = 0,
    ) -> Job:
        """Queue a sample with files (see nb_scorer.model.binary), which starts with `prefix`, as `submit` does."""
        return self._submit(Job(body, done, frames.FILES | stream, request_id, call, prefix))

    def take_items(self, job: Job, count: int = 1) -> None:
        """Record that the client of a stream has taken `count` more items; its scorer sends no more than that."""
        if job.link is not None:
            job.link.take_items(job, count)

    def is_waiting(self, job: Job) -> bool:
        """Return whether no scorer has this sample yet."""
        return job in self._queue or job in self._suspects

    def abandon(self, job: Job) -> None:
        """Drop a sample whose client has gone: if it is still waiting, it leaves the queue, and `done` is never called.

        A sample that a scorer already has is finished, and `done` is called; if that scorer dies, the sample is not
        retried. If it is a stream, its generator is closed, and a scorer that can't close it in time is replaced.
        """
        job.abandoned = True
        try:
            (self._suspects if job in self._suspects else self._queue).remove(job)
        except ValueError:
            # A scorer has it, or its answer is on its way.
            if job.link is not None:
                job.link.cancel(job)
                self._loop.call_later(INTERRUPT_SECONDS, guarded, self._interrupt, job)

    def _interrupt(self, job: Job) -> None:
        """Interrupt the scorer that still works on a stream whose client has left."""
        if job.link is not None and job.link.interrupt(job):
            self._loop.call_later(CLOSE_SECONDS - INTERRUPT_SECONDS, guarded, self._replace_stuck, job)

    def _replace_stuck(self, job: Job) -> None:
        """Replace the scorer that could not close a stream's generator."""
        link = job.link
        if link is not None and link.interrupt(job):
            self._say(f"Scorer {link.pid} is killed: it did not end a stream within 1 s after the client left.")
            self._ask_again(self._manager_of(link).dismiss(link, "too slow"))

    def _manager_of(self, link: Link) -> ScorerManager:
        return next((each for each in self._all_managers if each.links.get(link.number) is link), self.manager)

    def reload(self) -> Reload:
        """Start other scorers, which replace the present ones once they have answered the golden rows.

        The new scorers check the weights against weights.lock, and call setup. Until they are ready, and if they fail,
        the present ones take samples. They start when those of an earlier reload have exited, so that at most two sets
        run. Returns the reload in progress, if there is one.
        """
        if self._reload is not None and not self._reload.is_over:
            return self._reload
        number = self._reload.number + 1 if self._reload is not None else 1
        candidate = self.manager.successor(lambda text: self._say(f"Reload: {text}"))
        # Only streams can still be running by then.
        patience = self.plan.predict_timeout + (self.plan.teardown_seconds or STOP_SECONDS)
        self._reload = Reload(number, candidate, self._adopt, self._discard, patience)
        self._begin_reload()
        return self._reload

    def _begin_reload(self) -> None:
        """Start the scorers of a requested reload, unless it has to wait."""
        reload = self._reload
        if reload is None or reload.has_begun or reload.is_over:
            return
        if self._replaced:
            reload.wait()
            return
        self._say("Reload: starting other scorers; the present ones predict until these are ready.")
        reload.start()

    def end_reload(self) -> None:
        """End a reload in progress, because the service stops."""
        if self._reload is not None:
            self._reload.stop()

    def reload_state(self, number: int) -> dict[str, object]:
        """Return the state of a reload by its number; {} for any but the latest."""
        reload = self._reload
        return reload.as_json() if reload is not None and reload.number == number else {}

    def _adopt(self, candidate: ScorerManager) -> None:
        """Give all new samples to the scorers of a reload; the present ones finish the samples that they have."""
        old, self.manager = self.manager, candidate
        candidate.take_over(old)
        self._retire(old)
        self._say("Reload: the new scorers are ready, and take all samples from now on.")
        self._schedule()
        guarded(candidate.on_change)

    def _discard(self, failed: Reload) -> None:
        """Stop the scorers of a failed reload."""
        self._retire(failed.candidate)
        self._say(f"Reload: failed, the present scorers are kept. {failed.why_not}")

    def _retire(self, manager: ScorerManager) -> None:
        """Send no more samples to these scorers; `_end_replaced` stops them."""
        manager.retire()
        self._replaced.append(manager)

    def _end_replaced(self) -> None:
        """Stop replaced scorers that have answered all of their samples, and those of failed reloads."""
        for manager in self._replaced:
            if not manager.is_answering:
                manager.finish()
        self._replaced = [manager for manager in self._replaced if not manager.is_finished]
        self._begin_reload()

    def start(self) -> None:
        """Start the scorers."""
        self.manager.start()
        self._check_limits()

    def stop(self, seconds: float | None = None) -> None:
        """Stop every scorer; unanswered samples get NOT_READY.

        A notebook's teardown has `seconds`, by default those of the plan.
        """
        if self.plan.teardown_seconds is None:
            patience = STOP_SECONDS
        else:
            patience = max(STOP_SECONDS, self.plan.teardown_seconds if seconds is None else seconds)
        self.end_reload()
        latest = time.monotonic() + patience
        unanswered = self.manager.stop(patience)
        for manager in self._replaced:
            # All managers stop at the same time, so that a setup that hangs does not delay the others.
            unanswered += manager.stop(max(0.0, latest - time.monotonic()))
        for waiting in (self._queue, self._suspects):
            unanswered += waiting
            waiting.clear()
        for job in unanswered:
            guarded(job.done, Answer(NOT_READY))

    def _submit(self, job: Job) -> Job:
        manager = self.manager
        if not manager.accepts_samples:
            self._answer_soon(job, NOT_READY)
        elif len(self._queue) >= self.plan.max_queue:
            self._answer_soon(job, FULL)
        else:
            self._queue.append(job)
            if not manager.warm or job.kind & frames.STREAMED:
                job.since = time.monotonic()
            if manager.warm and self._one_by_one and self._anyone_idle():
                # An idle scorer gets its sample now; samples for busy scorers, or for batches, are sent together at the
                # end of the turn.
                self._pump()
            elif manager.warm and not self._turn_scheduled and self._anyone_low():
                self._schedule()
        return job

    def _anyone_idle(self) -> bool:
        # Not any(): a generator costs more than the loop.
        for link in self.manager.open_links:  # noqa: SIM110
            if not link.in_flight:
                return True
        return False

    def _anyone_low(self) -> bool:
        return any(link.is_low() for link in self.manager.open_links)

    @property
    def together(self) -> bool:
        """Return whether a scorer scores an array in one call; if False, divide arrays among the scorers."""
        return not self._one_by_one

    @property
    def form(self) -> str:
        """Return how samples are scored: "batch_predictor", "derived" (predictor's batch form), or "one by one"."""
        return "one by one" if self._one_by_one else self.plan.form

    def _stop_batching(self) -> None:
        self._one_by_one, self._kind = True, frames.SAMPLE
        for job in self._queue:
            if job.kind == frames.TOGETHER:
                job.kind = frames.SAMPLE
        for report in list(self.on_one_by_one):
            guarded(report)

    def _answer_soon(self, job: Job, outcome: int) -> None:
        self._gave_loop_work = True
        self._loop.call_soon(guarded, job.done, Answer(outcome))

    def _room(self, link: Link | None) -> None:
        """Schedule the distribution of samples if needed; `link` has answered, None if anything may have changed."""
        if (
            link is None
            or ((self._queue or self._suspects) and link.is_low())
            or (not link.in_flight and any(other.ahead > 0 for other in self.manager.free))
        ):
            self._schedule()

    def _refill(self, link: Link) -> None:
        """Give a scorer of batches its next samples at once, to work on while its last answers are sent."""
        if self._queue and not self._one_by_one and link in self.manager.free:
            self._deal([link])
            link.flush()

    def _schedule(self) -> None:
        """Distribute samples once, at the end of this turn of the loop, when all its events are known."""
        if not self._turn_scheduled:
            self._turn_scheduled = True
            self._loop.at_end(self._turn)

    def _turn(self) -> bool:
        """Distribute samples; return whether that scheduled a callback or a timer."""
        self._turn_scheduled = self._gave_loop_work = False
        try:
            self._pump()
            self._relieve()
        except Exception:  # noqa: BLE001 - the next turn may do better
            traceback.print_exc()
        return self._gave_loop_work

    def _pump(self) -> None:
        """Give waiting samples to scorers with room, the least busy first."""
        if self.manager.warm:
            free = self.manager.open_links
            if self.plan.concurrency > 1:
                self._deal_to_lanes()
            elif self._queue:
                self._deal([link for link in free if link.is_low()])
            for link in free:
                link.flush()
        if self.waiting and not self.manager.accepts_samples:
            self._reject_all()

    def _deal_to_lanes(self) -> None:
        """Give waiting samples to the scorers with the fewest; a suspect waits until a scorer has none."""
        self._deal_suspect()
        while self._queue:
            scorers = [link for link in self.manager.free if self._is_open(link)]
            if not scorers:
                return
            link = min(scorers, key=lambda scorer: scorer.busy_lanes)
            next(lane for lane in link.lanes if not lane.in_flight).give(self._queue.popleft())

    def _is_open(self, link: Link) -> bool:
        return link is not self._reserved and link.busy_lanes < len(link.lanes) and not link.has_suspect

    def _deal_suspect(self) -> None:
        if not self._suspects:
            self._reserved = None
            return
        if self._reserved not in self.manager.free:
            candidates = [link for link in self.manager.free if not link.has_suspect]
            self._reserved = min(candidates, key=lambda scorer: scorer.busy_lanes, default=None)
        if self._reserved is not None and not self._reserved.busy_lanes:
            self._reserved.give(self._suspects.popleft())
            self._reserved.flush()
            self._reserved = None

    def _deal(self, free: list[Link]) -> None:
        waiting = self._queue
        if len(free) == 1:
            link = free[0]
            while waiting and link.room() > 0:
                link.give(waiting.popleft())
            return
        heap = [(bool(link.in_flight), -link.room(), number) for number, link in enumerate(free)]
        heapq.heapify(heap)
        while waiting and heap and heap[0][1] < 0:
            number = heap[0][2]
            link = free[number]
            link.give(waiting.popleft())
            heapq.heapreplace(heap, (True, -link.room(), number))

    def _relieve(self) -> None:
        """Give idle scorers the samples that were queued at scorers that turned out to be slow."""
        free = self.manager.free
        idle = [link for link in free if not link.in_flight]
        if not idle or len(idle) == len(free):
            return
        slow_since = time.monotonic() - PATIENCE_SECONDS
        for link in free:
            if link.ahead > 0 and link.head_since <= slow_since:
                self._share(link, idle)
        # A link that is slow already is checked again with the next answer or sample; the others need a timer.
        if self._look_again is None and any(link.ahead > 0 and link.head_since > slow_since for link in free):
            self._gave_loop_work = True
            self._look_again = self._loop.call_later(PATIENCE_SECONDS, guarded, self._look)

    def _share(self, link: Link, idle: list[Link]) -> None:
        for receiver in idle:
            for job in link.take_back(receiver.room()):
                receiver.give(job)
            receiver.flush()

    def _look(self) -> None:
        self._look_again = None
        self._relieve()

    def _reject_all(self) -> None:
        for waiting in (self._suspects, self._queue):
            while waiting:
                self._answer_soon(waiting.popleft(), NOT_READY)

    def _ask_again(self, jobs: list[Job]) -> None:
        for job in jobs:
            # Items that a client has received can't be withdrawn, so a stream is not retried.
            if job.abandoned or job.has_begun:
                self._answer_soon(job, DIED)
        again = [job for job in jobs if not (job.abandoned or job.has_begun)]
        if self.plan.concurrency > 1:
            suspects = [job for job in again if job.is_suspect]
            for job in suspects:
                job.since = time.monotonic()
            self._suspects += suspects
            again = [job for job in again if not job.is_suspect]
        self._queue.extendleft(reversed(again))
        self._schedule()

    def _check_limits(self) -> None:
        if self.manager.stopping:
            return
        self._loop.call_later(min(0.25, self.plan.predict_timeout / 5), self._check_limits)
        now = time.monotonic()
        for manager in self._all_managers:
            for link in manager.all_links:
                guarded(self._check_limit, link, now)
            guarded(manager.replace_silent, now)
        while self._suspects and now - self._suspects[0].since > self.plan.predict_timeout:
            # All scorers work on streams.
            self._answer_soon(self._suspects.popleft(), DIED)
        guarded(self._end_replaced)
        guarded(self._look_for_scorers, now)

    def _check_limit(self, link: Link, now: float) -> None:
        link.withdraw()
        if link.has_progressed() or link.is_held:
            link.head_since = now
        limit = self.plan.predict_timeout
        allowed = limit if link.suspects < 2 else limit * BATCH_SHARE
        if link.in_flight and now - link.head_since > allowed:
            if self.plan.concurrency > 1:
                self._give_up(link, allowed)
            else:
                self._too_slow(link, allowed)
        elif self.plan.concurrency > 1 and link.is_given_up and now - link.head_since > CLOSE_SECONDS:
            self._replace_unresponsive(link)

    def _give_up(self, link: Link, allowed: float) -> None:
        """End one of a scorer's requests that took too long."""
        slow = link.give_up()
        if slow is None:
            self._replace_unresponsive(link)
            return
        what = "an item of a stream" if slow.kind & frames.STREAMED else "one sample"
        self._say(f"Scorer {link.pid} worked on {what} for more than {allowed:g} s (S2I_PREDICT_TIMEOUT): cancelled.")
        guarded(slow.done, Answer(TOO_SLOW))

    def _replace_unresponsive(self, link: Link) -> None:
        """Replace a scorer that has not cancelled a request: its other requests are scored again, each alone."""
        self._say(f"Scorer {link.pid} is killed: it did not cancel a request within {CLOSE_SECONDS:g} s.")
        separate([*link.begun, *link.begun])
        scorer = link.first_lane
        self._ask_again(self._manager_of(scorer).dismiss(scorer, "too slow"))

    def _look_for_scorers(self, now: float) -> None:
        """Become not ready while no scorer has the model; reject samples that have waited for one too long."""
        if not self.manager.warm:
            self._reject_old(now - self.plan.predict_timeout)
        if self.manager.free or not (self.manager.warm and self.manager.accepts_samples):
            self._last_present = now
        absence = now - self._last_present
        was_deserted, self._deserted = self._deserted, absence > ABSENCE_SECONDS
        if self._deserted and not was_deserted:
            self._say("No scorer has the model: not ready until one has loaded it.")
        elif was_deserted and self.manager.free:
            self._say("A scorer is running again.")
        if absence > max(ABSENCE_SECONDS, self.plan.predict_timeout):
            self._reject_all()

    def _reject_old(self, before: float) -> None:
        """Reject the samples that have been waiting for the first scorer since before this time."""
        while self._queue and self._queue[0].since < before:
            self._answer_soon(self._queue.popleft(), NOT_READY)

    def _too_slow(self, link: Link, allowed: float) -> None:
        suspects = max(1, link.suspects)
        begun = link.first(suspects)
        what, limit = "one sample", "S2I_PREDICT_TIMEOUT"
        if begun and begun[0].kind & frames.STREAMED:
            what = "an item of a stream"
        if suspects > 1:
            what, limit = f"{suspects} samples in one call, which are now scored alone,", f"a quarter of {limit}"
        self._say(f"Scorer {link.pid} is killed: it worked on {what} for more than {allowed:g} s ({limit}).")
        unanswered = self._manager_of(link).dismiss(link, "too slow")
        slow = unanswered.pop(0) if suspects == 1 and begun else None
        separate(begun)
        self._ask_again(unanswered)
        if slow is not None:
            guarded(slow.done, Answer(TOO_SLOW))
