"""The back end `batch` as a process: its arguments, input and output."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import portable

LIMIT = 300


class Ended(NamedTuple):
    """The outcome of a run."""

    status: int
    out: bytes
    err: str


def command(*words, python="") -> list:
    """Return the command line of a batch with these arguments."""
    return [str(python or portable.python()), "-I", "-m", "nb_service", "batch", *map(str, words)]


def environment(app_root, **env) -> dict:
    """Return the environment of a batch with this model."""
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "APP_ROOT": str(app_root), "WEB_CONCURRENCY": "2", **env}


def batch(app_root: Path, *words, given: bytes = b"", python="", cwd=None, **env) -> Ended:
    """Run a batch to its end, with `given` on stdin."""
    ran = subprocess.run(
        command(*words, python=python),
        input=given,
        capture_output=True,
        env=environment(app_root, **env),
        cwd=cwd,
        timeout=LIMIT,
    )
    return Ended(ran.returncode, ran.stdout, ran.stderr.decode("utf-8", "replace"))
