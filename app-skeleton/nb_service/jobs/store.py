"""The interface of the stores that keep jobs."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from nb_service.jobs.job import Job, Outcome


class StoreFull(Exception):
    """Raised if the jobs that wait, run or are kept leave no room for more bytes."""


class StoreUnavailable(Exception):
    """Raised if the store can't be reached at present; its text is for the log."""


class Store(Protocol):
    """Keeps jobs, for any number of threads, and, if it `is_shared`, of replicas.

    Jobs that a method returns are copies. Every method may raise StoreUnavailable. One damaged job must not affect the
    others: a store skips and reports it.

    A job waits (STARTING) until `claim` gives it to one runner, which must `renew` its claim before it expires. A
    claim is the pair of a job's id and `attempt`. Whoever holds an older claim, or one of a job that was canceled,
    changes nothing any more, so that each job ends once. Bytes count as `Job.size`, against a limit for all jobs
    together; a job that ended is kept for a number of hours, or until others need its room. After that it has expired.
    """

    # Whether the store survives this process: then jobs that a shutdown interrupts are released, otherwise they fail.
    is_shared: bool

    def put(self, job: Job) -> tuple[Job, bool]:
        """Add a waiting job, unless one with its id exists; return (the stored one, whether it was added).

        Raise StoreFull if there is no room for it.
        """

    def get(self, job_id: str) -> Job | None:
        """Return a job; None for an unknown id, and for one that has expired."""

    def has_expired(self, job_id: str) -> bool:
        """Return whether there was a job with this id; a store may forget that after a while."""

    def claim(self, seconds: float) -> Job | None:
        """Return the job that has waited longest, now PROCESSING, claimed for `seconds`; None if none waits.

        A job whose claim has expired counts as waiting, with its logs and items removed.
        """

    def renew(self, job: Job, seconds: float, logs: str = "", items: Sequence[bytes] = ()) -> bool:
        """Extend the claim `job`, and append to its logs and items; return whether the job should go on.

        False means that it was canceled, or that another runner has claimed it. Raise StoreFull if there is no room.
        """

    def finish(self, job: Job, outcome: Outcome) -> Job | None:
        """End the claimed `job`; return it, or None if the claim is no longer valid.

        If there is no room for the output, the job fails instead, with that reason.
        """

    def release(self, job: Job) -> None:
        """Give up the claim `job`, so that the job waits again, before all others."""

    def cancel(self, job_id: str) -> Job | None:
        """End a job as CANCELED unless it is over; return it, None for an unknown id."""

    def jobs(self, statuses: Iterable[str]) -> list[Job]:
        """Return the jobs with one of these statuses, oldest first, without bodies and output."""

    def counts(self) -> dict[str, int]:
        """Return the number of jobs by status, with all statuses."""

    def wait(self, job_id: str, version: int, seconds: float) -> Job | None:
        """Return a job once its `version` differs, or after `seconds`; None for an unknown id."""

    def wait_for_work(self, seconds: float) -> None:
        """Return once a job may be waiting, or after `seconds`."""

    def close(self) -> None:
        """Release what the store holds in this process; waiting threads return."""
