"""The metrics of a service in Prometheus's text format, or in OpenMetrics'."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from nb_service.http.histogram import buckets


def text_of(numbers: dict, prefix: str, accept: str = "") -> tuple[bytes, str]:
    """Return `numbers` (see http.metrics) as text in the format that an Accept field asks for, and its content type.

    The operating system's metrics of the process `pid` in them are there, too.
    """
    registry = CollectorRegistry()
    registry.register(Collector(numbers, prefix))
    PlatformCollector(registry)
    ProcessCollector(pid=lambda: numbers["pid"], registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class Collector:
    """Yields all metrics to prometheus_client's registry."""

    def __init__(self, numbers: dict, prefix: str) -> None:
        self._numbers = numbers
        self._prefix = prefix

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._request_metrics()
        yield from self._sample_metrics()
        yield from self._scorer_metrics()
        if "bus" in self._numbers:
            yield from self._bus_metrics(self._numbers["bus"])

    def _request_metrics(self) -> Iterator[Metric]:
        counter = CounterMetricFamily(f"{self._prefix}_http_requests", "Requests answered.", labels=("route", "status"))
        for route, status, count in self._numbers["requests"]:
            counter.add_metric((route, str(status)), count)
        description = "Seconds from a request's last byte to its answer."
        latencies = self._histograms("http_request_duration_seconds", description, "route", self._numbers["latencies"])
        if "grpc" in self._numbers:
            _add_grpc(self._numbers["grpc"], counter, latencies)
        yield counter
        yield latencies

    def _sample_metrics(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield self._histogram("processing_seconds", "Seconds that a sample took in a scorer.", numbers["processing"])
        yield self._histogram("batch_samples", "Samples scored in one call.", numbers["batches"])
        by_value = CounterMetricFamily(f"{self._prefix}_predictions", "Answers by value.", labels=("value",))
        for value, count in sorted(numbers["values"].items()):
            by_value.add_metric((value,), count)
        yield by_value
        if numbers["numbers"]:
            # Not `predictions`: in OpenMetrics that is the name of the counter above, whose samples end in _total.
            yield self._histogram("prediction_values", "Answers that are fractional numbers.", numbers["numbers"])
        yield self._histograms("input", "Numbers that samples hold.", "feature", numbers["features"])

    def _scorer_metrics(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield self._gauge("ready", "1 while predictions are answered.", int(numbers["answers"]))
        yield self._gauge("queue_samples", "Samples that wait for a scorer.", numbers["waiting"])
        yield self._gauge("queue_limit_samples", "Samples that may wait (S2I_MAX_QUEUE).", numbers["waiting_limit"])
        yield self._gauge("in_flight_samples", "Samples that scorers have.", numbers["in_flight"])
        yield self._gauge("scorers", "Scorers at work.", numbers["scorers"])
        restarts = CounterMetricFamily(
            f"{self._prefix}_scorer_restarts", "Scorers that were replaced, and why.", labels=("reason",)
        )
        for reason, count in sorted(numbers["endings"].items()):
            restarts.add_metric((reason,), count)
        yield restarts
        form = GaugeMetricFamily(
            f"{self._prefix}_scoring_form", "1: what scores samples that wait together.", labels=("form",)
        )
        form.add_metric((numbers["form"],), 1)
        yield form
        yield CounterMetricFamily(
            f"{self._prefix}_batch_differences",
            "Scorers in which a sample was answered differently in company.",
            value=numbers["batching_ended"],
        )

    def _bus_metrics(self, bus: dict) -> Iterator[Metric]:
        yield self._gauge("bus_connected", "1 while samples are taken from the broker.", int(bus["connected"]))
        if bus["waiting"] is not None:
            yield self._gauge("bus_lag_samples", "Messages that wait in the broker.", bus["waiting"])
        yield self._gauge("bus_in_flight_samples", "Messages that were taken and are not settled.", bus["in_flight"])
        yield self._gauge("bus_oldest_seconds", "Age of the oldest message without an answer.", bus["oldest_seconds"])
        for name, key, description in (
            ("bus_taken", "taken", "Messages that were taken."),
            ("bus_redelivered", "redelivered", "Messages that were taken not for the first time."),
            ("bus_answered", "answered", "Messages whose answer was published."),
            ("bus_passed_on", "lost", "Messages that the broker gave to another service before their answer."),
        ):
            yield CounterMetricFamily(f"{self._prefix}_{name}", description, value=bus[key])
        errors = CounterMetricFamily(
            f"{self._prefix}_bus_errors", "Messages published as errors, and why.", labels=("reason",)
        )
        for reason, count in sorted(bus["errors"].items()):
            errors.add_metric((reason,), count)
        yield errors

    def _gauge(self, name: str, description: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{self._prefix}_{name}", description, value=value)

    def _histogram(self, name: str, description: str, numbers: dict) -> Metric:
        return HistogramMetricFamily(f"{self._prefix}_{name}", description, buckets(numbers), numbers["total"])

    def _histograms(self, name: str, description: str, label: str, by_label: dict) -> Metric:
        family = HistogramMetricFamily(f"{self._prefix}_{name}", description, labels=(label,))
        for value, numbers in by_label.items():
            family.add_metric((value,), buckets(numbers), numbers["total"])
        return family


def _add_grpc(numbers: dict, counter: Metric, latencies: Metric) -> None:
    """Add gRPC's calls under the names of HTTP's requests: a path is the route, a code the status."""
    for route, status, count in numbers["requests"]:
        labels = {"route": route, "status": status, "protocol": "grpc"}
        counter.add_sample(f"{counter.name}_total", labels, count)
    for route, histogram in numbers["latencies"].items():
        labels = {"route": route, "protocol": "grpc"}
        for edge, count in buckets(histogram):
            latencies.add_sample(f"{latencies.name}_bucket", {**labels, "le": edge}, count)
        latencies.add_sample(f"{latencies.name}_count", labels, sum(histogram["counts"]))
        latencies.add_sample(f"{latencies.name}_sum", labels, histogram["total"])
