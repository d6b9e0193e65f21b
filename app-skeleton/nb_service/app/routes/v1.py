"""The REST routes of TensorFlow Serving and KServe V1, which have the same paths."""

from functools import partial

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from nb_service.app.route_context import RouteContext, rejection_response, response_with
from nb_service.protocols import Body, Malformed, Question, inference, kserve_v1, open_inference, tf_serving

# All methods except CONNECT, which has no path (RFC 9110, section 9; RFC 5789).
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""
    key = kserve_v1.OUTPUTS_KEY if context.settings.kserve else "outputs"

    @app.get("/v1/models")
    def models() -> Response:
        return response_with(kserve_v1.models(context.by_name))

    # One rule for all methods: the end of the path determines which are allowed.
    @app.route("/v1/models/<path:rest>", methods=METHODS, provide_automatic_options=False)
    def model(rest: str) -> Response:
        try:
            target = tf_serving.parse(request.method, rest)
            if request.method == "OPTIONS":
                return Response(headers={"Allow": ", ".join(_methods_of(target))})
            if request.method not in _methods_of(target):
                raise MethodNotAllowed(_methods_of(target))
            own = context.by_name.get(target.model, context)
            # Without a default predictor, no model has the service's own name.
            tf_serving.check(target, own.identity if own.model.has_default else None)
        except Malformed as error:
            return rejection_response(tf_serving.rejection, error.status, str(error))
        if target.takes_samples:
            return own.answer(partial(read, own, target.method), tf_serving.rejection)
        if target.method == "metadata":
            return response_with(_metadata(own))
        ready = own.ready
        return response_with(tf_serving.status(own.identity, ready), 200 if ready else 503)

    def read(own: RouteContext, method: str, body: bytes) -> Question:
        return tf_serving.read(
            method,
            body,
            input_name=_input_name(own),
            outputs_key=key,
            limits=own.limits,
            has_explainer=own.has_explainer,
        )


def _input_name(context: RouteContext) -> str:
    """Return the name of the only input in metadata, if samples are not objects; "" if they are."""
    names = [tensor["name"] for tensor in open_inference.described(context.model.sample_schema, inference.INPUT)]
    return inference.INPUT if names == [inference.INPUT] else ""


def _methods_of(target: tf_serving.Target) -> tuple[str, ...]:
    return ("POST", "OPTIONS") if target.takes_samples else ("GET", "HEAD", "OPTIONS")


def _metadata(context: RouteContext) -> Body:
    inputs = open_inference.described(context.model.sample_schema, inference.INPUT)
    outputs = open_inference.described(context.model.answer_schema, inference.OUTPUT)
    return tf_serving.metadata(context.identity, inputs, outputs)
