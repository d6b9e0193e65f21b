"""The board of a service: its rows of panels, over all services whose metrics begin with a prefix."""

import json

from nb_service.observability import alert_rules
from nb_service.observability.grafana import STAT, Annotation, Panel, Query, Row, Variable, dashboard
from nb_service.observability.metric_table import Names
from nb_service.observability.service_rules import CHECKS, FAILED

# The series that are chosen on the board. A version is a label that Prometheus' own configuration may give a service;
# its `.*` takes those without one, too.
JOB = 'job=~"$job"'
CHOSEN = f'{JOB}, version=~"$version"'
ROUTE = f'{CHOSEN}, route=~"$route"'
# The last hour, as in the rules for drift: what is answered is looked at over days, and few requests have to do.
LONG = "[1h]"
SHORT = "[$__rate_interval]"
QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def text_of(prefix: str) -> str:
    """Return the dashboard for metrics with this prefix, as JSON."""
    names = Names(prefix)
    rows = [
        _overview(names),
        _traffic(names),
        _latency(names),
        _queue(names),
        _batches(names),
        _answers(names),
        _truth(names),
        _inputs(names),
        _drift(names),
        _bus(names),
        _gpus(names),
        _process(),
    ]
    board = dashboard(names, f"Prediction services ({prefix})", _variables(names), _annotations(names), rows)
    return json.dumps(board, indent=2) + "\n"


def _variables(names: Names) -> list[Variable]:
    latencies = names.count("http_request_duration_seconds")
    return [
        Variable("job", "Service", names.gauge("ready"), "job"),
        Variable("version", "Version", f"{names.gauge('ready')}{{{JOB}}}", "version", every=".*"),
        Variable("route", "Route", f'{latencies}{{{CHOSEN}, route!~"{CHECKS}"}}', "route"),
    ]


def _annotations(names: Names) -> list[Annotation]:
    model = "by (model_name, model_version, model_commit)"
    info = f"{names.gauge('model_info')}{{{CHOSEN}}}"
    return [
        Annotation(
            "A new version of a model",
            f"count {model} ({info}) unless count {model} ({info} offset 5m)",
            "{{model_name}} {{model_version}} {{model_commit}}",
            "blue",
        ),
        Annotation("An alert", _alerts(names), "{{alertname}}", "red"),
    ]


def _alerts(names: Names) -> str:
    """Return the query for our alerts that fire, by name."""
    ours = "|".join(alert_rules.alert_names(names.prefix))
    return f'count by (alertname) (ALERTS{{{JOB}, alertstate="firing", alertname=~"{ours}"}})'


def _overview(names: Names) -> Row:
    model = f"count by (model_name, model_version) ({names.gauge('model_info')}{{{CHOSEN}}})"
    full = f"max({names.gauge('queue_samples')}{{{CHOSEN}}} / {names.gauge('queue_limit_samples')}{{{CHOSEN}}})"
    ready = f"{names.gauge('ready')}{{{CHOSEN}}}"
    return Row(
        "Now",
        [
            Panel("Model", [Query(model, "{{model_name}} {{model_version}}")], width=6, kind=STAT, shows="name"),
            Panel("Instances ready", [Query(f"sum({ready})", "")], width=3, kind=STAT, red_below=1),
            Panel("Not ready", [Query(f"count({ready}) - sum({ready})", "")], width=3, kind=STAT, red_from=1),
            Panel("Requests", [Query(_rate(names, ROUTE, "5m"), "")], "reqps", 3, STAT),
            Panel("Failed", [Query(_failed(names, "5m", ""), "")], "percentunit", 3, STAT, red_from=0.01),
            Panel("Fullest queue", [Query(full, "")], "percentunit", 3, STAT, red_from=0.5),
            Panel(
                "Alerts",
                [Query(f"sum({_alerts(names)}) or vector(0)", "")],
                width=3,
                kind=STAT,
                red_from=1,
                description="Alerts of the rules that the word `alerts` writes; 0 also where Prometheus has no rules.",
            ),
        ],
    )


def _rate(names: Names, selector: str, span: str, by: str = "") -> str:
    return f"sum{by} (rate({names.total('http_requests')}{{{selector}}}[{span}]))"


def _failed(names: Names, span: str, by: str) -> str:
    """Return the query for the share of requests that failed, 0 where none has."""
    every = _rate(names, ROUTE, span, by)
    failed = _rate(names, f'{ROUTE}, status=~"{FAILED}"', span, by)
    return f"({failed} or 0 * {every}) / {every}"


def _traffic(names: Names) -> Row:
    by_status = _rate(names, ROUTE, "$__rate_interval", " by (protocol, status)")
    by_route = _rate(names, ROUTE, "$__rate_interval", " by (route)")
    failed = _failed(names, "$__rate_interval", " by (version)")
    return Row(
        "Traffic and errors",
        [
            Panel("Requests by status", [Query(by_status, "{{protocol}} {{status}}")], "reqps", stacked=True),
            Panel("Requests by route", [Query(by_route, "{{route}}")], "reqps", stacked=True),
            Panel(
                "Failed",
                [Query(failed, "failed {{version}}")],
                "percentunit",
                description=f"Requests that the service failed on: {FAILED}.",
            ),
        ],
    )


def _quantile(of: float, bucket: str, selector: str, span: str, by: str) -> str:
    return f"histogram_quantile({of}, sum by ({by}) (rate({bucket}{{{selector}}}{span})))"


def _latency(names: Names) -> Row:
    latency, scoring = names.bucket("http_request_duration_seconds"), names.bucket("processing_seconds")
    return Row(
        "Latency",
        [
            Panel(
                "Requests",
                [
                    Query(_quantile(of, latency, ROUTE, SHORT, "version, le"), f"{called} {{{{version}}}}")
                    for of, called in QUANTILES
                ],
                description="Between the edges of a histogram's buckets, quantiles are guessed.",
            ),
            Panel(
                "p99 by route",
                [Query(_quantile(0.99, latency, ROUTE, SHORT, "route, le"), "{{route}}")],
            ),
            Panel(
                "A sample in a scorer",
                [Query(_quantile(of, scoring, CHOSEN, SHORT, "le"), called) for of, called in QUANTILES],
                description="Without waiting: where requests take much longer than that, samples wait in the queue.",
            ),
        ],
    )


def _queue(names: Names) -> Row:
    def of(name: str) -> str:
        return f"{names.gauge(name)}{{{CHOSEN}}}"

    replaced = f"sum by (reason) (increase({names.total('scorer_restarts')}{{{CHOSEN}}}{LONG}))"
    full = f"max by (job, instance) ({of('queue_samples')} / {of('queue_limit_samples')})"
    return Row(
        "Queue and scorers",
        [
            Panel(
                "Samples that wait", [Query(f"max by (job, instance) ({of('queue_samples')})", "{{instance}}")], width=6
            ),
            Panel(
                "The queue, of its limit",
                [Query(full, "{{instance}}")],
                "percentunit",
                6,
                description="A full queue refuses with 503.",
                most=1,
            ),
            Panel(
                "Scorers and what they have",
                [
                    Query(f"sum({of('scorers')})", "scorers at work"),
                    Query(f"sum({of('in_flight_samples')})", "samples in flight"),
                ],
                width=6,
            ),
            Panel("Scorers replaced in an hour", [Query(replaced, "{{reason}}")], width=6),
        ],
    )


def _batches(names: Names) -> Row:
    sums, counts = (f"sum(rate({of('batch_samples')}{{{CHOSEN}}}{SHORT}))" for of in (names.sum, names.count))
    differences = f"sum({names.total('batch_differences')}{{{CHOSEN}}})"
    return Row(
        "Batches",
        [
            Panel(
                "Samples in one call",
                [
                    Query(f"{sums} / {counts}", "mean"),
                    Query(_quantile(0.95, names.bucket("batch_samples"), CHOSEN, SHORT, "le"), "p95"),
                ],
            ),
            Panel(
                "Instances by what scores",
                [Query(f"count by (form) ({names.gauge('scoring_form')}{{{CHOSEN}}})", "{{form}}")],
            ),
            Panel(
                "Scorers that saw another answer in company",
                [Query(differences, "scorers")],
                description="After the first, its instance scores samples one by one.",
            ),
        ],
    )


def _answers(names: Names) -> Row:
    by_value = f"sum by (value) (rate({names.total('predictions')}{{{CHOSEN}}}{LONG}))"
    every = f"sum(rate({names.total('predictions')}{{{CHOSEN}}}{LONG}))"
    return Row(
        "Answers of the last hour",
        [
            Panel(
                "Classes: share of each value",
                [Query(f"{by_value} / ignoring (value) group_left {every}", "{{value}}")],
                "percentunit",
                12,
                stacked=True,
                most=1,
            ),
            Panel(
                "Fractional numbers: deciles 1, 5 and 9",
                [
                    Query(_quantile(of, names.bucket("prediction_values"), CHOSEN, LONG, "le"), called)
                    for of, called in ((0.1, "a tenth is below"), (0.5, "half is below"), (0.9, "a tenth is above"))
                ],
                width=12,
                from_zero=False,
            ),
        ],
    )


def _truth(names: Names) -> Row:
    def grown(name: str, selector: str, by: str) -> str:
        return f"sum by ({by}) (increase({names.total(name)}{{{selector}}}{LONG}))"

    def mean(name: str) -> str:
        return f"{grown(name, CHOSEN, 'version')} / {grown('feedback_numbers', CHOSEN, 'version')}"

    agree, judged = (
        grown("feedback", f"{CHOSEN}, result{results}", "version") for results in ('="agrees"', '=~"agrees|differs"')
    )
    return Row(
        "True answers of the last hour, from feedback",
        [
            Panel("Answers that were right", [Query(f"{agree} / {judged}", "{{version}}")], "percentunit", 6, most=1),
            Panel(
                "How far numbers were off",
                [
                    Query(mean("feedback_absolute_error"), "mean {{version}}"),
                    Query(f"sqrt({mean('feedback_squared_error')})", "root of the mean square {{version}}"),
                ],
                width=6,
            ),
            Panel(
                "Answered, true",
                [Query(grown("feedback_classes", CHOSEN, "prediction, truth"), "{{prediction}}, {{truth}}")],
                width=6,
                stacked=True,
            ),
            Panel(
                "What came of feedback",
                [Query(grown("feedback", CHOSEN, "result"), "{{result}}")],
                width=6,
                stacked=True,
                description="unknown: too old, or another replica's; such feedback may bring its prediction along.",
            ),
        ],
    )


def _inputs(names: Names) -> Row:
    def quantile(of: float) -> list[Query]:
        return [Query(_quantile(of, names.bucket("input"), CHOSEN, LONG, "feature, le"), "{{feature}}")]

    return Row(
        "Inputs of the last hour, by feature",
        [
            Panel(title, quantile(of), from_zero=False)
            for of, title in ((0.1, "A tenth is below"), (0.5, "Half is below"), (0.9, "A tenth is above"))
        ],
    )


def _drift(names: Names) -> Row:
    def replica(measure: str) -> str:
        value, limit = names.gauge(f"drift_{measure}"), names.gauge(f"drift_{measure}_limit")
        return f"max by (job, part, feature) ({value}{{{CHOSEN}}} / {limit}{{{CHOSEN}}})"

    feature, drift = "{{part}} {{feature}}", f"{names.prefix}_drift"
    together = "Over all replicas, of the last hour. Needs the rules that the word `alerts` writes."
    alone = "Of each replica's last samples, the largest of all. Above 1 is a drift."
    found = f"max by (job, part, feature) ({names.gauge('drift_found')}{{{CHOSEN}}})"
    cost = f"sum by (job, instance) (rate({names.total('drift_counting_seconds')}{{{CHOSEN}}}{SHORT}))"
    return Row(
        "Drift",
        [
            Panel("PSI", [Query(f"max by (part, feature) ({drift}:psi{{{JOB}}})", feature)], description=together),
            Panel("KS", [Query(f"max by (part, feature) ({drift}:ks{{{JOB}}})", feature)], description=together),
            Panel("Features that have drifted", [Query(found, feature)], most=1),
            Panel("PSI and its limit", [Query(replica("psi"), feature)], description=alone),
            Panel("KS and its limit", [Query(replica("ks"), feature)], description=alone),
            Panel(
                "Samples that a replica compares",
                [Query(f"min by (job) ({names.gauge('drift_present_samples')}{{{CHOSEN}}})", "{{job}}: fewest")],
            ),
            Panel(
                "How long they took to come",
                [Query(f"max by (job) ({names.gauge('drift_present_seconds')}{{{CHOSEN}}})", "{{job}}")],
            ),
            Panel("What counting takes of a core", [Query(cost, "{{instance}}")], "percentunit"),
        ],
    )


def _bus(names: Names) -> Row:
    def of(name: str) -> str:
        return f"{names.gauge(name)}{{{CHOSEN}}}"

    def rate(name: str) -> str:
        return f"sum(rate({names.total(name)}{{{CHOSEN}}}{SHORT}))"

    errors = f"sum by (reason) (rate({names.total('bus_errors')}{{{CHOSEN}}}{SHORT}))"
    return Row(
        "Bus",
        [
            Panel("Connected", [Query(f"min by (job, instance) ({of('bus_connected')})", "{{instance}}")], most=1),
            Panel(
                "Messages that wait",
                [
                    Query(f"max by (job) ({of('bus_lag_samples')})", "{{job}}: in the broker"),
                    Query(f"sum by (job) ({of('bus_in_flight_samples')})", "{{job}}: taken, not settled"),
                ],
            ),
            Panel("Oldest message", [Query(f"max by (job) ({of('bus_oldest_seconds')})", "{{job}}")]),
            Panel(
                "Messages",
                [
                    Query(rate("bus_taken"), "taken"),
                    Query(rate("bus_answered"), "answered"),
                    Query(rate("bus_redelivered"), "not for the first time"),
                    Query(rate("bus_passed_on"), "given to another service"),
                ],
                "cps",
                12,
            ),
            Panel("Errors by reason", [Query(errors, "{{reason}}")], "cps", 12),
        ],
        collapsed=True,
    )


def _gpus(names: Names) -> Row:
    def of(name: str) -> str:
        return f"{names.gauge(name)}{{{CHOSEN}}}"

    share = f"{of('gpu_memory_used_bytes')} / {of('gpu_memory_bytes')}"
    return Row(
        "GPUs",
        [
            Panel(
                "Memory used, of what there is",
                [Query(share, "{{instance}}: {{product}} {{gpu}}")],
                "percentunit",
                most=1,
            ),
            Panel("Scorers", [Query(f"sum by (gpu) ({of('gpu_scorers')})", "{{gpu}}")]),
        ],
        collapsed=True,
    )


def _process() -> Row:
    alone = "Of process 1, the front; what scorers take, the container's own metrics have."
    return Row(
        "Process",
        [
            Panel(
                "Memory",
                [Query(f"process_resident_memory_bytes{{{CHOSEN}}}", "{{instance}}")],
                "bytes",
                description=alone,
            ),
            Panel(
                "CPU",
                [Query(f"rate(process_cpu_seconds_total{{{CHOSEN}}}{SHORT})", "{{instance}}")],
                "percentunit",
                description=alone,
            ),
            Panel(
                "Open files, of their limit",
                [Query(f"process_open_fds{{{CHOSEN}}} / process_max_fds{{{CHOSEN}}}", "{{instance}}")],
                "percentunit",
                description=alone,
                most=1,
            ),
        ],
    )
