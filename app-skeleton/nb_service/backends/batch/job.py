"""A batch job: reads rows, has them scored, writes results in order, records its progress, and can resume."""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from nb_service import problems
from nb_service.backends.batch import command_line, inputs, progress
from nb_service.backends.batch.command_line import Options
from nb_service.backends.batch.errors_file import Errors
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.backends.batch.inputs import Opened
from nb_service.backends.batch.journal import Journal, Mark
from nb_service.backends.batch.plan import Plan, Task
from nb_service.backends.batch.report import Report
from nb_service.backends.batch.results import Results, Shape
from nb_service.backends.batch.samples import Samples
from nb_service.backends.batch.scoring import Scored, Scoring, Stopped
from nb_service.backends.batch.writing import Output
from nb_service.protocols.rows import Rows

# The number of rows after which a percentage of errors is first checked.
ENOUGH_ROWS = 1000
# Exit statuses other than those of problems.
DONE, SOME_REFUSED = 0, 3


class Pace(NamedTuple):
    """The number of concurrent requests, and how often progress is saved to disk."""

    threads: int
    keep_seconds: float


class Job:
    """One run of a job; `run` returns its report, and raises a Problem, or Stopped if `stop` was set."""

    def __init__(
        self,
        options: Options,
        plan: Plan,
        rows: Rows,
        flat_keys: list[str] | None,
        scoring: Scoring,
        journal: Journal | None,
        pace: Pace,
    ) -> None:
        self._options = options
        self._plan = plan
        self._rows = rows
        self._flat_keys = flat_keys
        self._scoring = scoring
        self._journal = journal
        self._threads = pace.threads
        self._keep_seconds = pace.keep_seconds
        self.mark = journal.mark if journal is not None and journal.mark is not None else Mark()
        self._resumed_at = self.mark.rows_in
        self._began = time.monotonic()
        self._kept_at = self._began
        self._limit = command_line.share(options.max_errors) if options.max_errors else None
        is_over = self.mark.is_written and self.mark.task == len(plan.tasks) - 1
        self._errors = Errors(plan.errors, self.mark.errors, list(self.mark.reasons or ()), is_over=is_over)
        self._output: Output | None = None
        self._is_sound = True  # whether the written data matches the mark
        self._is_torn = False  # whether rows were taken for writing, but not written
        self._progress: progress.Progress | None = None

    def run(self, bar: progress.Progress, stop: threading.Event, stdout: int) -> Report:
        """Score the rows that are not done yet; return the report."""
        self._progress = bar
        try:
            for number, task in enumerate(self._plan.tasks):
                if number < self.mark.task or (number == self.mark.task and self.mark.is_written):
                    continue
                if number > self.mark.task:
                    mark = self.mark
                    self.mark = Mark(
                        number,
                        errors=mark.errors,
                        rows_in=mark.rows_in,
                        rows_out=mark.rows_out,
                        reasons=mark.reasons,
                        keys=mark.keys,
                    )
                self._run_task(number, task, stop, stdout)
            self._errors.finish()
            if self._journal is not None:
                self._journal.remove()
        except problems.BatchEndedEarly:
            if self._journal is None:
                # The job can't resume from here, but the rejected rows may explain the failure.
                self._errors.finish()
            raise
        finally:
            bar.end()
            self._errors.close()
            if self._output is not None:
                self._output.close()
        return self.report()

    def report(self) -> Report:
        """Return the job's progress; safe to call from any thread."""
        mark = self.mark
        rejected = mark.rows_in - mark.rows_out
        return Report(
            mark.rows_in,
            mark.rows_out,
            [task.path for task in self._plan.tasks],
            self._options.errors,
            list(self._errors.reasons),
            time.monotonic() - self._began,
            self._resumed_at,
            SOME_REFUSED if rejected and not self._options.errors else DONE,
        )

    # --- one output ---

    def _run_task(self, number: int, task: Task, stop: threading.Event, stdout: int) -> None:
        folder = self._plan.folder
        staged = os.path.join(folder, f"{number}.data") if folder else ""
        results = self._results()
        if self.mark.is_ended:
            if os.path.exists(staged):
                self._output = Output(task, staged, self.mark.data, results, stdout)
        else:
            for at in range(self.mark.source, len(task.sources)):
                self._run_source(number, task, at, results, staged, stop, stdout)
            if self._output is None:
                raise RuntimeError("an output without an input")
            self._output.check(self.mark.rows_of_task)
            if task is self._plan.tasks[-1]:
                self._check_limit(at_end=True)
            self._keep(is_ended=True)
        if self._output is not None:
            self._output.finish(self._options.reading(self._rows))
            self._output = None
        self._keep(is_ended=True, is_written=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)

    def _results(self) -> Results:
        options = self._options
        results = Results(options.keep, options.column, self._flat_keys, flat=options.flat, rows=self._rows)
        if self.mark.shape is not None:
            results.shape = Shape(*self.mark.shape)
        return results

    def _run_source(
        self, number: int, task: Task, at: int, results: Results, staged: str, stop: threading.Event, stdout: int
    ) -> None:
        source = task.sources[at]
        if at > self.mark.source:
            self.mark = self.mark._replace(source=at, rows=0, rows_before=self.mark.rows_before + self.mark.rows)
        with inputs.opened(source) as opened:
            reader = opened.reader(self._options.reading(self._rows))
            samples = Samples(
                source.name, reader.names, self._rows, self._options.sample, self._options.as_form, self._scoring.files
            )
            samples.keys = self.mark.keys
            if self._output is None:
                made = task._replace(format=task.format or opened.format)
                self._output = Output(made, staged, self.mark.data, results, stdout)
            self._score(opened, reader, samples, stop)
            # Without column names, an input without rows says nothing about the inputs after it.
            if reader.names or source is task.sources[-1]:
                empty = Chunk([], reader.names, is_table=reader.is_table, delimiter=reader.delimiter)
                self._output.begin(source.name, empty)
            self._keep()
            opened.check_unchanged()

    def _score(self, opened: Opened, reader: Any, samples: Samples, stop: threading.Event) -> None:
        name = opened.source.name
        pending: deque[tuple[Chunk, Future[Scored]]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="score") as threads:
            try:
                for chunk in self._parts(reader, samples, name, stop):
                    pending.append((chunk, threads.submit(self._scoring.score, samples.encode(chunk))))
                    while len(pending) > 2 * self._threads or (pending and pending[0][1].done()):
                        part, future = pending.popleft()
                        self._commit(part, future, name, opened, reader)
                while pending:
                    part, future = pending.popleft()
                    self._commit(part, future, name, opened, reader)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                # Requests in flight finish soon, and their results should be kept, unless one of them is the cause.
                self._keep_what_is_done(pending, name, opened, reader)
                raise

    def _keep_what_is_done(self, pending: deque, name: str, opened: Opened, reader: Any) -> None:
        """Save the rows that were scored before the job stopped early, except one whose writing failed."""
        if self._is_sound and not self._is_torn:
            with contextlib.suppress(problems.Problem, Stopped, OSError):
                while pending and pending[0][1].done() and not pending[0][1].cancelled():
                    chunk, future = pending.popleft()
                    self._commit(chunk, future, name, opened, reader)
        if self._is_sound:
            with contextlib.suppress(problems.Problem, OSError):
                self._keep()

    def _parts(self, reader: Any, samples: Samples, name: str, stop: threading.Event) -> Iterator[Chunk]:
        """Yield the rows that are not done yet, in chunks of the best size for one request."""
        skip = self.mark.rows
        chunks = iter(reader)
        while True:
            with inputs.guarded(name):
                chunk = next(chunks, None)
            if chunk is None:
                return
            if not chunk.is_table:
                samples.look(chunk)
                self.mark = self.mark._replace(keys=samples.keys)
            begin = min(skip, len(chunk))
            skip -= begin
            while begin < len(chunk):
                if stop.is_set():
                    raise Stopped
                end = begin + self._scoring.most
                yield chunk.slice(begin, end)
                begin = end

    # --- progress ---

    def _commit(self, chunk: Chunk, future: "Future[Scored]", name: str, opened: Opened, reader: Any) -> None:
        # Later rows must not be written before this row's prediction.
        self._is_torn = True
        scored = future.result()
        self._is_torn = False
        output = self._output
        if output is None:
            raise RuntimeError("scored for no output")
        whole = chunk.whole()
        failed = {whole[at]: failure for at, failure in scored.failures.items()}
        answered = [at for at in whole if at not in failed] if failed else whole
        self._is_sound = False
        misfits: dict[int, str] = {}
        if answered:
            output.begin(name, chunk, scored.answers)
            misfits = output.write(chunk, answered, scored.answers, self.mark.rows_before + self.mark.rows)
        rejected = {at: (400, why) for at, why in chunk.broken.items()}
        rejected.update({at: (failure.status, failure.reason) for at, failure in failed.items()})
        rejected.update({at: (500, why) for at, why in misfits.items()})
        samples = dict(zip(whole, scored.samples, strict=True)) if rejected else {}
        for at in sorted(rejected):
            self._errors.note(self.mark.rows + at + 1, name, chunk.text_of(at), samples.get(at), *rejected[at])
        written = len(answered) - len(misfits)
        if written + len(rejected) != len(chunk):
            raise RuntimeError(f"{len(chunk)} rows gave {written} answers and {len(rejected)} errors")
        self.mark = self.mark._replace(
            rows=self.mark.rows + len(chunk),
            rows_in=self.mark.rows_in + len(chunk),
            rows_out=self.mark.rows_out + written,
            rows_of_task=self.mark.rows_of_task + written,
        )
        self._is_sound = True
        if self._progress is not None:
            total = getattr(reader, "total", None)
            share = self.mark.rows / total if total else opened.share_read()
            self._progress.show(self.mark.rows_in, self.mark.rows_in - self.mark.rows_out, share)
        self._check_limit()
        if time.monotonic() - self._kept_at >= self._keep_seconds:
            self._keep()

    def _check_limit(self, *, at_end: bool = False) -> None:
        if self._limit is None:
            return
        number, is_share = self._limit
        rows, rejected = self.mark.rows_in, self.mark.rows_in - self.mark.rows_out
        if is_share and rows < ENOUGH_ROWS and not at_end:
            return
        if rejected > (number * rows / 100 if is_share else number):
            kept = self._errors.place if self._journal is not None else self._plan.errors
            raise problems.BatchEndedEarly(rejected, rows, self._options.max_errors, self._errors.last, kept)

    def _keep(self, *, is_ended: bool = False, is_written: bool = False) -> None:
        """Flush the results to disk, then record them in the journal."""
        if self._output is not None:
            shape = self._output.results.shape
            self.mark = self.mark._replace(data=self._output.keep(), shape=list(shape) if shape else None)
        self.mark = self.mark._replace(
            errors=self._errors.keep(), reasons=self._errors.reasons, is_ended=is_ended, is_written=is_written
        )
        if self._journal is not None:
            self._journal.note(self.mark)
        self._kept_at = time.monotonic()
