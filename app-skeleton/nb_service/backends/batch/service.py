"""Runs a batch job: the pool in the main thread's loop, and the job in a thread that uses the pool."""

import contextlib
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from nb_service import drift, files, problems
from nb_service.backends.batch import job as jobs
from nb_service.backends.batch import progress, show
from nb_service.backends.batch.command_line import Options
from nb_service.backends.batch.formats.chunk import ROWS
from nb_service.backends.batch.inputs import reason
from nb_service.backends.batch.journal import Journal
from nb_service.backends.batch.outputs import guarded
from nb_service.backends.batch.plan import Plan
from nb_service.backends.batch.report import Report
from nb_service.backends.batch.sample_files import SampleFiles
from nb_service.backends.batch.scoring import Scoring, Stopped
from nb_service.drift import comparison
from nb_service.log import visible
from nb_service.model_folder import ModelFolder
from nb_service.pool import orphans
from nb_service.pool.client import PoolClient
from nb_service.pool.socket_server import PoolServer
from nb_service.protocols.rows import Rows
from nb_service.request_calls import Calls, Parameters

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings

# After a scorer was ready, give up if none has been for this many seconds.
ABSENCE_SECONDS = 60.0
# Give up if the system can't start the first scorer for this long. Nothing is lost, because nothing was scored yet.
START_SECONDS = 10.0
# Time that the job has to save its progress after a signal.
END_SECONDS = 3.0
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# Options that may change when a job is resumed.
FREE = ("inputs", "output", "restart", "json", "show", "max_errors")


def predictor_of(model: ModelFolder, name: str) -> ModelFolder:
    """Return the model for a named predictor, or the default one if the name is ""; raise BatchWords."""
    names = ", ".join(model.predictors) or "none"
    if name and name not in model.predictors:
        raise problems.BatchWords(f"--predictor {name} is not one of the notebook's predictors, which are: {names}.")
    if not name and not model.has_default:
        raise problems.BatchWords(f"The notebook has no default predictor; choose one with --predictor: {names}.")
    return model.predictors[name] if name else model


class BatchService:
    """Runs one job; `streams` are descriptors of the real stdout and stderr, which bypass the log."""

    def __init__(
        self,
        loop: "TurnLoop",
        pool: "Pool",
        log: "Log",
        options: Options,
        plan: Plan,
        streams: tuple[int, int],
        settings: "Settings",
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._log = log
        self._options = options
        self._plan = plan
        self._stdout, self._stderr = streams
        self._keep_seconds = settings.batch_keep
        self._model = predictor_of(pool.model, options.predictor)
        # The baseline describes samples of the default predictor only.
        self._baseline = None if self._model.predictor else drift.read_baseline(pool.model)
        self._present = drift.present_of(self._baseline, settings)
        self._stop = threading.Event()
        self._signal = 0
        self._status = 1
        self._problem: problems.Problem | None = None
        self._job: jobs.Job | None = None
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """Return the job's report, or its progress if it hasn't finished."""
        if self._report is not None:
            return self._report
        return Report() if self._job is None else self._job.report()

    def run(self) -> int:
        """Run the job; return the exit status, or raise the Problem that stopped it."""
        self._pool.manager.on_fatal = self._fail
        if self._present is not None:
            self._pool.manager.on_answer = self._present.answered
        for number in ENDINGS:
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise problems.BatchUnscored(f"no scorer can be reached ({reason(error)})") from error
        server = PoolServer(self._loop, self._pool, ours, dict, lambda: None)
        thread = threading.Thread(target=self._work, args=(theirs,), name="batch", daemon=True)
        self._pool.start()
        thread.start()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._pool.stop()
        if self._problem is not None:
            raise self._problem
        if self._report is not None:
            # Printed after the output of the scorers, which arrives through another pipe.
            for line in self._report.lines():
                self._log.say_last(line)
        return 128 + self._signal if self._signal else self._status

    def _on_signal(self, number: int) -> None:
        if self._stop.is_set():
            # The second signal stops the job without waiting.
            self._loop.stop()
            return
        self._signal = number
        kept = ": finished rows are kept; run the same command again to resume" if self._plan.folder else ""
        self._log.say(f"Stopping after signal {number}{kept}.")
        self._stop.set()
        # The job may be waiting for a row that never arrives. In either case, recorded progress is safe.
        self._loop.call_later(END_SECONDS, self._loop.stop)

    def _fail(self, problem: problems.Problem) -> None:
        if not self._stop.is_set():
            self._problem = problem
        self._stop.set()
        # As after a signal, the job may be waiting for a row that never arrives.
        self._loop.call_later(END_SECONDS, self._loop.stop)

    def _reap(self) -> None:
        """Reap exited children; as process 1, also orphans."""
        self._pool.reap()
        orphans.reap(self._pool.child_pids)

    # --- the job's thread ---

    def _work(self, link: socket.socket) -> None:
        client = PoolClient(link, is_given_up=self._stop.is_set)
        try:
            self._status = self._work_on(client)
        except Stopped:
            pass
        except problems.Problem as problem:
            self._problem = self._problem or problem
        except BaseException:  # noqa: BLE001 - whatever it is, the process must end
            traceback.print_exc()
        finally:
            self._stop.set()
            self._call_soon(self._loop.stop)

    def _work_on(self, client: PoolClient) -> int:
        model = self._model
        rows = Rows(model.manifest.get("sample_schema") or model.sample_schema)
        call = Calls(model.manifest, name=model.predictor).made(Parameters(texts=self._options.texts))
        named = self._files()
        # Files are in memory while they are scored: one per busy scorer.
        scoring = Scoring(client, self._is_ready, self._stop, ABSENCE_SECONDS, 1 if named else ROWS, call, named)
        keys = list(model.answer_schema.get("properties", {})) or None
        if self._options.show:
            return show.show(self._options, self._plan.tasks[0], rows, keys, scoring, self._show)
        journal = self._journal()
        pace = jobs.Pace(self._pool.plan.scorers + 1, self._keep_seconds)
        try:
            self._job = job = jobs.Job(self._options, self._plan, rows, keys, scoring, journal, pace)
            if job.mark.rows_in:
                self._say(f"Resuming after row {job.mark.rows_in}, where this job stopped before.")
            bar = progress.Progress(self._stderr, self._say, time.monotonic)
            report = job.run(bar, self._stop, self._stdout)
        finally:
            if journal is not None:
                journal.close()
        if self._baseline is not None and self._present is not None:
            counted = self._of_loop(self._present.numbers)
            # Over all rows of this run, whereas a service compares only recent samples.
            compared = comparison.compare(self._baseline, counted["counts"])
            report = report._replace(drift=comparison.lines(compared, counted["counted"]))
        self._report = report
        return report.exit_status

    def _files(self) -> SampleFiles | None:
        """Return the reader for files that rows name, None if they name none; raise BatchWords."""
        if not self._options.files:
            return None
        taken = files.from_manifest(self._model.manifest)
        if not taken.arguments:
            raise problems.BatchWords("--files and --from files need a predictor that takes files.")
        return SampleFiles(self._options.files, taken)

    def _is_ready(self) -> bool:
        """Return whether the pool is ready; raise BatchUnscored if the system can't start a process for too long."""
        if self._pool.ready:
            return True
        start_failure = self._pool.manager.start_failure
        patience = ABSENCE_SECONDS if self._pool.manager.loaded_once else START_SECONDS
        if start_failure is not None and time.monotonic() - start_failure.since > patience:
            raise problems.BatchUnscored(f"no process with the model can be started ({start_failure.reason})")
        return False

    def _journal(self) -> Journal | None:
        if not self._plan.folder:
            return None
        manifest = self._pool.model.manifest
        sources = [source for task in self._plan.tasks for source in task.sources]
        identity = {
            "inputs": [source.fingerprint() for source in sources],
            "outputs": [os.path.abspath(task.path) for task in self._plan.tasks],
            "options": {name: value for name, value in self._options._asdict().items() if name not in FREE},
            "model": {name: manifest.get(name) for name in ("pickle_sha256", "python", "notebook")},
        }
        return Journal(self._plan.folder, identity, restart=self._options.restart)

    def _say(self, line: str) -> None:
        self._call_soon(self._log.say, line)

    def _call_soon(self, callback: Callable, *args: object) -> None:
        """Call on the loop's thread; do nothing if `run` has already returned."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def _of_loop(self, function: Callable[[], dict]) -> dict:
        """Return the result of a function called on the loop's thread, after all pending responses."""
        given: Future[dict] = Future()
        self._loop.call_soon_threadsafe(lambda: given.set_result(function()))
        return given.result(END_SECONDS)

    def _show(self, line: str) -> None:
        data = (visible(line) + "\n").encode("utf-8", "backslashreplace")
        with guarded("stdout"):
            while data:
                data = data[os.write(self._stdout, data) :]
