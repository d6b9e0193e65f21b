"""Problems that prevent comparing two versions."""

from nb_builder.problems.build_problem import BuildProblem


class AbWords(BuildProblem):
    """The arguments of `nb-builder ab-report` are not valid."""

    code = "ab-words"
    exit_status = 2
    what_text = "{reason}."
    why_text = "The command needs the address of Prometheus and two versions as Prometheus labels them."
    fix_text = "For example: {nb_builder} ab-report http://localhost:9090 a b --since 1h."


class AbPrometheus(BuildProblem):
    """No Prometheus responds at the given address."""

    code = "ab-prometheus"
    what_text = "{address} returns no metrics: {reason}."
    why_text = "Prometheus stores the metrics of both versions; a service only has those since its own start."
    fix_text = "Check that {address}/-/ready responds; in a cluster, use 'kubectl port-forward'."


class AbNoSeries(BuildProblem):
    """Prometheus has no metrics for a version."""

    code = "ab-no-series"
    what_text = "Prometheus has no {metric} with {selector} in the last {since}."
    why_text = "Versions without metrics can't be compared. {there}"
    fix_text = (
        "Pass the versions, --label, --route and --prefix (S2I_APP_METRICS_PREFIX) as Prometheus stores them. The "
        "version label is set in its scrape configuration."
    )


class AbTooFew(BuildProblem):
    """A version has received too few requests for a comparison."""

    code = "ab-too-few"
    what_text = "{label} received {requests} in the last {since}, which is too few for a comparison."
    why_text = "With fewer than {least}, the result would be due to chance."
    fix_text = "Wait, send the version a larger share of the clients, or look back further: --since 1d."
