"""The alerts of a service: it does not respond, requests fail, its queue is full, its scorers crash."""

from nb_service.observability.metric_table import Names
from nb_service.observability.rule_file import CRITICAL, WARNING, Alert, Group

COMMENT = "Problems that a service can't fix by itself. Short interruptions, as in restarts and updates, fire no alert."
# Requests that ask for no prediction: health checks, some of which fail while a service starts or stops, and scrapes.
CHECKS = "/(healthz|readyz|ping|health|v2/health/.*|metrics|monitoring/prometheus/metrics)"
# Statuses of requests that failed because of the service; the names are gRPC's.
FAILED = "5..|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN"
INSTANCE = "{{ $labels.job }}: {{ $labels.instance }}"


def group(names: Names, called: str) -> Group:
    """Return the rules under these names; `called` is the prefix of alert names."""
    return Group(f"{names.prefix}-service", "30s", COMMENT, [*_outages(names, called), *_signs(names, called)])


def _outages(names: Names, called: str) -> list[Alert]:
    ready = names.gauge("ready")
    return [
        Alert(
            f"{called}NotReady",
            f"{ready} == 0",
            "2m",
            CRITICAL,
            f"{INSTANCE} is not ready for predictions",
            "GET /readyz and the last lines of the log show the cause: scorers that crash, a model that does not load, "
            "or a golden row with another prediction. If the model does not load, roll back to the previous version. "
            "If it loads slowly, allow more time for startup.",
        ),
        Alert(
            f"{called}Unreachable",
            f"up == 0 and on (job, instance) last_over_time({ready}[1h])",
            "2m",
            CRITICAL,
            f"{INSTANCE} has not responded to Prometheus for two minutes",
            "Check whether its container is running. If it was killed for lack of memory, its exit status is 137; "
            "otherwise read the last lines of its log. If it is running, request /metrics from the Prometheus pod: a "
            "network policy or a missing API key may block it.",
        ),
        Alert(
            f"{called}BusDisconnected",
            f"{names.gauge('bus_connected')} == 0",
            "5m",
            CRITICAL,
            f"{INSTANCE} is not receiving samples from its broker",
            "Check the broker. The service's log shows why the connection failed: an address, a password, or a missing "
            "stream or queue. Samples wait in the broker meanwhile.",
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
            "died: find the signal in the log; 9 usually means that memory ran out, so add memory or start fewer "
            "scorers (WEB_CONCURRENCY). too slow: find the sample that takes longer than S2I_PREDICT_TIMEOUT; the log "
            "contains its request id.",
        ),
        Alert(
            f"{called}QueueFills",
            f"{names.gauge('queue_samples')} > 0.5 * {names.gauge('queue_limit_samples')}",
            "2m",
            WARNING,
            f"{INSTANCE} has {{{{ $value }}}} samples waiting, more than half of its queue",
            "Requests arrive faster than scorers process them; a full queue rejects requests with 503. Add replicas or "
            "cores, or let clients send many samples in one request.",
        ),
        Alert(
            f"{called}Errors",
            f'sum by (job) (rate({requests}{{status=~"{FAILED}", route!~"{CHECKS}"}}[5m])) > 0',
            "5m",
            WARNING,
            "{{ $labels.job }} has been failing requests for five minutes ({{ $value }} a second)",
            "Find status and route on the dashboard, and the requests in the log. 500: predictor fails for a sample; "
            "the log contains its traceback. 503: the queue is full, or scorers are missing. 504: a sample took longer "
            "than S2I_PREDICT_TIMEOUT.",
        ),
    ]
