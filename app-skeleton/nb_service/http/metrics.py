"""What happened, counted in plain numbers; /metrics tells it in Prometheus's words.

One process has the numbers of all requests, and one those of all samples: `numbers` gives them as JSON to whoever
writes the text.
"""

from collections.abc import Iterable

from nb_scorer.protocol import frames

from nb_service.http.histogram import BATCHES, SECONDS, Histogram
from nb_service.http.value_metrics import Inputs, Predictions
from nb_service.pool import Answer, Pool
from nb_service.pool.answer import OK, Job

PATHS = ("/metrics", "/monitoring/prometheus/metrics")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# So many samples, or bytes of them and their answers, wait to be counted together.
MOST_UNCOUNTED = 256
MOST_BYTES_UNCOUNTED = 1 << 16


class Requests:
    """The requests that were answered, by route and status, and how long they took."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.latencies: dict[str, Histogram] = {}

    def asked(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered after `seconds`."""
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
    """What scorers made of clients' samples, and how the pool is; for the loop's thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._processing = Histogram(SECONDS)
        self._batches = Histogram(BATCHES)
        rows = pool.plan.golden
        self._predictions = Predictions([row["answer"] for row in rows])
        self.inputs = Inputs([row["sample"] for row in rows], pool.model.sample_schema)
        self._uncounted: list[tuple[Job, Answer]] = []
        self._bytes_uncounted = 0

    def answered(self, heard: list[tuple[Job, Answer]]) -> None:
        """Take what a scorer made of clients' samples; it is counted when some have come together, or by `count`.

        Many that are counted at once cost a fraction of what each costs alone.
        """
        self._uncounted += heard
        self._bytes_uncounted += sum([len(job.body) + len(answer.payload) for job, answer in heard])
        if len(self._uncounted) >= MOST_UNCOUNTED or self._bytes_uncounted >= MOST_BYTES_UNCOUNTED:
            self.count()

    def count(self) -> None:
        """Count what was taken."""
        heard, self._uncounted, self._bytes_uncounted = self._uncounted, [], 0
        for seconds, times in _counted([answer.seconds for _, answer in heard]):
            self._processing.observe(seconds, times)
        for batch, times in _counted([answer.batch for _, answer in heard if answer.batch]):
            self._batches.observe(batch, times)
        right = [pair for pair in heard if pair[1].outcome == OK]
        for payload, times in _counted([answer.payload for job, answer in right if job.kind != frames.MANY]):
            self._predictions.saw(payload, times)
        for job, answer in right:
            if job.kind == frames.MANY:
                self._predictions.saw_many(answer.payload)
                self.inputs.saw(job.body, many=True)
            elif self.inputs.looks:
                self.inputs.saw(job.body)

    def numbers(self) -> dict:
        """Return all of it, and the pool's own numbers, for JSON."""
        self.count()
        pool, staff = self._pool, self._pool.staff
        numbers = self._predictions.numbers
        return {
            "processing": self._processing.numbers(),
            "batches": self._batches.numbers(),
            "values": self._predictions.by_value(),
            "numbers": numbers.numbers() if any(numbers.counts) else None,
            "features": {name: one.numbers() for name, one in sorted(self.inputs.features.items())},
            "waiting": pool.waiting,
            "waiting_limit": pool.plan.max_queue,
            "in_flight": pool.in_flight,
            "scorers": len(staff.free),
            "endings": staff.endings,
        }


def _counted(values: list) -> Iterable[tuple]:
    """Return each of `values` with how often it is there."""
    counts: dict = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts.items()
