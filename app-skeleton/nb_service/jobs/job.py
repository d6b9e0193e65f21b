"""A job: a stored request, and what has become of it; its statuses are those of Cog."""

import json
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

STARTING, PROCESSING = "starting", "processing"
SUCCEEDED, FAILED, CANCELED = "succeeded", "failed", "canceled"
STATUSES = (STARTING, PROCESSING, SUCCEEDED, FAILED, CANCELED)
OVER = frozenset((SUCCEEDED, FAILED, CANCELED))
# Only the end of a longer log is kept.
MAX_LOGS = 1 << 16
# The bytes that count for a job in addition to its body: its headers, and the objects that hold it.
OVERHEAD_BYTES = 2048


@dataclass(frozen=True)
class Request:
    """A request as it arrived: `target` is its path with the query, `headers` are those that predictions depend on."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass
class Job:
    """A job. Times are seconds since the epoch, None for what has not happened.

    `owner` is the digest of the API key that created it, "" without keys. `items` are the JSON of what a generator has
    yielded so far; `output` is the JSON of the whole output once the job has succeeded. `attempt` counts how often it
    was claimed, and `version` its changes. `retry_of` is the id of the job that it repeats.
    """

    id: str
    owner: str
    request: Request
    created_at: float
    # The JSON of the samples for the object's `input`; empty for null.
    input: bytes = b""
    webhook: str = ""
    webhook_events: tuple[str, ...] = ()
    status: str = STARTING
    started_at: float | None = None
    completed_at: float | None = None
    items: list[bytes] = field(default_factory=list)
    output: bytes | None = None
    logs: str = ""
    error: str | None = None
    # The HTTP status of the response that the request would have had.
    response_status: int | None = None
    attempt: int = 0
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Return whether the job has ended."""
        return self.status in OVER

    @property
    def size(self) -> int:
        """Return the bytes that count for it."""
        parts = (self.request.body, self.input, self.output or b"", *self.items)
        return OVERHEAD_BYTES + sum(map(len, parts)) + len(self.logs)

    def snapshot(self) -> "Job":
        """Return a copy that later changes do not affect."""
        return replace(self, items=list(self.items))

    def append(self, logs: str, items: Iterable[bytes]) -> None:
        """Add to the logs, of which only the end is kept, and to the items."""
        self.logs = (self.logs + logs)[-MAX_LOGS:]
        self.items.extend(items)
        self.version += 1

    def end(self, outcome: "Outcome") -> None:
        """Set how the job ended; the request's body is dropped unless the job may be retried."""
        self.status = outcome.status
        self.output = outcome.output
        self.error = outcome.error
        self.response_status = outcome.response_status
        self.completed_at = time.time()
        if outcome.status == SUCCEEDED:
            # The output has them all.
            self.items = []
        self.version += 1


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its status, the JSON of its output, or why it failed."""

    status: str
    output: bytes | None = None
    error: str | None = None
    response_status: int | None = None


def new_id() -> str:
    """Return an id that can't be guessed: 160 random bits in lower-case base 32."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(alphabet[byte & 31] for byte in secrets.token_bytes(32))


def to_bytes(job: Job) -> bytes:
    """Return the job as JSON, for stores outside this process."""
    facts = asdict(job)
    request = facts["request"]
    request["body"] = _text(request["body"])
    facts["input"] = _text(facts["input"])
    facts["items"] = [_text(item) for item in facts["items"]]
    facts["output"] = None if job.output is None else _text(job.output)
    return json.dumps(facts, separators=(",", ":")).encode("ascii")


def from_bytes(data: bytes) -> Job:
    """Return the job that `to_bytes` has written; raise ValueError for anything else."""
    try:
        facts = json.loads(data)
        request = facts["request"]
        headers = tuple((str(name), str(value)) for name, value in request["headers"])
        body = b64decode(request["body"], validate=True)
        facts["request"] = Request(str(request["method"]), str(request["target"]), headers, body)
        facts["input"] = b64decode(facts["input"], validate=True)
        facts["items"] = [b64decode(item, validate=True) for item in facts["items"]]
        facts["output"] = None if facts["output"] is None else b64decode(facts["output"], validate=True)
        facts["webhook_events"] = tuple(map(str, facts["webhook_events"]))
        job = Job(**facts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a job: {error}") from error
    if job.status not in STATUSES:
        raise ValueError(f"not a job: its status is {job.status!r}")
    return job


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")
