"""Takes messages, scores them and settles them, with limits, retries, order, and reconnecting.

A delivery is *work* from when it is taken until the broker has stored its outcome. Each one is scored in its own task,
so that a slow sample doesn't delay others. Outcomes are settled in batches: while the broker stores one, the next one
fills up. Within a lane, they are settled in the order in which they were taken.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

from nb_service.backends.bus import messages as forms
from nb_service.backends.bus.brokers import Away, Broker, Delivery, Lag, Outcome
from nb_service.backends.bus.messages import Messages
from nb_service.http import replies
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.pool.async_client import AsyncPoolClient
from nb_service.protocols import Malformed, Question, Series

# Take this many seconds of work ahead, at the recent rate, so that scorers never wait for the broker.
AHEAD_SECONDS = 0.25
# Take at least the work of this many settlements ahead, however slow the broker is. Otherwise, the measured rate would
# include waiting for it, and never recover.
SETTLES_AHEAD = 3
# The bus uses 1/QUEUE_SHARE of the pool's queue; the rest is for HTTP.
QUEUE_SHARE = 2
# Stop taking messages while those in progress have this many bytes. After a large message, take only as many as would
# fit if all were as large; with each message, that size is forgotten by this share.
MAX_BYTES = 64 << 20
FORGOTTEN_SHARE = 1 / 64
# The number of samples in an array for batch_predictor, as in HTTP.
TOGETHER = 1000
# Maximum number of outcomes in one settlement.
MAX_SETTLED = 512
# If there is room for only a few messages, wait this long for more, because each `take` costs a round trip.
GATHER_SECONDS = 0.002
FIRST_PAUSE, MAX_PAUSE = 0.1, 15.0
# Backoff for retrying while the pool is full or starting.
POOL_PAUSE, MAX_POOL_PAUSE = 0.02, 0.5
LAG_SECONDS = 1.0
# The time that the tasks of a closed connection get to finish.
CLOSE_SECONDS = 2.0


class Counts:
    """The counts since the last report."""

    def __init__(self) -> None:
        self.taken = self.redelivered = self.answered = self.lost = 0
        self.errors: dict[str, int] = {}

    def numbers(self) -> dict:
        """Return the counts in a form that JSON can hold."""
        return {
            "taken": self.taken,
            "redelivered": self.redelivered,
            "answered": self.answered,
            "lost": self.lost,
            "errors": self.errors,
        }


class Work:
    """A delivery in progress; `outcome` is None until it is known, and stays None if the delivery is given back."""

    __slots__ = ("delivery", "is_done", "outcome", "task")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.outcome: Outcome | None = None
        self.is_done = False
        self.task: asyncio.Task | None = None


class Consumer:
    """Takes samples from `broker`, scores them with `pool` and settles them, until `finish` is called.

    `say` receives sentences for the log, in which the broker is called `name`. `tries` and `arrays` are settings,
    `reclaim` is in seconds. Must be created inside a running loop.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each is used as it is
        self,
        broker: Broker,
        pool: AsyncPoolClient,
        messages: Messages,
        say: Callable[[str], object],
        name: str,
        tries: int = 5,
        reclaim: float = 10.0,
        arrays: bool = False,
    ) -> None:
        self.connected = False
        self.lag: Lag | None = None
        self._broker = broker
        self._pool = pool
        self._messages = messages
        self._say = say
        self._name = name
        self._tries = tries
        self._reclaim = reclaim
        self._arrays = arrays
        self._counts = Counts()
        self._works: dict[str, Work] = {}  # by delivery id
        self._lanes: dict[Hashable, deque[Work]] = {}
        self._ready: deque[Work] = deque()  # finished, and first in their lanes
        self._bytes = 0
        self._large = 0.0  # bytes of recent large messages
        self._stalled = 0  # number of works waiting for the pool to accept them
        self._most = max(1, pool.max_queue // QUEUE_SHARE)
        self._least = min(self._most, 2 * pool.at_once)
        self._bug: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taking = False  # whether a `take` is in progress
        self._broken = False  # whether the current connection has failed
        self._rate = 0.0  # the recent rate in works per second
        self._settled = 0  # when the rate was last updated
        self._settle_seconds = 0.0  # the recent duration of a settlement in seconds
        self._finishing = False
        self._change = asyncio.Event()
        self._ending = asyncio.Event()
        self._away_since: float | None = None
        self._why_away: set[str] = set()
        self._was_blocked = False

    @property
    def window(self) -> int:
        """Return how many deliveries may be in progress now."""
        ahead = max(AHEAD_SECONDS, SETTLES_AHEAD * self._settle_seconds)
        return max(self._least, min(self._most, int(self._rate * ahead)))

    def finish(self) -> None:
        """Stop taking messages; `run` returns when everything taken is settled or given back."""
        self._finishing = True
        self._ending.set()
        self._change.set()

    def numbers(self) -> dict:
        """Return the state, and the counts since the last call, in a form that JSON can hold."""
        counts, self._counts = self._counts, Counts()
        sinces = [work.delivery.since for work in self._works.values() if work.delivery.since]
        if self.lag is not None and self.lag.waiting and self.lag.since:
            sinces.append(self.lag.since)
        return {
            "connected": self.connected,
            "in_flight": len(self._works),
            "waiting": self.lag.waiting if self.lag is not None else None,
            "oldest_seconds": max(0.0, time.time() - min(sinces)) if sinces else 0.0,
            "counts": counts.numbers(),
        }

    async def run(self) -> None:
        """Run until `finish`, reconnecting as often as necessary."""
        pause = FIRST_PAUSE
        while not self._is_over():
            try:
                if not await self._connect():
                    return
                if not self._broker.keeps_claims:
                    self._forget()
                pause = FIRST_PAUSE if await self._work() else pause
            except Away as reason:
                pause = FIRST_PAUSE if self.connected else min(MAX_PAUSE, 2 * pause)
                self._note_away(str(reason))
            finally:
                await self._broker.close()
            if not self._is_over():
                # Varied randomly, because all services of a group lose a broker at the same moment.
                await self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _connect(self) -> bool:
        """Connect; return whether that succeeded, False after a shutdown."""
        connecting = asyncio.ensure_future(self._broker.connect(self._most))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({connecting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() and self._is_over():
                return False
            await connecting
            return True
        finally:
            ending.cancel()
            connecting.cancel()

    def _is_over(self) -> bool:
        return self._finishing and not any(work.outcome or not work.is_done for work in self._works.values())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but wake up when `finish` is called."""
        if self._finishing:
            await asyncio.sleep(min(seconds, 0.2))
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    # --- one connection ---

    async def _work(self) -> bool:
        """Take and settle until finished; return whether all is finished. Raise Away."""
        self._taking = self._broken = self._was_blocked = False
        taking = asyncio.create_task(self._take())
        settling = asyncio.create_task(self._settle())
        background = [asyncio.create_task(self._hold()), asyncio.create_task(self._look())]
        tasks = [taking, settling, *background]
        try:
            pending: set[asyncio.Future] = {*tasks, self._bug}
            while not (taking.done() and settling.done()):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    # This raises its exception again.
                    task.result()
            await self._give_back()
            return True
        finally:
            self._broken = True
            await self._broker.close()
            # Closing stops the tasks that waited for the broker; cancel the others.
            ends = [task for task in tasks if not task.done()]
            if taking in ends and self._taking:
                await asyncio.wait([taking], timeout=CLOSE_SECONDS)
            for task in ends:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self) -> None:
        await self._pool_is_ready()
        while not (self._finishing or self._broken):
            if not self._room():
                await self._changed()
                continue
            if self._room() < self.window // 4:
                await asyncio.sleep(GATHER_SECONDS)
            self._taking = True
            deliveries = await self._broker.take(self._room())
            self._taking = False
            self._note_connected()
            for delivery in deliveries:
                self._begin(delivery)
        if self._finishing:
            await self._broker.stop()

    async def _pool_is_ready(self) -> None:
        """Wait until the model is loaded: samples taken earlier would only be held."""
        while not self._finishing and not (await self._pool.facts()).get("answers"):
            await self._sleep(POOL_PAUSE * 5)

    def _room(self) -> int:
        if self._stalled or self._bytes >= MAX_BYTES:
            return 0
        room = max(0, self.window - len(self._works))
        return min(room, max(1, int((MAX_BYTES - self._bytes) // self._large))) if self._large else room

    async def _changed(self) -> None:
        self._change.clear()
        await self._change.wait()

    def _begin(self, delivery: Delivery) -> None:
        known = self._works.get(delivery.id)
        if known is not None:
            # The broker redelivered a message that is in progress here, so only the claim is new.
            known.delivery.claim = delivery.claim
            return
        self._counts.taken += 1
        self._counts.redelivered += delivery.deliveries > 1
        work = self._works[delivery.id] = Work(delivery)
        self._bytes += len(delivery.body)
        self._large = max(len(delivery.body), self._large * (1 - FORGOTTEN_SHARE))
        if delivery.lane is not None:
            self._lanes.setdefault(delivery.lane, deque()).append(work)
        work.task = asyncio.create_task(self._score(work))

    async def _settle(self) -> None:
        began = time.monotonic()
        while True:
            while not self._ready:
                if self._finishing and all(work.is_done for work in self._works.values()):
                    return
                await self._changed()
            works = [self._ready[index] for index in range(min(MAX_SETTLED, len(self._ready)))]
            asked = time.monotonic()
            lost = {
                id(outcome) for outcome in await self._broker.settle([work.outcome for work in works if work.outcome])
            }
            for work in works:
                self._ready.popleft()
                self._end(work, is_lost=id(work.outcome) in lost)
            self._settle_seconds = (self._settle_seconds + time.monotonic() - asked) / 2
            self._settled += len(works)
            seconds = time.monotonic() - began
            if seconds >= AHEAD_SECONDS / 5:
                # The average of the previous and the current rate, so that a pause shrinks the window within a second.
                self._rate = (self._rate + self._settled / seconds) / 2
                self._settled, began = 0, time.monotonic()
            self._change.set()

    def _end(self, work: Work, *, is_lost: bool) -> None:
        self._works.pop(work.delivery.id, None)
        self._bytes -= len(work.delivery.body)
        if work.outcome is None:
            return
        if is_lost:
            self._counts.lost += 1
        elif work.outcome.is_error:
            reason = work.outcome.headers[forms.REASON]
            self._counts.errors[reason] = self._counts.errors.get(reason, 0) + 1
        else:
            self._counts.answered += 1

    async def _hold(self) -> None:
        while True:
            await asyncio.sleep(self._reclaim / 3)
            await self._broker.hold([work.delivery for work in self._works.values()])

    async def _look(self) -> None:
        while True:
            self._note_blocked()
            self.lag = await self._broker.lag()
            await asyncio.sleep(LAG_SECONDS)

    async def _give_back(self) -> None:
        """Return messages that will not be settled, because the scorers stopped first, to the broker."""
        works = [work for work in self._works.values() if work.outcome is None]
        if works:
            await self._broker.give_back([work.delivery for work in works])
        for work in works:
            self._end(work, is_lost=False)

    def _forget(self) -> None:
        """Drop the deliveries of a lost connection: the broker redelivers them."""
        for work in self._works.values():
            if work.task is not None:
                work.task.cancel()
        self._works.clear()
        self._lanes.clear()
        self._ready.clear()
        self._bytes = 0

    # --- logging ---

    def _note_connected(self) -> None:
        if self.connected or self._broker.blocked:
            return
        self.connected = True
        if self._away_since is None:
            self._say(f"The bus: taking samples from {self._name}.")
        else:
            seconds = time.monotonic() - self._away_since
            self._say(f"The bus: {self._name} is available again after {seconds:.1f} s.")
        self._away_since = None
        self._why_away.clear()

    def _note_away(self, reason: str) -> None:
        """Log why the broker is unavailable, once per reason."""
        self.connected = False
        self.lag = None
        if self._away_since is None:
            self._away_since = time.monotonic()
        if reason not in self._why_away:
            self._why_away.add(reason)
            self._say(f"The bus: {self._name} can't be used: {reason}; not ready, trying again.")

    def _note_blocked(self) -> None:
        """Log when the broker is connected but accepts no predictions, and when it accepts them again."""
        blocked = self._broker.blocked
        if blocked:
            self._note_away(blocked)
        elif self._was_blocked:
            self._note_connected()
        self._was_blocked = bool(blocked)

    # --- one delivery ---

    async def _score(self, work: Work) -> None:
        try:
            work.outcome = await self._outcome(work.delivery)
            self._done(work)
        except Exception as error:  # noqa: BLE001 - a bug of ours
            # The function that waits for it raises its exception: the process exits, and the broker redelivers samples
            # in flight.
            if not self._bug.done():
                self._bug.set_exception(error)

    def _done(self, work: Work) -> None:
        """Record a work as finished or to be returned; settle the works that are now first in their lanes."""
        work.is_done = True
        lane = work.delivery.lane
        if lane is None:
            if work.outcome is not None:
                self._ready.append(work)
        else:
            works = self._lanes[lane]
            while works and works[0].is_done and works[0].outcome is not None:
                self._ready.append(works.popleft())
            if not works:
                del self._lanes[lane]
            elif works[0].is_done:
                # The ones after a returned work would overtake it, so they are returned, too.
                for behind in works:
                    if behind.is_done:
                        behind.outcome = None
        self._change.set()

    async def _outcome(self, delivery: Delivery) -> Outcome | None:
        """Return a delivery's outcome; None if the service stopped before it was known."""
        outcome = await self._answer(delivery)
        if outcome is not None and forms.size_of(outcome) > self._broker.largest:
            if not outcome.is_error:
                detail = f"The prediction is larger than the broker accepts ({self._broker.largest} bytes)."
                outcome = self._messages.rejected(delivery, forms.TOO_LARGE, detail)
            if forms.size_of(outcome) > self._broker.largest:
                outcome = forms.without_body(outcome)
            if forms.size_of(outcome) > self._broker.largest:
                outcome = forms.without_headers(outcome)
        return outcome

    async def _answer(self, delivery: Delivery) -> Outcome | None:
        messages = self._messages
        if delivery.deliveries > self._tries:
            times = delivery.deliveries - 1
            detail = f"It was delivered {times} times, and the service stopped each time (S2I_BUS_TRIES)."
            return messages.rejected(delivery, forms.DIED, detail)
        question = None
        try:
            question = messages.read(delivery)
            answers, failure, index = await self._asked(delivery, question)
            if failure is None:
                return messages.answered(delivery, question, answers)
        except Malformed as error:
            reason = forms.TOO_LARGE if error.status == 413 else forms.MALFORMED
            return messages.rejected(delivery, reason, str(error), question)
        if failure.outcome == outcomes.NOT_READY:
            return None
        return messages.failed(delivery, failure, question, index)

    async def _asked(self, delivery: Delivery, question: Question) -> tuple[list[bytes], Answer | None, int | None]:
        """Return the predictions for all samples of a message, or the first failed outcome with its index."""
        answers: list[bytes] = []
        alone = len(question.samples) == 1
        for at, sample in enumerate(question.samples):
            if self._arrays:
                answer, index = await self._ask_array(delivery, sample)
            else:
                answer, index = await self._ask(delivery, self._pool.ask, sample), None
            if answer.outcome != outcomes.OK:
                return [], answer, index if alone else at
            answers.append(answer.payload)
        return answers, None, None

    async def _ask_array(self, delivery: Delivery, array: bytes) -> tuple[Answer, int | None]:
        """Return the predictions for an array of samples, or the failed outcome with its sample's index."""
        series, parts, at = Series(array=array), [], 0
        try:
            if self._pool.together:
                for part in series.parts(TOGETHER):
                    answer = await self._ask(delivery, self._pool.ask_array, part.array)
                    if answer.outcome != outcomes.OK:
                        index = replies.index_of(answer)
                        return answer, None if index is None else at + index
                    parts.append(answer.payload)
                    at += TOGETHER
                return Answer(outcomes.OK, Series.joined(parts).array), None
            samples = series.elements
        except ValueError as error:
            raise Malformed(f"The message is not a JSON array of samples: {error}.") from error
        answers = []
        # As many samples at a time as all scorers can process together.
        for start in range(0, len(samples), self._least):
            some = samples[start : start + self._least]
            asked = await asyncio.gather(*(self._ask(delivery, self._pool.ask, sample) for sample in some))
            for number, answer in enumerate(asked):
                if answer.outcome != outcomes.OK:
                    return answer, start + number
                answers.append(answer.payload)
        return Answer(outcomes.OK, Series(answers).array), None

    async def _ask(self, delivery: Delivery, ask: Callable[[bytes], Awaitable[Answer]], body: bytes) -> Answer:
        """Return a sample's outcome; retry while the pool is full or not ready, or if the scorer died.

        Returns NOT_READY only during shutdown, and DIED only when all tries are used up.
        """
        deaths, stalls, pause = 0, 0, POOL_PAUSE
        waits = (outcomes.FULL, outcomes.NOT_READY)
        try:
            while True:
                answer = await ask(body)
                if answer.outcome == outcomes.DIED:
                    deaths += 1
                    if delivery.deliveries - 1 + deaths >= self._tries:
                        return answer
                elif answer.outcome not in waits or (answer.outcome == outcomes.NOT_READY and self._finishing):
                    return answer
                else:
                    # Take no more messages until this one is accepted.
                    stalls += 1
                    self._stalled += stalls == 1
                    await self._sleep(pause)
                    pause = min(MAX_POOL_PAUSE, 2 * pause)
        finally:
            if stalls:
                self._stalled -= 1
                self._change.set()
