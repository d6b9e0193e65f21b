"""Drift: compares recent samples with the baseline, which the build derived from the notebook's own data.

`baseline` reads the baseline, `present` counts recent samples and predictions, `statistics` measures their difference
and the limit for random differences, and `comparison` applies both to each feature.
"""

from nb_service.drift.baseline import Baseline, read_baseline
from nb_service.drift.present import Present
from nb_service.settings import Settings

__all__ = ["OFF", "describe", "present_of", "read_baseline"]

OFF = "off"


def present_of(baseline: Baseline | None, settings: Settings) -> Present | None:
    """Return the counter of samples for this baseline; None if there is no baseline, or S2I_DRIFT disables it."""
    return None if baseline is None or settings.drift == OFF else Present(baseline)


def describe(baseline: Baseline, settings: Settings) -> str:
    """Return the text for the log's start message."""
    if settings.drift == OFF:
        return "Not watching for drift: S2I_DRIFT=off."
    return f"Watching for drift against {baseline.describe()}; {len(baseline.not_compared)} not compared."
