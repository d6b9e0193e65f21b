"""One line a request for the log, as text or as JSON, and its place in the metrics."""

import json
import time
from functools import lru_cache, partial

from nb_service.http import request_id
from nb_service.log import Log, stamp
from nb_service.loop import Loop


class Access:
    """Told of each request that was answered, from any thread."""

    def __init__(self, loop: Loop, log: Log, metrics, checks: frozenset[str], spans=None) -> None:
        self._loop = loop
        self._log = log
        self._metrics = metrics
        self._checks = checks
        self._spans = spans
        self._line = json_line if log.as_json else text_line

    def __call__(self, request, status: int) -> None:
        """Remember that `request` was answered with `status`."""
        if self._loop.on_own_thread():
            self.on_loop(request, status)
        else:
            took = time.monotonic() - request.asked_at
            self._loop.from_thread(partial(self._note, request, status, took))

    def on_loop(self, request, status: int) -> None:
        """Remember it, on the loop's own thread."""
        self._note(request, status, time.monotonic() - request.asked_at)

    def _note(self, request, status: int, took: float) -> None:
        self._metrics.asked(request.route or "other", status, took)
        # A check that succeeds every few seconds says nothing; one that fails says what is wrong.
        if status != 200 or request.path not in self._checks:
            self._log.request(self._line(request, status, took))
            if self._spans is not None:
                self._spans.saw(request, status, took)


def text_line(request, status: int, took: float) -> str:
    """Return a line for people."""
    trace = request_id.trace_of(request.headers)
    what = f"{shown(request.command)} {shown(request.path)} {status}"
    asked = f"{stamp()} {what} {took * 1000:.1f}ms id={request.request_id}"
    return f"{asked} trace={trace}" if trace else asked


def json_line(request, status: int, took: float) -> str:
    """Return a line for machines: one JSON object."""
    trace = request_id.trace_of(request.headers)
    traced = f', "traceparent": "{trace}"' if trace else ""
    return (
        f'{{"time": "{stamp()}", "method": {_quoted(request.command)}, "path": {_quoted(request.path)}, '
        f'"status": {status}, "ms": {took * 1000:.1f}, "request_id": "{request.request_id}"{traced}}}'
    )


@lru_cache(256)
def _quoted(text: str) -> str:
    return json.dumps(text)


@lru_cache(256)
def shown(word: str) -> str:
    """Return a method or a path, which a client chose, fit for one line of a log."""
    return word if word.isascii() and word.isprintable() else ascii(word)[1:-1]
