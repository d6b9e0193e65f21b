"""Every setting of a service: one row each. Nothing else reads the environment for settings."""

import re
from collections.abc import Mapping

from nb_scorer.common.settings_table import Knob, number, one_of, read_all, switch, text
from nb_scorer.model import compare_answers
from nb_scorer.worker import log_streams

from nb_service import cores, identity


def route(value: str) -> str:
    """Return a path of the service's own, as it is."""
    if not re.fullmatch(r"/[^\s<>?#]*", value):
        raise ValueError("a path that begins with /, without spaces, <, >, ? and #")
    return value


def model_name(value: str) -> str:
    """Return a name that paths and headers can have, as it is."""
    if not identity.NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, dots, dashes and underscores, up to 128")
    return value


def metrics_prefix(value: str) -> str:
    """Return a prefix that names of Prometheus may have."""
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", value):
        raise ValueError("letters, digits and _, with no digit at the start")
    return value


def origins(value: str) -> tuple[str, ...]:
    """Return the origins in a list with commas."""
    listed = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
    wrong = [one for one in listed if one != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", one)]
    if wrong or not listed:
        raise ValueError("a list such as https://app.example.com,https://other.example.com:8443, or *")
    return listed


KNOBS = (
    Knob("APP_ROOT", text, "/opt/app-root", "Folder that assemble filled: src, venv, model."),
    Knob("PORT", number(0, 65535, int), 8080, "Port to listen on; 0 takes a free one and says which."),
    Knob("S2I_HOST", text, "0.0.0.0", "Address to listen on."),  # noqa: S104 - a service in a container
    Knob(
        "WEB_CONCURRENCY",
        number(1, 1024, int),
        None,
        "Number of scorers, the processes that hold the model. Default: the CPUs that this service may use.",
    ),
    Knob("S2I_PREDICT_TIMEOUT", number(0.05, 86400), 60.0, "Seconds that one prediction may take; then 504."),
    Knob(
        "S2I_RECEIVE_TIMEOUT",
        number(0.2, 86400),
        120.0,
        "Seconds that a request may take to arrive; then 408. So long may a connection be idle, and a client "
        "take nothing of its answer.",
    ),
    Knob(
        "S2I_FRONT",
        one_of("asyncio", "waitress"),
        "asyncio",
        "What listens on PORT: the front, or waitress alone, behind a proxy that you trust.",
    ),
    Knob(
        "S2I_LINGER",
        number(0, 3600),
        1.0,
        "Seconds after SIGTERM in which new connections are still answered, so that balancers notice `/readyz` first.",
    ),
    Knob("S2I_GRACE", number(0, 3600), 10.0, "Seconds that requests in flight have after SIGTERM."),
    Knob(
        "S2I_SCORER_START",
        one_of("auto", "fork", "spawn"),
        "auto",
        "How scorers start: forked from one process that loaded the model, or each loading it itself. "
        "`spawn` in a build leaves out the test whether they can be forked.",
    ),
    Knob("S2I_MAX_BODY", number(1, 1 << 30, int), 16 << 20, "Largest body of a request in bytes; then 413."),
    Knob(
        "S2I_MAX_HELD",
        number(1 << 16, 1 << 40, int),
        None,
        "Bytes of requests and answers that are held at a time: arriving, waiting, not taken; then 503. "
        "Default: 16 times S2I_MAX_BODY.",
    ),
    Knob(
        "S2I_APP_MEMORY",
        number(1 << 27, 1 << 40, int),
        1 << 30,
        "Bytes of memory that the process of all routes but plain predictions may have.",
    ),
    Knob("S2I_MAX_QUEUE", number(1, 1 << 20, int), 1024, "Samples that may wait for a scorer; then 503."),
    Knob(
        "S2I_MAX_BATCH",
        number(1, 4096, int),
        64,
        "Samples that batch_predictor gets in one call, of those that wait; 1 asks predictor for each.",
    ),
    Knob(
        "S2I_MAX_REQUESTS",
        number(0, 1 << 53, int),
        0,
        "Samples, about, after which a scorer is replaced by a fresh one; 0 is never.",
    ),
    Knob("S2I_MAX_SAMPLES", number(1, 1 << 30, int), 1 << 19, "Samples that one body may hold; then 413."),
    Knob(
        "S2I_LOG_FORMAT",
        one_of(log_streams.TEXT, log_streams.JSON),
        log_streams.TEXT,
        "Lines of the log: text, or JSON objects.",
    ),
    Knob("S2I_APP_METRICS_PREFIX", metrics_prefix, "nb", "What the names of the metrics begin with."),
    Knob(
        "S2I_API_KEY_FILE",
        text,
        "",
        "File of the keys, one a line, of which a client needs one; without it nobody does.",
    ),
    Knob(
        "S2I_CORS_ORIGINS",
        origins,
        "",
        "Origins, with commas between, whose web pages may read answers; `*` is any. Default: none.",
    ),
    Knob("S2I_BACKEND", text, "http", "Which back end serves the model."),
    Knob("S2I_DEBUG", switch, False, "Show the notebook's traceback to clients in answers of 422 and 500."),
    Knob(
        "S2I_VALIDATOR_MESSAGES",
        switch,
        True,
        "Tell clients the message of what `validator` raises. A reason that it returns they always get.",
    ),
    Knob("S2I_MODEL_NAME", model_name, "", "Name of the model in routes and headers. Default: the notebook's name."),
    Knob("S2I_NOTEBOOK_PAGE", switch, True, "Show the notebook as it was run under /notebook."),
    Knob(
        "S2I_KSERVE", switch, False, "Answer `inputs` of KServe V1 with predictions; TensorFlow Serving says outputs."
    ),
    Knob(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        text,
        "",
        "Collector that gets a span a request, as `http://collector:4318`; needs an image with OpenTelemetry.",
    ),
    Knob("AIP_HTTP_PORT", number(0, 65535, int), None, "Port that Vertex AI wants; taken where PORT is not set."),
    Knob("AIP_PREDICT_ROUTE", route, "", "Path of predictions that Vertex AI wants, beside all others."),
    Knob("AIP_HEALTH_ROUTE", route, "", "Path of readiness that Vertex AI wants, beside all others."),
    Knob(
        "SAGEMAKER_BIND_TO_PORT", number(0, 65535, int), None, "Port that SageMaker wants; taken where PORT is not set."
    ),
    Knob("CE_TYPE", text, "io.kserve.inference.response", "Type of the CloudEvents that go back."),
    Knob(
        "CE_SOURCE",
        text,
        "",
        "Source of the CloudEvents that go back. Default: io.kserve.inference. and the model's name.",
    ),
    Knob("CE_MERGE", switch, False, "Give CloudEvents that go back the extensions of those that came."),
    Knob("S2I_CA_BUNDLE", text, "", "File of certificates that the notebook's own downloads shall trust."),
    Knob(
        "S2I_TOLERANCE",
        number(0, 1),
        compare_answers.TOLERANCE,
        "Relative difference at which floats are still the same.",
    ),
    Knob("S2I_VERIFY_TIMEOUT", number(1, 86400), 60.0, "Seconds that `prove` gives to loading, and to a golden row."),
)


def read(environ: Mapping[str, str]) -> dict:
    """Return {name: value} of every setting in `environ`; raise SettingInvalid for a bad value."""
    got = read_all(KNOBS, environ)
    if got["WEB_CONCURRENCY"] is None:
        got["WEB_CONCURRENCY"] = cores.available()
    for elsewhere in ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"):
        if not environ.get("PORT") and got[elsewhere] is not None:
            got["PORT"] = got[elsewhere]
            break
    return got


def app_root(environ: Mapping[str, str]) -> str:
    """Return the folder that assemble filled, as `environ` has it: where further settings may lie."""
    return read_all([knob for knob in KNOBS if knob.env == "APP_ROOT"], environ)["APP_ROOT"]


def log_format(environ: Mapping[str, str]) -> str:
    """Return what `environ` wants the log to be, text where it says nothing valid; for a problem with the settings."""
    wanted = environ.get("S2I_LOG_FORMAT")
    return wanted if wanted in (log_streams.TEXT, log_streams.JSON) else log_streams.TEXT
