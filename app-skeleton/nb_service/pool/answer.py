"""A sample on its way, and its outcome."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nb_scorer.protocol import frames

if TYPE_CHECKING:
    from nb_service.pool.link import Link

# Reported by the scorer.
OK = frames.OK
NOT_JSON = frames.NOT_JSON
REFUSED = frames.REFUSED
FAILED = frames.FAILED
FILE = frames.FILE
ITEM = frames.ITEM  # of a stream; its answer follows
# Set by the front, for samples that got no answer.
DIED = 100  # the scorer ended while it worked on this sample
TOO_SLOW = 101  # past the time limit; the scorer was killed
FULL = 102  # the queue was full
NOT_READY = 103  # no scorer is ready, or none will be


class Answer(NamedTuple):
    """The outcome of a sample (one of the names above) and its payload: the answer's JSON for OK."""

    outcome: int
    payload: bytes = b"{}"
    seconds: float = 0.0
    batch: int = 1  # how many samples the call scored if this was the first of them, else 0


class Job:
    """A sample on its way: its body, the callback for its answer, and how it may be scored (a kind of frame).

    `call` is what its request adds to it (see nb_scorer.model.parameters), as bytes; empty where that is nothing.
    `done` also gets the items of a stream, which `link` works on once it has it; `has_begun` is whether one has come.
    `prefix` is what its body follows in the frame; a large body is not copied to put it there.
    `request_id` is the id of the request that it is all of, None where it is a part of one. `since` is when it
    started to wait for the first scorer (monotonic seconds); `abandoned` is whether nobody waits for the answer any
    more.
    """

    __slots__ = ("abandoned", "body", "call", "done", "has_begun", "kind", "link", "prefix", "request_id", "since")

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
        self.link: Link | None = None
