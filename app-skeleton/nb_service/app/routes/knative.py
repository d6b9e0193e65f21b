"""CloudEvents by POST /, as Knative delivers them."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, problem, refusal_response
from nb_service.protocols import cloud_events


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""
    settings = context.settings
    reply = cloud_events.Reply(
        settings.ce_type,
        settings.ce_source or f"io.kserve.inference.{context.identity.name}",
        settings.ce_merge,
    )

    @app.post("/")
    def event() -> Response:
        headers = dict(request.headers)
        if not cloud_events.is_event(headers, request.content_type):
            return refusal_response(problem, 415, "POST / takes CloudEvents; send a sample to /predict.")
        kind, limits, files = request.content_type, context.limits, context.files
        return context.answer(lambda body: cloud_events.read(headers, kind, body, reply, limits, files), problem)
