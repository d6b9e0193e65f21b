import base64
import json

import pytest
from nb_service.protocols import Malformed, cloud_events
from nb_service.protocols.cloud_events import BATCH, STRUCTURED, Reply

REPLY = Reply("answer", "here")
BINARY = {"Ce-Id": "1", "CE-Source": "/s", "ce-type": "t", "ce-specversion": "1.0", "ce-tenant": "%C3%BC"}
EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "tenant": "ü"}


def test_an_event_is_known_by_its_type_or_its_headers():
    assert cloud_events.is_event({}, STRUCTURED)
    assert cloud_events.is_event({}, BATCH + "; charset=utf-8")
    assert cloud_events.is_event(BINARY, "application/json")
    assert not cloud_events.is_event({"Accept": "x"}, None)


def test_binary_mode_has_the_sample_as_its_body_and_attributes_in_headers():
    question = cloud_events.read(BINARY, "application/json", b"[1]", REPLY)
    assert question.samples == [b"[1]"]
    body = question.write([b"2"])
    attributes = dict(body.headers)
    assert (body.data, body.content_type) == (b"2", "application/json")
    assert (attributes["ce-type"], attributes["ce-source"], attributes["ce-specversion"]) == ("answer", "here", "1.0")
    assert attributes["ce-id"] != "1" and attributes["ce-time"].endswith("Z") and "ce-tenant" not in attributes


def test_extensions_are_kept_where_that_is_wanted():
    merging = REPLY._replace(merge=True)
    body = cloud_events.read(BINARY, "application/json", b"1", merging).write([b"2"])
    assert dict(body.headers)["ce-tenant"] == "%C3%BC"
    body = cloud_events.read({}, STRUCTURED, json.dumps({**EVENT, "data": 1}).encode(), merging).write([b"2"])
    assert json.loads(body.data)["tenant"] == "ü"


def test_a_header_can_t_be_broken_by_an_attribute():
    merging = REPLY._replace(merge=True, source='a "b" 100%\r\nx: y')
    attributes = dict(cloud_events.read(BINARY, None, b"1", merging).write([b"2"]).headers)
    assert attributes["ce-source"] == "a%20%22b%22%20100%25%0D%0Ax:%20y"


@pytest.mark.parametrize("data", [{"data": [1]}, {"data_base64": base64.b64encode(b"[1]").decode()}])
def test_structured_mode_answers_with_an_event(data):
    question = cloud_events.read({}, STRUCTURED, json.dumps({**EVENT, **data}).encode(), REPLY)
    assert question.samples == [b"[1]"]
    body = question.write([b'{"a": 2}'])
    attributes = json.loads(body.data)
    assert (body.content_type, attributes["data"], attributes["type"]) == (STRUCTURED, {"a": 2}, "answer")


def test_a_batch_is_answered_with_a_batch_in_its_order():
    events = [{**EVENT, "data": number} for number in range(3)]
    question = cloud_events.read({}, BATCH, json.dumps(events).encode(), REPLY)
    body = question.write(question.samples)
    assert (body.content_type, [event["data"] for event in json.loads(body.data)]) == (BATCH, [0, 1, 2])


@pytest.mark.parametrize(
    ("headers", "kind", "body", "words"),
    [
        ({"ce-specversion": "1.0"}, "application/json", b"1", "lacks id, source, type"),
        ({**BINARY, "ce-specversion": "0.3"}, "application/json", b"1", "Only events with specversion 1.0"),
        (BINARY, "text/plain", b"1", "not JSON"),
        (BINARY, "application/json", b"", "no data"),
        ({}, STRUCTURED, b"[]", "An event is a JSON object"),
        ({}, STRUCTURED, b"{}", "lacks id, source, type, specversion"),
        ({}, STRUCTURED, json.dumps(EVENT).encode(), "no data"),
        ({}, STRUCTURED, json.dumps({**EVENT, "data_base64": "?"}).encode(), "not base64"),
        ({}, STRUCTURED, json.dumps({**EVENT, "data_base64": 1}).encode(), "not base64"),
        ({}, BATCH, b"{}", "a JSON array"),
        ({}, "application/cloudevents+avro", b"", "application/cloudevents\\+avro are not supported"),
    ],
)
def test_what_is_no_event_is_rejected(headers, kind, body, words):
    with pytest.raises(Malformed, match=words):
        cloud_events.read(headers, kind, body, REPLY)
