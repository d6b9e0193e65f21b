"""The forms of a streamed response, and how a request's Accept header selects one."""

from collections.abc import Callable
from typing import NamedTuple

from nb_scorer.protocol import frames

from nb_service.http import replies

EVENT_STREAM, LINES, TEXT = "text/event-stream", "application/x-ndjson", "text/plain"
# Proxies and browsers close a connection without data, many of them after 30 s.
IDLE_SECONDS = 15.0
# nginx buffers responses unless this header disables it.
HEADERS = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))


class Form(NamedTuple):
    """How a stream is written.

    `flags` are those of its request to a scorer. `item` returns the bytes to write for an item, `failure` those for a
    problem (JSON) that ends the stream; b"" if the form can't express one. `end` follows the last item. If
    `is_whole_with_error` is False, the connection closes without a complete response after a problem. `idle` are bytes
    that keep the connection open and that clients ignore.
    """

    content_type: str
    flags: int
    item: Callable[[bytes], bytes]
    failure: Callable[[bytes], bytes]
    end: bytes = b""
    is_whole_with_error: bool = False
    idle: bytes = b""


def events(item: Callable[[bytes], bytes], failure: Callable[[bytes], bytes], end: bytes = b"") -> Form:
    """Return the form of server-sent events, for which `item` and `failure` return whole events."""
    content_type = f"{EVENT_STREAM}; charset=utf-8"
    return Form(content_type, frames.STREAMED, item, failure, end, is_whole_with_error=True, idle=b": \n\n")


FORMS = {
    EVENT_STREAM: events(
        lambda item: b"data: %b\n\n" % item,
        lambda problem: b"event: error\ndata: %b\n\n" % problem.strip(),
        end=b"event: done\ndata: {}\n\n",
    ),
    LINES: Form(
        LINES,
        frames.STREAMED,
        lambda item: item + b"\n",
        lambda problem: b'{"error": %b}\n' % problem.strip(),
        idle=b"\n",
    ),
    TEXT: Form(f"{TEXT}; charset=utf-8", frames.STREAMED | frames.TEXTS, lambda item: item, lambda problem: b""),
}
NOT_STREAMING = replies.problem(
    406, "This predictor returns its prediction in one piece, so it can't be sent as text/event-stream. Accept JSON."
)


def wanted(accept: str | None) -> Form | None:
    """Return the form of stream that an Accept header prefers; None if it prefers JSON or accepts anything."""
    if not accept or accept == "*/*":
        return None
    # Not at the top: other predictors need it only for files.
    from nb_scorer.model.binary import accepts

    # If preferences are equal, the first of these is used.
    best = max((replies.JSON_TYPE, *FORMS), key=lambda media_type: accepts(accept, media_type))
    return FORMS.get(best) if accepts(accept, best)[0] else None


def wants_only_events(accept: str | None) -> bool:
    """Return whether an Accept header accepts only events."""
    if not accept or EVENT_STREAM not in accept.lower():
        return False
    from nb_scorer.model.binary import MAX_RANGES

    entries = accept.lower().split(",", MAX_RANGES)
    return len(entries) <= MAX_RANGES and all(entry.partition(";")[0].strip() == EVENT_STREAM for entry in entries)
