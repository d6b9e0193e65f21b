"""Runs one build in its own process, which imports all modules that a build needs before it receives its job.

It reads the job, one line of JSON, from stdin, and writes events to stdout as JSON lines: {"step": title}, {"note":
text}, {"message": text} for any other log line, and {"done": true} once the model can be served, after which the
process may run a little longer. The full log, with the output of all programs of the build, goes to a file.
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

# Renders the notebook's page; imported late, when a build reaches that step.
IMPORTED_LATE = ("nbconvert.exporters", "nh3", "pygments.formatters")

# Runs a build; takes settings, a log, and the fields of assemble.DevAdditions.
Build = Callable[
    [Settings, Log, Path | None, Callable[[Installer, Python], None], Callable[[Callable[[], None]], None]], None
]


class EventLog(Log):
    """A log that also sends events to the parent process, except details."""

    def __init__(self, events: TextIO) -> None:
        super().__init__()
        self._events = events

    def step(self, text: str) -> None:
        """Print a step's title, and send it."""
        super().step(text)
        self.send(step=text)

    def note(self, text: str, *, is_routine: bool = False) -> None:
        """Print a note, and send it unless every build prints it."""
        super().note(text, is_routine=is_routine)
        if not is_routine:
            self.send(note=text)

    def line(self, text: str) -> None:
        """Print one or several lines, and send them as one event."""
        super().line(text)
        self.send(message=text)

    def send(self, **event: object) -> None:
        """Send an event."""
        print(json.dumps(event), file=self._events, flush=True)


def order(environ: dict[str, str], log_file: Path, previous: Path | None, jupyter: Path | None) -> bytes:
    """Return the JSON line that starts a build.

    `previous` is the APP_ROOT of the previous build, `jupyter` the folder for a kernel in the build's environment.
    """
    paths = {"log": log_file, "previous": previous, "jupyter": jupyter}
    reported = {name: None if path is None else str(path) for name, path in paths.items()}
    return json.dumps({"environ": environ, **reported}).encode("ascii") + b"\n"


def main(build: Build) -> None:
    """Wait for the job and build; return at once if stdin closes because the parent has exited.

    A problem is sent as a build logs it, and raises SystemExit with its exit status.
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
        build(settings, log, Path(given["previous"]) if given["previous"] else None, on_installed, later.append)
        log.send(done=True)
    except Problem as problem:
        findings.print_problem(problem, log)
        sys.exit(problem.exit_status)
    for call in later:
        call()


def _stdout_to(log_file: Path) -> TextIO:
    """Redirect stdout and stderr, including those of child processes, to the file; return the former stdout."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)
    return events
