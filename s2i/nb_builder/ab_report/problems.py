"""Why nothing can be said of two versions."""

from nb_builder.problems.build_problem import BuildProblem


class AbWords(BuildProblem):
    """The arguments of `make ab-report` are not valid."""

    code = "ab-words"
    exit_status = 2
    what_words = "{reason}."
    why_words = "It needs Prometheus' address and two versions as Prometheus knows them; none of these is guessed."
    fix_words = (
        "Call it as nb-builder ab-report http://localhost:9090 a b --since 1h; docs/how-to/ab-and-canary.md "
        "explains each word."
    )


class AbPrometheus(BuildProblem):
    """No Prometheus answers at the address that was given."""

    code = "ab-prometheus"
    what_words = "PROMETHEUS={address} returns no metrics: {reason}."
    why_words = (
        "Prometheus has the metrics of both versions; the services themselves only have those since their start."
    )
    fix_words = "Check that {address}/-/ready answers here; in a cluster, use 'kubectl port-forward'."


class AbNoSeries(BuildProblem):
    """Prometheus has no metrics for a version."""

    code = "ab-no-series"
    what_words = "Prometheus has no {metric} with {selector} in the last {since}."
    why_words = "What was not counted can't be compared. {there}"
    fix_words = (
        "Take A, B, LABEL, ROUTE and PREFIX (S2I_APP_METRICS_PREFIX) as Prometheus has them. The label of a version is "
        "what its scrape configuration sets (docs/deploy/ab/prometheus.yml)."
    )


class AbTooFew(BuildProblem):
    """A version has had too few requests to say anything about it."""

    code = "ab-too-few"
    what_words = "{label} had {requests} in the last {since}; that is too few to say anything."
    why_words = "With fewer than {least}, chance decides the result."
    fix_words = "Wait, give the version a larger share of the clients, or look back further: SINCE=1d."
