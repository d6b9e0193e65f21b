"""Open Inference V2's REST routes."""

from collections.abc import Callable

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, refusal_response, response_with
from nb_service.identity import Identity
from nb_service.protocols import Body, Question, encode, open_inference

ROUTES = {
    "GET /v2": "The server and its extensions (Open Inference V2).",
    "GET /v2/health/live": "200 while this process lives.",
    "GET /v2/health/ready": "200 when predictions are answered, else 503.",
    "GET /v2/models/<name>": "What the model takes and gives.",
    "GET /v2/models/<name>/ready": "200 when it answers, else 503.",
    "POST /v2/models/<name>/infer": "Tensors to tensors, as JSON or bytes.",
}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`, those of a model also with /versions/<version> after its name."""
    served = context.identity

    @app.get("/v2")
    def server() -> Response:
        return response_with(open_inference.server(served))

    def described() -> Response:
        return response_with(open_inference.model(served, *schemas))

    def ready() -> Response:
        is_ready = context.ready
        return response_with(Body(encode({"name": served.name, "ready": is_ready})), 200 if is_ready else 503)

    def infer() -> Response:
        def read(body: bytes) -> Question:
            length = request.headers.get(open_inference.HEADER)
            return open_inference.read(body, length, rows, served, schemas[1], context.limits)

        return context.answer(read, open_inference.refusal)

    rows = context.rows
    schemas = context.model.sample_schema, context.model.answer_schema
    for suffix, method, view in (("", "GET", described), ("/ready", "GET", ready), ("/infer", "POST", infer)):
        checked = _for_this_model(served, view)
        for path in ("/v2/models/<name>", "/v2/models/<name>/versions/<version>"):
            app.add_url_rule(path + suffix, f"v2 {path}{suffix}", checked, methods=[method])


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
