"""Our own routes: one sample, health."""

from flask import Flask, Response, request

from nb_service.app import form
from nb_service.app.route_context import RouteContext, body, problem, refusal_response, response_of
from nb_service.http import replies
from nb_service.pool import answer as outcomes
from nb_service.protocols import Malformed, decode, hugging_face
from nb_service.request_calls import in_query, may_hold_parameters


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`; `context.health` may have more checks than the table of routes."""

    @app.post("/predict")
    def predict() -> Response:
        try:
            content = body(context.settings.max_body)
            parameters = in_query(request.query_string.decode("latin-1"))
            files, accept = context.files, request.headers.get("Accept")
            with_files = form.files_in(request.content_type, content, files, accept)
            sample = form.sample_in(request.content_type, content, files) if with_files is None else b""
            if isinstance(sample, replies.Reply):
                return response_of(sample)
            if context.calls.parameters and may_hold_parameters(sample):
                decoded = decode(sample)
                if hugging_face.is_meant(decoded, context.model.sample_schema):
                    question = hugging_face.read(decoded)
                    sample = question.samples[0]
                    parameters = parameters._replace(values=question.parameters.values)
            call = context.calls.made(parameters, request.headers)
        except Malformed as error:
            return refusal_response(problem, error.status, str(error))
        if with_files is None and files.has_answers:
            with_files = files.prefix_of_json(accept) + sample
        asker = context.asker
        answer = asker.ask(sample, call) if with_files is None else asker.ask_files(with_files, call)
        if answer.outcome == outcomes.OK:
            context.keep(answer.payload)
        disclosure = replies.disclosure(context.settings)
        return response_of(replies.from_answer(answer, disclosure))

    for path in context.health.paths:
        app.add_url_rule(path, "health " + path, lambda path=path: response_of(context.health.checked(path)))
