"""Writes a service's metrics in Prometheus's text format, or in OpenMetrics."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from nb_scorer.model import feature_bins
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from nb_service.drift import comparison
from nb_service.drift.baseline import Baseline
from nb_service.gpus import Gpu
from nb_service.http.histogram import buckets
from nb_service.identity import Identity
from nb_service.observability import metric_table
from nb_service.observability.metric_table import COUNTER, GAUGE, HISTOGRAM

Plain = CounterMetricFamily | GaugeMetricFamily
PLAIN: dict[str, type[Plain]] = {COUNTER: CounterMetricFamily, GAUGE: GaugeMetricFamily}


def text_of(
    numbers: dict, prefix: str, identity: Identity, accept: str = "", baseline: Baseline | None = None
) -> tuple[bytes, str]:
    """Return `numbers` (see http.metrics) as text in the format that an Accept header prefers, and its content type.

    The metrics include the operating system's values for the process `pid` in them, the model's identity, and, if they
    contain counts of drift, these together with the `baseline`.
    """
    registry = CollectorRegistry()
    registry.register(Collector(numbers, prefix, identity))
    if baseline is not None and "drift" in numbers:
        registry.register(DriftCollector(numbers["drift"], prefix, baseline))
    PlatformCollector(registry)
    ProcessCollector(pid=lambda: numbers["pid"], registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def plain(prefix: str, name: str) -> Plain:
    """Return a counter or gauge of the metric table, without samples; raise KeyError if it isn't in the table."""
    row = metric_table.BY_NAME[name]
    return PLAIN[row.kind](f"{prefix}_{name}", row.description, labels=row.labels)


def histogram(prefix: str, name: str) -> HistogramMetricFamily:
    """Return a histogram of the metric table, without samples; raise KeyError if it isn't in the table."""
    row = metric_table.BY_NAME[name]
    if row.kind != HISTOGRAM:
        raise KeyError(f"{name} is a {row.kind}, not a {HISTOGRAM}")
    return HistogramMetricFamily(f"{prefix}_{name}", row.description, labels=row.labels)


def _with_value(metric: Plain, value: float) -> Metric:
    """Return the family, which has no labels, with one sample."""
    metric.add_metric((), value)
    return metric


class Collector:
    """Yields all metrics to prometheus_client's registry."""

    def __init__(self, numbers: dict, prefix: str, identity: Identity) -> None:
        self._numbers = numbers
        self._prefix = prefix
        self._identity = identity

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._request_metrics()
        yield from self._sample_metrics()
        yield from self._scorer_metrics()
        yield self._model_info()
        if "gpus" in self._numbers:
            yield from self._gpu_metrics(self._numbers["gpus"])
        if "bus" in self._numbers:
            yield from self._bus_metrics(self._numbers["bus"])
        if "feedback" in self._numbers:
            yield from self._feedback_metrics(self._numbers["feedback"])

    def _request_metrics(self) -> Iterator[Metric]:
        counter = self._family("http_requests")
        for route, status, count in self._numbers["requests"]:
            counter.add_metric((route, str(status)), count)
        latencies = self._histograms("http_request_duration_seconds", self._numbers["latencies"])
        if "grpc" in self._numbers:
            _add_grpc(self._numbers["grpc"], counter, latencies)
        yield counter
        yield latencies

    def _sample_metrics(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield self._histogram("processing_seconds", numbers["processing"])
        if "predictors" in numbers:
            yield self._histograms("predictor_seconds", numbers["predictors"])
        if "streams" in numbers:
            yield self._value("streams", numbers["streams"]["open"])
            yield self._value("stream_items", numbers["streams"]["items"])
            yield self._histogram("stream_first_item_seconds", numbers["streams"]["first"])
        yield self._histogram("batch_samples", numbers["batches"])
        yield self._by_label("predictions", numbers["values"])
        if numbers["numbers"]:
            yield self._histogram("prediction_values", numbers["numbers"])
        yield self._histograms("input", numbers["features"])

    def _scorer_metrics(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield self._value("ready", int(numbers["answers"]))
        yield self._value("queue_samples", numbers["waiting"])
        yield self._value("queue_limit_samples", numbers["waiting_limit"])
        yield self._value("in_flight_samples", numbers["in_flight"])
        yield self._value("scorers", numbers["scorers"])
        yield self._by_label("scorer_restarts", numbers["endings"])
        yield self._by_label("scoring_form", {numbers["form"]: 1})
        yield self._value("batch_differences", numbers["batching_ended"])

    def _model_info(self) -> Metric:
        info = self._family("model_info")
        info.add_metric((self._identity.name, str(self._identity.version), self._identity.commit or ""), 1)
        return info

    def _gpu_metrics(self, gpus: Sequence[Gpu]) -> Iterator[Metric]:
        yield self._by_label("gpu_scorers", self._numbers["gpu_scorers"])
        memory, used = self._family("gpu_memory_bytes"), self._family("gpu_memory_used_bytes")
        for gpu in gpus:
            memory.add_metric((gpu.uuid, gpu.name), gpu.memory)
            used.add_metric((gpu.uuid, gpu.name), gpu.used)
        yield memory
        yield used

    def _bus_metrics(self, bus: dict) -> Iterator[Metric]:
        yield self._value("bus_connected", int(bus["connected"]))
        if bus["waiting"] is not None:
            yield self._value("bus_lag_samples", bus["waiting"])
        yield self._value("bus_in_flight_samples", bus["in_flight"])
        yield self._value("bus_oldest_seconds", bus["oldest_seconds"])
        yield self._value("bus_taken", bus["taken"])
        yield self._value("bus_redelivered", bus["redelivered"])
        yield self._value("bus_answered", bus["answered"])
        yield self._value("bus_passed_on", bus["lost"])
        yield self._by_label("bus_errors", bus["errors"])

    def _feedback_metrics(self, feedback: dict) -> Iterator[Metric]:
        yield self._by_label("feedback", feedback["outcomes"])
        count, absolute, squared = feedback["errors"]
        yield self._value("feedback_numbers", count)
        yield self._value("feedback_absolute_error", absolute)
        yield self._value("feedback_squared_error", squared)
        classes = self._family("feedback_classes")
        for answered, true, number in feedback["classes"]:
            classes.add_metric((answered, true), number)
        yield classes

    def _family(self, name: str) -> Plain:
        return plain(self._prefix, name)

    def _value(self, name: str, value: float) -> Metric:
        return _with_value(self._family(name), value)

    def _by_label(self, name: str, values: Mapping[str, float]) -> Metric:
        metric = self._family(name)
        for label, value in sorted(values.items()):
            metric.add_metric((label,), value)
        return metric

    def _histogram(self, name: str, numbers: dict) -> Metric:
        metric = histogram(self._prefix, name)
        metric.add_metric((), buckets(numbers), numbers["total"])
        return metric

    def _histograms(self, name: str, by_label: dict) -> Metric:
        metric = histogram(self._prefix, name)
        for value, numbers in by_label.items():
            metric.add_metric((value,), buckets(numbers), numbers["total"])
        return metric


def _add_grpc(numbers: dict, counter: Metric, latencies: Metric) -> None:
    """Add gRPC calls to HTTP's request metrics: the method's path as the route, the code as the status."""
    for route, status, count in numbers["requests"]:
        labels = {"route": route, "status": status, "protocol": "grpc"}
        counter.add_sample(f"{counter.name}_total", labels, count)
    for route, histogram in numbers["latencies"].items():
        labels = {"route": route, "protocol": "grpc"}
        for edge, count in buckets(histogram):
            latencies.add_sample(f"{latencies.name}_bucket", {**labels, "le": edge}, count)
        latencies.add_sample(f"{latencies.name}_count", labels, sum(histogram["counts"]))
        latencies.add_sample(f"{latencies.name}_sum", labels, histogram["total"])


class DriftCollector:
    """Yields the drift metrics: counts and baseline, which can be summed over replicas, and this replica's measures."""

    def __init__(self, numbers: dict, prefix: str, baseline: Baseline) -> None:
        self._numbers = numbers
        self._prefix = prefix
        self._baseline = baseline

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        counts = self._numbers["counts"]
        kept = [feature.counts for feature in self._baseline.features]
        yield self._bins("samples", counts)
        yield self._bins("baseline_rows", kept)
        yield self._bins("samples_up_to", self._up_to(counts))
        yield self._bins("baseline_rows_up_to", self._up_to(kept))
        yield from self._measures()
        yield _with_value(self._family("counting_seconds"), self._numbers["cost"])
        for name in ("samples", "seconds"):
            present = self._family(f"present_{name}")
            present.add_metric((self._baseline.digest,), self._numbers[name])
            yield present

    def _measures(self) -> Iterator[Metric]:
        compared = comparison.compare(self._baseline, self._numbers["present"])
        limits = self._baseline.limits()
        for name, values in (
            ("psi", [one.psi for one in compared]),
            ("psi_limit", [one.psi_limit for one in compared]),
            ("ks", [one.ks for one in compared]),
            ("ks_limit", [one.ks_limit for one in compared]),
            ("found", [int(one.has_drifted) for one in compared]),
            ("psi_critical", [limit.psi for limit in limits]),
            ("ks_critical", [limit.ks for limit in limits]),
        ):
            gauge = self._family(name)
            for feature, value in zip(self._baseline.features, values, strict=True):
                if value is not None:
                    gauge.add_metric(self._labels(feature), value)
            yield gauge

    def _family(self, name: str) -> Plain:
        return plain(self._prefix, metric_table.DRIFT + name)

    def _labels(self, feature: feature_bins.Feature) -> tuple[str, str, str]:
        return self._baseline.digest, feature.part, feature_bins.printable(feature.name)

    def _up_to(self, counts: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return cumulative counts of bins; empty for features whose bins have no order."""
        return [
            list(accumulate(of_feature)) if feature.kind in feature_bins.ORDERED else []
            for feature, of_feature in zip(self._baseline.features, counts, strict=True)
        ]

    def _bins(self, name: str, counts: Sequence[Sequence[int]]) -> Metric:
        metric = self._family(name)
        for feature, of_feature in zip(self._baseline.features, counts, strict=True):
            for label, count in zip(feature.labels() if of_feature else (), of_feature, strict=True):
                metric.add_metric((*self._labels(feature), label), count)
        return metric
