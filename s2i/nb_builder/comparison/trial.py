"""The comparison itself: runs both services at once, and sends them requests alternately."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from nb_builder.comparison import differences
from nb_builder.comparison.client import Client, Outcome, unreadable
from nb_builder.comparison.memory import Peak
from nb_builder.comparison.samples import Row
from nb_builder.comparison.services import Candidate
from nb_builder.comparison.speed import Speed
from nb_builder.comparison.tally import Tally

# Warm-up requests to each service, with the first rows: a first prediction loads data that later ones reuse.
WARM_UP = 20
WARM_UP_SECONDS = 5.0
# A median of fewer pairs has a wide interval; with fewer rows, they are repeated for at most this long.
PAIRS = 200
AGAIN_SECONDS = 10.0
LOOK_SECONDS = 0.5
TELL_SECONDS = 10.0


class Trial:
    """The results for all rows: both services' predictions, latency and memory, and whether predictions repeat."""

    def __init__(self, tolerance: float) -> None:
        self.tally = Tally(tolerance)
        self.speed = Speed()
        self.memory = (Peak(None), Peak(None))
        self.asked_again = 0
        # Rows whose prediction by OLD or NEW changed on repetition.
        self.unsteady: tuple[set[int], set[int]] = (set(), set())
        self._answered: list[tuple[bytes, Outcome, Outcome]] = []
        self._looked_at = 0.0

    def run(self, old: Candidate, new: Candidate, rows: Sequence[Row], on_progress: Callable[[str], None]) -> None:
        """Start both, send the requests, and stop them; raise DiffNotReady. `on_progress` gets a description."""
        with ExitStack() as stack:
            running = [stack.enter_context(each.running()) for each in (old, new)]
            clients = [stack.enter_context(closing(Client(*pair))) for pair in zip((old, new), running, strict=True)]
            for client in clients:
                client.wait_until_ready()
            self.memory = (Peak(running[0].pid), Peak(running[1].pid))
            samples = [row.sample for row in rows if row.sample is not None]
            _warm_up(clients, samples)
            self._ask(clients, rows, on_progress)
            self._ask_again(clients)
            self._look()

    def _ask(self, clients: Sequence[Client], rows: Sequence[Row], on_progress: Callable[[str], None]) -> None:
        reported_at = time.monotonic()
        for number, row in enumerate(rows, 1):
            if row.sample is None:
                nothing = unreadable(row.reason)
                self.tally.add(row, nothing, nothing)
                continue
            old, new = self._pair(clients, row.sample, number)
            self.tally.add(row, old, new)
            if old.is_answer and new.is_answer and len(self._answered) < PAIRS:
                self._answered.append((row.sample, old, new))
            if time.monotonic() - reported_at > TELL_SECONDS:
                reported_at = time.monotonic()
                on_progress(f"{number} of {len(rows)} rows")

    def _ask_again(self, clients: Sequence[Client]) -> None:
        """Repeat rows until there are enough pairs; check whether the predictions stay the same."""
        until = time.monotonic() + AGAIN_SECONDS
        while self._answered and len(self.speed) < PAIRS and time.monotonic() < until:
            at = self.asked_again % len(self._answered)
            sample, *first = self._answered[at]
            self.asked_again += 1
            pairs = len(self.speed)
            for side, outcomes in enumerate(zip(first, self._pair(clients, sample, self.asked_again), strict=True)):
                before, after = outcomes
                if not (after.is_answer and self._is_same(before, after)):
                    self.unsteady[side].add(at)
            if len(self.speed) == pairs:
                # It failed this time, so there is nothing to measure.
                return

    def _is_same(self, before: Outcome, after: Outcome) -> bool:
        return differences.between(before.answer, after.answer, self.tally.tolerance).is_same

    def _pair(self, clients: Sequence[Client], sample: bytes, number: int) -> tuple[Outcome, Outcome]:
        """Return the outcomes of OLD and NEW, which alternate in going first, because the second finds warm caches."""
        if number % 2:
            old = clients[0].ask(sample)
            new = clients[1].ask(sample)
        else:
            new = clients[1].ask(sample)
            old = clients[0].ask(sample)
        if old.is_answer and new.is_answer:
            self.speed.add(old.seconds, new.seconds)
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._look()
        return old, new

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        for peak in self.memory:
            peak.look()


def _warm_up(clients: Sequence[Client], samples: Sequence[bytes]) -> None:
    until = time.monotonic() + WARM_UP_SECONDS
    for number in range(WARM_UP):
        for client in clients:
            client.ask(samples[number % len(samples)])
        if time.monotonic() > until:
            return
