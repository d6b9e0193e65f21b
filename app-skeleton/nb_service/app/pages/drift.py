"""The page /drift: baseline and recent samples side by side, feature by feature; also as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from nb_scorer.model import feature_bins

from nb_service.app.route_context import RouteContext
from nb_service.drift import OFF, comparison, statistics
from nb_service.drift.comparison import Compared

KINDS = {
    feature_bins.NUMBERS: "Numbers",
    feature_bins.CATEGORIES: "Values",
    feature_bins.TEXTS: "Strings, by length",
}
BINS = {feature_bins.NUMBERS: "Number", feature_bins.CATEGORIES: "Value", feature_bins.TEXTS: "Letters"}
_NO_NUMBER = "-"


def shown(context: RouteContext, numbers: dict) -> dict[str, Any]:
    """Return the values for the page's template from `numbers` (see http.metrics)."""
    baseline, counted = context.baseline, numbers.get("drift")
    if baseline is None or counted is None:
        return {"baseline": None, "why": why_not(context)}
    compared = comparison.compare(baseline, counted["present"])
    # Features that have drifted come first; the others stay in sample order.
    ranked = sorted(compared, key=lambda one: not one.has_drifted)
    return {
        "baseline": baseline,
        "present": counted,
        "lasted": _duration(counted["seconds"]),
        "compared": [_shown(one) for one in ranked],
        "drifted": sum(one.has_drifted for one in compared),
        "enough": statistics.ENOUGH,
        "looks": statistics.LOOKS_A_FALSE_ALARM,
    }


def why_not(context: RouteContext) -> str:
    """Return a sentence on why nothing is compared."""
    if context.settings.drift == OFF:
        return "The service was started with S2I_DRIFT=off."
    reason = (context.model.manifest.get("drift") or {}).get("reason")
    reason = feature_bins.printable(reason) if isinstance(reason, str) else "it was built without"
    return f"The model has no baseline ({reason})."


def as_json(context: RouteContext) -> dict[str, Any]:
    """Return the page's contents as JSON for programs."""
    baseline, counted = context.baseline, context.numbers().get("drift")
    if baseline is None or counted is None:
        return {"baseline": None, "why": why_not(context)}
    return {
        "baseline": {
            "id": baseline.digest,
            "source": baseline.source,
            "rows": baseline.rows,
            "of": baseline.total_rows,
        },
        "present": {name: counted[name] for name in ("samples", "seconds", "left_out")},
        "features": [_as_json(one) for one in comparison.compare(baseline, counted["present"])],
        "not_compared": [{"part": part, "name": name, "why": why} for part, name, why in baseline.not_compared],
    }


def _as_json(one: Compared) -> dict[str, Any]:
    feature = one.feature
    return {
        "part": feature.part,
        "name": feature.name,
        "kind": feature.kind,
        "drifted": one.has_drifted,
        **{name: getattr(one, name) for name in ("psi", "psi_limit", "ks", "ks_limit")},
        "bins": [
            {"bin": label, "baseline": kept, "present": count}
            for label, kept, count in zip(feature.labels(), feature.counts, one.counts, strict=True)
        ],
    }


def _shown(one: Compared) -> dict[str, Any]:
    feature = one.feature
    measures = (one.psi, one.psi_limit, one.ks, one.ks_limit)
    shares = zip(feature.labels(), _shares(feature.counts), _shares(one.counts), strict=True)
    return {
        "part": feature.part,
        "title": feature_bins.printable(comparison.title(feature)),
        "measures": [_NO_NUMBER if number is None else f"{number:.3f}" for number in measures],
        "has_drifted": one.has_drifted,
        "verdict": "yes" if one.has_drifted else "too few samples" if one.psi is None else "no",
        "kind": KINDS[feature.kind],
        "of_bins": BINS[feature.kind],
        "rows": sum(feature.counts),
        "samples": one.samples,
        "bins": [
            {"label": label, "baseline": f"{kept:.1f}", "present": f"{count:.1f}"}
            for label, kept, count in shares
            # Usually, neither of the two has missing or other values.
            if kept or count or label not in (feature_bins.OTHER, feature_bins.MISSING)
        ],
    }


def _shares(counts: Sequence[int]) -> list[float]:
    """Return counts as percentages."""
    return [100 * count / max(1, sum(counts)) for count in counts]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} seconds"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
