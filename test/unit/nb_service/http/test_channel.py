import types

import pytest
from nb_service.http.channel import LaneParser

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
