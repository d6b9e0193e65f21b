import pytest
from nb_service.http import streaming
from nb_service.http.streaming import EVENT_STREAM, LINES, TEXT


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, None),
        ("*/*", None),
        ("application/json", None),
        ("text/html", None),
        (EVENT_STREAM, EVENT_STREAM),
        ("Text/Event-Stream", EVENT_STREAM),
        (LINES, LINES),
        (TEXT, TEXT),
        ("text/plain;q=0.5, application/x-ndjson", LINES),
        # Named precisely, it is meant more than what any client sends.
        ("text/event-stream, */*", EVENT_STREAM),
        ("text/event-stream;q=0.5, */*", None),
        ("application/json, text/event-stream", None),
        ("text/event-stream;q=0", None),
        ("text/html, text/plain;q=0.8, */*;q=0.1", TEXT),
        # So many that none of these counts.
        ("a/b," * 1000 + EVENT_STREAM, None),
    ],
)
def test_a_client_chooses_the_form(accept, form):
    assert streaming.wanted(accept) is (None if form is None else streaming.FORMS[form])


@pytest.mark.parametrize(
    ("accept", "is_only_events"),
    [
        (None, False),
        ("", False),
        (EVENT_STREAM, True),
        ("text/event-stream;q=0.5", True),
        ("text/event-stream, application/json", False),
        ("application/json", False),
        ("text/event-stream," * 1000 + "text/event-stream", False),
    ],
)
def test_only_events(accept, is_only_events):
    assert streaming.wants_only_events(accept) is is_only_events


def test_a_form_without_a_place_for_a_problem_writes_none():
    assert [form.failure(b"{}\n") for form in streaming.FORMS.values()] == [
        b"event: error\ndata: {}\n\n",
        b'{"error": {}}\n',
        b"",
    ]
