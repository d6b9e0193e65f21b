"""One line a request for the log, as text or as JSON, and its place in the metrics."""

import json
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from nb_service.http import request_id
from nb_service.http.metrics import Requests
from nb_service.log import Log, stamp

if TYPE_CHECKING:
    from nb_service.front.head import Request
    from nb_service.http.tracing import Spans

# The lines of longer words are made anew each time: a cache of them would hold megabytes.
LONGEST_REMEMBERED = 256
# What would end a field or a line, quote, or move a terminal's cursor.
_ODD = re.compile(r"""[^!#-&(-~]+""")


class Access:
    """Told of each request that was answered."""

    def __init__(self, log: Log, requests: Requests, checks: Iterable[str], spans: "Spans | None" = None) -> None:
        self._log = log
        self._requests = requests
        self._checks = frozenset(checks)
        self._spans = spans
        self._line = json_line if log.as_json else text_line

    def __call__(self, request: "Request", status: int) -> None:
        """Remember that `request` was answered with `status`, just now."""
        took = time.monotonic() - request.asked_at
        self._requests.asked(request.route or "other", status, took)
        # A check that succeeds every few seconds says nothing; one that fails says what is wrong.
        if status != 200 or request.path not in self._checks:
            self._log.request(self._line(request, status, took))
            if self._spans is not None:
                self._spans.saw(request, status, took)


def text_line(request: "Request", status: int, took: float) -> str:
    """Return a line for people: fields with spaces between, none of which a client can forge."""
    trace = request_id.trace_of(request.headers)
    begin = _remembered_begin if len(request.path) <= LONGEST_REMEMBERED else _begin
    asked = f"{begin(stamp(), request.command, request.path, status)} {took * 1000:.1f}ms id={request.request_id}"
    return f"{asked} trace={trace}" if trace else asked


def _begin(now: str, command: str, path: str, status: int) -> str:
    return f"{now} {shown(command)} {shown(path)} {status}"


def json_line(request: "Request", status: int, took: float) -> str:
    """Return a line for machines: one JSON object in ASCII."""
    trace = request_id.trace_of(request.headers)
    traced = f', "traceparent": "{trace}"' if trace else ""
    return (
        f'{{"time": "{stamp()}", "method": {quoted(request.command)}, "path": {quoted(request.path)}, '
        f'"status": {status}, "ms": {took * 1000:.1f}, "request_id": "{request.request_id}"{traced}}}'
    )


def quoted(word: str) -> str:
    """Return a method or a path, which a client chose, as JSON."""
    return _quoted(word) if len(word) <= LONGEST_REMEMBERED else json.dumps(word)


def shown(word: str) -> str:
    """Return a method or a path, which a client chose, as one field of a line: visible ASCII without quotes."""
    return _shown(word) if len(word) <= LONGEST_REMEMBERED else _escaped(word)


def _escaped(word: str) -> str:
    return _ODD.sub(lambda odd: "".join(map(_escape, odd[0])), word) or "-"


def _escape(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


_quoted = lru_cache(256)(json.dumps)
_shown = lru_cache(256)(_escaped)
# Most requests of one second have lines that begin alike.
_remembered_begin = lru_cache(16)(_begin)
