"""What happened, counted on the loop in plain numbers; /metrics tells it in Prometheus's words.

One front serves all requests, so one process has all the numbers.
"""

from collections.abc import Iterable

from nb_scorer import frames

from nb_service.http.histogram import BATCHES, SECONDS, Histogram
from nb_service.http.values_seen import Inputs, Predictions
from nb_service.scoring import Answer, Pool
from nb_service.scoring.answer import OK, Job

PATHS = ("/metrics", "/monitoring/prometheus/metrics")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The numbers of one service; to be changed by the loop's thread alone, and read by any."""

    def __init__(self, prefix: str, pool: Pool) -> None:
        self.prefix = prefix
        self.pool = pool
        self.requests: dict[tuple[str, int], int] = {}
        self.latencies: dict[str, Histogram] = {}
        self.processing = Histogram(SECONDS)
        self.batches = Histogram(BATCHES)
        rows = pool.plan.golden
        self.predictions = Predictions([row["answer"] for row in rows])
        self.inputs = Inputs([row["sample"] for row in rows])

    def asked(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered after `seconds`."""
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        latency = self.latencies.get(route)
        if latency is None:
            latency = self.latencies[route] = Histogram(SECONDS)
        latency.observe(seconds)

    def answered(self, heard: list[tuple[Job, Answer]]) -> None:
        """Count what a scorer made of clients' samples, all that it told at once."""
        for seconds, times in _counted([answer.seconds for _, answer in heard]):
            self.processing.observe(seconds, times)
        for batch, times in _counted([answer.batch for _, answer in heard if answer.batch]):
            self.batches.observe(batch, times)
        right = [pair for pair in heard if pair[1].outcome == OK]
        for payload, times in _counted([answer.payload for job, answer in right if job.kind != frames.MANY]):
            self.predictions.saw(payload, times)
        for job, answer in right:
            if job.kind == frames.MANY:
                self.predictions.saw_many(answer.payload)
                self.inputs.saw(job.body, many=True)
            elif self.inputs.looks:
                self.inputs.saw(job.body)


def _counted(values: list) -> Iterable[tuple]:
    """Return each of `values` with how often it is there."""
    counts: dict = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts.items()
