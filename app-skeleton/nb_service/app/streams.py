"""Streams of the app: for what the front leaves to it, and for S2I_FRONT=waitress."""

from collections.abc import Generator, Iterator

from flask import Response, stream_with_context

from nb_service.app.route_context import RouteContext, response_of
from nb_service.http import replies, streaming
from nb_service.http.streaming import Form
from nb_service.pool import Answer
from nb_service.pool import answer as outcomes


class BrokenOff(Exception):
    """Raised for a response that must not look complete: waitress then closes the connection without its last chunk."""


def stream_response(context: RouteContext, sample: bytes, call: bytes, form: Form, *, is_files: bool) -> Response:
    """Return the response in which the items of the prediction for `sample` leave one by one.

    The first is waited for, so that what rejects the sample still has a status of its own.
    """
    idle = streaming.IDLE_SECONDS if form.idle else float("inf")
    answers = context.asker.ask_stream(sample, call, form.flags, idle, is_files=is_files)
    first = next((answer for answer in answers if answer is not None), Answer(outcomes.NOT_READY))
    if first.outcome not in (outcomes.ITEM, outcomes.OK):
        answers.close()
        return response_of(replies.from_answer(first, replies.disclosure(context.settings)))
    pieces = stream_with_context(_pieces(context, form, first, answers))
    response = Response(pieces, 200, list(streaming.HEADERS), content_type=form.content_type)
    # Also where its client has left before the first item was asked for.
    response.call_on_close(answers.close)
    return response


def _pieces(
    context: RouteContext, form: Form, first: Answer, answers: Generator[Answer | None, None, None]
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
