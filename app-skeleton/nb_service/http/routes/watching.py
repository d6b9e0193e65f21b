"""What Prometheus reads: /metrics, and the path where TensorFlow Serving has it."""

from flask import Flask, Response

from nb_service.http import metrics
from nb_service.http.door import Door

ROUTES = {f"GET {path}": "The service's numbers, for Prometheus." for path in metrics.PATHS}


def add(app: Flask, door: Door) -> None:
    """Add the routes to `app`."""

    def told() -> Response:
        return Response(door.metrics(), content_type=metrics.CONTENT_TYPE)

    for path in metrics.PATHS:
        app.add_url_rule(path, "metrics " + path, told)
