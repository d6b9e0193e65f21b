"""Distributions of recent samples and answers, counted in bulk in the bins of the baseline.

Nothing of a sample is kept. What this may cost is bounded: of a service under full load a part of the samples is
counted, those that come while there is time left.
"""

import time
from collections import deque
from collections.abc import Callable
from itertools import chain

from nb_scorer.model import feature_bins

from nb_service.drift import decoded
from nb_service.drift.baseline import Baseline
from nb_service.pool.answer import OK, Answer, Job

# Counting may take this share of what this thread takes of the processor; scorers take at least as much next to it,
SHARE_OF_WORK = 0.02
# and this share of one processor alongside: where little is to do, each sample is counted by itself, which takes
# longest.
SHARE_OF_TIME = 0.001
# Of both, so many seconds may be saved up: enough for some ten thousand samples at once.
MAX_SAVED = 0.1
# So many samples, or bytes of them, are counted together: each feature costs some microseconds, however many there are.
TOGETHER = 256
MAX_BYTES = 1 << 16
# The present are the last so many samples; it moves on by steps of this many.
PRESENT_SAMPLES = 2000
STEP_SAMPLES = 200


class Present:
    """Counts what is answered in the bins of `baseline`; for one thread only."""

    def __init__(
        self,
        baseline: Baseline,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._baseline = baseline
        self._clock = clock
        # The processor's time in this thread: what others take meanwhile is not what counting has cost.
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
        # (when, how many samples, the counts then): the present is what has come since the first of them.
        self._steps = deque([(self._looked_at, 0, self._copy())])

    def answered(self, pairs: list[tuple[Job, Answer]]) -> list[list] | None:
        """Count samples and their answers; return the decoded samples of each pair, None where there was no time.

        Only answers that scorers gave count: what was refused says nothing of what predictor works with.
        """
        now, began = self._clock(), self._spent()
        # Not by what samples have taken in scorers: that is by the clock, and longest where others have the processor.
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
        """Count what waits to be counted, and forget it."""
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
        """Return all of it in a form that JSON can hold: counts since the start, and of the present.

        Both are in the order of the baseline's features. `seconds` is how long the present is, `samples` how many it
        holds; `left_out` are bodies that there was no time for, `cost` the processor's seconds that counting took.
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
