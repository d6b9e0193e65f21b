"""Streamed responses of the app, for routes that the front passes on, and for S2I_FRONT=waitress."""

from collections.abc import Callable, Generator, Iterator

from flask import Response, request, stream_with_context

from nb_service.app.route_context import Refusal, RouteContext, body, rejection_response, response_of
from nb_service.http import replies, streaming
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes
from nb_service.protocols import Malformed, Question, series


class BrokenOff(Exception):
    """Raised so that a response does not look complete: waitress then closes the connection without the last chunk."""


def streamed(
    context: RouteContext,
    read: Callable[[bytes], Question],
    rejection: Refusal,
    writing: Callable[[Question], streaming.Form],
) -> Response:
    """Return the response with the items of the prediction for the one sample that `read` finds in the body.

    A prediction that isn't a stream is its only item.
    """
    try:
        context.require_default()
        question = read(body(context.settings.max_body))
        call = context.calls.made(question.parameters, request.headers, question.function)
        samples = context.with_fetched_files(question.samples)
        sample = series.only(samples)
    except Malformed as error:
        return rejection_response(rejection, error.status, str(error))
    form = writing(question)
    if context.model.manifest.get("streams"):
        return stream_response(context, sample, call, form, is_files=False)
    answer = context.asker.ask(sample, call)
    if answer.outcome != outcomes.OK:
        return response_of(replies.from_answer(answer, replies.disclosure(context.settings)))
    context.keep(answer.payload)
    return Response(form.item(answer.payload) + form.end, 200, list(streaming.HEADERS), content_type=form.content_type)


def stream_response(
    context: RouteContext, sample: bytes, call: bytes, form: streaming.Form, *, is_files: bool
) -> Response:
    """Return the response that sends the items of the prediction for `sample` one by one.

    It waits for the first item before it sends the status, so that a rejected sample gets its own status.
    """
    idle = streaming.IDLE_SECONDS if form.idle else float("inf")
    answers = context.asker.ask_stream(sample, call, form.flags, idle, is_files=is_files)
    first = next((answer for answer in answers if answer is not None), Answer(outcomes.NOT_READY))
    if first.outcome not in (outcomes.ITEM, outcomes.OK):
        answers.close()
        return response_of(replies.from_answer(first, replies.disclosure(context.settings)))
    pieces = stream_with_context(_pieces(context, form, first, answers))
    response = Response(pieces, 200, list(streaming.HEADERS), content_type=form.content_type)
    # Also runs if the client has left before it requested the first item.
    response.call_on_close(answers.close)
    return response


def _pieces(
    context: RouteContext, form: streaming.Form, first: Answer, answers: Generator[Answer | None, None, None]
) -> Iterator[bytes]:
    answer: Answer | None = first
    while answer is None or answer.outcome == outcomes.ITEM:
        yield form.idle if answer is None else form.item(answer.payload)
        answer = next(answers, Answer(outcomes.NOT_READY))
    if answer.outcome == outcomes.OK:
        yield form.end
        return
    problem = replies.from_answer(answer, replies.disclosure(context.settings)).body
    yield form.failure(problem)
    if not form.is_whole_with_error:
        raise BrokenOff
