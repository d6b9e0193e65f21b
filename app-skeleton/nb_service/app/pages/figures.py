"""The figures on the page, computed from the same numbers as /metrics."""

from typing import NamedTuple

# Values within a histogram's bucket can't be distinguished, so more digits would be meaningless.
_DIGITS = 2
_ROUTE = "/predict"


class Figure(NamedTuple):
    """A number with its name and a short explanation."""

    name: str
    value: str
    note: str


def build_figures(numbers: dict, checks: frozenset[str]) -> list[Figure]:
    """Return the page's figures for `numbers` (see http.metrics), without health `checks`; [] if there are none."""
    if not {"requests", "latencies", "batches", "waiting", "in_flight", "scorers"} <= numbers.keys():
        return []
    requests = [row for row in numbers["requests"] if row[0] not in checks]
    rejected, failed = (sum(count for _, status, count in requests if status // 100 == hundreds) for hundreds in (4, 5))
    latency = numbers["latencies"].get(_ROUTE)
    return [
        Figure("Samples", f"{numbers['batches']['total']:,.0f}", "scored since the start"),
        Figure("Requests", f"{sum(count for *_, count in requests):,}", f"{rejected:,} with 4xx, {failed:,} with 5xx"),
        Figure(
            f"Median of {_ROUTE}",
            "none yet" if latency is None else duration(quantile(latency, 0.5)),
            "" if latency is None else f"95 of 100 within {duration(quantile(latency, 0.95))}",
        ),
        Figure(
            "Scorers", f"{numbers['scorers']:,}", f"{numbers['waiting']:,} waiting, {numbers['in_flight']:,} in flight"
        ),
    ]


def quantile(histogram: dict, share: float) -> float:
    """Return a quantile of a histogram's values, as Prometheus estimates it."""
    rank, low = share * sum(histogram["counts"]), 0.0
    for edge, count in zip(histogram["edges"], histogram["counts"], strict=False):
        if count and rank <= count:
            return low + (edge - low) * rank / count
        rank, low = rank - count, edge
    # The last bucket has no upper bound.
    return low


def duration(seconds: float) -> str:
    """Return a duration as text."""
    number, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{float(f'{number:.{_DIGITS}g}'):g} {unit}"
