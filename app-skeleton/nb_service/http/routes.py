"""Every route of a service, one row each, for the front, the app, its pages, the OpenAPI document and the tests."""

import re
from collections.abc import Iterable
from typing import NamedTuple

JSON, HTML, TEXT, TAR = "application/json", "text/html", "text/plain", "application/x-tar"
EVENTS = "text/event-stream"
# Marks a response with the media type of the request's body.
AS_ASKED = "as asked"


class Route(NamedTuple):
    """A route: a summary for clients, the media types of its response, and when it is available.

    <name> in a path is the model's name, after which there may be a version.
    """

    method: str
    path: str
    summary: str
    gives: tuple[str, ...] = (JSON,)
    # Whether the route needs a body: a request for predictions, or feedback.
    needs_body: bool = False
    # Whether the route responds with 200 even while the service is not ready.
    is_always_there: bool = False
    # Whether platforms use the route as a health check, which needs no key.
    is_check: bool = False

    @property
    def name(self) -> str:
        """Return the route's name in lists, such as "GET /healthz"."""
        return f"{self.method} {self.path}"


def _check(path: str, summary: str, gives: str = JSON, *, is_always_there: bool = False) -> Route:
    return Route("GET", path, summary, (gives,), is_always_there=is_always_there, is_check=True)


def _look(path: str, summary: str, *gives: str) -> Route:
    """Return a route with facts about the service or its model, available even if the service is not ready."""
    return Route("GET", path, summary, gives or (JSON,), is_always_there=True)


def _ask(path: str, summary: str, *gives: str) -> Route:
    return Route("POST", path, summary, gives or (JSON,), needs_body=True)


METRICS = ("/metrics", "/monitoring/prometheus/metrics")
PREDICTIONS = (
    _ask("/predict", "Predict one sample, sent as JSON; the prediction is JSON."),
    _check("/healthz", "200 while this process lives.", is_always_there=True),
    _check("/readyz", "200 when the service is ready, 503 during startup and shutdown."),
    _ask(
        "/predict/batch",
        "Predict many samples, sent as a JSON array, NDJSON, CSV, npy or Arrow; predictions have the same form.",
        AS_ASKED,
    ),
    _ask("/predict/<name>", "One sample for a predictor by its name."),
    _ask("/predict/<name>/batch", "Many samples for it, as to /predict/batch.", AS_ASKED),
    _ask("/feedback", "Send the true value for a request, or an array of them, each with the request's id."),
    _ask("/explain", "Explain the prediction for one sample, sent as JSON; the explanation is JSON."),
    _ask("/explanations/<name>", "The same (TorchServe)."),
    _ask("/mcp", "The model as a tool, over JSON-RPC (Model Context Protocol)."),
    _look("/v1/models", "The name of the model (KServe V1)."),
    Route("GET", "/v1/models/<name>", "Its state (TensorFlow Serving) and whether it is ready (KServe V1)."),
    Route("GET", "/v1/models/<name>/metadata", "Its inputs and outputs (TensorFlow Serving)."),
    _ask("/v1/models/<name>:predict", "instances or inputs (TensorFlow Serving, KServe V1)."),
    _ask("/v1/models/<name>:classify", "examples to labels and scores (TensorFlow Serving)."),
    _ask("/v1/models/<name>:regress", "examples to numbers (TensorFlow Serving)."),
    _ask("/v1/models/<name>:explain", "instances to explanations (KServe V1)."),
    _look("/v2", "The server and its extensions (Open Inference V2)."),
    _check("/v2/health/live", "200 while this process lives.", is_always_there=True),
    _check("/v2/health/ready", "200 if the service predicts, else 503."),
    _look("/v2/models", "The name of the model (KServe)."),
    _look("/v2/models/stats", "Numbers of requests and samples (Triton)."),
    Route("POST", "/v2/repository/index", "The model and its state (Triton).", is_always_there=True),
    Route(
        "POST",
        "/v2/repository/models/<name>/load",
        "Load weights and setup again, and undo an unload: 200 once the model predicts, else the reason (Triton).",
    ),
    Route(
        "POST",
        "/v2/repository/models/<name>/unload",
        "Unload the model: no V2 predictions until load; off by default (Triton).",
        is_always_there=True,
    ),
    Route("GET", "/v2/models/<name>", "The model's inputs and outputs."),
    Route("GET", "/v2/models/<name>/ready", "200 if it predicts, else 503."),
    _look("/v2/models/<name>/config", "The same in Triton's format."),
    _look("/v2/models/<name>/stats", "Numbers of requests and samples (Triton)."),
    _ask("/v2/models/<name>/infer", "Tensors to tensors, as JSON or bytes."),
    _ask("/v2/models/<name>/generate", "text_input to text_output (Triton); tensors to tensors (MLServer)."),
    _ask("/v2/models/<name>/generate_stream", "The same, as an event per item (Triton, MLServer).", EVENTS),
    _ask("/v2/models/<name>/infer_stream", "The same (MLServer).", EVENTS),
    _check("/ping", "200 if the service predicts, else 503; empty (SageMaker, MLflow).", TEXT),
    _check("/health", "The same.", TEXT),
    _look("/health-check", "STARTING, READY, BUSY, SETUP_FAILED or DEFUNCT, and the log of a failed setup (Cog)."),
    _look("/version", "The model's version as text (MLflow).", TEXT),
    _look("/execution-parameters", "The maximum number and size of concurrent bodies (SageMaker)."),
    _ask(
        "/invocations",
        "One sample as JSON, many as CSV, JSON lines or npy (SageMaker); data frames (MLflow).",
        AS_ASKED,
    ),
    _ask("/", "Predict the sample in a CloudEvent; the response is a CloudEvent with the prediction.", AS_ASKED),
    *(_look(path, "Metrics for Prometheus.", TEXT) for path in METRICS),
    _look("/model", "The model as an archive, with lock, SBOM, provenance and signatures; off by default.", TAR),
)
PAGES = (
    _look("/", "For browsers the page to try predictions, for other clients this list.", JSON, HTML),
    _look("/docs", "A page to try predictions, with the notebook's own samples.", HTML),
    _ask("/docs", "The same page, with the prediction for the sample that its form sent.", HTML),
    _look("/docs/<name>", "The same page for a predictor by its name.", HTML),
    _ask("/docs/<name>", "The same.", HTML),
    Route(
        "GET",
        "/drift",
        "Recent samples and predictions compared with the notebook's own data, as a page or as JSON.",
        (HTML, JSON),
    ),
    _look("/notebook", "The notebook as it was run (S2I_NOTEBOOK_PAGE).", HTML),
    _look("/openapi.json", "The OpenAPI description of this service."),
    _look("/v2/docs", "The page to try predictions (MLServer).", HTML),
    _look("/v2/docs/dataplane.json", "The same as /openapi.json (MLServer)."),
    _look("/v2/docs/model-repository.json", "The same as /openapi.json (MLServer)."),
    _look("/v2/models/<name>/docs", "The page to try predictions (MLServer).", HTML),
    _look("/v2/models/<name>/docs/dataplane.json", "The same as /openapi.json (MLServer)."),
)
TABLE = (*PREDICTIONS, *PAGES)


def vertex(health_path: str, predict_path: str) -> list[Route]:
    """Return the routes that Vertex AI's settings add."""
    routes = []
    if health_path:
        routes.append(_check(health_path, "200 if the service predicts, else 503 (Vertex AI)."))
    if predict_path:
        routes.append(_ask(predict_path, "instances to predictions (Vertex AI)."))
    return routes


# Of a percent-encoded character that is visible ASCII, other than % itself.
_ENCODED = re.compile("%(2[1-46-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])")


def decoded(path: str) -> str:
    """Return a path as the app's routes match it; characters that are not visible ASCII stay percent-encoded."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), path) if "%" in path else path


def summaries(routes: Iterable[Route]) -> dict[str, str]:
    """Return {name: summary} of routes; if several have the same name, the last one counts."""
    return {route.name: route.summary for route in routes}


def taking_bodies() -> re.Pattern[str]:
    """Return the pattern of all paths that take POST."""
    patterns = dict.fromkeys(_pattern(route.path.rstrip("/")) for route in TABLE if route.method == "POST")
    return re.compile(f"(?:{'|'.join(patterns)})/?")


def _pattern(path: str) -> str:
    if path.startswith("/v1/"):
        # One view parses the whole path: TensorFlow Serving allows versions and labels in several places.
        return "/v1/models/.+"
    return "[^/]+(?:/versions/[^/]+)?".join(map(re.escape, path.split("<name>")))
