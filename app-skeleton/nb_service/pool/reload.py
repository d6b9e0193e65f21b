"""A reload: a second set of scorers replaces the present one once it has answered the golden rows."""

import time
from collections.abc import Callable

from nb_scorer.common.problem import Problem

from nb_service.pool.scorer_manager import ScorerManager

SETUP_FAILED = "The notebook's setup failed; the log shows the error."
STILL_BUSY = "The scorers that the last reload replaced have not finished their streams."


class Reload:
    """Starts `candidate`, which verifies the weights and calls setup, then calls `adopt`, or `discard` if it fails.

    `number` identifies the reload. `why_not` is the reason of a failure, as a sentence without model data; "" after
    success. `is_temporary` is whether a later attempt may succeed, because weights could not be provided, or because
    the scorers of an earlier reload had not exited `patience` seconds after the request.
    """

    def __init__(
        self,
        number: int,
        candidate: ScorerManager,
        adopt: Callable[[ScorerManager], object],
        discard: "Callable[[Reload], object]",
        patience: float,
    ) -> None:
        self.number = number
        self.candidate = candidate
        self.has_begun = False
        self.is_over = False
        self.is_temporary = False
        self.why_not = ""
        self._adopt = adopt
        self._discard = discard
        self._latest_start = time.monotonic() + patience
        candidate.on_change = self._look
        candidate.on_fatal = lambda problem: self._fail(problem.what)
        candidate.on_unfit = lambda message: self._fail(candidate.why_not_ready)
        candidate.on_setup_failed = lambda problem, traceback: self._fail(SETUP_FAILED)

    def wait(self) -> None:
        """Give up if other scorers have not exited in time, because each set has its own copy of the model."""
        if time.monotonic() > self._latest_start:
            self.is_temporary = True
            self._fail(STILL_BUSY)

    def start(self) -> None:
        """Start the candidate."""
        self.has_begun = True
        try:
            self.candidate.start()
        except Problem as problem:
            self._fail(problem.what)

    def stop(self) -> None:
        """End the reload, because the service is stopping."""
        self._fail("The service is stopping.")

    def as_json(self) -> dict[str, object]:
        """Return the state of the reload, for other processes."""
        state = {"reload": self.number, "is_over": self.is_over}
        return {**state, "why_not": self.why_not, "is_temporary": self.is_temporary}

    def _look(self) -> None:
        if self.is_over:
            return
        if self.candidate.warm:
            self.is_over = True
            self._adopt(self.candidate)
        elif self.candidate.lacks_weights:
            self.is_temporary = True
            self._fail(self.candidate.why_not_ready)

    def _fail(self, why_not: str) -> None:
        if self.is_over:
            return
        self.is_over, self.why_not = True, why_not
        self._discard(self)
