"""The notebook's environment: its requirements and cloudpickle, nothing of ours, nothing of Jupyter."""

import subprocess
import sys
from pathlib import Path

from nb_builder.install.interpreters import Python
from nb_builder.problems.requirements import InstallFailed


def make(venv: Path, python: Python) -> Path:
    """Make an empty virtual environment at `venv` and return its interpreter; raise InstallFailed."""
    command = [
        sys.executable,
        "-I",
        "-m",
        "virtualenv",
        "--quiet",
        "--no-seed",
        "--clear",
        "-p",
        str(python.path),
        str(venv),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if ran.returncode:
        words = (ran.stdout + ran.stderr).strip()
        reason = (words.splitlines() or ["no reason given"])[-1]
        raise InstallFailed(reason=reason, installer="virtualenv", python=python.minor, detail=words)
    if python.number < 8:
        # virtualenv's start-up hook is written in a newer Python's syntax and complains at every start.
        for hook in venv.glob("lib/python*/site-packages/_virtualenv.p*"):
            hook.unlink()
    return venv / "bin" / "python"
