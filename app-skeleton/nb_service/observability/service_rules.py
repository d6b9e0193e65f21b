"""The alerts of a service: it answers nothing, it fails, it is full, its scorers end."""

from nb_service.observability.metric_table import Names
from nb_service.observability.rule_file import CRITICAL, WARNING, Alert, Group

COMMENT = "What a service can't mend by itself. A short moment is none: restarts and updates have such."
# Requests that nobody sends for a prediction: checks, of which a service that starts or ends refuses some, and scrapes.
CHECKS = "/(healthz|readyz|ping|health|v2/health/.*|metrics|monitoring/prometheus/metrics)"
# How a request ends that the service has failed on; the words are gRPC's.
FAILED = "5..|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN"
INSTANCE = "{{ $labels.job }}: {{ $labels.instance }}"


def group(names: Names, called: str) -> Group:
    """Return the rules under these names; `called` is what names of alerts begin with."""
    return Group(f"{names.prefix}-service", "30s", COMMENT, [*_outages(names, called), *_signs(names, called)])


def _outages(names: Names, called: str) -> list[Alert]:
    ready = names.gauge("ready")
    return [
        Alert(
            f"{called}NotReady",
            f"{ready} == 0",
            "2m",
            CRITICAL,
            f"{INSTANCE} is not answering predictions",
            "Look at the last lines of its log: why scorers end, or what the model waits for while it loads. A model "
            "that never loads here: go back to the version before "
            "(docs/how-to/roll-out-without-lost-requests.md). One that needs long: give the start more time.",
        ),
        Alert(
            f"{called}Unreachable",
            f"up == 0 and on (job, instance) last_over_time({ready}[1h])",
            "2m",
            CRITICAL,
            f"{INSTANCE} has not answered Prometheus for two minutes",
            "Look whether its container runs and why it ended: memory that ran out (exit status 137), or the last "
            "lines of its log. If it runs, ask /metrics from where Prometheus is: a network policy or a key "
            "(docs/how-to/protect-with-a-key.md) may be in the way.",
        ),
        Alert(
            f"{called}BusDisconnected",
            f"{names.gauge('bus_connected')} == 0",
            "5m",
            CRITICAL,
            f"{INSTANCE} is not taking samples from its broker",
            "Look at the broker, and in the log of the service at why it was refused: address, key, a stream or queue "
            "that is not there. Samples wait in the broker meanwhile (docs/how-to/score-from-a-bus.md).",
        ),
    ]


def _signs(names: Names, called: str) -> list[Alert]:
    restarts, requests = names.total("scorer_restarts"), names.total("http_requests")
    return [
        Alert(
            f"{called}ScorersEnd",
            f'sum by (job, instance, reason) (rate({restarts}{{reason!="recycled"}}[5m])) > 0',
            "5m",
            WARNING,
            f"{INSTANCE} keeps replacing scorers: {{{{ $labels.reason }}}}",
            "died: look in the log for the signal; 9 is most often memory that ran out, so give more of it or start "
            "fewer scorers (docs/how-to/tune-workers-and-memory.md). too slow: find the sample that takes longer than "
            "S2I_PREDICT_TIMEOUT; the log has its request's id.",
        ),
        Alert(
            f"{called}QueueFills",
            f"{names.gauge('queue_samples')} > 0.5 * {names.gauge('queue_limit_samples')}",
            "2m",
            WARNING,
            f"{INSTANCE} has {{{{ $value }}}} samples waiting, more than half of its queue",
            "More is asked than scorers answer; a full queue refuses with 503. Add replicas or cores, or have clients "
            "send many samples in one request (docs/how-to/tune-workers-and-memory.md).",
        ),
        Alert(
            f"{called}Errors",
            f'sum by (job) (rate({requests}{{status=~"{FAILED}", route!~"{CHECKS}"}}[5m])) > 0',
            "5m",
            WARNING,
            "{{ $labels.job }} has been failing requests for five minutes ({{ $value }} a second)",
            "Look at the board for status and route, and in the log for these lines. 500: the predictor fails on a "
            "sample, and the log has its traceback. 503: the queue is full, or scorers are missing. 504: a sample took "
            "longer than S2I_PREDICT_TIMEOUT (docs/reference/http-api.md).",
        ),
    ]
