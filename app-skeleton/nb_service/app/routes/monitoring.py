"""What Prometheus reads: /metrics, and the path where TensorFlow Serving has it."""

from flask import Flask, Response

from nb_service.app.route_context import Door
from nb_service.http import metrics

ROUTES = {f"GET {path}": "The service's numbers, for Prometheus." for path in metrics.PATHS}


def add(app: Flask, door: Door) -> None:
    """Add the routes to `app`."""

    def text() -> Response:
        # Here and not above: it takes a while to import, and many services are never asked.
        from nb_service.app import exposition

        numbers = exposition.text_of(door.numbers(), door.settings.app_metrics_prefix)
        return Response(numbers, content_type=metrics.CONTENT_TYPE)

    for path in metrics.PATHS:
        app.add_url_rule(path, "metrics " + path, text)
