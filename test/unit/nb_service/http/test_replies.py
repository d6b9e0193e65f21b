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
def test_each_outcome_has_its_status_and_each_rejection_its_shape(outcome, payload, status):
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
    fixed = (replies.FULL, replies.NOT_READY, replies.unready("The model is loading."), replies.DIED, replies.TOO_SLOW)
    assert [("Retry-After", "1") in reply.headers for reply in fixed] == [True, True, True, False, False]


@pytest.mark.parametrize("outcome", [answer.REFUSED, answer.FAILED])
def test_a_traceback_is_shown_for_debugging_only(outcome):
    reported = Answer(outcome, b'{"traceback": "secret"}')
    assert b"secret" not in replies.from_answer(reported).body
    assert b"secret" in replies.from_answer(reported, replies.Disclosure(tracebacks=True)).body


def detail(facts, outcome=answer.REFUSED, **shown):
    """Return the body of the reply to what a scorer says in `facts`."""
    return json.loads(
        replies.from_answer(Answer(outcome, json.dumps(facts).encode()), replies.Disclosure(**shown)).body
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("too old", "The notebook's validator rejects this sample: too old."),
        ("Too old!", "The notebook's validator rejects this sample: Too old!"),
        ("", "The notebook's validator rejects this sample."),
    ],
)
def test_the_reason_that_a_validator_returns_is_the_clients(reason, words):
    assert detail({"reason": reason, "traceback": None}, messages=False)["detail"] == words


def test_the_message_of_a_validator_that_raises_is_the_clients_unless_the_setting_says_no():
    facts = {"message": "age is missing", "traceback": "t"}
    assert detail(facts)["detail"] == "The notebook's validator rejects this sample: age is missing."
    assert detail(facts, messages=False)["detail"] == "The notebook's validator rejects this sample."


def test_a_sample_that_does_not_fit_names_its_fields():
    errors = [{"pointer": "#/age", "detail": "must be a number, not a text"}]
    text = detail({"misfit": "age: must be a number, not a text", "errors": errors, "traceback": None}, messages=False)
    assert text["detail"] == "The sample does not match what the notebook accepts: age: must be a number, not a text."
    assert (text["status"], text["errors"]) == (422, errors)


def test_an_answer_without_a_json_form_says_so():
    text = detail({"reason": "an answer of type a.B has no JSON form", "traceback": "t"}, answer.FAILED)
    words = "The notebook's predictor returned a value that can't be sent: an answer of type a.B has no JSON form."
    assert (text["status"], text["detail"]) == (500, words)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "APPLICATION/JSON", 'application/json; charset="UTF-8"', "application/ld+json"],
)
def test_json_is_taken(content_type):
    assert replies.rejection_of_body(content_type, b"1") is None
    assert replies.rejection_of_body(content_type, b"") == replies.EMPTY


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/json", "application/json; charset=utf-16", "x+json"]
)
def test_anything_else_is_not(content_type):
    assert replies.rejection_of_body(content_type, b"1") == replies.NO_JSON_HEADER
