"""A client that requests one prediction after another from a service, over a persistent connection."""

import http.client
import json
import time
from typing import NamedTuple

from nb_builder.comparison.services import Candidate, Running, not_ready

READY_SECONDS = 600.0
PAUSE_SECONDS = 0.05
MAX_PAUSE = 1.0
# How long to retry if a service responds "try again" because its scorer is being replaced.
PATIENCE_SECONDS = 60.0
# The time that a response may take in addition to the time limit of a prediction.
SLACK_SECONDS = 30.0
# Maximum bytes of a response with one prediction, because the service is untrusted.
MAX_RESPONSE = 32 << 20
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Outcome(NamedTuple):
    """The outcome for a sample: `code` is "200", or the problem's status and title; `detail` is its sentence.

    `answer` is decoded JSON, and is meaningless unless `is_answer`.
    """

    code: str
    answer: object
    detail: str
    seconds: float

    @property
    def is_answer(self) -> bool:
        """Return whether this is a prediction."""
        return self.code == ANSWERED


ANSWERED = "200"
UNREADABLE = "the row can't be read"


def unreadable(reason: str) -> Outcome:
    """Return the outcome of a row without a valid sample."""
    return Outcome(UNREADABLE, None, reason, 0.0)


class Client:
    """A client for one service; call `close` at the end."""

    def __init__(self, candidate: Candidate, running: Running) -> None:
        self._candidate = candidate
        self._running = running
        self._connection: http.client.HTTPConnection | None = None

    def wait_until_ready(self) -> None:
        """Return once the service responds; raise DiffNotReady if it exits or takes too long."""
        latest = time.monotonic() + READY_SECONDS
        pause = PAUSE_SECONDS
        while True:
            if ending := self._running.ending():
                raise not_ready(self._candidate, f"{ending} before it was ready", self._running.log())
            if self._running.address is not None and self._is_ready():
                return
            if unfit := self._running.unfit:
                raise not_ready(
                    self._candidate,
                    f"does not become ready: {unfit.removesuffix('.')}",
                    self._running.log(),
                )
            if time.monotonic() > latest:
                raise not_ready(self._candidate, f"is not ready after {READY_SECONDS:g} seconds", self._running.log())
            time.sleep(pause)
            pause = min(1.5 * pause, MAX_PAUSE)

    def _is_ready(self) -> bool:
        try:
            return self._exchange("GET", "/readyz", None)[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            # The service does not listen yet, or an engine's proxy closes the connection.
            self.close()
            return False

    def ask(self, sample: bytes) -> Outcome:
        """Return the outcome for a sample in JSON; raise DiffNotReady if the service has exited."""
        latest = time.monotonic() + PATIENCE_SECONDS
        while True:
            outcome, again = self._asked(sample)
            if not again or time.monotonic() > latest:
                return outcome
            time.sleep(PAUSE_SECONDS)

    def _asked(self, sample: bytes) -> tuple[Outcome, bool]:
        """Return the outcome, and whether the service requests a retry."""
        was_open = self._connection is not None
        began = time.perf_counter()
        try:
            status, body = self._exchange("POST", "/predict", sample)
        except (OSError, http.client.HTTPException) as error:
            seconds = time.perf_counter() - began
            self.close()
            if ending := self._running.ending():
                raise not_ready(self._candidate, f"{ending} during the comparison", self._running.log()) from error
            # The service may have closed an idle connection.
            again = was_open and not isinstance(error, TimeoutError)
            return Outcome("no answer", None, f"{type(error).__name__}: {error}", seconds), again
        seconds = time.perf_counter() - began
        return _outcome(status, body, seconds), status == http.HTTPStatus.SERVICE_UNAVAILABLE

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            host, port = self._running.address or ("", 0)
            # Reloading a model may take as long as the prediction that follows.
            self._connection = http.client.HTTPConnection(
                host, port, timeout=2 * self._candidate.seconds + SLACK_SECONDS
            )
        self._connection.request(method, path, body, _HEADERS if body is not None else {})
        response = self._connection.getresponse()
        content = response.read(MAX_RESPONSE + 1)
        if len(content) > MAX_RESPONSE:
            raise http.client.HTTPException(f"the response has more than {MAX_RESPONSE >> 20} MB")
        if response.length:
            raise http.client.IncompleteRead(content, response.length)
        return response.status, content

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _outcome(status: int, body: bytes, seconds: float) -> Outcome:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return Outcome(f"{status} and no JSON", None, body[:200].decode("utf-8", "replace"), seconds)
    if status == http.HTTPStatus.OK:
        return Outcome(ANSWERED, content, "", seconds)
    problem = content if isinstance(content, dict) else {}
    code = f"{status} {problem.get('title', '')}".strip()
    return Outcome(code, None, str(problem.get("detail", "")), seconds)
