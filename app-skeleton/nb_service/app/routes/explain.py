"""Explanations, on nb-builder's own route and on TorchServe's."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem, rejection_response
from nb_service.http import replies
from nb_service.protocols import Malformed, Question, explanations
from nb_service.request_calls import in_query


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""

    def read(body: bytes) -> Question:
        if request.content_type is not None and not replies.is_json(request.content_type):
            media_types = context.files.media_types
            rejected = replies.no_file_header(media_types) if media_types else replies.NO_JSON_HEADER
            raise Malformed(replies.detail_of(rejected), 415)
        parameters = in_query(request.query_string.decode("latin-1"))
        return explanations.read(body, parameters, has_explainer=context.has_explainer)

    @app.post("/explain")
    def explain() -> Response:
        response = context.answer_files(explanations.FUNCTION) if context.has_explainer else None
        return response or context.answer(read, problem)

    @app.post("/explanations/<name>")
    def explain_by_name(name: str) -> Response:
        if name != context.identity.name:
            return rejection_response(problem, 404, f"There is no model {name!r}. Models: {context.identity.name}.")
        return explain()
