"""Runs script two cell by cell in a kernel of the notebook's Python; the first failure fails the build."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from nb_scorer.common import paths
from nb_scorer.kernel.ipython_hooks import COMMAND

from nb_builder.analysis import needed_cells, notebook_contract
from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.execute import cell_errors, error_causes, failed_commands, save_errors, traceback_parser
from nb_builder.execute.failed_commands import Failed
from nb_builder.execute.kernel import Kernel, KernelGone, Launch, TooSlow, running
from nb_builder.execute.outputs import Display, Outputs
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.cells import CellExits, CellTimeout, KernelDied, NotebookTimeout
from nb_builder.problems.contract import ExampleFails
from nb_builder.problems.packages import InstallFailed

HEARTBEAT_SECONDS = 30
INTERRUPT_SECONDS = 5
INDENT = " " * 9


@dataclass(frozen=True)
class CellResult:
    """The result of one cell, with what the executed notebook needs."""

    cell: Cell
    outputs: list[dict] = field(default_factory=list)
    seconds: float = 0.0
    execution_count: int | None = None


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds for one cell, and for all cells of a notebook together, where 0 means no limit."""

    cell: float
    notebook: float = 0.0


def run(  # noqa: PLR0913 - facts of one build, each named at the call
    cells: Sequence[Cell],
    launch: Launch,
    *,
    notebook: str,
    limits: Limits,
    complaint_file: Path,
    results: list[CellResult],
    log: Log,
    before_last: Callable[[], None] = lambda: None,
) -> None:
    """Run `cells` in a kernel, in order, and add a result for each to `results`; raise the first problem.

    `notebook` is the file's path relative to the repository, for messages; the file is in `launch.notebook_folder`.
    nb-builder's last cell writes its problem to `complaint_file`. A failed cell has a result, too. `before_last` is
    called when all cells but the last have run.
    """
    complaint_file.unlink(missing_ok=True)
    # Absolute but not resolved: Python finds its venv by the location of this symbolic link.
    launch = replace(launch, python=launch.python.absolute())
    try:
        with running(launch) as kernel:
            runner = Runner(kernel, notebook, launch.notebook_folder, limits, complaint_file, results, log)
            for cell in cells:
                if cell.source == needed_cells.LEFT_OUT:
                    results.append(CellResult(cell))
                    continue
                if cell is cells[-1]:
                    before_last()
                runner.run(cell)
    # Runner converts errors of cells to problems, so these come from starting the kernel.
    except KernelGone as gone:
        raise no_kernel(launch.python, gone.reason, gone.log_tail) from None
    except TooSlow:
        raise no_kernel(launch.python, "it does not respond", "") from None


def no_kernel(python: Path, reason: str, log_tail: str) -> InstallFailed:
    """Return the problem of a kernel that can't start next to the notebook's packages."""
    minor = next((python.parents[1] / "lib").glob("python3.*")).name.removeprefix("python")
    reason = f"ipykernel, which runs the cells, does not start with them ({reason})"
    return InstallFailed(reason=reason, installer="ipykernel", python=minor, detail=log_tail)


class Runner:
    """Runs cells one by one in `kernel`, logs their output, and raises the problem of one that fails."""

    def __init__(
        self,
        kernel: Kernel,
        notebook: str,
        notebook_folder: Path,
        limits: Limits,
        complaint_file: Path,
        results: list[CellResult],
        log: Log,
    ) -> None:
        self.kernel = kernel
        self.notebook = notebook
        depth = len(PurePosixPath(notebook).parts) - 1
        self.repository = [notebook_folder, *notebook_folder.parents][depth]
        self.limits = limits
        self.deadline = time.monotonic() + (limits.notebook or float("inf"))
        self.complaint_file = complaint_file
        self.results = results
        self.log = log
        self.next_number = 1
        self.strict_is_known = False
        # The failed commands as (cell, command, status).
        self.failed: list[Failed] = []
        self.displays: dict[str, list[Display]] = {}

    def run(self, cell: Cell) -> CellResult:
        """Run one cell and return its result, which is recorded in any case; raise the problem that it causes."""
        outputs = Outputs(self.displays)
        start = time.monotonic()
        reply: dict = {}
        try:
            reply = self._execute(cell, outputs)
        finally:
            seconds = time.monotonic() - start
            self._print(cell, outputs, seconds)
            count = None if cell.ours else reply.get("execution_count", cell.number)
            self.results.append(CellResult(cell, outputs.as_notebook(), seconds, count))
        self._report_commands(cell, reply)
        self._judge(cell, outputs, reply)
        return self.results[-1]

    def _execute(self, cell: Cell, outputs: Outputs) -> dict:
        try:
            self._number(cell)
            reply = self.kernel.execute(
                cell.source,
                seconds=min(self.limits.cell, max(self.deadline - time.monotonic(), 0)),
                on_message=outputs.handle,
                on_tick=Heartbeat(cell, outputs, self.log),
                store_history=not cell.ours,
            )
        except TooSlow:
            raise self._too_slow(cell) from None
        except KernelGone as gone:
            raise self._kernel_died(cell, gone) from None
        if not cell.ours:
            self.next_number = reply.get("execution_count", self.next_number - 1) + 1
        return reply

    def _number(self, cell: Cell) -> None:
        """Set the kernel's counter to the cell's number, so that N in a traceback's In[N] is the number in the log."""
        if cell.ours or cell.number == self.next_number:
            return
        source = f"get_ipython().execution_count = {cell.number}"
        self.kernel.execute(source, seconds=self.limits.cell, on_message=lambda message: None, store_history=False)

    def _too_slow(self, cell: Cell) -> BuildProblem:
        """Interrupt the cell, so that its `finally` blocks run, and return the problem."""
        notebook_expired = time.monotonic() >= self.deadline
        self.kernel.interrupt()
        self.kernel.settle(INTERRUPT_SECONDS)
        if notebook_expired:
            return NotebookTimeout(cell=cell, notebook=self.notebook, seconds=self.limits.notebook)
        return CellTimeout(cell=cell, notebook=self.notebook, seconds=self.limits.cell)

    def _kernel_died(self, cell: Cell, gone: KernelGone) -> KernelDied:
        return KernelDied(cell=cell, notebook=self.notebook, reason=gone.reason, traceback=gone.log_tail)

    def _report_commands(self, cell: Cell, reply: dict) -> None:
        """Log a note for each failed `!command`: Jupyter ignores the failure, and so does the build."""
        for item in reply.get("payload", []):
            if item.get("source") == COMMAND:
                hint = "" if self.strict_is_known else "; S2I_STRICT_COMMANDS=1 makes that fail the build"
                self.strict_is_known = True
                self.failed.append(Failed(cell, item["command"], item["status"]))
                self.log.note(f"{cell.where(self.notebook)}: {self.failed[-1]}{hint}.")

    def _judge(self, cell: Cell, outputs: Outputs, reply: dict) -> None:
        """Raise the problem of a failed cell.

        An error message counts even if the reply's status is ok: %%capture and %%time keep it out of the reply, and an
        error in a thread is never part of it.
        """
        if any(item.get("source") == "ask_exit" for item in reply.get("payload", [])):
            raise CellExits(cell=cell, notebook=self.notebook)
        errors = outputs.errors or ([reply] if reply["status"] == "error" else [])
        if not errors or "raises-exception" in cell.tags:
            return
        if cell.ours and reply["status"] == "error":
            cells_run = [result.cell for result in self.results]
            problem = save_errors.problem(self.complaint_file, errors[-1], notebook=self.notebook, cells=cells_run)
            raise self._missing_outside(problem, cells_run) or self._with_location(problem)
        # An error in a file run with `%run` is reported twice, there and at the `%run`; the second report names the
        # cell.
        reraised = reply["status"] == "error" and reply["ename"] == errors[0]["ename"]
        error = reply if reraised and reply["evalue"] == errors[0]["evalue"] else errors[0]
        fault = self._at_fault(cell, error)
        pointers = self._pointers_read(fault, error)
        problem = cell_errors.of_error(
            fault, error, notebook=self.notebook, repository=self.repository, pointers=pointers
        )
        raise failed_commands.explain(
            problem, fault, self.failed, notebook=self.notebook, folder=self.repository / Path(self.notebook).parent
        )

    def _missing_outside(self, problem: Exception, cells_run: Sequence[Cell]) -> Exception | None:
        """Return the problem if an example fails because something outside the notebook is missing, else None."""
        if not isinstance(problem, ExampleFails):
            return None
        # In the format of the kernel's error messages.
        error = {"evalue": traceback_parser.raised(problem.detail)[1], "traceback": [problem.detail]}
        pointers = self._pointers_read(self._at_fault(cells_run[-1], error), error)
        headline = f"Row {problem.facts['number']} of 'examples', {problem.facts['sample']}, gets no prediction:"
        return cell_errors.of_predictor(
            problem.detail,
            cells_run,
            notebook=self.notebook,
            repository=self.repository,
            pointers=pointers,
            headline=headline,
        )

    def _with_location(self, problem: Exception) -> Exception:
        """Return `problem` with the cell and line that last bound the name that it is about."""
        bindings = notebook_contract.bindings(
            save_errors.about(problem), [result.cell for result in self.results if not result.cell.ours]
        )
        if bindings and isinstance(problem, BuildProblem):
            problem.at(self.notebook, bindings[-1].cell, bindings[-1].statement.lineno)
        return problem

    def _pointers_read(self, fault: Cell, error: dict) -> list[str]:
        """Return the Git LFS pointers among the files that the notebook read or tried to read."""
        pointers = error_causes.pointers(self.repository)
        if not pointers:
            return []
        reads_file = self.complaint_file.with_name(paths.READS)
        reads_file.unlink(missing_ok=True)
        source = f"import nb_scorer.kernel.file_read_audit; nb_scorer.kernel.file_read_audit.write({str(reads_file)!r})"
        try:
            self.kernel.execute(source, seconds=INTERRUPT_SECONDS, on_message=lambda message: None, store_history=False)
            reads = json.loads(reads_file.read_text(encoding="utf-8"))
        except (KernelGone, TooSlow, OSError):
            # Reads are recorded only in the last of several notebooks.
            reads = {"complete": False, "files": []}
        if not reads["complete"]:
            cells_run = [result.cell.source for result in self.results if not result.cell.ours]
            return error_causes.named_in(cells_run, pointers)
        # Python's audit hook doesn't see files opened by compiled code, for example in xgboost and lightgbm.
        line = traceback_parser.line_of(
            fault.source, error=error["evalue"], traceback=traceback_parser.plain_traceback(error["traceback"])
        )
        sources = [error["evalue"], *syntax_trees.until(fault.source, line)]
        return [path for path in pointers if path in reads["files"]] or error_causes.named_in(sources, pointers)

    def _at_fault(self, cell: Cell, error: dict) -> Cell:
        """Return the cell that caused an error: a thread may fail while a later cell runs."""
        number = traceback_parser.number_of(traceback_parser.plain_traceback(error.get("traceback", [])))
        cells_run = {result.cell.number: result.cell for result in self.results if not result.cell.ours}
        return cells_run.get(number, cell)

    def _print(self, cell: Cell, outputs: Outputs, seconds: float) -> None:
        """Log a line for the cell, followed by its output."""
        lines = outputs.printed.lines()
        if not cell.ours:
            self.log.detail(f"[{cell.number}] {seconds:.1f} s  {cell.title}")
        elif lines:
            self.log.detail(f"{cell.title}")
        for line in lines:
            self.log.line(INDENT + line)


class Heartbeat:
    """Called repeatedly while a cell runs: every HEARTBEAT_SECONDS, logs a line with the cell's last output."""

    def __init__(self, cell: Cell, outputs: Outputs, log: Log) -> None:
        self.cell = cell
        self.outputs = outputs
        self.log = log
        self.start = time.monotonic()
        self.due = self.start + HEARTBEAT_SECONDS

    def __call__(self) -> None:
        """Log the line if it is due."""
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + HEARTBEAT_SECONDS
        last_line = self.outputs.printed.last_line()
        self.log.detail(f"[{self.cell.number or ' '}] has run for {now - self.start:.0f} s  {last_line}".rstrip())
