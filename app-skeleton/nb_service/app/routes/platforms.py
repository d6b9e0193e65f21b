"""Routes of cloud platforms and other servers: SageMaker, Vertex AI, MLflow's scoring server, Cog."""

from typing import Any

from flask import Flask, Response, g, jsonify, request

from nb_service.app.route_context import Refusal, RouteContext, body, problem
from nb_service.app.streams import streamed
from nb_service.http import replies, streaming
from nb_service.protocols import (
    Body,
    Limits,
    Malformed,
    Question,
    bodies,
    decode,
    encode,
    hugging_face,
    mlflow,
    sagemaker,
    vertex,
)
from nb_service.protocols.rows import Rows


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`, with Vertex AI's at the path in AIP_PREDICT_ROUTE."""
    rows, limits = context.rows, context.limits

    @app.get("/version")
    def version() -> Response:
        return Response(str(context.identity.version), content_type="text/plain; charset=utf-8")

    @app.get("/health-check")
    def health_check() -> Response:
        return jsonify(context.asker.ask_front({"startup": True}))

    @app.get("/execution-parameters")
    def execution_parameters() -> Response:
        settings = context.settings
        limits = (settings.web_concurrency, settings.max_body, settings.max_samples)
        samples = [encode(row["sample"]) for row in context.model.golden_rows()]
        return jsonify(sagemaker.execution_parameters(*limits, samples))

    @app.post("/invocations")
    def invocations() -> Response:
        accept = request.headers.get("Accept")
        # Of tables, too, Accept can ask for lines or text.
        can_stream = context.model.manifest.get("streams") and replies.is_json(request.content_type or "")
        form = streaming.wanted(accept) if can_stream else None
        invocation = _Invocation(context.model.sample_schema, rows, limits, None if form else accept)
        if form is not None:
            response = streamed(context, invocation.read, invocation.reject, lambda _: form)
        else:
            response = context.answer_files() or context.answer(invocation.read, invocation.reject)
        attributes = request.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            response.headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return response

    route = context.settings.aip_predict_route
    if route:
        app.before_request(lambda: _vertex(context, route))


class _Invocation:
    """A request of SageMaker or MLflow; its body shows of which."""

    def __init__(self, schema: dict, rows: Rows, limits: Limits, accept: str | None) -> None:
        self._schema = schema
        self._accept = accept
        self._rows = rows
        self._limits = limits
        self._rejection: Refusal = problem

    def read(self, content: bytes) -> Question:
        """Return the samples of the request's body; raise Malformed."""
        media_type = bodies.parse(request.content_type)
        # Only an object with a key can be MLflow's; no other body needs decoding here.
        if sagemaker.is_json(media_type) and b'"' in content:
            decoded = self._decoded(content)
            if mlflow.is_meant(decoded):
                self._rejection = mlflow.rejection
                return mlflow.read(decoded, media_type, self._rows, self._limits)
            if hugging_face.is_meant(decoded, self._schema):
                return hugging_face.read(decoded)
        if mlflow.is_csv(content, media_type, self._accept, self._rows):
            self._rejection = mlflow.rejection
            return mlflow.read_csv(content, request.content_type, self._rows, self._limits)
        return sagemaker.read(content, request.content_type, self._accept, self._rows, self._limits)

    def _decoded(self, content: bytes) -> Any:
        try:
            # MLflow's clients send the tokens NaN and Infinity.
            return decode(content, lenient=True)
        except Malformed:
            if mlflow.is_meant_by(content):
                self._rejection = mlflow.rejection
            raise

    def reject(self, status: int, detail: str) -> tuple[int, Body]:
        """Return a rejection in the form of the requesting platform."""
        return self._rejection(status, detail)


def _vertex(context: RouteContext, route: str) -> Response | None:
    """Handle Vertex AI's route, which may be one of ours; return None to pass the request to other routes."""
    if request.method != "POST" or request.path != route:
        return None
    if route == "/predict" and not _has_instances(context):
        return None
    g.route = route
    return context.answer_files() or context.answer(lambda body: vertex.read(body, context.limits), vertex.rejection)


def _has_instances(context: RouteContext) -> bool:
    try:
        decoded = decode(body(context.settings.max_body))
    except Malformed:
        return False
    return isinstance(decoded, dict) and "instances" in decoded
