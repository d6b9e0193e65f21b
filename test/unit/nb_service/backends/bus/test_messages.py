import json

import pytest
from nb_service.backends.bus import messages as module
from nb_service.backends.bus.brokers import Delivery
from nb_service.backends.bus.messages import Messages
from nb_service.identity import Identity
from nb_service.pool.answer import NOT_JSON, REFUSED, Answer
from nb_service.protocols import Malformed
from nb_service.settings import Settings

EVENT = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t"}


def read(body, environ=None, **headers):
    """Return (the messages, a delivery of `body`, its question)."""
    messages = Messages(Settings(environ or {}), Identity("m", 7))
    delivery = Delivery(body, "st.1", {name.replace("_", "-"): value for name, value in headers.items()})
    return messages, delivery, messages.read(delivery)


def rejection(body, environ=None, **headers):
    with pytest.raises(Malformed) as rejected:
        read(body, environ, **headers)
    return rejected.value.status, str(rejected.value)


def test_a_message_without_headers_is_a_sample():
    messages, delivery, question = read(b"[1, 2]")
    assert list(question.samples) == [b"[1, 2]"]
    outcome = messages.answered(delivery, question, [b"3"])
    assert (outcome.is_error, outcome.body) == (False, b"3")
    assert outcome.headers == {
        "content-type": "application/json",
        "x-model-name": "m",
        "x-model-version": "7",
        "x-sample-id": "st.1",
    }


def test_what_reports_a_conversation_is_carried_and_all_else_is_not():
    reported = {"traceparent": "00-1", "tracestate": "a=b", "x_request_id": "r", "subject": "s", "key": "k"}
    messages, delivery, question = read(b"1", secret_of_theirs="x", message_id="mine", **reported)
    headers = messages.answered(delivery, question, [b"2"]).headers
    assert {name: headers[name.replace("_", "-")] for name in reported} == reported
    assert "secret-of-theirs" not in headers
    assert headers["x-sample-id"] == "mine"


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", {}, 400, "The message is empty"),
        (b"x" * 17, {}, 413, "S2I_MAX_BODY"),
        (b"1", {"content_type": "text/plain"}, 415, "Messages of type text/plain are not supported"),
        (b"1", {"content_encoding": "gzip"}, 415, "Compressed"),
        (b"{}", {"content_type": "application/cloudevents+json"}, 400, "The event lacks id"),
        (b"1", {"ce_specversion": "1.0", "ce_id": "1"}, 400, "The event lacks source, type"),
    ],
)
def test_what_is_no_sample_is_rejected_in_a_sentence(body, headers, status, words):
    reported, text = rejection(body, {"S2I_MAX_BODY": "16"}, **headers)
    assert reported == status
    assert words in text and text.endswith(".")


def test_a_structured_event_is_answered_by_one_with_the_same_id_each_time():
    event = {**EVENT, "data": [1], "subject": "s", "other": "o", "traceparent": "00-1"}
    body = json.dumps(event).encode()
    messages, delivery, question = read(body, content_type="application/cloudevents+json")
    answers = [messages.answered(delivery, question, [b"2"]) for _ in range(2)]
    reported = [json.loads(answer.body) for answer in answers]
    assert reported[0]["id"] == reported[1]["id"] == "st.1.0"
    assert (reported[0]["data"], reported[0]["subject"], reported[0]["traceparent"], reported[0]["causationid"]) == (
        2,
        "s",
        "00-1",
        "e",
    )
    assert "other" not in reported[0]
    assert answers[0].headers["x-sample-id"] == "e"


def test_a_batch_of_events_is_one_message():
    body = json.dumps([{**EVENT, "id": name, "data": [1]} for name in "ab"]).encode()
    messages, delivery, question = read(body, content_type="application/cloudevents-batch+json")
    assert len(question.samples) == 2
    reported = json.loads(messages.answered(delivery, question, [b"1", b"2"]).body)
    assert [(event["id"], event["causationid"], event["data"]) for event in reported] == [
        ("st.1.0", "a", 1),
        ("st.1.1", "b", 2),
    ]


def test_an_error_has_the_bytes_and_headers_that_came():
    messages, delivery, question = read(b" [1]", other="ü\n", content_type="application/json")
    answer = Answer(REFUSED, b'{"reason": "too short", "traceback": ""}')
    outcome = messages.failed(delivery, answer, question)
    assert (outcome.is_error, outcome.body, outcome.headers["other"]) == (True, b" [1]", "\\xfc")
    assert (outcome.headers["x-error-reason"], outcome.headers["x-error-deliveries"]) == ("refused", "1")
    assert outcome.headers["x-error-detail"] == "The notebook's validator rejects this sample: too short."
    assert outcome.headers["content-type"] == "application/json"


def test_an_error_names_the_sample_in_an_array():
    messages, delivery, question = read(b"[1]")
    outcome = messages.failed(delivery, Answer(NOT_JSON, b'{"reason": "no number"}'), question, 4)
    assert outcome.headers["x-error-detail"] == "Sample 5: It is not JSON: no number."


def test_a_value_of_a_header_is_one_short_line_of_ascii():
    assert module.header_text("a\r\nb\x00\tc é") == "a b c \\xe9"
    assert len(module.header_text("x" * 5000)) == module.MAX_DETAIL


def test_what_is_too_large_for_the_broker_is_left_out_of_an_error():
    messages, delivery, question = read(b"[1]")
    outcome = messages.rejected(delivery, "refused", "No.", question)
    short = module.without_body(outcome)
    assert (short.body, short.headers["x-error-detail"]) == (
        b"",
        "No. The message itself is left out, because it would be too large with its reason.",
    )
    assert module.size_of(outcome) > len(outcome.body) + sum(map(len, outcome.headers.values()))
