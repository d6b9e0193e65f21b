"""Many samples in one body, without a protocol around them."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem
from nb_service.protocols import Question, bodies
from nb_service.request_calls import in_query


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""
    rows = context.rows

    @app.post("/predict/batch")
    def predict_batch() -> Response:
        accept = request.headers.get("Accept")

        def read(body: bytes) -> Question:
            question = bodies.read(body, request.content_type, accept, rows, context.limits)
            question.parameters = in_query(request.query_string.decode("latin-1"))
            return question

        return context.answer(read, problem)
