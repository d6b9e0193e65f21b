"""The id of a request, for the log and the response, and the trace that the request belongs to."""

import os
import re

_ID = re.compile(r"[A-Za-z0-9._:+/=@~-]{1,128}")
_TRACE = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# 96 bits, so that clients can't guess ids of other clients' requests and send feedback for them.
_ID_BYTES = 12
# Requesting random bytes for each id separately takes three times as long.
_IDS_AT_ONCE = 256
_ready: list[str] = []
# After a fork, the child process would otherwise use the same ids as its parent.
os.register_at_fork(after_in_child=_ready.clear)


def choose(headers: dict[str, str]) -> str:
    """Return the client's X-Request-ID if it is suitable for a log and a header, otherwise a new one."""
    return from_client(headers) or new()


def from_client(headers: dict[str, str]) -> str | None:
    """Return the client's X-Request-ID, or None if it is missing or unsuitable for a log and a header."""
    value = headers.get("x-request-id")
    return value if value is not None and _ID.fullmatch(value) else None


def new() -> str:
    """Return a random id: 24 hexadecimal digits. Safe for any thread."""
    try:
        return _ready.pop()
    except IndexError:
        digits = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
        ids = [digits[start : start + 2 * _ID_BYTES] for start in range(0, len(digits), 2 * _ID_BYTES)]
        made = ids.pop()
        _ready.extend(ids)
        return made


def trace_of(headers: dict[str, str]) -> str | None:
    """Return the request's traceparent (W3C Trace Context), or None if missing or invalid."""
    value = headers.get("traceparent")
    return value if value is not None and _TRACE.fullmatch(value) else None
