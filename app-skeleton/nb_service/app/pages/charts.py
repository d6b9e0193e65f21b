"""Charts of predictions and inputs: the bins of the baseline next to recent ones, as on /drift."""

from collections.abc import Iterable
from typing import NamedTuple

# Further charts are on /drift only.
MAX_COUNT = 12
HEIGHT = 60
BAR, GAP = 8, 6


class Bar(NamedTuple):
    """Two bars of one bin, side by side: `x` of the first, the height of each, and a tooltip."""

    x: int
    baseline: float
    present: float
    description: str


class Chart(NamedTuple):
    """One feature's bars; `words` is the full description, `first` and `last` label the outer bins."""

    title: str
    has_drifted: bool
    description: str
    width: int
    bars: list[Bar]
    first: str
    last: str


def build_charts(compared: Iterable[dict]) -> list[Chart]:
    """Return the charts of the first features shown on /drift, predictions first."""
    ranked = sorted(compared, key=lambda one: one["part"] != "answer")
    return [_chart(one) for one in ranked[:MAX_COUNT]]


def _chart(one: dict) -> Chart:
    bins = one["bins"]
    shares = [(float(each["baseline"]), float(each["present"])) for each in bins]
    highest = max((share for pair in shares for share in pair), default=0.0) or 1.0
    bars = [
        Bar(
            number * (2 * BAR + GAP),
            round(HEIGHT * kept / highest, 1),
            round(HEIGHT * now / highest, 1),
            f"{each['label']}: {kept} % of the baseline, {now} % of the present",
        )
        for number, (each, (kept, now)) in enumerate(zip(bins, shares, strict=True))
    ]
    description = f"{one['title']}: bars of {len(bins)} bins, for {one['rows']:,} rows of the baseline"
    description += f" and {one['samples']:,} of the present"
    return Chart(
        one["title"],
        one["has_drifted"],
        description,
        max(1, len(bars)) * (2 * BAR + GAP) - GAP,
        bars,
        bins[0]["label"] if bins else "",
        bins[-1]["label"] if len(bins) > 1 else "",
    )
