"""Open Inference V2's REST routes, and those of KServe and Triton beside them."""

from collections.abc import Callable
from functools import partial

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, refusal_response, response_with
from nb_service.identity import Identity
from nb_service.protocols import Body, Question, encode, open_inference

ROUTES = {
    "GET /v2": "The server and its extensions (Open Inference V2).",
    "GET /v2/health/live": "200 while this process lives.",
    "GET /v2/health/ready": "200 when predictions are answered, else 503.",
    "GET /v2/models": "The name of the model (KServe).",
    "GET /v2/models/stats": "How much was asked and scored (Triton).",
    "POST /v2/repository/index": "The model and its state (Triton).",
    "POST /v2/repository/models/<name>/load": "200 when it answers, else 503: it is loaded (Triton).",
    "GET /v2/models/<name>": "What the model takes and gives.",
    "GET /v2/models/<name>/ready": "200 when it answers, else 503.",
    "GET /v2/models/<name>/config": "The same in the form of Triton.",
    "GET /v2/models/<name>/stats": "How much was asked and scored (Triton).",
    "POST /v2/models/<name>/infer": "Tensors to tensors, as JSON or bytes.",
}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`, those of a model also with /versions/<version> after its name; each may end in /."""
    served = context.identity
    rows, schemas = context.rows, (context.model.sample_schema, context.model.answer_schema)

    def add_route(path: str, method: str, view: Callable[..., Response]) -> None:
        app.add_url_rule(path, f"v2 {path}", view, methods=[method], strict_slashes=False)

    def described() -> Response:
        return response_with(open_inference.model(served, *schemas))

    def config() -> Response:
        return response_with(open_inference.config(served, *schemas))

    def statistics() -> Response:
        return response_with(open_inference.statistics(served, context.numbers()))

    def readiness(key: str) -> Response:
        is_ready = context.ready
        return response_with(Body(encode({"name": served.name, key: is_ready})), 200 if is_ready else 503)

    def infer() -> Response:
        def read(body: bytes) -> Question:
            length = request.headers.get(open_inference.HEADER)
            return open_inference.read(body, length, rows, served, schemas[1], context.limits)

        return context.answer(read, open_inference.refusal)

    add_route("/v2", "GET", lambda: response_with(open_inference.server(served)))
    add_route("/v2/models", "GET", lambda: response_with(open_inference.models(served)))
    add_route("/v2/models/stats", "GET", statistics)
    add_route("/v2/repository/index", "POST", lambda: response_with(open_inference.index(served, context.ready)))
    add_route("/v2/repository/models/<name>/load", "POST", _for_this_model(served, partial(readiness, "load")))
    for suffix, method, view in (
        ("", "GET", described),
        ("/ready", "GET", partial(readiness, "ready")),
        ("/config", "GET", config),
        ("/stats", "GET", statistics),
        (open_inference.INFER, "POST", infer),
    ):
        checked = _for_this_model(served, view)
        for path in ("/v2/models/<name>", "/v2/models/<name>/versions/<version>"):
            add_route(path + suffix, method, checked)


def _for_this_model(served: Identity, view: Callable[[], Response]) -> Callable[..., Response]:
    """Return `view` behind a check of the name and version in the path."""

    def checked(name: str, version: str | None = None) -> Response:
        if name != served.name or version not in (None, str(served.version)):
            requested = f"{name!r}" if version is None else f"{name!r} version {version!r}"
            return refusal_response(
                open_inference.refusal, 404, f"Request for unknown model: {requested} is not found."
            )
        return view()

    return checked
