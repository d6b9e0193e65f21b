"""nb-builder's own routes: for one sample, and for health checks."""

from flask import Flask, Response, request

from nb_service.app import form as forms
from nb_service.app.route_context import RouteContext, body, problem, rejection_response, response_of
from nb_service.app.streams import stream_response
from nb_service.http import replies, streaming
from nb_service.pool import answer as outcomes
from nb_service.protocols import Malformed, Series, decode, hugging_face
from nb_service.request_calls import Parameters, may_hold_parameters


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`; `context.health` may have more checks than the table of routes."""

    def answered(name: str | None) -> Response:
        try:
            own = context if name is None else context.named(name)
            own.require_default()
            content = body(context.settings.max_body)
            files, accept = own.files, request.headers.get("Accept")
            with_files, parameters = own.files_in(content)
            sample = forms.sample_in(request.content_type, content, files) if with_files is None else b""
            if isinstance(sample, replies.Reply):
                return response_of(sample)
            sample, parameters = _of_hugging_face(own, sample, parameters)
            call = own.calls.made(parameters, request.headers)
            if with_files is None:
                (sample,) = own.with_fetched_files(Series([sample]))
        except Malformed as error:
            return rejection_response(problem, error.status, str(error))
        return _response(own, with_files, sample, call, accept)

    @app.post("/predict")
    def predict() -> Response:
        return answered(None)

    @app.post("/predict/<name>")
    def predict_by_name(name: str) -> Response:
        return answered(name)

    for path in context.health.paths:
        app.add_url_rule(path, "health " + path, lambda path=path: response_of(context.health.checked(path)))


def _response(
    context: RouteContext, with_files: bytes | None, sample: bytes, call: bytes, accept: str | None
) -> Response:
    """Return the response with the prediction for a sample, which may be one with files: a stream, or in one piece."""
    if context.model.manifest.get("streams"):
        form = streaming.wanted(accept)
        if form is not None:
            return stream_response(context, with_files or sample, call, form, is_files=with_files is not None)
    elif streaming.wants_only_events(accept):
        return response_of(streaming.NOT_STREAMING)
    if with_files is None and context.files.has_answers:
        with_files = context.files.prefix_of_json(accept) + sample
    asker = context.asker
    answer = asker.ask(sample, call) if with_files is None else asker.ask_files(with_files, call)
    if answer.outcome == outcomes.OK:
        context.keep(answer.payload)
    return response_of(replies.from_answer(answer, replies.disclosure(context.settings)))


def _of_hugging_face(context: RouteContext, sample: bytes, parameters: Parameters) -> tuple[bytes, Parameters]:
    """Return a sample and its parameters, extracted from Hugging Face's form if it has that; raise Malformed."""
    if context.calls.parameters and may_hold_parameters(sample):
        decoded = decode(sample)
        if hugging_face.is_meant(decoded, context.model.sample_schema):
            question = hugging_face.read(decoded)
            return question.samples[0], parameters._replace(values=question.parameters.values)
    return sample, parameters
