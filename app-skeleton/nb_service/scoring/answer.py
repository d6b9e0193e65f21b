"""What becomes of a sample."""

from typing import NamedTuple

from nb_scorer import frames

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


class Job:
    """A sample on its way: its body, and who is told the answer."""

    __slots__ = ("body", "done")

    def __init__(self, body: bytes, done) -> None:
        self.body = body
        self.done = done
