"""Reads the metrics of each version from Prometheus."""

from typing import NamedTuple

from nb_scorer.common import phrases

from nb_builder.ab_report.intervals import Buckets, Moments, cumulative
from nb_builder.ab_report.problems import AbNoSeries, AbTooFew
from nb_builder.ab_report.prometheus import Prometheus, text

# With fewer requests or labelled outcomes than this, nothing is reported.
MIN_COUNT = 30
# Maximum number of names in a sentence.
MAX_NAMES = 8


class Chosen(NamedTuple):
    """The metrics to query: their `prefix`, the `label` of versions, and a regular expression for `route`."""

    prefix: str
    label: str
    route: str
    since: str

    def selector(self, version: str, *more: str) -> str:
        """Return the PromQL label matchers of a version's metrics."""
        return "{" + ", ".join([f"{self.label}={text(version)}", *more]) + "}"


class Counted(NamedTuple):
    """The counts of one version: requests, failures, latencies, and feedback."""

    version: str
    requests: int
    errors: int
    latencies: Buckets
    agrees: int
    judged: int
    numbers: Moments


def query_version(prometheus: Prometheus, chosen: Chosen, version: str) -> Counted:
    """Return the counts of a version; raise AbNoSeries or AbTooFew."""
    route = f"route=~{text(chosen.route)}"
    by_status = _increases(prometheus, chosen, version, "http_requests_total", "status", route)
    if not by_status:
        raise _no_series(prometheus, chosen, version, route)
    requests = round(sum(by_status.values()))
    if requests < MIN_COUNT:
        raise AbTooFew(
            label=f"{chosen.label}={version}",
            requests=phrases.counted(requests, "request"),
            since=chosen.since,
            least=MIN_COUNT,
        )
    edges = _increases(prometheus, chosen, version, "http_request_duration_seconds_bucket", "le", route)
    rising = sorted((float(edge), count) for edge, count in edges.items())
    results = _increases(prometheus, chosen, version, "feedback_total", "result")
    agrees, differs = (round(results.get(name, 0.0)) for name in ("agrees", "differs"))
    sums = [
        sum(_increases(prometheus, chosen, version, f"feedback_{name}_total", chosen.label).values())
        for name in ("numbers", "absolute_error", "squared_error")
    ]
    return Counted(
        version,
        requests,
        round(sum(count for status, count in by_status.items() if _is_error(status))),
        Buckets(tuple(edge for edge, _ in rising), cumulative([count for _, count in rising])),
        agrees,
        agrees + differs,
        Moments(round(sums[0]), sums[1], sums[2]),
    )


def _is_error(status: str) -> bool:
    return len(status) == len("500") and status.startswith("5")


def _increases(
    prometheus: Prometheus, chosen: Chosen, version: str, name: str, label: str, *more: str
) -> dict[str, float]:
    """Return a counter's increase per value of `label`, summed over all replicas."""
    series = f"{chosen.prefix}_{name}{chosen.selector(version, *more)}[{chosen.since}]"
    found = prometheus.query(f"sum by ({label}) (increase({series}))")
    return {labels.get(label, ""): value for labels, value in found}


def _no_series(prometheus: Prometheus, chosen: Chosen, version: str, route: str) -> AbNoSeries:
    """Return the problem, which lists the existing routes, versions, jobs or metrics."""
    metric = f"{chosen.prefix}_http_requests_total"
    here = f"[{chosen.since}]"
    lookups = (
        ("route", f"{metric}{chosen.selector(version)}", "For this version, route is"),
        (chosen.label, f'{metric}{{{chosen.label}!=""}}', f"{chosen.label} is"),
        ("job", metric, f"None of these metrics has the label {chosen.label}; job is"),
        ("__name__", '{__name__=~".+_http_requests_total"}', "The available metrics are"),
    )
    for label, series, intro in lookups:
        found = prometheus.query(f"count by ({label}) (last_over_time({series}{here}))")
        names = sorted({labels[label] for labels, _ in found if label in labels})
        if names:
            there = f"{intro} {phrases.listed(names, MAX_NAMES)}."
            break
    else:
        there = "There are no metrics of any service."
    return AbNoSeries(metric=metric, selector=chosen.selector(version, route), since=chosen.since, there=there)
