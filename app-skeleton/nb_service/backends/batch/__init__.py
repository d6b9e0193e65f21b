"""The back end `batch`: scores files and streams of rows, with the pool that serves requests."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nb_service import problems, stdio_capture
from nb_service.backends.batch import command_line, inputs, plan
from nb_service.backends.batch.outputs import STDOUT, guarded
from nb_service.backends.batch.report import Report

if TYPE_CHECKING:
    from nb_scorer.common.problem import Problem

    from nb_service.backends.batch.service import BatchService
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop
    from nb_service.settings import Settings


class Batch:
    """Scores the inputs named on the command line; only predictions are written to stdout."""

    keeps_stdout = True

    def __init__(self) -> None:
        self._options: command_line.Options | None = None
        self._service: BatchService | None = None
        self._report_to: int | None = None

    def take(self, arguments: Sequence[str]) -> bool:
        """Parse the command-line arguments; return whether there is anything to score."""
        # If the arguments are invalid, the destination of the predictions is unknown, and there are none.
        self._report_to = 1 if command_line.JSON in arguments else None
        self._options = command_line.read(arguments)
        self._report_to = self._options and self._options.report_to
        if self._options is None:
            return False
        self._plan = plan.make(inputs.resolve(self._options.inputs, self._options.from_format), self._options)
        _check_streams(self._options, self._plan)
        # The log captures both standard streams; these copies bypass it.
        self._stdout, self._stderr = os.dup(1), os.dup(2)
        return True

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: "Settings", environ: dict) -> int:
        """Score all inputs; return the exit status."""
        from nb_service.backends.batch.service import BatchService

        if self._options is None:
            raise RuntimeError("a back end that takes words got none")
        streams = (self._stdout, self._stderr)
        self._service = BatchService(loop, pool, log, self._options, self._plan, streams, settings)
        return self._service.run()

    def end(self, exit_status: int, problem: "Problem | None") -> None:
        """Write the report for --json, whether or not the job succeeded; raise BatchOutput if it can't be written."""
        if self._report_to is None or (problem is None and self._options is not None and self._options.show):
            return
        report = self._service.report if self._service is not None else Report()
        data = report._replace(exit_status=exit_status, problem=problem).as_json().encode("ascii") + b"\n"
        with guarded("the report"):
            while data:
                data = data[os.write(self._report_to, data) :]


def _check_streams(options: command_line.Options, plan: plan.Plan) -> None:
    """Raise BatchInput or BatchOutput if a standard stream that the job uses was closed by the parent process."""
    if stdio_capture.was_closed(0) and any(
        source.path == inputs.STDIN for task in plan.tasks for source in task.sources
    ):
        raise problems.BatchInput("stdin", "it is closed", "Redirect a file to it, < in.csv, or name a file.")
    if stdio_capture.was_closed(1) and (
        options.show or options.json or any(task.path == STDOUT for task in plan.tasks)
    ):
        raise problems.BatchOutput("stdout", "it is closed", "Redirect it to a file, > out.csv, or name a file.")
