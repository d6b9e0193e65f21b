import select
import socket
import threading
import types

import pytest
from nb_service.http import parser
from nb_service.http.channel import LaneChannel
from nb_service.http.heads import Heads
from nb_service.http.parser import LaneParser
from nb_service.http.replies import Reply
from nb_service.loop import READ
from waitress.adjustments import Adjustments

LIMITS = types.SimpleNamespace(
    max_request_header_size=1000, max_request_body_size=10, inbuf_overflow=1000, url_scheme="http"
)

WHOLE = b"POST /predict HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]"


class Told:
    """Is told of answers, as the access log is."""

    def __init__(self, told: list) -> None:
        self._told = told

    def __call__(self, request, status: int) -> None:
        self._told.append(status)

    on_loop = __call__


@pytest.fixture
def connection():
    """Return (a client's socket, its channel, what was handed on: the paths, what was logged: the statuses)."""
    client, ours = socket.socketpair()
    client.settimeout(5)
    adj = types.SimpleNamespace(
        **{**vars(LIMITS), "recv_bytes": 65536, "outbuf_overflow": 1 << 40, "outbuf_high_watermark": 1 << 40},
        send_bytes=1,
        log_socket_errors=False,
    )
    asked, told = [], []
    server = types.SimpleNamespace(
        active_channels={},
        adj=adj,
        heads=Heads(LaneParser, adj),
        closing=False,
        identity=b"",
        access=Told(told),
        look_at=lambda fd: None,
        add_task=lambda channel: asked.append(channel.requests[0].path),
        pull_trigger=lambda: None,
    )
    channel = LaneChannel(server, ours, None, adj, map={})
    yield client, channel, asked, told
    client.close()
    channel.handle_close()


def test_a_whole_request_is_handed_on_and_its_answer_sent_at_once(connection):
    client, channel, asked, told = connection
    for body in (b"7", b"8"):
        client.sendall(WHOLE)
        channel.handle_read()
        assert channel.wants() == 0
        channel.answer(channel.requests[0], Reply(200, body))
        said = client.recv(1000)
        assert said.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n") and said.endswith(b"\r\n\r\n" + body)
        assert channel.wants() == READ
    assert (asked, told) == (["/predict"] * 2, [200] * 2)


def test_requests_that_come_together_are_answered_in_their_order(connection):
    client, channel, asked, _ = connection
    client.sendall(WHOLE + WHOLE)
    channel.handle_read()
    assert len(channel.requests) == 2
    for body in (b"7", b"8"):
        channel.answer(channel.requests[0], Reply(200, body))
        channel.handle_write()
        assert client.recv(1000).endswith(b"\r\n\r\n" + body)
    assert asked == ["/predict"] * 2


def test_others_have_their_turn_between_pieces_of_a_body_in_chunks(connection):
    client, channel, _, _ = connection
    client.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    channel.handle_read()
    client.sendall(b"1\r\n1\r\n" * 1000)
    channel.handle_read()
    assert len(channel.socket.recv(65536)) == 6000 - parser.PIECE


def test_an_answer_that_the_socket_does_not_take_at_once_is_sent_on_later(connection):
    client, channel, _, _ = connection
    client.sendall(WHOLE)
    channel.handle_read()
    body = b"7" * 3_000_000
    channel.answer(channel.requests[0], Reply(200, body))
    assert channel.wants() == select.POLLOUT
    heard = b""
    while channel.wants() == select.POLLOUT:
        heard += client.recv(1 << 20)
        channel.handle_write()
    client.settimeout(0.2)
    while not heard.endswith(b"7" * 9) or len(heard.partition(b"\r\n\r\n")[2]) < len(body):
        heard += client.recv(1 << 20)
    assert heard.partition(b"\r\n\r\n")[2] == body
    assert channel.wants() == READ


def test_a_client_that_is_gone_when_its_answer_comes_is_no_trouble(connection):
    client, channel, _, told = connection
    client.sendall(WHOLE)
    channel.handle_read()
    request = channel.requests[0]
    client.close()
    channel.answer(request, Reply(200, b"7"))
    assert not channel.connected
    channel.answer(request, Reply(200, b"7"))
    assert told == [200]


def test_at_the_end_the_connection_is_closed_after_the_answer(connection):
    client, channel, _, _ = connection
    client.sendall(WHOLE)
    channel.handle_read()
    channel.server.closing = True
    channel.answer(channel.requests[0], Reply(200, b"7"))
    assert b"\r\nConnection: close\r\n" in client.recv(1000)
    channel.handle_write()
    assert client.recv(1000) == b""


@pytest.fixture
def wire():
    """Return a channel and the client's end of its connection, which does not wait."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        server = types.SimpleNamespace(active_channels={})
        yield LaneChannel(server, ours, ("127.0.0.1", 1), Adjustments(), map={}), theirs


def test_two_threads_never_send_the_same_bytes(wire):
    channel, client = wire
    channel.outbufs[0].append(b"once")
    channel.total_outbufs_len = 4
    other = threading.Thread(target=channel._flush_some)
    with channel.outbuf_lock:
        other.start()
        other.join(0.2)
        with pytest.raises(BlockingIOError):
            client.recv(100)
    other.join(20)
    channel._flush_some()
    assert client.recv(100) == b"once"


def test_whose_connection_was_closed_meanwhile_is_sent_nothing_and_invited_to_nothing(wire):
    channel, client = wire
    channel.request = LaneParser(LIMITS)
    channel.send_continue()
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    channel.handle_close()
    channel.total_outbufs_len = 1
    channel.send_continue()
    assert channel._flush_some() is False
