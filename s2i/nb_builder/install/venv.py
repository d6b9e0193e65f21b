"""Makes the notebook's environment: for its requirements and cloudpickle, without our packages or Jupyter's."""

import subprocess
import sys
from pathlib import Path

from nb_builder.install.interpreters import Python
from nb_builder.problems.packages import InstallFailed


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
    completed = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if completed.returncode:
        output = (completed.stdout + completed.stderr).strip()
        reason = (output.splitlines() or ["no reason given"])[-1]
        raise InstallFailed(reason=reason, installer="virtualenv", python=python.minor, detail=output)
    if python.number < 8:
        # virtualenv's start-up hook needs the syntax of a newer Python, and would print an error at every start.
        for hook in venv.glob("lib/python*/site-packages/_virtualenv.p*"):
            hook.unlink()
    return venv / "bin" / "python"
