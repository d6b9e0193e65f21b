"""The magics themselves: their arguments, the calls that they make, and their output."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import time
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from IPython.core.error import UsageError
from IPython.display import clear_output, display
from nb_scorer.common import phrases
from nb_scorer.common.problem import Problem

from nb_builder.magics import golden, notebook
from nb_builder.magics.job import Job
from nb_builder.magics.panels import Code, Link, Panel
from nb_builder.magics.problems import CommandEnded, PredictorNotDefined, SamplesInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from nb_builder.magics.notebook import Notebook
    from nb_builder.magics.panels import Part

SECONDS = 0.1
LINES_SHOWN = 200
NAMES = ("nb_check", "nb_serve", "nb_golden")
# Matches a cell without code other than these magics.
_OURS = re.compile(r"(?:\s*%(?:nb_(?:check|serve|golden)\b|(?:re)?load_ext\s+nb_builder)[^\n]*)*\s*")


class _Parser(argparse.ArgumentParser):
    """Parses the arguments of a magic; errors are shown as one line without traceback."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which IPython shows without traceback."""
        # argparse wraps its text at the width of a terminal.
        raise UsageError(f"{message}; {' '.join(self.format_usage().split())}")


_CHECK = _Parser("%nb_check", add_help=False, allow_abbrev=False)
_SERVE = _Parser("%nb_serve", add_help=False, allow_abbrev=False)
for _parser in (_CHECK, _SERVE):
    _parser.add_argument("file", nargs="?", default="", metavar="FILE")
_SERVE.add_argument("--stop", action="store_true")
_SERVE.add_argument("--port", type=int)
_SERVE.add_argument("-e", dest="variables", action="append", default=[], metavar="NAME=VALUE")


class Magics:
    """The magics of one kernel, and the service that it started."""

    def __init__(self, shell: InteractiveShell) -> None:
        """Take the kernel's shell; no service is running yet."""
        self.shell = shell
        self.service: Job | None = None
        self.port: int | None = None

    def nb_check(self, line: str) -> None:
        """Report the errors that a build of this notebook, as saved, would have: `%nb_check [FILE]`."""
        given = _CHECK.parse_args(_split(line))
        _show(lambda: self._check(given))

    def nb_serve(self, line: str) -> None:
        """Build this notebook, as saved, and serve it: `%nb_serve [FILE] [--port PORT] [-e NAME=VALUE]`.

        The service runs until `%nb_serve --stop`, the next `%nb_serve` or the end of the kernel.
        """
        given = _SERVE.parse_args(_split(line))
        _show(self._stopped if given.stop else lambda: self._serve(given))

    def nb_golden(self, line: str) -> None:
        """Show predictor's predictions, and propose the cell that stores the samples as examples.

        `%nb_golden [0.2, 0.7], [0.9, 0.1]` has two samples, `%nb_golden *rows` those of a list, and `%nb_golden` those
        that are already in `examples`.
        """
        _show(lambda: self._golden(line.strip()))

    def stop(self) -> bool:
        """Stop the service; return whether there was one."""
        if self.service is None:
            return False
        self.service.end()
        self.service = None
        return True

    def _check(self, given: argparse.Namespace) -> Panel:
        found = self._notebook(given.file, "%nb_check")
        job = Job(["check", "--json", str(found.path)], os.environ)
        try:
            log = _follow(job)
            result, problem, status = job.answer, job.problem, job.status
        finally:
            job.end()
        if result is None or "findings" not in result:
            return self._failed(found, "check", problem, status, log)
        findings = result["findings"]
        if findings:
            panel = Panel("1 finding" if len(findings) == 1 else f"{len(findings)} findings", "fault")
        else:
            defines = f"; it defines {', '.join(result['defines'])}" if result["defines"] else ""
            panel = Panel(f"Nothing found{defines}", "fine")
        self._say_version(panel, found)
        for finding in findings:
            _say_problem(panel, finding, found)
        for note in result["notes"]:
            panel.say(f"Note: {note}")
        return panel

    def _serve(self, given: argparse.Namespace) -> Panel:
        found = self._notebook(given.file, "%nb_serve")
        # The next build uses the same folder, and clients know the port.
        replaced = self.stop()
        port = given.port if given.port is not None else self.port
        options = [option for variable in given.variables for option in ("-e", variable)]
        options += [] if port is None else ["--port", str(port)]
        job = Job(["run", "--json", *options, str(found.path)], os.environ)
        served: dict[str, Any] | None = None
        try:
            log = _follow(job)
            answer, problem, status = job.answer, job.problem, job.status
            if answer is not None and "url" in answer:
                served, self.service, self.port = answer, job, urlsplit(answer["url"]).port
        except KeyboardInterrupt:
            return Panel("Stopped; nothing is served", "fault")
        finally:
            if served is None:
                job.end()
        if served is not None:
            return self._served(found, served, log)
        panel = self._failed(found, "run", problem, status, log)
        return panel.say("The previous service was stopped.") if replaced else panel

    def _served(self, found: Notebook, answer: dict[str, Any], log: str) -> Panel:
        panel = Panel("Serving until this kernel stops", "fine")
        panel.say("Try it in a browser: ", Link(answer["docs"], answer["docs"]))
        panel.say("For programs: POST ", Code(answer["url"]))
        if "sample" not in answer:
            panel.say("The notebook has no examples to send; ", Code("%nb_golden"), " creates some.")
        elif "answer" in answer:
            sample, given = golden.shown(answer["sample"]), golden.shown(answer["answer"])
            panel.say("Sample request: ", Code(sample), " → ", Code(given))
        elif "status" in answer:
            sample, status = golden.shown(answer["sample"]), answer["status"]
            panel.say("Sample request: ", Code(sample), f" → status {status}")
        self._say_version(panel, found)
        panel.say(Code("%nb_serve"), " serves the saved notebook again, ", Code("%nb_serve --stop"), " stops it.")
        return panel.fold("Log of the build", log, opened=False)

    def _stopped(self) -> Panel:
        return Panel("Stopped", "fine") if self.stop() else Panel("Nothing was served", "fine")

    def _golden(self, text: str) -> Panel:
        names = self.shell.user_ns
        magic = "%nb_golden"
        if "predictor" not in names:
            raise PredictorNotDefined(magic=magic)
        known = golden.samples([names["examples"]]) if _is_table(names.get("examples")) else names.get("examples")
        before = list(known) if isinstance(known, (list, tuple)) else []
        try:
            asked = golden.samples(self.shell.ev(f"[{text}]"))
        except Exception as error:
            raise SamplesInvalid(text=text, magic=magic, reason=f"{type(error).__name__}: {error}") from error
        if not asked and not before:
            raise SamplesInvalid(text=text, magic=magic, reason="no samples are given, and examples is not defined")
        made = golden.rows([*before, *asked], names)
        answered = [row for row in made if row.answer is not None]
        panel = Panel(f"Answered: {len(answered)} of {len(made)}", "fine" if len(answered) == len(made) else "fault")
        panel.table(
            ("sample", "answer"), *((_cut(golden.shown(row.sample)), _cut(row.answer or row.reason)) for row in made)
        )
        if not answered:
            return panel.say("None of the calls can be an example.")
        statement = golden.line(made)
        panel.say("This cell keeps them. A build fails if a fresh process gives another prediction for one of them:")
        panel.block(statement)
        if before:
            panel.say("It replaces the cell that defines ", Code("examples"), " now.")
        self.shell.set_next_input(statement)
        return panel

    def _notebook(self, named: str, magic: str) -> Notebook:
        return notebook.find(named, magic, self.shell.user_ns, os.environ)

    def _say_version(self, panel: Panel, found: Notebook) -> None:
        panel.say(f"This is {found.version}.")
        if found.ours and found.cells and (cell := self._last_cell()) and not found.has(cell):
            panel.say("It does not include the last changes: save the notebook first.")

    def _last_cell(self) -> str:
        """Return the last executed cell that contains more than our magics, which need not be saved."""
        history = self.shell.history_manager
        cells = reversed(history.input_hist_raw) if history else iter(())
        return next((cell for cell in cells if not _OURS.fullmatch(cell)), "")

    def _failed(
        self, found: Notebook, command: str, problem: dict[str, Any] | None, status: int | None, log: str
    ) -> Panel:
        if problem is None:
            raise CommandEnded(command=command, status=status, path=found.path, detail=log)
        panel = Panel("Not built" if command == "run" else "Not checked", "fault")
        self._say_version(panel, found)
        _say_problem(panel, problem, found)
        return panel.fold("Log", log, opened=True)


_of_shells: dict[int, Magics] = {}


def register(shell: InteractiveShell) -> None:
    """Register the magics with `shell`."""
    magics = _of_shells.setdefault(id(shell), Magics(shell))
    for name in NAMES:
        shell.register_magic_function(getattr(magics, name), "line", name)


def unregister(shell: InteractiveShell) -> None:
    """Unregister the magics from `shell`, and stop their services."""
    magics = _of_shells.pop(id(shell), None)
    if magics is not None:
        magics.stop()
    for name in NAMES:
        shell.magics_manager.magics["line"].pop(name, None)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _show(make: Callable[[], Panel]) -> None:
    """Display a panel, or that of the problem raised instead."""
    try:
        panel = make()
    except Problem as problem:
        panel = Panel("Not done", "fault")
        _say_problem(panel, problem.as_json(), None)
        panel.fold("Log", _end_of(getattr(problem, "detail", "")), opened=True)
    display(panel.bundle(), raw=True)


def _follow(job: Job) -> str:
    """Print a job's output until it has a result or exits; return the rest of the output, which isn't printed."""
    printed = False
    while True:
        done = job.status is not None or job.answer is not None
        output = job.new_output()
        if output:
            print(output, end="", flush=True)
            printed = True
        if done:
            break
        time.sleep(SECONDS)
    if printed:
        clear_output(wait=True)
    return _end_of(job.log)


def _end_of(log: str) -> str:
    lines = log.splitlines()
    return "\n".join(["…", *lines[-LINES_SHOWN:]] if len(lines) > LINES_SHOWN else lines)


def _say_problem(panel: Panel, problem: dict[str, Any], found: Notebook | None) -> None:
    """Add what, why and fix, and a link to the cell that the problem is about."""
    details: list[list[Part]] = [[f"Why: {problem['why']}"], [f"Fix: {problem['fix']}"]]
    if found is not None and problem.get("cell"):
        details.insert(0, _place(problem, found))
    panel.points([problem["what"], " (", Code(problem["code"]), ")"], *details)


def _place(problem: dict[str, Any], found: Notebook) -> list[Part]:
    line = f", line {problem['line']}" if problem.get("line") else ""
    cell = found.cell(problem.get("position"), problem.get("notebook"))
    if cell is None:
        return [f"At: cell [{problem['cell']}] of {problem['notebook']}{line}"]
    place: list[Part] = ["At: ", Link(f"cell [{problem['cell']}]{line}", found.link(cell))]
    return [*place, ": ", Code(cell.first_line)] if cell.first_line else place


def _is_table(value: object) -> bool:
    return hasattr(value, "shape") or hasattr(value, "columns")


def _cut(text: str) -> str:
    return phrases.cut(text, 200)
