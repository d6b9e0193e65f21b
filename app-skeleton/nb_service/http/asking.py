"""Samples from waitress's threads: each joins the pool's queue on the loop, the thread waits for the answers."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from nb_service.loop import Loop
from nb_service.scoring import Answer, Pool
from nb_service.scoring import answer as outcomes

# One request may have this part of the queue, so that it leaves room for others.
SHARE = 8


class Asker:
    """Asks the pool for threads; never to be used on the loop's own."""

    def __init__(self, loop: Loop, pool: Pool) -> None:
        self._loop = loop
        self._pool = pool

    def ask(self, sample: bytes) -> Answer:
        """Return what became of one sample."""
        return self.ask_many([sample])[0]

    @property
    def together(self) -> bool:
        """Return whether samples of one body are best asked as an array: a batch_predictor scores them in one call."""
        return self._pool.plan.batch > 1

    def ask_many(self, samples: Sequence[bytes]) -> list[Answer | None]:
        """Return what became of each sample, in order; after one that failed, None for those not asked any more."""
        return self._ask(self._pool.submit, samples)

    def ask_arrays(self, arrays: Sequence[bytes]) -> list[Answer | None]:
        """Return what became of each JSON array of samples, as ask_many does of each sample."""
        return self._ask(self._pool.submit_many, arrays)

    def _ask(self, submit: Callable, bodies: Sequence[bytes]) -> list[Answer | None]:
        request = _Request(submit, bodies, max(1, self._pool.plan.max_queue // SHARE))
        if bodies:
            self._loop.from_thread(request.feed)
            request.answered.wait()
        return request.answers


class _Request:
    """The samples of one request; all but `answered` and `answers` is for the loop's thread."""

    def __init__(self, submit: Callable, samples: Sequence[bytes], window: int) -> None:
        self.answered = threading.Event()
        self.answers: list[Answer | None] = [None] * len(samples)
        self._submit = submit
        self._samples = samples
        self._again: list[int] = []
        self._next = 0
        self._waiting = 0
        self._failed = False
        self._window = window

    def feed(self) -> None:
        """Put as many samples into the queue as this request may have there."""
        while self._waiting < self._window and not self._failed and (number := self._take()) is not None:
            self._waiting += 1
            self._submit(self._samples[number], partial(self._done, number))

    def _take(self) -> int | None:
        if self._again:
            return self._again.pop()
        self._next += 1
        return self._next - 1 if self._next <= len(self._samples) else None

    def _done(self, number: int, answer: Answer) -> None:
        self._waiting -= 1
        if answer.outcome == outcomes.FULL and self._waiting:
            # Others fill the queue: this one waits for an answer to a sample before it.
            self._again.append(number)
            self._window = max(1, self._waiting)
            return
        self.answers[number] = answer
        self._failed = self._failed or answer.outcome != outcomes.OK
        self.feed()
        if not self._waiting:
            self.answered.set()
