"""TensorFlow Serving's REST routes, and KServe V1's, which are the same paths."""

from functools import partial

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from nb_service.app.route_context import RouteContext, refusal_response, response_with
from nb_service.protocols import Body, Malformed, Question, inference, kserve_v1, open_inference, tf_serving

# All that there are but CONNECT, which has no path (RFC 9110, section 9; RFC 5789).
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""
    served = context.identity
    key = kserve_v1.OUTPUTS_KEY if context.settings.kserve else "outputs"
    names = [tensor["name"] for tensor in open_inference.described(context.model.sample_schema, inference.INPUT)]
    input_name = inference.INPUT if names == [inference.INPUT] else ""

    @app.get("/v1/models")
    def models() -> Response:
        return response_with(kserve_v1.models(served))

    # One rule for all methods: the end of a path says which of them it has.
    @app.route("/v1/models/<path:rest>", methods=METHODS, provide_automatic_options=False)
    def model(rest: str) -> Response:
        try:
            target = tf_serving.parse(request.method, rest)
            if request.method == "OPTIONS":
                return Response(headers={"Allow": ", ".join(_methods_of(target))})
            if request.method not in _methods_of(target):
                raise MethodNotAllowed(_methods_of(target))
            tf_serving.check(target, served)
        except Malformed as error:
            return refusal_response(tf_serving.refusal, error.status, str(error))
        if target.takes_samples:
            return context.answer(partial(read, target.method), tf_serving.refusal)
        if target.method == "metadata":
            return response_with(_metadata(context))
        ready = context.ready
        return response_with(tf_serving.status(served, ready), 200 if ready else 503)

    def read(method: str, body: bytes) -> Question:
        return tf_serving.read(
            method,
            body,
            input_name=input_name,
            outputs_key=key,
            limits=context.limits,
            has_explainer=context.has_explainer,
        )


def _methods_of(target: tf_serving.Target) -> tuple[str, ...]:
    return ("POST", "OPTIONS") if target.takes_samples else ("GET", "HEAD", "OPTIONS")


def _metadata(context: RouteContext) -> Body:
    inputs = open_inference.described(context.model.sample_schema, inference.INPUT)
    outputs = open_inference.described(context.model.answer_schema, inference.OUTPUT)
    return tf_serving.metadata(context.identity, inputs, outputs)
