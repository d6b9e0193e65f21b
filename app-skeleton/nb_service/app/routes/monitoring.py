"""What Prometheus scrapes: /metrics, and the path that TensorFlow Serving uses."""

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext
from nb_service.http import metrics

ROUTES = {f"GET {path}": "The service's numbers, for Prometheus." for path in metrics.PATHS}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""

    def text() -> Response:
        # Imported here: that takes a while, and many services are never scraped.
        from nb_service.app import exposition

        accept = request.headers.get("Accept", "")
        prefix = context.settings.app_metrics_prefix
        numbers, content_type = exposition.text_of(
            context.numbers(), prefix, context.identity, accept, context.baseline
        )
        response = Response(numbers, content_type=content_type)
        response.vary.add("Accept")
        return response

    for path in metrics.PATHS:
        app.add_url_rule(path, "metrics " + path, text)
