"""Compares two versions measure by measure; the report is a JSON object."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from nb_builder.ab_report import intervals
from nb_builder.ab_report.counts import MIN_COUNT, Chosen, Counted
from nb_builder.ab_report.intervals import Interval

# All intervals of a report hold together with this confidence: for two equal versions, at most one report in twenty
# claims a difference.
CONFIDENCE = 0.95
QUANTILES = (0.5, 0.95, 0.99)
A, B, NOT_KNOWN = "a", "b", "not known"
# Larger numbers of additional values are not reported.
MAX_COUNT = 10**9


class Measure(NamedTuple):
    """A compared measure: the number of values of each version, and functions of a confidence that return intervals."""

    name: str
    unit: str
    numbers: tuple[int, int]
    of_each: Callable[[float], tuple[Interval, Interval]]
    difference: Callable[[float], Interval] | None = None
    more_is_better: bool = False


def build(chosen: Chosen, a: Counted, b: Counted) -> dict[str, Any]:
    """Return the report: both versions, each measure that both have, and the measures in which one performs better."""
    measures = [measure for measure in _measures(a, b) if min(measure.numbers) >= MIN_COUNT]
    confidence = intervals.together(len(measures), CONFIDENCE)
    compared = [_compared(measure, confidence) for measure in measures]
    better = {winner: [one["name"] for one in compared if one["better"] == winner] for winner in (A, B)}
    return {
        "label": chosen.label,
        "route": chosen.route,
        "since": chosen.since,
        "confidence_of_all": CONFIDENCE,
        "confidence_of_each": confidence,
        **{name: _facts(counted) for name, counted in ((A, a), (B, b))},
        "measures": compared,
        "b_is_worse_in": better[A],
        "b_is_better_in": better[B],
        "exit_status": 3 if better[A] else 0,
    }


def _facts(counted: Counted) -> dict[str, Any]:
    return {
        "version": counted.version,
        "requests": counted.requests,
        "errors": counted.errors,
        "true_answers": counted.judged,
        "true_numbers": counted.numbers.number,
    }


def _measures(a: Counted, b: Counted) -> Iterator[Measure]:
    yield _share("errors", (a.errors, a.requests), (b.errors, b.requests))
    for share in QUANTILES:
        numbers = a.latencies.total, b.latencies.total
        yield Measure(f"latency p{100 * share:.0f}", "seconds", numbers, partial(_quantiles, share, a, b))
    yield _share("right answers", (a.agrees, a.judged), (b.agrees, b.judged), more_is_better=True)
    yield Measure(
        "mean absolute error",
        "",
        (a.numbers.number, b.numbers.number),
        lambda confidence: (intervals.mean(a.numbers, confidence), intervals.mean(b.numbers, confidence)),
        lambda confidence: intervals.difference_of_means(a.numbers, b.numbers, confidence),
    )


def _quantiles(share: float, a: Counted, b: Counted, confidence: float) -> tuple[Interval, Interval]:
    return (
        intervals.quantile(share, a.latencies, confidence),
        intervals.quantile(share, b.latencies, confidence),
    )


def _share(name: str, a: tuple[int, int], b: tuple[int, int], *, more_is_better: bool = False) -> Measure:
    return Measure(
        name,
        "share",
        (a[1], b[1]),
        lambda confidence: (intervals.wilson(*a, confidence), intervals.wilson(*b, confidence)),
        lambda confidence: intervals.difference_of_shares(a, b, confidence),
        more_is_better,
    )


def _compared(measure: Measure, confidence: float) -> dict[str, Any]:
    of_a, of_b = measure.of_each(confidence)
    difference = measure.difference(confidence) if measure.difference is not None else None
    if difference is not None:
        is_larger = difference.low > 0 if difference.excludes_zero else None
    else:
        # An interval excludes its lower bound, so two intervals may touch.
        is_larger = True if of_b.low >= of_a.high else False if of_a.low >= of_b.high else None
    better = NOT_KNOWN if is_larger is None else B if is_larger is measure.more_is_better else A
    return {
        "name": measure.name,
        "unit": measure.unit,
        "numbers": dict(zip((A, B), measure.numbers, strict=True)),
        A: _shown(of_a),
        B: _shown(of_b),
        "difference": None if difference is None else _shown(difference),
        "better": better,
        "more_needed": _more(measure, difference) if better == NOT_KNOWN and difference is not None else None,
    }


def _shown(interval: Interval) -> dict[str, float | None]:
    """Return an interval in JSON form; infinity becomes None."""
    return {name: value if math.isfinite(value) else None for name, value in interval._asdict().items()}


def _more(measure: Measure, difference: Interval) -> dict[str, int] | None:
    """Return how many more values each version needs until such a difference is significant; None if too many."""
    times = intervals.times_as_many(difference)
    if times is None:
        return None
    more = [math.ceil((times - 1) * number) for number in measure.numbers]
    return dict(zip((A, B), more, strict=True)) if max(more) <= MAX_COUNT else None
