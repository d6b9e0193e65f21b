"""The rules for drift: the measures of a service, for the sum over all replicas of the last hour."""

from nb_service.observability.metric_table import Names
from nb_service.observability.rule_file import WARNING, Alert, Group, Recording

COMMENT = (
    "Drift over all replicas of a service. Counters of bins add up over replicas, but measures don't, so these rules "
    "compute PSI and KS from sums, as a service does from its own counts. The present is the last hour. Versions with "
    "different baselines (the label baseline) are never added up."
)
FEATURE = "(job, baseline, part, feature)"
BIN = "(job, baseline, part, feature, bin)"


def group(names: Names, called: str) -> Group:
    """Return the rules under these names; `called` is the prefix of alert names."""
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
            "How much two samples of these sizes differ by chance; fewer than 200 give no value.",
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
            "Open /drift of any replica. If the client computes the feature in another way, fix the client. If the "
            "data themselves have changed, retrain the model.",
        ),
        Alert(
            f"{called}AnswerDrift",
            _drifted(prefix, "answer"),
            "10m",
            WARNING,
            f"{{{{ $labels.job }}}}: {{{{ $labels.feature }}}} of answers {words}",
            "Open /drift of any replica. If a feature of samples has drifted, too, start with it. Otherwise a relation "
            "between features has changed: compare predictions with true values (POST /feedback).",
        ),
    ]


def _drifted(prefix: str, part: str) -> str:
    drift, of = f"{prefix}_drift", f'{{part="{part}"}}'
    return f"""
        ({drift}:psi{of} > {drift}:psi_by_chance > {drift}:psi_that_matters)
        or {drift}:ks{of} > {drift}:ks_limit
        """
