import json

import pytest
from nb_service.http import replies
from nb_service.pool import answer
from nb_service.pool.answer import Answer


@pytest.mark.parametrize(
    ("outcome", "payload", "status"),
    [
        (answer.OK, b"3", 200),
        (answer.NOT_JSON, b'{"reason": "odd"}', 400),
        (answer.REFUSED, b'{"traceback": null}', 422),
        (answer.FAILED, b'{"traceback": "t"}', 500),
        (answer.DIED, b"{}", 500),
        (answer.FULL, b"{}", 503),
        (answer.NOT_READY, b"{}", 503),
        (answer.TOO_SLOW, b"{}", 504),
    ],
)
def test_each_outcome_has_its_status_and_each_refusal_its_shape(outcome, payload, status):
    reply = replies.from_answer(Answer(outcome, payload))
    assert reply.status == status
    if status == 200:
        assert (reply.body, reply.content_type) == (b"3", "application/json")
        return
    body = json.loads(reply.body)
    assert reply.content_type == "application/problem+json"
    assert (body["status"], body["title"], body["type"]) == (status, replies.REASONS[status], "about:blank")
    assert body["detail"].endswith(".")


def test_only_what_may_be_tried_again_says_when():
    fixed = (replies.FULL, replies.NOT_READY, replies.UNREADY, replies.DIED, replies.TOO_SLOW)
    assert [("Retry-After", "1") in reply.headers for reply in fixed] == [True, True, True, False, False]


@pytest.mark.parametrize("outcome", [answer.REFUSED, answer.FAILED])
def test_a_traceback_is_shown_for_debugging_only(outcome):
    told = Answer(outcome, b'{"traceback": "secret"}')
    assert b"secret" not in replies.from_answer(told).body
    assert b"secret" in replies.from_answer(told, debug=True).body


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "APPLICATION/JSON", 'application/json; charset="UTF-8"', "application/ld+json"],
)
def test_json_is_taken(content_type):
    assert replies.refusal_of_body(content_type, b"1") is None
    assert replies.refusal_of_body(content_type, b"") == replies.EMPTY


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/json", "application/json; charset=utf-16", "x+json"]
)
def test_anything_else_is_not(content_type):
    assert replies.refusal_of_body(content_type, b"1") == replies.NO_JSON_HEADER
