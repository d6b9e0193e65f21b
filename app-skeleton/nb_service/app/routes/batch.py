"""Many samples in one body, without a protocol around them."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem
from nb_service.protocols import bodies


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""
    rows = context.rows

    @app.post("/predict/batch")
    def predict_batch() -> Response:
        accept = request.headers.get("Accept")
        return context.answer(
            lambda body: bodies.read(body, request.content_type, accept, rows, context.limits), problem
        )
