"""The numbers of a service in Prometheus's text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from nb_service.http.histogram import Histogram
from nb_service.http.metrics import Metrics


def text_of(metrics: Metrics) -> bytes:
    """Return `metrics`, and what the operating system says of the front, as text; for any thread."""
    registry = CollectorRegistry()
    registry.register(Collector(metrics))
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class Collector:
    """What prometheus_client's registry asks for all metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, its numbers copied: the loop goes on counting."""
        yield from self._of_requests()
        yield from self._of_samples()
        yield from self._of_scorers()

    def _of_requests(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(
            f"{self._metrics.prefix}_http_requests", "Requests answered.", labels=("route", "status")
        )
        for (route, status), count in sorted(self._metrics.requests.copy().items()):
            counter.add_metric((route, str(status)), count)
        yield counter
        name = f"{self._metrics.prefix}_http_request_duration_seconds"
        family = HistogramMetricFamily(name, "Seconds from a request's last byte to its answer.", labels=("route",))
        for route, histogram in sorted(self._metrics.latencies.copy().items()):
            family.add_metric((route,), histogram.buckets(), histogram.total)
        yield family

    def _of_samples(self) -> Iterator[Metric]:
        yield self._histogram("processing_seconds", "Seconds that a sample took in a scorer.", self._metrics.processing)
        yield self._histogram("batch_samples", "Samples scored in one call.", self._metrics.batches)
        by_value = CounterMetricFamily(f"{self._metrics.prefix}_predictions", "Answers by value.", labels=("value",))
        for value, count in sorted(self._metrics.predictions.by_value().items()):
            by_value.add_metric((value,), count)
        yield by_value
        if any(self._metrics.predictions.numbers.counts):
            yield self._histogram(
                "predictions", "Answers that are fractional numbers.", self._metrics.predictions.numbers
            )
        features = HistogramMetricFamily(
            f"{self._metrics.prefix}_input", "Numbers that samples hold.", labels=("feature",)
        )
        for feature, histogram in sorted(self._metrics.inputs.features.copy().items()):
            features.add_metric((feature,), histogram.buckets(), histogram.total)
        yield features

    def _of_scorers(self) -> Iterator[Metric]:
        pool, staff = self._metrics.pool, self._metrics.pool.staff
        yield self._gauge("ready", "1 while predictions are answered.", int(pool.ready))
        yield self._gauge("queue_samples", "Samples that wait for a scorer.", pool.waiting)
        yield self._gauge("queue_limit_samples", "Samples that may wait (S2I_MAX_QUEUE).", pool.plan.max_queue)
        yield self._gauge("in_flight_samples", "Samples that scorers have.", pool.in_flight)
        yield self._gauge("scorers", "Scorers at work.", len(staff.free))
        ended = CounterMetricFamily(
            f"{self._metrics.prefix}_scorer_restarts", "Scorers that were replaced, and why.", labels=("reason",)
        )
        for reason, count in sorted(staff.endings.copy().items()):
            ended.add_metric((reason,), count)
        yield ended

    def _gauge(self, name: str, words: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{self._metrics.prefix}_{name}", words, value=value)

    def _histogram(self, name: str, words: str, histogram: Histogram) -> Metric:
        return HistogramMetricFamily(f"{self._metrics.prefix}_{name}", words, histogram.buckets(), histogram.total)
