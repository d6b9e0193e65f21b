import types

import pytest
from nb_service.http import replies
from nb_service.http.tasks import ReplyTask


def task(reply, version="1.1", connection="", command="GET", *, closing=False, error=None):
    """Return (what is written, the task) for a reply to such a request."""
    written = []
    server = types.SimpleNamespace(
        access=lambda request, status: None, closing=closing, identity=b"X-Model-Name: half\r\n"
    )
    channel = types.SimpleNamespace(server=server, write_soon=written.append)
    headers = {"CONNECTION": connection} if connection else {}
    request = types.SimpleNamespace(version=version, headers=headers, command=command, error=error, reply=reply)
    request.request_id, request.origin_headers = "id-1", (("Vary", "Origin"),)
    made = ReplyTask(channel, request)
    made.service()
    return b"".join(written), made


@pytest.mark.parametrize(
    ("version", "connection", "closes"),
    [("1.1", "", False), ("1.1", "Close", True), ("1.0", "", True), ("1.0", "Keep-Alive", False), ("", "", True)],
)
def test_a_connection_stays_open_as_the_version_and_the_client_say(version, connection, closes):
    assert task(replies.HEALTHY, version, connection)[1].close_on_finish is closes


def test_at_the_end_and_after_a_broken_request_every_connection_is_closed():
    assert b"Connection: close\r\n" in task(replies.HEALTHY, closing=True)[0]
    assert b"Connection: close\r\n" in task(replies.EMPTY, error=object())[0]


def test_header_and_body_go_out_at_once_and_to_head_the_header_alone():
    full, _ = task(replies.HEALTHY)
    head, _ = task(replies.HEALTHY, command="HEAD")
    assert full == head + replies.HEALTHY.body
    assert full.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nContent-Type: application/json\r\nDate: ")


def test_headers_of_a_reply_are_sent():
    assert b"\r\nRetry-After: 1\r\n" in task(replies.FULL)[0]


def test_every_reply_names_the_model():
    assert b"\r\nX-Model-Name: half\r\n" in task(replies.TOO_SLOW)[0]


def test_every_answer_tells_the_request_s_id_and_what_its_origin_may():
    head, _ = task(replies.HEALTHY)
    assert b"\r\nX-Request-ID: id-1\r\nVary: Origin\r\n" in head
