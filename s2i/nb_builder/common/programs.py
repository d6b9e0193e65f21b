"""Runs other programs to their end, for what they print."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nb_scorer.common import phrases


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Return what a program printed and its exit status; it reads nothing unless `options` have an `input`.

    Programs may print bytes that are not UTF-8, and the locale may be any. `options` are those of subprocess.run.
    """
    stdin = {} if "input" in options else {"stdin": subprocess.DEVNULL}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "errors": "replace"}
    return subprocess.run(command, **{**stdin, **streams, **options})


def reason(completed: subprocess.CompletedProcess[str]) -> str:
    """Return why a program failed: the last line of its errors, else its exit status."""
    return phrases.last_line(completed.stderr) or f"exit status {completed.returncode}"
