"""The rules for drift: what a service says of its own counts, said of the sum over all replicas of the last hour."""

from nb_service.observability.metric_table import Names
from nb_service.observability.rule_file import WARNING, Alert, Group, Recording

COMMENT = (
    "Drift over all replicas of a service. Counters of bins add up over replicas, measures don't; so PSI and KS are "
    "made here of sums, as the service makes them of its own counts. The present is the last hour. Versions whose "
    "baselines differ are never added up: the label baseline."
)
FEATURE = "(job, baseline, part, feature)"
BIN = "(job, baseline, part, feature, bin)"
RUNBOOK = "docs/how-to/watch-for-drift.md"


def group(names: Names, called: str) -> Group:
    """Return the rules under these names; `called` is what names of alerts begin with."""
    return Group(f"{names.prefix}-drift", "1m", COMMENT, [*_recordings(names), *_alerts(names.prefix, called)])


def _recordings(names: Names) -> list[Recording]:
    drift = f"{names.prefix}_drift"
    return [
        Recording(f"{drift}:samples:increase1h", f"sum by {BIN} (increase({names.total('drift_samples')}[1h]))"),
        Recording(f"{drift}:present_samples", f"sum by {FEATURE} ({drift}:samples:increase1h)"),
        Recording(f"{drift}:rows", f"max by {BIN} ({names.gauge('drift_baseline_rows')})"),
        Recording(f"{drift}:baseline_rows", f"sum by {FEATURE} ({drift}:rows)"),
        Recording(
            f"{drift}:chance",
            f"1 / ({drift}:present_samples >= 200) + 1 / {drift}:baseline_rows",
            "How much two samples of these sizes differ by chance; nothing is said of fewer than 200.",
        ),
        Recording(
            f"{drift}:share",
            f"{drift}:samples:increase1h / on {FEATURE} group_left {drift}:present_samples",
        ),
        Recording(f"{drift}:baseline_share", f"{drift}:rows / on {FEATURE} group_left {drift}:baseline_rows"),
        *_psi(names, drift),
        *_ks(names, drift),
    ]


def _psi(names: Names, drift: str) -> list[Recording]:
    return [
        Recording(
            f"{drift}:psi",
            f"""
            sum by {FEATURE} (
              ({drift}:share - {drift}:baseline_share)
              * ln(
                ({drift}:share + on {FEATURE} group_left {drift}:chance / 2)
                / ({drift}:baseline_share + on {FEATURE} group_left {drift}:chance / 2)
              )
            )
            """,
        ),
        Recording(
            f"{drift}:psi_by_chance",
            f"max by {FEATURE} ({names.gauge('drift_psi_critical')}) * {drift}:chance",
        ),
        Recording(
            f"{drift}:psi_that_matters",
            f"0.1 + (count by {FEATURE} ({drift}:rows) - 1) * {drift}:chance",
        ),
    ]


def _ks(names: Names, drift: str) -> list[Recording]:
    return [
        Recording(
            f"{drift}:ks",
            f"""
            max by {FEATURE} (
              abs(
                sum by {BIN} (increase({names.total("drift_samples_up_to")}[1h]))
                / on {FEATURE} group_left {drift}:present_samples
                - max by {BIN} ({names.gauge("drift_baseline_rows_up_to")})
                / on {FEATURE} group_left {drift}:baseline_rows
              )
            )
            """,
        ),
        Recording(
            f"{drift}:ks_limit",
            f"clamp_min(max by {FEATURE} ({names.gauge('drift_ks_critical')}) * sqrt({drift}:chance), 0.1)",
        ),
    ]


def _alerts(prefix: str, called: str) -> list[Alert]:
    words = "has drifted from the notebook's data ({{ $value }})"
    return [
        Alert(
            f"{called}InputDrift",
            _drifted(prefix, "sample"),
            "10m",
            WARNING,
            f"{{{{ $labels.job }}}}: {{{{ $labels.feature }}}} of samples {words}",
            "Look at /drift of any replica: is the feature made otherwise by its sender, or is the world another? Mend "
            f"the one, train anew for the other ({RUNBOOK}).",
        ),
        Alert(
            f"{called}AnswerDrift",
            _drifted(prefix, "answer"),
            "10m",
            WARNING,
            f"{{{{ $labels.job }}}}: {{{{ $labels.feature }}}} of answers {words}",
            "Look at /drift: where a feature of samples has drifted too, begin with it; else a relation between "
            f"features has changed: compare answers with what came true ({RUNBOOK}).",
        ),
    ]


def _drifted(prefix: str, part: str) -> str:
    drift, of = f"{prefix}_drift", f'{{part="{part}"}}'
    return f"""
        ({drift}:psi{of} > {drift}:psi_by_chance > {drift}:psi_that_matters)
        or {drift}:ks{of} > {drift}:ks_limit
        """
