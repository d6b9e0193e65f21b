"""What happened, counted on the loop in plain numbers; /metrics tells it in Prometheus's words.

One front serves all requests, so one process has all the numbers.
"""

from nb_scorer import frames

from nb_service.http.histogram import BATCHES, SECONDS, Histogram
from nb_service.http.values_seen import Inputs, Predictions
from nb_service.scoring import Answer, Pool
from nb_service.scoring.answer import OK, Job

PATHS = ("/metrics", "/monitoring/prometheus/metrics")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The numbers of one service; everything but `text` is for the loop's thread."""

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

    def answered(self, job: Job, answer: Answer) -> None:
        """Count what a scorer made of one sample of a client's."""
        self.processing.observe(answer.seconds)
        if answer.batch:
            self.batches.observe(answer.batch)
        if answer.outcome != OK:
            return
        if job.kind == frames.MANY:
            self.predictions.saw_many(answer.payload)
            self.inputs.saw(job.body, many=True)
        else:
            self.predictions.saw(answer.payload)
            self.inputs.saw(job.body)

    def text(self) -> bytes:
        """Return all numbers as Prometheus reads them; for any thread."""
        # Here and not above: it takes a while to import, and a service must be healthy at once.
        from nb_service.http import exposition

        return exposition.text_of(self)
