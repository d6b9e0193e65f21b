"""Compares recent samples with the baseline, feature by feature, for the page and the metrics."""

from collections.abc import Sequence
from typing import NamedTuple

from nb_scorer.model import feature_bins
from nb_scorer.model.feature_bins import Feature

from nb_service.drift import statistics
from nb_service.drift.baseline import Baseline
from nb_service.drift.statistics import Limits


class Compared(NamedTuple):
    """A feature: its recent counts, how far they are from the baseline's, and the limits.

    All measures are None if there are too few samples; so is `ks` if the bins have no order.
    """

    feature: Feature
    counts: Sequence[int]
    psi: float | None = None
    ks: float | None = None
    psi_limit: float | None = None
    ks_limit: float | None = None

    @property
    def samples(self) -> int:
        """Return the present number of values."""
        return sum(self.counts)

    @property
    def exceeded(self) -> list[tuple[str, float, float]]:
        """Return (name, measure, limit) of each measure that exceeds its limit."""
        measures = ("PSI", self.psi, self.psi_limit), ("KS", self.ks, self.ks_limit)
        return [
            (name, measure, limit)
            for name, measure, limit in measures
            if measure is not None and limit is not None and measure > limit
        ]

    @property
    def has_drifted(self) -> bool:
        """Return whether a measure exceeds its limit."""
        return bool(self.exceeded)

    def describe(self) -> str:
        """Return the description of a feature that has drifted."""
        said = [f"{name} {measure:.2f}, and up to {limit:.2f} is no drift" for name, measure, limit in self.exceeded]
        return f"{title(self.feature)} differs from the baseline ({'; '.join(said)})"


def title(feature: Feature) -> str:
    """Return a feature's name as text."""
    if feature.name == feature_bins.VALUE:
        return f"the {feature.part}"
    return f"{feature.name} of the {feature.part}"


def compare(baseline: Baseline, present: Sequence[Sequence[int]]) -> list[Compared]:
    """Return each feature of the baseline with its present counts, in the same order."""
    return [
        _compared(feature, counts, limits)
        for feature, counts, limits in zip(baseline.features, present, baseline.limits(), strict=True)
    ]


def _compared(feature: Feature, counts: Sequence[int], limits: Limits) -> Compared:
    if sum(counts) < statistics.ENOUGH:
        return Compared(feature, counts)
    chance = statistics.chance(counts, feature.counts)
    psi, limit = statistics.psi(counts, feature.counts), limits.of_psi(chance)
    if feature.kind not in feature_bins.ORDERED:
        return Compared(feature, counts, psi, None, limit)
    return Compared(feature, counts, psi, statistics.ks(counts, feature.counts), limit, limits.of_ks(chance))


# Readers would skip more lines.
MAX_LINES = 10


def lines(compared: Sequence[Compared], samples: int) -> list[str]:
    """Return lines on the features that have drifted, of which `samples` were counted."""
    drifted = [one.describe() for one in compared if one.has_drifted]
    if not drifted and samples < statistics.ENOUGH:
        return [f"too few samples to decide, {samples} of {statistics.ENOUGH}"]
    more = [f"{len(drifted) - MAX_LINES} other features have drifted"] if len(drifted) > MAX_LINES else []
    return [*drifted[:MAX_LINES], *more] or [f"none in {len(compared)} features of {samples} samples"]
