"""A sample in the pool, and its outcome."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nb_scorer.protocol import frames

if TYPE_CHECKING:
    from nb_service.pool.link import Link

# Outcomes that a scorer reports.
OK = frames.OK
NOT_JSON = frames.NOT_JSON
REFUSED = frames.REFUSED
FAILED = frames.FAILED
FILE = frames.FILE
ITEM = frames.ITEM  # an item of a stream; the stream's answer follows
# Outcomes that the front sets, for samples without an answer from a scorer.
DIED = 100  # the scorer exited while working on this sample
TOO_SLOW = 101  # the sample exceeded the time limit, and the scorer was killed
FULL = 102  # the queue was full
NOT_READY = 103  # no scorer is ready, or ever will be


class Answer(NamedTuple):
    """The outcome of a sample (one of the names above) and its payload: the prediction's JSON for OK."""

    outcome: int
    payload: bytes = b"{}"
    seconds: float = 0.0
    batch: int = 1  # number of samples that the call scored if this was the first of them, else 0


class Job:
    """A sample in the pool: its body, the callback for its answer, and the kind of frame that sends it.

    `call` contains the request's parameters and headers (see nb_scorer.model.parameters) as bytes, or is empty. `done`
    also gets the items of a stream; `link` is the link whose scorer works on it, and `has_begun` is whether an item has
    arrived. `prefix` precedes the body in the frame, so that a large body is not copied to prepend it. `request_id` is
    the id of the request if this is all of it, None if it is a part. `since` is when it started to wait for the first
    scorer (monotonic seconds). `abandoned` is whether the answer is no longer needed. `is_suspect` is whether it may
    have killed a scorer that worked on several requests, so that it must be alone in the next one.
    """

    __slots__ = (
        *("abandoned", "body", "call", "done", "has_begun", "is_suspect", "kind", "link", "prefix", "request_id"),
        "since",
    )

    def __init__(
        self,
        body: bytes,
        done: Callable[[Answer], object],
        kind: int = frames.SAMPLE,
        request_id: str | None = None,
        call: bytes = b"",
        prefix: bytes = b"",
    ) -> None:
        self.prefix = prefix
        self.body = body
        self.done = done
        self.kind = kind
        self.request_id = request_id
        self.call = call
        self.since = 0.0
        self.abandoned = False
        self.has_begun = False
        self.is_suspect = False
        self.link: Link | None = None
