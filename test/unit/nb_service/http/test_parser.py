import types

import pytest
from nb_service.http import parser as parsers
from nb_service.http.parser import LaneParser

LIMITS = types.SimpleNamespace(
    max_request_header_size=1000, max_request_body_size=10, inbuf_overflow=1000, url_scheme="http"
)


def test_a_body_that_is_refused_is_not_invited():
    parser = LaneParser(LIMITS)
    parser.received(b"POST /predict HTTP/1.1\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
    assert (parser.completed, parser.error.code, parser.expect_continue) == (True, 413, False)


@pytest.mark.parametrize(
    ("came", "begun"),
    [
        (b"", False),
        (b"\r", False),
        (b"\r\n", False),
        (b"G", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", True),
    ],
)
def test_empty_lines_are_no_request(came, begun):
    parser = LaneParser(LIMITS)
    parser.received(came)
    assert parser.begun is begun


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", "both Transfer-Encoding and"),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding:\r\n chunked", "both Transfer-Encoding and"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked", "Transfer-Encoding is none of HTTP/1.0"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000, "its length or its address is none"),
        (b"GET http://[/ HTTP/1.1", "its length or its address is none"),
        (b"GET /" + b"a" * 8190 + b" HTTP/1.1", "its first line has more than 8192 bytes"),
        (b"A" * 8190 + b" / HTTP/1.1", "its first line has more than 8192 bytes"),
    ],
)
def test_a_head_that_a_proxy_may_read_otherwise_is_refused(head, words):
    limits = types.SimpleNamespace(**{**vars(LIMITS), "max_request_header_size": 10_000})
    parser = LaneParser(limits)
    parser.received(head + b"\r\n\r\n")
    assert (parser.completed, parser.error.code) == (True, 400)
    assert words in parser.error.body


@pytest.mark.parametrize(
    ("said", "understood"),
    [("close", "close"), ("TE, Close", "close"), ("keep-alive,TE", "keep-alive"), ("TE, Upgrade", ""), ("TE", "TE")],
)
def test_what_a_list_says_of_the_connection_is_understood(said, understood):
    parser = LaneParser(LIMITS)
    parser.received(f"GET / HTTP/1.1\r\nConnection: {said}\r\n\r\n".encode())
    assert parser.headers["CONNECTION"] == understood


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(rest: bytes, step: int) -> LaneParser:
    """Return the parser of a chunked body that came in pieces of `step` bytes."""
    limits = {**vars(LIMITS), "max_request_body_size": 1 << 20, "inbuf_overflow": 1 << 20}
    parser = LaneParser(types.SimpleNamespace(**limits))
    parser.received(CHUNKED)
    for at in range(0, len(rest), step):
        parser.received(rest[at : at + step])
    return parser


@pytest.mark.parametrize("step", [1, 3, parsers.PIECE, 1 << 20])
def test_a_chunked_body_is_read_however_it_comes(step):
    body = bytes(range(256)) * 40
    parser = chunked(b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in body) + b"0\r\nX: y\r\n\r\n", step)
    assert (parser.completed, parser.error, parser.body) == (True, None, body)


def test_a_body_is_held_once():
    parser = LaneParser(LIMITS)
    parser.received(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
    parser.received(b"[1]")
    assert parser.body == b"[1]"
    assert parser.body_rcv is None
    assert (parser.body, parser.get_body_stream().read()) == (b"[1]", b"[1]")
    parser.close()


def test_what_comes_behind_a_chunked_body_is_left():
    parser = LaneParser(LIMITS)
    parser.received(CHUNKED)
    assert parser.received(b"1\r\n1\r\n0\r\n\r\nGET / ") == 11
    assert (parser.completed, parser.body) == (True, b"1")


@pytest.mark.parametrize("begin", [b"1;x=", b"1" * 10, b"0\r\nX: "])
def test_what_chunks_say_beside_is_bounded(begin):
    parser = chunked(begin + b"1" * (2 * parsers.MOST_BETWEEN_CHUNKS), 1000)
    assert (parser.completed, parser.error.code) == (True, 400)
    assert "too much between its chunks" in parser.error.body
