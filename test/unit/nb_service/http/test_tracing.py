import time
import types

import pytest
from nb_service.http import tracing
from nb_service.identity import Identity

MODEL = Identity("half", 7)


def request(path="/predict", **headers):
    """Return a request as the loop knows it."""
    return types.SimpleNamespace(command="POST", path=path, route=path, headers=headers, request_id="id-1")


@pytest.fixture
def exported(monkeypatch):
    """Return the facts that were exported, without the SDK."""
    exports = []
    fake = types.SimpleNamespace(span=exports.append, close=lambda: exports.append("closed"))
    monkeypatch.setattr(tracing, "Export", lambda identity: fake)
    return exports


def test_without_the_extra_there_are_no_spans_and_that_is_said():
    log = []
    assert tracing.make_spans(MODEL, log.append) is None
    assert log == [tracing.MISSING]


def test_with_it_nothing_is_imported_before_the_first_request(monkeypatch, exported):
    monkeypatch.setattr(tracing, "is_here", lambda: True)
    spans = tracing.make_spans(MODEL, None)
    spans.flush()
    spans.close()
    assert exported == []


def test_what_was_noted_is_exported_in_order_up_to_the_end(exported):
    spans = tracing.Spans(MODEL, None)
    spans.saw(request(traceparent="00-a"), 200, 0.5)
    spans.flush()
    spans.saw(request("/docs"), 404, 0.1)
    spans.close()
    first, second, end = exported
    assert (first.path, first.status, first.seconds, first.trace["traceparent"]) == ("/predict", 200, 0.5, "00-a")
    assert (second.path, second.request_id, end) == ("/docs", "id-1", "closed")


def test_an_sdk_that_starts_slowly_at_the_end_loses_nothing(monkeypatch, exported):
    fake = tracing.Export(MODEL)
    monkeypatch.setattr(tracing, "Export", lambda identity: time.sleep(0.5) or fake)
    spans = tracing.Spans(MODEL, None)
    spans.saw(request(), 200, 0.5)
    spans.close(0.1)
    assert len(exported) == 2


def test_more_than_can_be_exported_is_left_out_and_counted(monkeypatch, exported):
    monkeypatch.setattr(tracing, "MAX_WAITING", 2)
    log = []
    spans = tracing.Spans(MODEL, log.append)
    for _ in range(5):
        spans.saw(request(), 200, 0.1)
    spans.close()
    assert len(exported) == 2 + 1
    assert log == ["(3 requests got no span: there were more than could be exported)"]


def test_an_sdk_that_does_not_start_is_reported_once_and_nothing_is_kept(monkeypatch):
    def fails(identity):
        raise ValueError("a setting")

    monkeypatch.setattr(tracing, "Export", fails)
    log = []
    spans = tracing.Spans(MODEL, log.append)
    spans.saw(request(), 200, 0.1)
    spans.flush()
    spans._thread.join(20)
    for _ in range(2):
        spans.saw(request(), 200, 0.1)
        spans.flush()
    spans.close()
    assert log == ["No spans are sent: OpenTelemetry's SDK does not start (ValueError: a setting)."]
    assert spans._pending == []
