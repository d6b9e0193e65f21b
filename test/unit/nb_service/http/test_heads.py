import types

import pytest
from nb_service.http import heads
from nb_service.http.heads import Heads
from nb_service.http.parser import LaneParser

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"


@pytest.fixture
def known():
    """Return heads as the server keeps them, for bodies of less than 10 bytes."""
    limits = types.SimpleNamespace(
        max_request_header_size=4000, max_request_body_size=10, inbuf_overflow=1000, url_scheme="http"
    )
    return Heads(LaneParser, limits)


def test_a_request_that_comes_whole_is_as_the_parser_reads_it_the_first_time_and_the_next(known):
    for body in (b"[1]", b"[2]"):
        request = known.request_in(HEAD + b"\r\n" + body)
        assert (request.body, request.get_body_stream().read()) == (body, body)
        assert (request.command, request.path, request.version) == ("POST", "/predict", "1.1")
        assert request.headers == {"HOST": "x", "CONTENT_LENGTH": "3"}
        assert (request.completed, request.error, request.plain) == (True, None, True)


@pytest.mark.parametrize(
    "data",
    [
        HEAD,
        HEAD + b"\r\n",
        HEAD + b"\r\n[1",
        HEAD + b"\r\n[1]P",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n[1]",
        HEAD + b"Expect: 100-continue\r\n\r\n[1]",
        HEAD + b"no header\r\n\r\n[1]",
        HEAD.replace(b"3", b"11") + b"\r\n0123456789a",
        HEAD.replace(b"3", b"-3") + b"\r\n[1]",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n[1]",
        b"\r\n\r\n" + HEAD,
        b"[1]",
        HEAD + b"X: " + b"x" * heads.LONGEST_HEAD + b"\r\n\r\n[1]",
    ],
)
def test_what_is_no_whole_request_with_a_body_is_left_to_the_parser(known, data):
    assert known.request_in(data) is None
    assert known.request_in(data) is None


@pytest.mark.parametrize("line", [b"Connection: close\r\n", b"Connection: keep-alive\r\n"])
def test_a_request_that_speaks_of_its_connection_is_not_plain(known, line):
    assert not known.request_in(HEAD + line + b"\r\n[1]").plain


def test_heads_that_differ_each_time_do_not_fill_the_memory(known):
    for number in range(2 * heads.MOST_HEADS):
        assert known.request_in(HEAD + b"X-Request-ID: %d\r\n\r\n[1]" % number).body == b"[1]"
    assert len(known._known) <= heads.MOST_HEADS
