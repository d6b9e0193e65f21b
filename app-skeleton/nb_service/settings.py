"""Every setting of a service: one row each. Nothing else reads the environment for settings."""

from nb_scorer import answers
from nb_scorer.knobs import Knob, number, one_of, read_all, switch, text

from nb_service import cores

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
    Knob("S2I_GRACE", number(0, 3600), 10.0, "Seconds that requests in flight have after SIGTERM."),
    Knob(
        "S2I_SCORER_START",
        one_of("auto", "fork", "spawn"),
        "auto",
        "How scorers start: forked from one process that loaded the model, or each loading it itself.",
    ),
    Knob("S2I_MAX_BODY", number(1, 1 << 30, int), 16 << 20, "Largest body of a request in bytes; then 413."),
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
    Knob("S2I_BACKEND", text, "http", "Which back end serves the model."),
    Knob("S2I_DEBUG", switch, False, "Show the notebook's traceback to clients in answers of 422 and 500."),
    Knob("S2I_CA_BUNDLE", text, "", "File of certificates that the notebook's own downloads shall trust."),
    Knob("S2I_TOLERANCE", number(0, 1), answers.TOLERANCE, "Relative difference at which floats are still the same."),
    Knob("S2I_VERIFY_TIMEOUT", number(1, 86400), 60.0, "Seconds that `prove` gives to loading, and to a golden row."),
)


def read(environ):
    """Return {name: value} of every setting in `environ`; raise SettingInvalid for a bad value."""
    got = read_all(KNOBS, environ)
    if got["WEB_CONCURRENCY"] is None:
        got["WEB_CONCURRENCY"] = cores.available()
    return got
