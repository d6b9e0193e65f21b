"""Predictions for many samples in one body, without a protocol around them."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem, rejection_response
from nb_service.protocols import Malformed, Question, bodies
from nb_service.request_calls import in_query


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""

    def answered(own: RouteContext) -> Response:
        accept = request.headers.get("Accept")

        def read(body: bytes) -> Question:
            question = bodies.read(body, request.content_type, accept, own.rows, context.limits)
            question.parameters = in_query(request.query_string.decode("latin-1"))
            return question

        return own.answer(read, problem)

    @app.post("/predict/batch")
    def predict_batch() -> Response:
        return answered(context)

    @app.post("/predict/<name>/batch")
    def predict_batch_by_name(name: str) -> Response:
        try:
            own = context.named(name)
        except Malformed as error:
            return rejection_response(problem, error.status, str(error))
        return answered(own)
