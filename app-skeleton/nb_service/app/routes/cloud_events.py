"""CloudEvents by POST /, as Knative delivers them."""

from flask import Flask, Response, request

from nb_service.app.route_context import Door, problem, refused
from nb_service.protocols import cloud_events

ROUTES = {
    "POST /": "A CloudEvent with a sample; the reply is one with the answer.",
}


def add(app: Flask, door: Door) -> None:
    """Add the route to `app`."""
    settings = door.settings
    reply = cloud_events.Reply(
        settings.ce_type,
        settings.ce_source or f"io.kserve.inference.{door.identity.name}",
        settings.ce_merge,
    )

    @app.post("/")
    def event() -> Response:
        headers = dict(request.headers)
        if not cloud_events.is_event(headers, request.content_type):
            return refused(problem, 415, "POST / takes CloudEvents; send a sample to /predict.")
        kind = request.content_type
        return door.answer(lambda body: cloud_events.read(headers, kind, body, reply, door.limits), problem)
