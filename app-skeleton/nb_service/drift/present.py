"""Distributions of recent samples and predictions, counted in bulk in the baseline's bins.

No sample is kept. The cost is limited: under full load, only as many samples are counted as time allows.
"""

import time
from collections import deque
from collections.abc import Callable
from itertools import chain

from nb_scorer.model import feature_bins

from nb_service.drift import decoded
from nb_service.drift.baseline import Baseline
from nb_service.pool.answer import OK, Answer, Job

# Counting may take this share of this thread's CPU time, of which scorers take at least as much.
SHARE_OF_WORK = 0.02
# In addition, it may take this share of one CPU: with little load, samples are counted one at a time, which is least
# efficient.
SHARE_OF_TIME = 0.001
# Unused time from both may accumulate up to this many seconds: enough for about ten thousand samples at once.
MAX_SAVED = 0.1
# This many samples, or bytes, are counted together, because each feature takes some microseconds, however many there
# are.
TOGETHER = 256
MAX_BYTES = 1 << 16
# The present is at least this many recent samples; it advances in steps of the same size.
PRESENT_SAMPLES = 2000
STEP_SAMPLES = 200


class Present:
    """Counts samples and predictions in the bins of `baseline`; for one thread only."""

    def __init__(
        self,
        baseline: Baseline,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._baseline = baseline
        self._clock = clock
        # This thread's CPU time, so that the work of other processes doesn't count as the cost of counting.
        self._spent = spent
        self._spent_before = spent()
        self._parts = [(part, baseline.forms[part], baseline.part(part)) for part in ("sample", "answer")]
        self._counts = {(feature.part, feature.name): [0] * feature.size for feature in baseline.features}
        self._samples: list = []
        self._answers: list = []
        self._bytes = 0
        self._counted = 0
        self._left_out = 0
        self._cost = 0.0
        self._saved = MAX_SAVED
        self._looked_at = clock()
        # (when, how many samples, the counts then): the present is everything since the first entry.
        self._steps = deque([(self._looked_at, 0, self._copy())])

    def answered(self, pairs: list[tuple[Job, Answer]]) -> list[list] | None:
        """Count samples and their predictions; return the decoded samples of each pair, None if there was no time.

        Only successful predictions count: predictor did not process a rejected sample.
        """
        now, began = self._clock(), self._spent()
        # Not by the samples' time in scorers, which is wall time, and longest when other processes use the CPU.
        gained = SHARE_OF_WORK * (began - self._spent_before) + SHARE_OF_TIME * (now - self._looked_at)
        self._saved = min(MAX_SAVED, self._saved + gained)
        self._looked_at, self._spent_before = now, began
        if self._saved <= 0:
            self._left_out += sum(answer.outcome == OK for _, answer in pairs)
            return None
        samples = decoded.samples(pairs)
        self._samples += chain.from_iterable(samples)
        self._answers += decoded.answers(pairs)
        self._bytes += sum([len(job.body) + len(answer.payload) for job, answer in pairs])
        if len(self._samples) >= TOGETHER or self._bytes >= MAX_BYTES:
            self._count()
        cost = self._spent() - began
        self._saved -= cost
        self._cost += cost
        return samples

    def _count(self) -> None:
        """Count the pending samples and discard them."""
        samples, answers = self._samples, self._answers
        self._samples, self._answers, self._bytes = [], [], 0
        self._counted += len(samples)
        for (part, form, features), values in zip(self._parts, (samples, answers), strict=True):
            if not features or not values:
                continue
            columns = feature_bins.columns(values, form, [feature.name for feature in features])
            for feature, column in zip(features, columns, strict=True):
                counts = self._counts[part, feature.name]
                for index, count in enumerate(feature.tally(column)):
                    counts[index] += count
        self._move_on(self._clock())

    def _copy(self) -> list[list[int]]:
        return [counts.copy() for counts in self._counts.values()]

    def _move_on(self, now: float) -> None:
        if self._counted - self._steps[-1][1] < STEP_SAMPLES:
            return
        self._steps.append((now, self._counted, self._copy()))
        while self._counted - self._steps[1][1] >= PRESENT_SAMPLES:
            self._steps.popleft()

    def numbers(self) -> dict:
        """Return everything in a form that JSON can hold: counts since the start, and of the present.

        Both are in the order of the baseline's features. `seconds` is the length of the present, `samples` its number
        of samples; `left_out` are bodies that were skipped for lack of time, `cost` the CPU seconds spent on counting.
        """
        self._count()
        since, counted, first = self._steps[0]
        every = self._copy()
        return {
            "baseline": self._baseline.digest,
            "counts": every,
            "present": [
                [now - then for now, then in zip(*pair, strict=True)] for pair in zip(every, first, strict=True)
            ],
            "seconds": self._clock() - since,
            "samples": self._counted - counted,
            "counted": self._counted,
            "left_out": self._left_out,
            "cost": self._cost,
        }
