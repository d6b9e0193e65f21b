"""The forms in which the items of a prediction leave one by one, and which of them a request wants."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from nb_scorer.protocol import frames

from nb_service.http import replies

EVENT_STREAM, LINES, TEXT = "text/event-stream", "application/x-ndjson", "text/plain"
# Proxies and browsers close a connection on which nothing comes for a while, many after 30 s.
IDLE_SECONDS = 15.0
# nginx buffers what it passes on, unless a response says that it should not.
HEADERS = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))


class Writing(Protocol):
    """How the items of a stream are written, as in Form."""

    @property
    def content_type(self) -> str:
        """Return the Content-Type."""

    @property
    def flags(self) -> int:
        """Return the flags of the request to a scorer."""

    @property
    def end(self) -> bytes:
        """Return what follows the last item."""

    @property
    def idle(self) -> bytes:
        """Return what keeps the connection awake."""

    @property
    def is_whole_with_error(self) -> bool:
        """Return whether a response with a problem is complete."""

    def item(self, payload: bytes) -> bytes:
        """Return what is written for an item."""

    def failure(self, problem: bytes) -> bytes:
        """Return what is written for a problem."""


class Events(NamedTuple):
    """Events of another protocol, which have no end of their own: `of_item` and `of_problem` return them."""

    of_item: Callable[[bytes], bytes]
    of_problem: Callable[[bytes], bytes]
    content_type: str = f"{EVENT_STREAM}; charset=utf-8"
    flags: int = frames.STREAMED
    end: bytes = b""
    idle: bytes = b": \n\n"
    is_whole_with_error: bool = True

    def item(self, payload: bytes) -> bytes:
        """Return what is written for an item."""
        return self.of_item(payload)

    def failure(self, problem: bytes) -> bytes:
        """Return what is written for a problem."""
        return self.of_problem(problem)


class Form(NamedTuple):
    """How a stream is written: its Content-Type, what is before and after each item, and what follows the last one.

    `flags` are those of its request to a scorer. `error` is written around a problem (JSON) that ends the stream; b""
    if the form has no place for one. If `is_whole_with_error` is false, the response breaks off after it. `idle` is
    what keeps the connection awake, which clients ignore.
    """

    content_type: str
    flags: int
    before: bytes
    after: bytes
    end: bytes = b""
    error: tuple[bytes, bytes] = (b"", b"")
    is_whole_with_error: bool = False
    idle: bytes = b""

    def item(self, payload: bytes) -> bytes:
        """Return what is written for an item."""
        return self.before + payload + self.after

    def failure(self, problem: bytes) -> bytes:
        """Return what is written for a problem."""
        return self.error[0] + problem.strip() + self.error[1] if self.error[0] else b""


FORMS = {
    EVENT_STREAM: Form(
        f"{EVENT_STREAM}; charset=utf-8",
        frames.STREAMED,
        b"data: ",
        b"\n\n",
        b"event: done\ndata: {}\n\n",
        (b"event: error\ndata: ", b"\n\n"),
        is_whole_with_error=True,
        idle=b": \n\n",
    ),
    LINES: Form(LINES, frames.STREAMED, b"", b"\n", error=(b'{"error": ', b"}\n"), idle=b"\n"),
    TEXT: Form(f"{TEXT}; charset=utf-8", frames.STREAMED | frames.TEXTS, b"", b""),
}
NOT_STREAMING = replies.problem(
    406, "This predictor returns its prediction in one piece, so it can't be sent as text/event-stream. Accept JSON."
)


def wanted(accept: str | None) -> Form | None:
    """Return the form that an Accept header field wants for a stream; None where it wants JSON, or takes anything."""
    if not accept or accept == "*/*":
        return None
    # Not at the top: other predictors need it only for files.
    from nb_scorer.model.binary import accepts

    # Of several that it wants equally, the first of these.
    best = max((replies.JSON_TYPE, *FORMS), key=lambda media_type: accepts(accept, media_type))
    return FORMS.get(best) if accepts(accept, best)[0] else None


def wants_only_events(accept: str | None) -> bool:
    """Return whether an Accept header field allows nothing but events."""
    if not accept or EVENT_STREAM not in accept.lower():
        return False
    return all(entry.partition(";")[0].strip() == EVENT_STREAM for entry in accept.lower().split(","))
