"""Heads, held against what RFC 9112 says, and against h11, which was written from it by others."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.front import head
from nb_service.front.head import Unreadable

POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"


def parsed(data: bytes):
    """Return the request, or (status, reason) of what is refused."""
    try:
        return head.parse(data)
    except Unreadable as wrong:
        return wrong.status, str(wrong)


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "it has no Host header"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "it has two Host headers"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "its Host header contains no host"),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "its Host header contains no host"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0 is not supported"),
        (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "HTTP/0.9 is not supported"),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "invalid HTTP version"),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "its method is not an HTTP method"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "its target is neither a path nor an HTTP URL"),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "its target is neither a path nor an HTTP URL"),
        (b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "its target has a fragment"),
        (b"GET /" + b"a" * 8190 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, "its first line has more than 8192 bytes"),
        (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "duplicate Content-Length"),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, None),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400, None),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "Content-Length overflow"),
        (POST + b"Content-Length: 1, 1\r\n\r\n", 400, None),
        (POST + b"Content-Length: -1\r\n\r\n", 400, None),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "the only supported Transfer-Encoding is chunked"),
        (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400, None),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, None),
        (POST + b"Transfer-Encoding: ,\r\n\r\n", 400, None),
        (POST + b"Transfer-Encoding: identity\r\n\r\n", 400, None),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0 has no Transfer-Encoding"),
        (POST + b"X : 1\r\n\r\n", 400, "invalid header token"),
        (POST + b" X: 1\r\n\r\n", 400, None),
        (POST + b"X: 1\r\n 2\r\n\r\n", 400, None),
        (POST + b"X: \x01\r\n\r\n", 400, "invalid header value char"),
        (POST + b"X: " + b" " * 30_000 + b"\x01\r\n\r\n", 400, "invalid header value char"),
        (POST.replace(b"\r\n", b"\n") + b"\n", 400, "expected CRLF after version"),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, None),
    ],
)
def test_what_is_rejected(data, status, reason):
    rejected = parsed(data)
    assert isinstance(rejected, tuple), rejected
    assert rejected[0] == status
    assert reason is None or rejected[1] == reason


def test_a_request_as_clients_send_it():
    request = parsed(POST + b"Content-Length: 10\r\nX-Request-ID: mine\r\nA: 1 \t\r\nA:2\r\n\r\n")
    assert (request.command, request.path, request.target, request.length) == ("POST", "/predict", b"/predict", 10)
    assert request.headers == {"host": "a", "content-length": "10", "x-request-id": "mine", "a": "1, 2"}
    assert (request.keeps_alive, request.expects_continue) == (True, False)
    assert head.Request(request).request_id == "mine"


def test_short_heads_are_remembered_and_long_ones_are_not():
    short, long = POST + b"\r\n", POST + b"X: " + b"a" * head.MAX_REMEMBERED_LENGTH + b"\r\n\r\n"
    assert head.read(short) is head.read(short)
    assert head.read(long) is not head.read(long)


def test_a_path_is_that_of_its_route():
    request = parsed(b"POST /%70redict%2fbatch?%70=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.path, request.raw_path, request.target) == (
        "/predict/batch",
        b"/predict/batch",
        b"/%70redict%2fbatch?%70=1",
    )


def test_the_host_of_a_url_counts():
    request = parsed(b"GET http://there:80/a?b HTTP/1.1\r\nHost: here\r\n\r\n")
    assert (request.target, request.path, request.fields[b"host"]) == (b"/a?b", "/a", b"there:80")
    assert parsed(b"GET http://there HTTP/1.1\r\nHost: here\r\n\r\n").path == "/"
    assert parsed(b"GET http://there?x HTTP/1.1\r\nHost: here\r\n\r\n").target == b"/?x"


def test_an_offer_of_another_protocol_is_passed_over():
    request = parsed(POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n")
    assert (request.length, request.keeps_alive) == (2, True)
    assert parsed(POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n").length is None


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        *((b"1.1", b"", True), (b"1.1", b"TE, Close", False), (b"1.1", b"keep-alive", True)),
        *((b"1.0", b"", False), (b"1.0", b"Keep-Alive", True), (b"1.0", b"close, keep-alive", False)),
    ],
)
def test_who_wants_to_go_on(version, connection, keeps):
    field = b"Connection: %b\r\n" % connection if connection else b""
    assert parsed(b"GET / HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, field)).keeps_alive is keeps


def test_a_body_is_invited_only_where_there_is_one():
    expects = b"Expect: 100-Continue\r\n"
    assert parsed(POST + expects + b"Content-Length: 1\r\n\r\n").expects_continue
    assert parsed(POST + expects + b"Transfer-Encoding: chunked\r\n\r\n").expects_continue
    assert not parsed(POST + expects + b"\r\n").expects_continue
    assert not parsed(b"POST / HTTP/1.0\r\n" + expects + b"Content-Length: 1\r\n\r\n").expects_continue


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b" GET / HTTP/1.1", b"GET / HTTP/1.1\n", b"GET " + b"a" * 40_000])
def test_what_can_become_no_head_is_rejected_before_it_is_whole(data):
    with pytest.raises(Unreadable):
        head.check_begin(data)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"G", b"\r\nGET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_what_can_become_one_is_waited_for(data):
    head.check_begin(data)


PIECES = st.sampled_from(
    [
        *(b"GET ", b"POST ", b"/", b"*", b"http://a/", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b" ", b"\t"),
        *(b"Host: a", b"Host:", b"Content-Length: 5", b"Content-Length:  05 ", b"Content-Length: +5", b"chunked"),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: ", b"X: y", b": ", b"\x00", b"\x7f", b"\xe9", b",", b"a"),
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_what_we_read_h11_reads_in_the_same_way(pieces):
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(pieces) + b"\r\n\r\n"
    data = data[: data.find(b"\r\n\r\n") + 4]
    ours = parsed(data)
    if isinstance(ours, tuple):
        return
    theirs = h11.Connection(h11.SERVER)
    theirs.receive_data(data)
    event = theirs.next_event()
    assert isinstance(event, h11.Request)
    assert event.target == ours.target
    assert {name: value for name, value in event.headers if name in (b"content-length", b"transfer-encoding")} == {
        name: value.lower() for name, value in ours.fields.items() if name in (b"content-length", b"transfer-encoding")
    }
