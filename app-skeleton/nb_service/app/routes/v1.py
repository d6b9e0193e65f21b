"""TensorFlow Serving's REST routes, and KServe V1's, which are the same paths."""

from flask import Flask, Response

from nb_service.app.route_context import RouteContext, refusal_response, response_with
from nb_service.protocols import Body, Malformed, Question, kserve_v1, open_inference, tf_serving

ROUTES = {
    "GET /v1/models": "The name of the model (KServe V1).",
    "GET /v1/models/<name>": "Its state (TensorFlow Serving) and whether it is ready (KServe V1).",
    "GET /v1/models/<name>/metadata": "What it takes and gives (TensorFlow Serving).",
    "POST /v1/models/<name>:predict": "instances or inputs (TensorFlow Serving, KServe V1).",
    "POST /v1/models/<name>:classify": "examples to labels and scores (TensorFlow Serving).",
    "POST /v1/models/<name>:regress": "examples to numbers (TensorFlow Serving).",
}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""
    served = context.identity
    key = kserve_v1.OUTPUTS_KEY if context.settings.kserve else "outputs"

    @app.get("/v1/models")
    def models() -> Response:
        return response_with(kserve_v1.models(served))

    @app.get("/v1/models/<path:rest>")
    def model(rest: str) -> Response:
        try:
            target = tf_serving.parse("GET", rest)
            tf_serving.check(target, served)
        except Malformed as error:
            return refusal_response(tf_serving.refusal, error.status, str(error))
        if target.method == "metadata":
            return response_with(_metadata(context))
        ready = context.ready
        return response_with(tf_serving.status(served, ready), 200 if ready else 503)

    @app.post("/v1/models/<path:rest>")
    def ask(rest: str) -> Response:
        def read(body: bytes) -> Question:
            target = tf_serving.parse("POST", rest)
            tf_serving.check(target, served)
            return tf_serving.read(target.method, body, outputs_key=key, limits=context.limits)

        return context.answer(read, tf_serving.refusal)


def _metadata(context: RouteContext) -> Body:
    inputs = open_inference.described(context.model.sample_schema, open_inference.INPUT)
    outputs = open_inference.described(context.model.answer_schema, open_inference.OUTPUT)
    return tf_serving.metadata(context.identity, inputs, outputs)
