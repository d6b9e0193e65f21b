"""Feedback: clients report the true value for an earlier prediction."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, request

from nb_service.app.route_context import (
    RouteContext,
    body,
    problem,
    reject_foreign_page,
    rejection_response,
    response_of,
    response_with,
)
from nb_service.feedback.judgement import AGREES, DIFFERS, OUTCOMES, UNKNOWN, Judgement, judge
from nb_service.http import replies
from nb_service.protocols import Body, Malformed, encode, feedback
from nb_service.protocols.feedback import ABSENT, Item

# The front handles this many at a time in its loop, which takes a microsecond or two each.
AT_ONCE = 250
NO_TYPE = replies.problem(
    415, "Send feedback as JSON: curl -H 'Content-Type: application/json'. Other types are not supported."
)
EMPTY = replies.problem(400, 'The body is empty; send {"id": "…", "answer": …}.')


class _FrontIsGone(Exception):
    """The front, which has the predictions, can't be reached."""


def add(app: Flask, context: RouteContext) -> None:
    """Add the route to `app`."""

    @app.post("/feedback")
    def take_feedback() -> Response:
        if (rejected := reject_foreign_page(context)) is not None:
            return rejected
        if request.content_type is not None and not replies.is_json(request.content_type):
            return response_of(NO_TYPE)
        try:
            content = body(context.settings.max_body)
            if not content:
                return response_of(EMPTY)
            return response_with(Body(encode(_counted(context, feedback.read(content, context.limits)))))
        except Malformed as error:
            rejection = partial(problem, errors=error.errors) if error.errors else problem
            return rejection_response(rejection, error.status, str(error))
        except _FrontIsGone:
            return response_of(replies.NOT_READY)


def _counted(context: RouteContext, items: list[Item]) -> dict[str, int]:
    """Record feedback; return how many items were counted, and how many were not, by reason."""
    outcomes = dict.fromkeys(OUTCOMES, 0)
    for judged in _judged(context, items):
        for outcome, count in _of_front(context, {"count": judged}, "outcomes").items():
            outcomes[outcome] += count
    # Only people who monitor the service may learn which predictions were right: otherwise, anyone with an id could
    # learn about other clients' predictions.
    return {"counted": outcomes.pop(AGREES) + outcomes.pop(DIFFERS), **outcomes}


def _judged(context: RouteContext, items: list[Item]) -> Iterator[list[list]]:
    """Yield the judgements of some items at a time, each after the id and the index of the prediction."""
    begun = 0
    while begun < len(items):
        some = items[begun : begun + AT_ONCE]
        found = _found(context, some)
        begun += len(found)
        tolerance = context.settings.tolerance
        yield [_judgement(*pair, tolerance) for pair in zip(some, found, strict=False)]


def _found(context: RouteContext, items: list[Item]) -> list[list]:
    """Return [outcome, prediction] for the first of `items`, at least one."""
    wanted = [[item.request_id, item.place] for item in items if item.request_id is not None]
    known = iter(_of_front(context, {"look": wanted}, "found") if wanted else ())
    found = []
    for item in items:
        there = next(known, None) if item.request_id is not None else [UNKNOWN, None]
        if there is None:
            break
        found.append(there)
    return found


def _judgement(item: Item, found: list, tolerance: float) -> list:
    outcome, answer = found
    if outcome is None:
        return [item.request_id, item.place, *judge(answer, item.true, tolerance)]
    if outcome == UNKNOWN and item.prediction is not ABSENT:
        # Another replica made the prediction, or it is too old, so only the client's own copy is available.
        return [None, None, *judge(item.prediction, item.true, tolerance)]
    return [None, None, *Judgement(outcome)]


def _of_front(context: RouteContext, question: dict, name: str) -> Any:
    answer = context.asker.ask_front(question)
    if name not in answer:
        raise _FrontIsGone
    return answer[name]
