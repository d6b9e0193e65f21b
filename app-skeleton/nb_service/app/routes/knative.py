"""CloudEvents at POST /, as Knative delivers them, and samples in Hugging Face's form."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem
from nb_service.http import replies
from nb_service.protocols import Malformed, Question, cloud_events, decode, hugging_face


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""
    settings = context.settings
    reply = cloud_events.Reply(
        settings.ce_type,
        settings.ce_source or f"io.kserve.inference.{context.identity.name}",
        settings.ce_merge,
    )

    def of_hugging_face(body: bytes) -> Question:
        if replies.is_json(request.content_type or ""):
            decoded = decode(body)
            if hugging_face.is_meant_alone(decoded):
                return hugging_face.read(decoded)
        raise Malformed('POST / takes CloudEvents, and {"inputs": …} as JSON; send a sample to /predict.', 415)

    @app.post("/")
    def event() -> Response:
        headers = dict(request.headers)
        if not cloud_events.is_event(headers, request.content_type):
            return context.answer_files() or context.answer(of_hugging_face, problem)
        kind, limits, files = request.content_type, context.limits, context.files
        return context.answer(lambda body: cloud_events.read(headers, kind, body, reply, limits, files), problem)
