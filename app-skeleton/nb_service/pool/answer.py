"""What becomes of a sample."""

from collections.abc import Callable
from typing import NamedTuple

from nb_scorer.protocol import frames

# The scorer's own words.
OK = frames.OK
NOT_JSON = frames.NOT_JSON
REFUSED = frames.REFUSED
FAILED = frames.FAILED
# The front's words, for samples that got no answer.
DIED = 100  # the scorer ended while it worked on this sample
TOO_SLOW = 101  # past the time limit; the scorer was killed
FULL = 102  # the queue has no room
NOT_READY = 103  # no scorer is ready, or none will be


class Answer(NamedTuple):
    """The outcome of a sample (one of the names above) and its payload: the answer's JSON for OK."""

    outcome: int
    payload: bytes = b"{}"
    seconds: float = 0.0
    batch: int = 1  # how many samples were scored in the call that it was the first of


class Job:
    """A sample on its way: its body, who is to have the answer, and how it may be asked (a kind of frame).

    `since` is when it began to wait for the first scorer; `abandoned`, that nobody waits for the answer.
    """

    __slots__ = ("abandoned", "body", "done", "kind", "since")

    def __init__(self, body: bytes, done: Callable[[Answer], object], kind: int = frames.SAMPLE) -> None:
        self.body = body
        self.done = done
        self.kind = kind
        self.since = 0.0
        self.abandoned = False
