"""Runs the programs that do the work, in their environments."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nb_builder.cli import environments, installation
from nb_builder.cli.installation import HOME, Installation
from nb_builder.cli.problems import VariableInvalid
from nb_builder.common import visible
from nb_builder.common.settings import PROBLEM_FILE

Environ = Mapping[str, str]


class Call:
    """One call of a command: its arguments, and its access to the machine."""

    def __init__(self, given: Namespace, environ: Mapping[str, str]) -> None:
        """Read the variables of `-e`, which override `environ`; raise VariableInvalid."""
        self.given = given
        self.variables = dict(_pair(text) for text in getattr(given, "variables", None) or ())
        self.environ = {**environ, **self.variables}

    @cached_property
    def place(self) -> Installation:
        """Return where nb-builder's files are or will be; raise HomeUnwritable if the user has no home directory."""
        return installation.locate(self.environ)

    @cached_property
    def installation(self) -> Installation:
        """Return the location of nb-builder's files and create it if missing; raise HomeUnwritable.

        Afterwards, `environ` points pip and uv to caches that this user can write.
        """
        installation.unpack(self.place)
        self.environ.update(installation.writable_caches(self.environ, self.place.home))
        return self.place

    def builder(self, *arguments: str, returns: bool = False, shows: bool = False, more: Environ | None = None) -> int:
        """Run a command of nb_builder in the build environment, and return its exit status; see `program`."""
        return self.builder_module("nb_builder", *arguments, returns=returns, shows=shows, more=more)

    def builder_module(
        self, module: str, *arguments: str, returns: bool = False, shows: bool = False, more: Environ | None = None
    ) -> int:
        """Run a module in the build environment, and return its exit status; see `program`."""
        environments.ensure(self.installation, self.environ)
        command = [str(self.installation.home / "build" / "bin" / "python"), "-I", "-u", "-m", module, *arguments]
        return self.program(*command, returns=returns, shows=shows, more=more)

    def with_environment(self, name: str, *arguments: str, returns: bool = False) -> int:
        """Run nb_builder in the environment `name`, creating it if missing; see `program`."""
        environments.ensure(self.installation, self.environ, f"--{name}")
        command = [str(self.installation.home / name / "bin" / "python"), "-I", "-u", "-m", "nb_builder", *arguments]
        return self.program(*command, returns=returns)

    def program(self, *command: str, returns: bool = False, shows: bool = False, more: Environ | None = None) -> int:
        """Run a program with `more` variables, and return its exit status, 128 + N for signal N.

        The program replaces this process, unless work remains afterwards: `returns`, or JSON that the program doesn't
        write itself. In that case its output goes to stderr, unless it `shows` the command's result and the command
        prints no JSON.
        """
        home = self.installation.home
        environ = {**self.environ, HOME: str(home), **(more or {})}
        sys.stdout.flush()
        if not returns and (not self.given.json or self.given.speaks_json):
            os.execve(command[0], command, environ)  # noqa: S606 - no shell is needed
        stdout = None if shows and not self.given.json else sys.stderr
        with subprocess.Popen(command, env=environ, stdout=stdout) as process, _passed_on(process):
            while True:
                # In a terminal, Ctrl-C also reaches the program, which stops by itself.
                with contextlib.suppress(KeyboardInterrupt):
                    status = process.wait()
                    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _passed_on(process: subprocess.Popen) -> Iterator[None]:
    """Forward SIGTERM to `process` inside the block, so that it can stop cleanly."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def as_json(given: Namespace, call: Call) -> Iterator[dict[str, Any]]:
    """Yield a dict for the command's result; on exit, print it with the exit status and the problem, if any.

    Prints nothing for commands that write JSON themselves, and without --json.
    """
    made: dict[str, Any] = {}
    if not given.json or given.speaks_json:
        yield made
        return
    with tempfile.TemporaryDirectory(prefix="nb-problem-") as folder:
        file = Path(folder) / "problem.json"
        call.environ[PROBLEM_FILE] = str(file)
        yield made
        problem = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    status = made.pop("exit_status", 0)
    report(given.command, status, problem, made)


def report(command: str, status: int, problem: dict | None, made: Mapping[str, Any]) -> None:
    """Print a command's result as JSON."""
    print(visible.json_text({"command": command, "exit_status": status, "problem": problem, **made}))


def tail(arguments: Sequence[str]) -> list[str]:
    """Return the arguments to pass on to another program, without a leading `--`."""
    return list(arguments[1:] if arguments[:1] == ["--"] else arguments)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier() or "\n" in value:
        raise VariableInvalid(given=text)
    return name, value
