"""What a request is called in the log and in its answer, and the trace that it belongs to."""

import itertools
import os
import re

_ID = re.compile(r"[A-Za-z0-9._:+/=@~-]{1,128}")
_TRACE = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# A prefix for this process and a number: as unique as a random one, at a tenth of its price.
_PREFIX = os.urandom(6).hex()
_numbers = itertools.count(1)


def of(headers: dict[str, str]) -> str:
    """Return the client's X-Request-ID if it is fit for a log and a header, else a new one."""
    return given(headers) or new()


def given(headers: dict[str, str]) -> str | None:
    """Return the client's X-Request-ID, or None where there is none that is fit for a log and a header."""
    name = headers.get("x-request-id")
    return name if name is not None and _ID.fullmatch(name) else None


def new() -> str:
    """Return an id that no other request has."""
    return f"{_PREFIX}-{next(_numbers):08x}"


def trace_of(headers: dict[str, str]) -> str | None:
    """Return the traceparent (W3C Trace Context) of a request, or None where there is no valid one."""
    name = headers.get("traceparent")
    return name if name is not None and _TRACE.fullmatch(name) else None
