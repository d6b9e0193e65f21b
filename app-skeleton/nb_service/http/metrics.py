"""The service's metrics as plain numbers; the app converts them to the Prometheus text of /metrics.

The front counts all requests and samples; `numbers` returns the counts as JSON-compatible values.
"""

import json
import re
from collections.abc import Iterable

from nb_scorer.protocol.frames import OF_MANY, STREAMED

from nb_service.drift import decoded
from nb_service.drift.present import Present
from nb_service.feedback import KeptAnswers
from nb_service.http import routes
from nb_service.http.histogram import BATCHES, SECONDS, Histogram
from nb_service.http.value_metrics import Inputs, Predictions
from nb_service.pool import Answer, Pool
from nb_service.pool.answer import ITEM, OK, Job
from nb_service.request_calls import is_of_another, predictor_of

PATHS = routes.METRICS

# The numbers of samples, and of their bytes including predictions, that may wait to be counted together.
MAX_UNCOUNTED = 256
MAX_BYTES_UNCOUNTED = 1 << 16
_INDEX = re.compile(rb'"index": (\d+)}$')
_MAX_INDEX = 32


class Requests:
    """Finished requests by route and status, and their durations."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.latencies: dict[str, Histogram] = {}

    def asked(self, route: str, status: int, seconds: float) -> None:
        """Count a request that took `seconds`."""
        self.counts[route, status] = self.counts.get((route, status), 0) + 1
        latency = self.latencies.get(route)
        if latency is None:
            latency = self.latencies[route] = Histogram(SECONDS)
        latency.observe(seconds)

    def numbers(self) -> dict:
        """Return {"requests": [[route, status, count]], "latencies": {route: a histogram's numbers}}."""
        counts = [[route, status, count] for (route, status), count in sorted(self.counts.copy().items())]
        latencies = {route: histogram.numbers() for route, histogram in sorted(self.latencies.copy().items())}
        return {"requests": counts, "latencies": latencies}


class Samples:
    """Outcomes of clients' samples, and the state of the pool; for the loop's thread only.

    `present` counts them in the bins of a baseline, if there is one. `kept` keeps the predictions, if feedback is
    enabled.
    """

    def __init__(self, pool: Pool, present: Present | None = None, kept: KeptAnswers | None = None) -> None:
        self._pool = pool
        self._kept = kept
        self._present = present
        self._processing = Histogram(SECONDS)
        self._batches = Histogram(BATCHES)
        # Named predictors have no metrics other than the time.
        self._of_predictors = {name: Histogram(SECONDS) for name in pool.model.predictors}
        self._items = 0
        self._first_items = Histogram(SECONDS)
        models = (pool.model, *pool.model.predictors.values())
        self._has_streams = any(model.manifest.get("streams") for model in models)
        rows = [row for row in pool.plan.golden if not row.get("predictor")]
        self._predictions = Predictions([row["answer"] for row in rows])
        self.inputs = Inputs([row["sample"] for row in rows], pool.model.sample_schema)
        self._uncounted: list[tuple[Job, Answer]] = []
        self._bytes_uncounted = 0

    def answered(self, pairs: list[tuple[Job, Answer]]) -> None:
        """Store clients' samples and outcomes; they are counted when there are enough, or by `count`.

        Counting many at once takes a fraction of the time.
        """
        if any(job.kind & STREAMED for job, _ in pairs):
            self._count_items([answer for job, answer in pairs if job.kind & STREAMED and answer.outcome == ITEM])
            # Items are not predictions, and a stream's duration depends on its client, too.
            pairs = [pair for pair in pairs if not pair[0].kind & STREAMED]
        others = [pair for pair in pairs if pair[0].call and is_of_another(pair[0].call)]
        if others:
            self._count_others(others)
            pairs = [pair for pair in pairs if not (pair[0].call and is_of_another(pair[0].call))]
        self._uncounted += pairs
        self._bytes_uncounted += sum([len(job.body) + len(answer.payload) for job, answer in pairs])
        if len(self._uncounted) >= MAX_UNCOUNTED or self._bytes_uncounted >= MAX_BYTES_UNCOUNTED:
            self.count()

    def _count_items(self, items: list[Answer]) -> None:
        """Count items of streams, and the time of each stream's first item."""
        self._items += len(items)
        for item in items:
            if item.batch:
                self._first_items.observe(item.seconds)

    def _streams(self) -> dict:
        """Return the numbers of streams."""
        return {"open": self._pool.streams, "items": self._items, "first": self._first_items.numbers()}

    def _count_others(self, pairs: list[tuple[Job, Answer]]) -> None:
        """Count the time of samples of named predictors; explanations are not counted."""
        for job, answer in pairs:
            histogram = self._of_predictors.get(predictor_of(job.call))
            if histogram is not None:
                scored = max(1, _scored(answer)) if job.kind in OF_MANY else 1
                histogram.observe(answer.seconds / scored, scored)

    def count(self) -> None:
        """Count the stored samples."""
        pairs, self._uncounted, self._bytes_uncounted = self._uncounted, [], 0
        alone = [answer for job, answer in pairs if job.kind not in OF_MANY]
        for seconds, count in _counted([answer.seconds for answer in alone]):
            self._processing.observe(seconds, count)
        for batch, count in _counted([answer.batch for answer in alone if answer.batch]):
            self._batches.observe(batch, count)
        for answer in [answer for job, answer in pairs if job.kind in OF_MANY]:
            self._count_array(answer)
        successful = [pair for pair in pairs if pair[1].outcome == OK]
        for payload, count in _counted([answer.payload for job, answer in successful if job.kind not in OF_MANY]):
            self._predictions.saw(payload, count)
        for job, answer in successful:
            if job.kind in OF_MANY:
                self._predictions.saw_many(answer.payload)
        if self._kept is not None:
            self._kept.answered(successful)
        self._look_into(successful)

    def _count_array(self, answer: Answer) -> None:
        """Count each sample of an array, with an equal share of the seconds, and the calls that scored them."""
        scored = max(1, _scored(answer))
        self._processing.observe(answer.seconds / scored, scored)
        if answer.batch > 1:
            self._batches.observe(answer.batch)
        else:
            self._batches.observe(1, scored)

    def _look_into(self, pairs: list[tuple[Job, Answer]]) -> None:
        """Count the values in samples; each sample is decoded only once, in bulk."""
        samples = self._present.answered(pairs) if self._present is not None and pairs else None
        if samples is None:
            pairs = [pair for pair in pairs if self.inputs.takes(len(pair[0].body))][: self.inputs.left]
            samples = decoded.samples(pairs)
        for (job, _), of_body in zip(pairs, samples, strict=True):
            if not self.inputs.left:
                break
            if self.inputs.takes(len(job.body)):
                self.inputs.saw(of_body)

    def _times_of_predictors(self) -> dict:
        return {name: histogram.numbers() for name, histogram in self._of_predictors.items()}

    def numbers(self) -> dict:
        """Return these counts and the pool's own numbers as JSON-compatible values."""
        self.count()
        pool, manager = self._pool, self._pool.manager
        numbers = self._predictions.numbers
        return {
            "processing": self._processing.numbers(),
            "batches": self._batches.numbers(),
            **({"predictors": self._times_of_predictors()} if self._of_predictors else {}),
            **({"streams": self._streams()} if self._has_streams else {}),
            "values": self._predictions.by_value(),
            "numbers": numbers.numbers() if any(numbers.counts) else None,
            "features": {name: histogram.numbers() for name, histogram in sorted(self.inputs.features.items())},
            "waiting": pool.waiting,
            "waiting_limit": pool.plan.max_queue,
            "in_flight": pool.in_flight,
            "scorers": len(manager.free),
            "endings": manager.endings,
            "form": pool.form,
            "batching_ended": manager.batching_ended,
            **({} if self._present is None else {"drift": self._present.numbers()}),
            **({"gpu_scorers": manager.by_gpu()} if pool.plan.gpus.names else {}),
        }


def _scored(answer: Answer) -> int:
    """Return how many samples of an array were scored: all, or those up to the first failure."""
    if answer.outcome != OK:
        # The scorer writes the index last; a traceback before it is not decoded.
        index = _INDEX.search(answer.payload[-_MAX_INDEX:])
        return int(index[1]) + 1 if index else 1
    return answer.batch if answer.batch > 1 else len(json.loads(answer.payload))


def _counted(values: list) -> Iterable[tuple]:
    """Return each distinct value of `values` with its number of occurrences."""
    counts: dict = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts.items()
