"""One build in a process of its own, which has imported all that a build needs before it is told to begin.

It reads one line of JSON, the order, from stdin, and writes events to stdout, one JSON object a line: {"step": title},
{"note": text}, {"message": text} for any other line of the log, and {"done": true} when the model can be served, after
which the process may go on for a moment. The log itself, with all that programs of the build print, goes to a file.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from nb_scorer.common.problem import Problem

from nb_builder.commands.dev import kernel_environment
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python
from nb_builder.preflight import findings

# What writes the page of a notebook; a build imports it when it comes to that.
IMPORTED_LATE = ("nbconvert.exporters", "nh3", "pygments.formatters")

# Builds by settings and log, and what assemble.Beside holds.
Build = Callable[
    [Settings, Log, Path | None, Callable[[Installer, Python], None], Callable[[Callable[[], None]], None]], None
]


class EventLog(Log):
    """A log that also sends events to the process that gave the order; details are not among them."""

    def __init__(self, events: TextIO) -> None:
        super().__init__()
        self._events = events

    def step(self, text: str) -> None:
        """Print the title of a step, and send it."""
        super().step(text)
        self.send(step=text)

    def note(self, text: str, *, is_routine: bool = False) -> None:
        """Print a note, and send it unless it is expected at each build."""
        super().note(text, is_routine=is_routine)
        if not is_routine:
            self.send(note=text)

    def line(self, text: str) -> None:
        """Print a line, or several, and send it as one."""
        super().line(text)
        self.send(message=text)

    def send(self, **event: object) -> None:
        """Send an event."""
        print(json.dumps(event), file=self._events, flush=True)


def order(environ: dict[str, str], log_file: Path, beside: Path | None, jupyter: Path | None) -> bytes:
    """Return the line that has a process begin its build.

    `beside` is the APP_ROOT of the build before, `jupyter` the folder that gets a kernel of the environment.
    """
    paths = {"log": log_file, "beside": beside, "jupyter": jupyter}
    reported = {name: None if path is None else str(path) for name, path in paths.items()}
    return json.dumps({"environ": environ, **reported}).encode("ascii") + b"\n"


def main(build: Build) -> None:
    """Wait for the order, and build; without one, as the other process has ended, do nothing.

    A problem is sent as a build logs it, and ends the process by SystemExit with its exit status.
    """
    for module in IMPORTED_LATE:
        importlib.import_module(module)
    line = sys.stdin.readline()
    if not line:
        return
    given = json.loads(line)
    os.environ.clear()
    os.environ.update(given["environ"])
    log = EventLog(_stdout_to(Path(given["log"])))
    settings = Settings()

    def on_installed(installer: Installer, python: Python) -> None:
        if given["jupyter"]:
            kernel_environment.provide(Path(given["jupyter"]), installer, python, settings.home, log)

    later: list[Callable[[], None]] = []
    try:
        build(settings, log, Path(given["beside"]) if given["beside"] else None, on_installed, later.append)
        log.send(done=True)
    except Problem as problem:
        findings.tell(problem, log)
        sys.exit(problem.exit_status)
    for call in later:
        call()


def _stdout_to(log_file: Path) -> TextIO:
    """Have stdout and stderr, also of programs that we start, go to the file; return what stdout was."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)
    return events
