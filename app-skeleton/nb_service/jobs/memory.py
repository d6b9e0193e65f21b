"""The default store: jobs in the memory of this process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nb_service.jobs.job import CANCELED, FAILED, PROCESSING, STARTING, STATUSES, Job, Outcome
from nb_service.jobs.store import StoreFull

# How many ids of expired jobs are remembered.
MAX_EXPIRED = 10_000
NO_ROOM = "There is no room left for the output of this job."


class MemoryStore:
    """Keeps jobs with up to `max_bytes` in all, those that ended for `hours`; its methods are those of Store."""

    is_shared = False

    def __init__(self, max_bytes: int, hours: float) -> None:
        self._max_bytes = max_bytes
        self._seconds = hours * 3600
        self._change = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._claims: dict[str, float] = {}  # when each expires (monotonic), by id
        self._ended: OrderedDict[str, float] = OrderedDict()  # when (monotonic), by id, oldest first
        self._expired: OrderedDict[str, None] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._taken = 0
        self._closed = False

    def put(self, job: Job) -> tuple[Job, bool]:
        """See Store."""
        with self._change:
            self._expire()
            existing = self._jobs.get(job.id)
            if existing is not None:
                return existing.snapshot(), False
            self._make_room(job.size)
            self._jobs[job.id] = job.snapshot()
            self._count(job.id)
            self._expired.pop(job.id, None)
            self._waiting[job.id] = None
            self._change.notify_all()
            return job.snapshot(), True

    def get(self, job_id: str) -> Job | None:
        """See Store."""
        with self._change:
            self._expire()
            job = self._jobs.get(job_id)
            return None if job is None else job.snapshot()

    def has_expired(self, job_id: str) -> bool:
        """See Store."""
        with self._change:
            self._expire()
            return job_id in self._expired

    def claim(self, seconds: float) -> Job | None:
        """See Store."""
        with self._change:
            self._take_back_claims()
            if not self._waiting:
                return None
            job = self._jobs[self._waiting.popitem(last=False)[0]]
            job.status, job.attempt, job.version = PROCESSING, job.attempt + 1, job.version + 1
            job.started_at = time.time()
            self._claims[job.id] = time.monotonic() + seconds
            self._change.notify_all()
            return job.snapshot()

    def renew(self, job: Job, seconds: float, logs: str = "", items: Sequence[bytes] = ()) -> bool:
        """See Store."""
        with self._change:
            held = self._held(job)
            if held is None:
                return False
            self._claims[job.id] = time.monotonic() + seconds
            if logs or items:
                size = sum(map(len, items))
                self._make_room(len(logs) + size)
                size -= len(held.logs)
                held.append(logs, items)
                self._add(job.id, size + len(held.logs))
                self._change.notify_all()
            return True

    def finish(self, job: Job, outcome: Outcome) -> Job | None:
        """See Store."""
        with self._change:
            held = self._held(job)
            if held is None:
                return None
            try:
                # The output replaces the items.
                self._make_room(len(outcome.output or b"") - sum(map(len, held.items)))
            except StoreFull:
                outcome = Outcome(FAILED, error=NO_ROOM, response_status=507)
            self._end(held, outcome)
            return held.snapshot()

    def release(self, job: Job) -> None:
        """See Store."""
        with self._change:
            held = self._held(job)
            if held is not None:
                self._wait_again(held)

    def cancel(self, job_id: str) -> Job | None:
        """See Store."""
        with self._change:
            self._expire()
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if not job.is_over:
                self._end(job, Outcome(CANCELED))
            return job.snapshot()

    def jobs(self, statuses: Iterable[str]) -> list[Job]:
        """See Store."""
        wanted = frozenset(statuses)
        with self._change:
            self._expire()
            return [
                replace(job, request=replace(job.request, body=b""), input=b"", items=[], output=None)
                for job in self._jobs.values()
                if job.status in wanted
            ]

    def counts(self) -> dict[str, int]:
        """See Store."""
        with self._change:
            self._expire()
            counts = dict.fromkeys(STATUSES, 0)
            for job in self._jobs.values():
                counts[job.status] += 1
            return counts

    def wait(self, job_id: str, version: int, seconds: float) -> Job | None:
        """See Store."""
        with self._change:

            def has_changed() -> bool:
                job = self._jobs.get(job_id)
                return self._closed or job is None or job.version != version

            self._change.wait_for(has_changed, seconds)
            job = self._jobs.get(job_id)
            return None if job is None else job.snapshot()

    def wait_for_work(self, seconds: float) -> None:
        """See Store."""
        with self._change:
            self._change.wait_for(lambda: self._closed or bool(self._waiting), seconds)

    def close(self) -> None:
        """See Store."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    # --- with the lock held ---

    def _held(self, claim: Job) -> Job | None:
        """Return the job of a claim that is valid, else None."""
        job = self._jobs.get(claim.id)
        is_held = job is not None and job.status == PROCESSING and job.attempt == claim.attempt
        return job if is_held else None

    def _wait_again(self, job: Job) -> None:
        job.status, job.started_at, job.items, job.logs = STARTING, None, [], ""
        job.version += 1
        self._claims.pop(job.id, None)
        self._waiting[job.id] = None
        self._waiting.move_to_end(job.id, last=False)
        self._count(job.id)
        self._change.notify_all()

    def _end(self, job: Job, outcome: Outcome) -> None:
        job.end(outcome)
        self._waiting.pop(job.id, None)
        self._claims.pop(job.id, None)
        self._ended[job.id] = time.monotonic()
        self._count(job.id)
        self._change.notify_all()

    def _take_back_claims(self) -> None:
        now = time.monotonic()
        for job_id in [job_id for job_id, until in self._claims.items() if until <= now]:
            self._wait_again(self._jobs[job_id])

    def _expire(self) -> None:
        before = time.monotonic() - self._seconds
        while self._ended and next(iter(self._ended.values())) <= before:
            self._forget_oldest()

    def _make_room(self, size: int) -> None:
        """Forget jobs that ended, oldest first, until there is room; raise StoreFull if that is not enough."""
        if self._taken + size <= self._max_bytes:
            return
        kept = sum(self._sizes[job_id] for job_id in self._ended)
        if self._taken - kept + size > self._max_bytes:
            raise StoreFull
        while self._taken + size > self._max_bytes:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        job_id, _ = self._ended.popitem(last=False)
        del self._jobs[job_id]
        self._taken -= self._sizes.pop(job_id)
        self._expired[job_id] = None
        if len(self._expired) > MAX_EXPIRED:
            self._expired.popitem(last=False)

    def _count(self, job_id: str) -> None:
        self._add(job_id, self._jobs[job_id].size - self._sizes.get(job_id, 0))

    def _add(self, job_id: str, size: int) -> None:
        self._taken += size
        self._sizes[job_id] = self._sizes.get(job_id, 0) + size
