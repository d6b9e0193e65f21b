"""The access log, one line per request as text or JSON, and the count of requests for the metrics."""

import json
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from nb_service.http import request_id
from nb_service.http.metrics import Requests
from nb_service.log import stamp

if TYPE_CHECKING:
    from nb_service.front.head import Request
    from nb_service.http.tracing import Spans

# Longer paths are formatted each time, because caching them would take megabytes.
MAX_REMEMBERED_LENGTH = 256
# Characters that could end a field or a line, act as quotes, or move a terminal's cursor.
_UNSAFE = re.compile(r"""[^!#-&(-~]+""")


class Lines(Protocol):
    """A writer of log lines: a Log, or an app's connection to the front's log."""

    as_json: bool

    def request(self, line: str) -> None:
        """Write one line."""


class Access:
    """Counts and logs each finished request."""

    def __init__(self, log: Lines, requests: Requests, checks: Iterable[str], spans: "Spans | None" = None) -> None:
        self._log = log
        self._requests = requests
        self._checks = frozenset(checks)
        self._spans = spans
        self._line = json_line if log.as_json else text_line

    def __call__(self, request: "Request", status: int) -> None:
        """Count and log `request`, whose response with `status` has just been sent."""
        took = time.monotonic() - request.asked_at
        self._requests.asked(request.route or "other", status, took)
        # Health checks that succeed every few seconds are not logged; those that fail are.
        if status != 200 or request.path not in self._checks:
            self._log.request(self._line(request, status, took))
            if self._spans is not None:
                self._spans.saw(request, status, took)


def text_line(request: "Request", status: int, took: float) -> str:
    """Return a line for people: fields separated by spaces, which a client can't forge."""
    trace = request_id.trace_of(request.headers)
    begin = _remembered_begin if len(request.path) <= MAX_REMEMBERED_LENGTH else _begin
    fields = f"{begin(stamp(), request.command, request.path, status)} {took * 1000:.1f}ms id={request.request_id}"
    return f"{fields} trace={trace}" if trace else fields


def _begin(now: str, command: str, path: str, status: int) -> str:
    return f"{now} {as_field(command)} {as_field(path)} {status}"


def json_line(request: "Request", status: int, took: float) -> str:
    """Return a line for machines: one JSON object in ASCII."""
    trace = request_id.trace_of(request.headers)
    traced = f', "traceparent": "{trace}"' if trace else ""
    return (
        f'{{"time": "{stamp()}", "method": {as_json(request.command)}, "path": {as_json(request.path)}, '
        f'"status": {status}, "ms": {took * 1000:.1f}, "request_id": "{request.request_id}"{traced}}}'
    )


def as_json(text: str) -> str:
    """Return a client's method or path as JSON."""
    return _as_json(text) if len(text) <= MAX_REMEMBERED_LENGTH else json.dumps(text)


def as_field(text: str) -> str:
    """Return a client's method or path as one field of a line: visible ASCII without quotes."""
    return _as_field(text) if len(text) <= MAX_REMEMBERED_LENGTH else _escaped(text)


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda match: "".join(map(_escape, match[0])), text) or "-"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_as_json = lru_cache(256)(json.dumps)
_as_field = lru_cache(256)(_escaped)
# Most requests in the same second have lines with the same start.
_remembered_begin = lru_cache(16)(_begin)
