"""The result of a comparison as a JSON object, which the terminal, the file and the page show."""

from collections.abc import Sequence
from typing import Any

from nb_builder.comparison.client import Outcome
from nb_builder.comparison.limits import Verdict
from nb_builder.comparison.samples import Samples
from nb_builder.comparison.services import Candidate
from nb_builder.comparison.speed import CONFIDENCE
from nb_builder.comparison.tally import Largest, Shown, Tally
from nb_builder.comparison.trial import Trial

LIMITED = 3


def build(
    old: Candidate, new: Candidate, samples: Samples, trial: Trial, verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """Return the report. Parts that a comparison doesn't have, such as a confusion table of fractions, are null."""
    tally = trial.tally
    return {
        "old": _candidate(old, len(trial.unsteady[0])),
        "new": _candidate(new, len(trial.unsteady[1])),
        "samples": {
            "from": samples.source,
            "golden_only_old": samples.only_old,
            "golden_only_new": samples.only_new,
        },
        "rows": {
            "in": tally.rows,
            "compared": tally.compared,
            "equal": tally.equal,
            "within_tolerance": tally.within,
            "different": tally.different,
            "only_old_answered": tally.only_old,
            "only_new_answered": tally.only_new,
            "neither_answered": tally.neither,
        },
        "tolerance": tally.tolerance,
        "share_different": tally.share,
        "largest_difference": {
            "absolute": _largest(tally.absolute),
            "relative": _largest(tally.relative),
            "rows_beyond_numbers": tally.without_size,
        },
        "outcomes": [
            {"old": codes[0], "new": codes[1], "rows": rows, "first": _shown(tally.first[codes])}
            for codes, rows in tally.outcomes.most_common()
        ],
        "classes": _classes(tally),
        "differences": [_shown(shown) for shown in tally.differing],
        "unanswered": [_shown(shown) for shown in tally.unanswered],
        "asked_again": trial.asked_again,
        "speed": _speed(trial),
        "memory": _memory(trial),
        "limits": [
            {
                "name": verdict.limit.name,
                "limit": verdict.limit.text,
                "measured": verdict.measured,
                "holds": verdict.holds,
            }
            for verdict in verdicts
        ],
        "exit_status": 0 if all(verdict.holds for verdict in verdicts) else LIMITED,
    }


def _candidate(candidate: Candidate, unsteady: int) -> dict[str, Any]:
    manifest = candidate.model.manifest
    return {
        "name": candidate.name,
        "kind": candidate.kind,
        "notebook": manifest.get("notebook"),
        "built": manifest.get("built"),
        "python": manifest.get("python"),
        "golden_rows": len(candidate.model.golden) if candidate.model.has_golden else None,
        # Tolerances of the build's verification, and of this comparison.
        "deterministic": manifest.get("deterministic"),
        "rows_answered_otherwise_when_asked_again": unsteady,
    }


def _largest(largest: Largest) -> dict[str, Any] | None:
    return {"value": largest.value, "row": largest.row} if largest.row else None


def _shown(shown: Shown) -> dict[str, Any]:
    difference = shown.difference
    sample = shown.row.sample
    return {
        "row": shown.row.name,
        "sample": None if sample is None else sample.decode(),
        "old": _outcome(shown.old),
        "new": _outcome(shown.new),
        "difference": None if difference is None or difference.beyond_numbers else difference.absolute,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {"answer": outcome.answer} if outcome.is_answer else {"problem": outcome.code, "detail": outcome.detail}


def _classes(tally: Tally) -> dict[str, Any] | None:
    if not tally.classes:
        return None
    names = sorted({name for pair in tally.classes for name in pair})
    # A table with as many classes as rows would only list the rows.
    if len(names) > max(2, tally.compared // 2):
        return None
    return {"names": names, "rows": [[tally.classes[old, new] for new in names] for old in names]}


def _speed(trial: Trial) -> dict[str, Any] | None:
    speed = trial.speed
    if not len(speed):
        return None
    old, new = speed.medians()
    ratio = speed.ratio()
    return {
        "pairs": len(speed),
        "old_median_seconds": old,
        "new_median_seconds": new,
        "ratio": None
        if ratio is None
        else {"median": ratio.ratio, "low": ratio.low, "high": ratio.high, "confidence": CONFIDENCE},
    }


def _memory(trial: Trial) -> dict[str, Any] | None:
    old, new = (peak.bytes for peak in trial.memory)
    if not old or not new:
        return None
    return {"old_peak_bytes": old, "new_peak_bytes": new, "ratio": new / old}
