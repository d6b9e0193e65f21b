"""A call of the command `nb-builder` from a kernel: its log while it runs, its result, problem and exit status."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nb_builder.common.settings import PROBLEM_FILE
from nb_builder.magics import keeper

# Variables that Jupyter and its kernel set for themselves, and that would make other programs look for Jupyter's.
_OF_THE_KERNEL = ("JPY_", "JUPYTER_")
# Set by ipykernel, which shows colours and has no pager; both would spoil a log.
_COLOURS = ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
# The kernel's matplotlib backend is a module that the notebook's own environment need not have.
_BACKEND = "MPLBACKEND"


class Job:
    """A running call of the command. It stops with the kernel, or with `end`."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        """Start `nb-builder` with these arguments and `environ`, without the kernel's own variables."""
        self.command = arguments[0]
        self.folder = Path(tempfile.mkdtemp(prefix="nb-magic-"))
        self._read = 0
        command = [sys.executable, "-m", "nb_builder.cli", *arguments]
        # A folder without modules, because `-m` puts it first on the path: the notebook's folder may contain a json.py.
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", keeper.__file__, str(self.folder), *command],
            cwd=self.folder,
            env={**environment(environ), PROBLEM_FILE: str(self.folder / "problem.json")},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def status(self) -> int | None:
        """Return the exit status of the command, or None while it runs."""
        text = self._text("status")
        return int(text) if text else self._keeper.poll()

    @property
    def answer(self) -> dict[str, Any] | None:
        """Return the object that the command has printed, or None before that."""
        return _object(self._text("answer"))

    @property
    def problem(self) -> dict[str, Any] | None:
        """Return the problem that the command failed with, if it reported one."""
        reported = self.answer or {}
        return reported.get("problem") or _object(self._text("problem.json"))

    @property
    def log(self) -> str:
        """Return all output of the command so far."""
        return self._text("log")

    def new_output(self) -> str:
        """Return the output of the command since the last call."""
        log = self.log
        new, self._read = log[self._read :], len(log)
        return new

    def end(self) -> None:
        """Stop the command, and remove its files."""
        if self._keeper.stdin:
            self._keeper.stdin.close()
        self._keeper.wait()

    def _text(self, name: str) -> str:
        path = self.folder / name
        # The last character may be incomplete.
        return path.read_bytes().decode("utf-8", "ignore") if path.is_file() else ""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a kernel for a program that isn't part of Jupyter."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(_OF_THE_KERNEL) and name not in _COLOURS and name != PROBLEM_FILE
    }
    if kept.get(_BACKEND, "").startswith("module://"):
        del kept[_BACKEND]
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`, or None if it is incomplete."""
    try:
        made = json.loads(text)
    except ValueError:
        return None
    return made if isinstance(made, dict) else None
