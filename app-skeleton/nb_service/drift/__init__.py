"""Drift: what the service sees, alongside the baseline that the build kept of the notebook's own data.

`baseline` reads that, `present` counts recent samples and answers, `statistics` measures how far both are apart and
how far they may be by chance, and `comparison` says so of each feature.
"""

from nb_service.drift.baseline import Baseline
from nb_service.drift.baseline import of as baseline_of
from nb_service.drift.present import Present
from nb_service.settings import Settings

__all__ = ["OFF", "baseline_of", "present_of", "words"]

OFF = "off"


def present_of(baseline: Baseline | None, settings: Settings) -> Present | None:
    """Return what counts samples by this baseline, None where there is none, or S2I_DRIFT says so."""
    return None if baseline is None or settings.drift == OFF else Present(baseline)


def words(baseline: Baseline, settings: Settings) -> str:
    """Return what the log says at the start."""
    if settings.drift == OFF:
        return "Not watching for drift: S2I_DRIFT=off."
    return f"Watching for drift against {baseline.words()}; {len(baseline.not_compared)} not compared."
