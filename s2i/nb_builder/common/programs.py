"""Runs programs and captures their output."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nb_scorer.common import phrases


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program; return its output and exit status. Its stdin is empty unless `options` contains `input`.

    Output may contain bytes that are not UTF-8, in any locale. `options` are those of subprocess.run.
    """
    stdin = {} if "input" in options else {"stdin": subprocess.DEVNULL}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "errors": "replace"}
    return subprocess.run(command, **{**stdin, **streams, **options})


def reason(completed: subprocess.CompletedProcess[str]) -> str:
    """Return why a program failed: the last line of stderr, else its exit status."""
    return phrases.last_line(completed.stderr) or f"exit status {completed.returncode}"
