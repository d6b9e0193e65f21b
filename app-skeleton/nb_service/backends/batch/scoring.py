"""Sends samples to the pool: together, or one by one if a request for several fails."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nb_scorer.protocol import answer_words

from nb_service import problems
from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.json_texts import encoded
from nb_service.backends.batch.sample_files import SampleFiles
from nb_service.http import replies
from nb_service.pool import answer as outcomes
from nb_service.pool.answer import Answer
from nb_service.pool.client import PoolClient

# The target time per array when samples are scored one by one, so that progress is saved every few seconds.
ARRAY_SECONDS = 0.1
FIRST_SIZE = 8
# The array size is divided by this after an array that took too long.
SLOWER_BY = 8
# After this many failures in an array, each remaining sample is sent separately.
MAX_SPLITS = 3
# The first scorer may take long to load; a replacement starts faster.
PAUSE_SECONDS = 0.05
MAX_WAITS = 3


class Failure(NamedTuple):
    """Why a row has no prediction: the status that a request would get, and a sentence."""

    status: int
    reason: str


class Scored(NamedTuple):
    """The predictions of some samples, their failures by index, and the samples as JSON."""

    answers: Answers
    failures: dict[int, Failure]
    samples: Sequence[str]


class Stopped(Exception):
    """The job was asked to stop."""


class Scoring:
    """Scores lists of samples through `client`, from any number of threads; `is_ready()` is whether the pool is ready.

    `most` is the best number of samples per request; `call` is added to each request. `files` reads the files that
    samples name.
    """

    def __init__(
        self,
        client: PoolClient,
        is_ready: Callable[[], bool],
        stop: threading.Event,
        absence: float,
        most: int,
        call: bytes = b"",
        files: SampleFiles | None = None,
    ) -> None:
        self._client = client
        self.files = files
        self._call = call
        self._is_ready = is_ready
        self._stop = stop
        self._absence = absence
        self._was_ready = False
        self._together = client.together
        self._largest = most
        self.most = most if self._together else min(FIRST_SIZE, most)

    def score(self, samples: list[str]) -> Scored:
        """Return the outcome of each JSON sample; raise BatchUnscored, BatchWords, or Stopped."""
        if not samples:
            return Scored(Answers(0, values=[]), {}, samples)
        if self._together and not self._client.together:
            # Batching was disabled, so the time limit is now that of samples scored one after another.
            self._together = False
            self.most = min(FIRST_SIZE, self.most)
        started = time.monotonic()
        (answer,) = self._asked([samples])
        if answer is not None and answer.outcome == outcomes.OK:
            self._learn(len(samples), time.monotonic() - started)
            return Scored(Answers(len(samples), array=answer.payload), {}, samples)
        if self._call and answer is not None:
            _check_call(answer)
        if answer is not None and answer.outcome == outcomes.TOO_SLOW:
            # The time limit applies to a whole call, so the next calls get fewer samples.
            self.most = max(1, self.most // SLOWER_BY)
        return self._apart(samples, answer)

    def _learn(self, count: int, seconds: float) -> None:
        if not self._together:
            self.most = max(1, min(self._largest, 2 * self.most, int(count * ARRAY_SECONDS / max(seconds, 1e-6))))

    def _apart(self, samples: list[str], answer: Answer | None) -> Scored:
        """Return the outcome of each sample after a request for all of them failed with `answer`."""
        values: dict[int, object] = {}
        failures: dict[int, Failure] = {}
        begin, end, splits = 0, len(samples), 0
        while answer is not None and splits < MAX_SPLITS and (index := replies.index_of(answer)) is not None:
            splits += 1
            failures[begin + index] = failure(answer)
            # The samples before it are valid, but their predictions were lost.
            self._alone(samples, range(begin, begin + index), values, failures, together=True)
            begin, answer = begin + index + 1, None
            if begin < end:
                (answer,) = self._asked([samples[begin:end]])
                if answer is not None and answer.outcome == outcomes.OK:
                    values.update(zip(range(begin, end), json.loads(answer.payload), strict=True))
                    begin, answer = end, None
        self._alone(samples, range(begin, end), values, failures)
        return Scored(Answers(len(values), values=[values[at] for at in sorted(values)]), failures, samples)

    def _alone(
        self, samples: list[str], which: range, values: dict, failures: dict[int, Failure], *, together: bool = False
    ) -> None:
        """Record the outcome of the samples in `which`: score them in one array, or separately if that fails."""
        if together and len(which):
            (answer,) = self._asked([samples[which.start : which.stop]])
            if answer is not None and answer.outcome == outcomes.OK:
                values.update(zip(which, json.loads(answer.payload), strict=True))
                return
        left = list(which)
        while left:
            asked = self._asked([[samples[at]] for at in left])
            for at, answer in zip(left, asked, strict=True):
                if answer is None:
                    continue
                if answer.outcome == outcomes.OK:
                    (values[at],) = json.loads(answer.payload)
                else:
                    failures[at] = failure(answer)
            # After a failure, the client sends no further requests.
            left = [at for at, answer in zip(left, asked, strict=True) if answer is None]

    def _asked(self, arrays: Sequence[list[str]]) -> list[Answer | None]:
        """Return the outcome of each array, None for those not sent; wait while no scorer is available."""
        waits = 0
        while True:
            self._wait()
            answers = self._client.ask_arrays([self._array(samples) for samples in arrays], self._call)
            lost = [answer for answer in answers if answer is not None and answer.outcome in _LATER]
            if not lost:
                return answers
            waits += lost[0].outcome == outcomes.NOT_READY
            if waits > MAX_WAITS:
                raise problems.BatchUnscored("the processes with the model keep crashing")
            if len(lost) < len(answers):
                return [None if answer in lost else answer for answer in answers]
            self._pause()

    def _array(self, samples: list[str]) -> bytes:
        texts = samples if self.files is None else map(self.files.in_full, samples)
        return encoded("[" + ",".join(texts) + "]")

    def _wait(self) -> None:
        """Wait until the pool is ready; raise BatchUnscored after too long."""
        latest = time.monotonic() + self._absence
        while not self._is_ready():
            # The first load may take any time, and the pool itself detects a failure.
            if self._was_ready and time.monotonic() > latest:
                raise problems.BatchUnscored(f"no process has loaded the model for {self._absence:g} seconds")
            self._pause()
        self._was_ready = True

    def _pause(self) -> None:
        if self._stop.wait(PAUSE_SECONDS):
            raise Stopped


def _check_call(answer: Answer) -> None:
    """Raise BatchWords if the job's parameters, rather than one of its samples, caused a rejection."""
    if answer.outcome == outcomes.REFUSED and replies.index_of(answer) is None:
        facts = json.loads(answer.payload)
        if "status" in facts:
            raise problems.BatchWords(f"Invalid --parameter: {facts['detail'].rstrip('.')}.")


_LATER = (outcomes.NOT_READY, outcomes.FULL)


def failure(answer: Answer) -> Failure:
    """Return the failure of a single sample from its outcome."""
    if answer.outcome in (outcomes.NOT_JSON, outcomes.REFUSED, outcomes.FAILED):
        return Failure(*answer_words.of_row(answer.outcome, json.loads(answer.payload)))
    rejection = replies.rejection_of(answer)
    return Failure(rejection.status, rejection.detail)
