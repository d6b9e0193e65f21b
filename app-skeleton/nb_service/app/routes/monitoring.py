"""Routes for Prometheus: /metrics, and TensorFlow Serving's path."""

from flask import Flask, Response, request

from nb_service import gpus
from nb_service.app.route_context import RouteContext
from nb_service.http import metrics


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""

    def text() -> Response:
        # Imported here, because it is slow, and many services are never scraped.
        from nb_service.app import exposition

        accept = request.headers.get("Accept", "")
        prefix = context.settings.app_metrics_prefix
        numbers = context.numbers()
        if "gpu_scorers" in numbers:
            # In this process, which no prediction waits for: a faulty driver may take seconds to respond.
            numbers["gpus"] = gpus.read_or_none()
        content, content_type = exposition.text_of(numbers, prefix, context.identity, accept, context.baseline)
        response = Response(content, content_type=content_type)
        response.vary.add("Accept")
        return response

    for path in metrics.PATHS:
        app.add_url_rule(path, "metrics " + path, text)
