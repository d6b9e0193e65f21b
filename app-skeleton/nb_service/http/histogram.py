"""A histogram that costs a fraction of a microsecond per value; /metrics derives its buckets from it."""

from bisect import bisect_left
from collections.abc import Iterable

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
# For numbers of unknown range: fine between 0 and 1, for probabilities, and coarse elsewhere.
ANY_NUMBER = (
    *(-1e6, -1e4, -1e3, -100.0, -10.0, -1.0, -0.1, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    *(1.0, 2.0, 5.0, 10.0, 100.0, 1e3, 1e4, 1e6),
)
STEPS = 20


class Histogram:
    """Counts values by the first of `edges` that is not below them. One thread may write while others read."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: Iterable[float]) -> None:
        self.edges = tuple(edges)
        self.counts = [0] * (len(self.edges) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value` `times` times."""
        self.counts[bisect_left(self.edges, value)] += times
        self.total += value * times

    def numbers(self) -> dict:
        """Return {"edges", "counts", "total"}, which JSON can hold."""
        return {"edges": self.edges, "counts": list(self.counts), "total": self.total}


def buckets(numbers: dict) -> list[tuple[str, int]]:
    """Return (edge, number of values up to it) of a histogram's numbers, in order; the last edge is "+Inf"."""
    cumulative, total = [], 0
    for edge, count in zip((*map(repr, map(float, numbers["edges"])), "+Inf"), numbers["counts"], strict=True):
        total += count
        cumulative.append((edge, total))
    return cumulative


def edges_around(values: list[float]) -> tuple[float, ...]:
    """Return edges for values similar to `values`: evenly spaced over twice their range."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    if not low < high or high - low > 1e300:
        return ANY_NUMBER
    start, step = low - (high - low) / 2, 2 * (high - low) / STEPS
    edges = sorted({float(f"{start + step * number:.4g}") for number in range(STEPS + 1)})
    # If edges coincide, four digits are too few to show how the values differ.
    return tuple(edges) if len(edges) > STEPS // 2 else ANY_NUMBER
