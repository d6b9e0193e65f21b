"""Writes the heads of responses."""

import time
from email.utils import formatdate

from nb_service.http import replies
from nb_service.http.replies import Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: Keep-Alive\r\n"
# Browsers must not interpret JSON, which contains client data, as a page.
NOSNIFF = b"X-Content-Type-Options: nosniff\r\n"


def _http2_frame(kind: int, payload: bytes) -> bytes:
    """Return an HTTP/2 frame for the stream of the connection itself (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind]) + bytes(5) + payload


# For a client that starts with HTTP/2: the mandatory settings, then GOAWAY with the reason HTTP_1_1_REQUIRED (RFC 9113,
# sections 6.5, 6.8 and 7).
HTTP2_REFUSAL = _http2_frame(4, b"") + _http2_frame(
    7,
    bytes(4)
    + (13).to_bytes(4, "big")
    + b"This service speaks HTTP/1.1; let the client, or a proxy before it, do so too.",
)

_second = 0
_parts: dict[tuple[int, str], tuple[bytes, bytes]] = {}
_date = b""


def date() -> bytes:
    """Return the Date header's line, formatted once a second."""
    global _second, _date  # noqa: PLW0603 - one value a second for all responses
    now = int(time.time())
    if now != _second:
        _second = now
        _parts.clear()
        _date = f"Date: {formatdate(now, usegmt=True)}\r\n".encode("ascii")
    return _date


def head_of(reply: Reply, request_id: str) -> bytes:
    """Return the head of `reply` without the empty line; more headers may follow.

    The parts that replies with the same status and type share, including the Date, are formatted once a second.
    """
    date()
    if reply.status == 204:
        # It has no body, and must not have a Content-Length (RFC 9110, section 8.6).
        return b"HTTP/1.1 204 No Content\r\n%bX-Request-ID: %b\r\n" % (_date, request_id.encode("ascii"))
    key = reply.status, reply.content_type
    parts = _parts.get(key)
    if parts is None:
        parts = _parts[key] = _head_parts(*key)
    return b"%b%d%b%b\r\n" % (parts[0], len(reply.body), parts[1], request_id.encode("ascii"))


def ok(payload: bytes, request_id: str, last_fields: bytes) -> bytes:
    """Return the complete response with a prediction, the most frequent one; `last_fields` end with the empty line."""
    date()
    return _OK % (len(payload), _date, request_id.encode("ascii"), last_fields, payload)


_OK = (
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n%b"
    + NOSNIFF
    + b"X-Request-ID: %b\r\n%b%b"
)


def _head_parts(status: int, content_type: str) -> tuple[bytes, bytes]:
    begin = f"HTTP/1.1 {status} {replies.phrase(status)}\r\nContent-Length: ".encode("ascii")
    type_line = f"\r\nContent-Type: {content_type}\r\n".encode("ascii")
    return begin, type_line + date() + NOSNIFF + b"X-Request-ID: "


def fields(pairs: tuple) -> bytes:
    """Return (name, value) text pairs as the lines of a head."""
    return "".join([f"{name}: {value}\r\n" for name, value in pairs]).encode("latin-1")


def connection(keeps_alive: bool, version: str) -> bytes:
    """Return the Connection header's line for a client of this HTTP version; empty if the version implies it."""
    if not keeps_alive:
        return CLOSE
    return KEEP_ALIVE if version == "1.0" else b""
