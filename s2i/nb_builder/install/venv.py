"""Creates the notebook's environment, with its requirements and cloudpickle, without our packages or Jupyter's."""

import os
import shutil
import sys
from pathlib import Path

from nb_scorer.common import phrases

from nb_builder.common import programs
from nb_builder.install.interpreters import Python
from nb_builder.problems.packages import InstallFailed


def make(venv: Path, python: Python) -> Path:
    """Create an empty virtual environment at `venv` and return its interpreter; raise InstallFailed."""
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
    completed = programs.run(command)
    if completed.returncode:
        output = (completed.stdout + completed.stderr).strip()
        reason = phrases.last_line(output) or "no reason given"
        raise InstallFailed(reason=reason, installer="virtualenv", python=python.minor, detail=output)
    if python.number < 8:
        # virtualenv's startup hook needs the syntax of a newer Python, and would print an error at every start.
        for hook in venv.glob("lib/python*/site-packages/_virtualenv.p*"):
            hook.unlink()
    return venv / "bin" / "python"


def copy(venv: Path, target: Path, place: Path | None = None) -> None:
    """Copy the environment at `venv`, including its bytecode, to `target`, which is replaced.

    With `place`, it works after being moved there.

    Its files are hard links, so it takes neither time nor space: installers replace files and never write into them.
    Only files that contain its own path are rewritten: pyvenv.cfg and scripts.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(venv, target, symlinks=True, copy_function=_link)
    before, after = (os.fsencode(path.absolute()) for path in (venv, place or target))
    for file in [target / "pyvenv.cfg", *(target / "bin").iterdir()]:
        content = b"" if file.is_symlink() or not file.is_file() else file.read_bytes()
        if before in content:
            mode = file.stat().st_mode
            # A new file, because the other environment shares the old one.
            file.unlink()
            file.write_bytes(content.replace(before, after))
            file.chmod(mode)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        # The disk has no hard links, or too many of this file.
        shutil.copy2(source, target, follow_symlinks=False)
