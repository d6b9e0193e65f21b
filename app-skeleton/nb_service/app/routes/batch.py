"""Many samples in one body, without a protocol around them."""

from flask import Flask, Response, request

from nb_service.app.route_context import Door, problem
from nb_service.protocols import bodies

ROUTES = {
    "POST /predict/batch": "Many samples as a JSON array, NDJSON, CSV, npy or Arrow; the answers in the same form.",
}


def add(app: Flask, door: Door) -> None:
    """Add the route to `app`."""
    rows = door.rows

    @app.post("/predict/batch")
    def predict_batch() -> Response:
        accept = request.headers.get("Accept")
        return door.answer(lambda body: bodies.read(body, request.content_type, accept, rows, door.limits), problem)
