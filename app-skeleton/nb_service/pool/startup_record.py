"""The record of a service's startup: loading the model and calling the notebook's setup, in the form that Cog defines.

A record covers the first start, and each later attempt after a failed setup.
"""

import datetime as dt
from collections import deque

from nb_scorer.common.problem import Problem

STARTING, SUCCEEDED, FAILED = "starting", "succeeded", "failed"
# The number of failed attempts whose messages are kept.
MAX_ATTEMPTS = 20


class StartupRecord:
    """The times of the startup, whether it succeeded, and the messages of the latest failed attempts."""

    def __init__(self) -> None:
        self.status = ""  # None until it starts
        self._started_at = ""
        self._completed_at = ""
        self._attempts = 0
        # For each failed attempt, the message for clients and the full text.
        self._failures: deque[tuple[str, str]] = deque(maxlen=MAX_ATTEMPTS)

    def begin(self) -> None:
        """Note that the service starts, or that setup is called again after a failure."""
        if self.status in ("", FAILED):
            self.status, self._started_at, self._completed_at = STARTING, _now(), ""

    def succeed(self) -> None:
        """Note that scorers are ready."""
        if self.status != SUCCEEDED:
            self.status, self._completed_at = SUCCEEDED, _now()

    def fail(self, problem: Problem, traceback: str | None, error_class: str = "") -> None:
        """Note that setup failed, with the traceback and the class of the notebook's own exception, if it raised one.

        Clients see only the class: any line of the text, even one that looks like the class, may contain secrets.
        """
        self._attempts += 1
        self.status, self._completed_at = FAILED, _now()
        public = whole = problem.what
        if traceback:
            where = "The service's log has the error; S2I_DEBUG=1 shows it here."
            public = f"The notebook's setup failed: {error_class}. {where}"
            whole = "\n".join([traceback.rstrip("\n"), problem.what])
        self._failures.append((f"Attempt {self._attempts}: {public}", f"Attempt {self._attempts}: {whole}"))

    def as_json(self, *, shows_errors: bool) -> dict[str, str]:
        """Return Cog's object `setup`; `shows_errors` adds the notebook's own messages and tracebacks."""
        if not self.status:
            return {}
        times = {"started_at": self._started_at, "completed_at": self._completed_at}
        logs = "".join(f"{failure[shows_errors]}\n" for failure in self._failures)
        return {**{name: time for name, time in times.items() if time}, "status": self.status, "logs": logs}


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat()
