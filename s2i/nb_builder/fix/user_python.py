"""Finds the Python that the user runs the notebook with, whose packages have the right versions."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

from nb_builder.common.log import Log
from nb_builder.fix.problems import PythonUnusable

# Kernel names that Jupyter accepts.
_KERNEL = re.compile(r"[A-Za-z0-9._-]{1,200}")
_DATA = {"darwin": "Library/Jupyter"}


def choose(named: str | None, node: NotebookNode, environ: Mapping[str, str], log: Log) -> Path:
    """Return the named Python, or that of the active virtual environment, of the kernel, or on PATH.

    Raises PythonUnusable if there is none; a note reports an environment or kernel without Python.
    """
    if named is not None:
        return _named(named, environ)
    active = environ.get("VIRTUAL_ENV")
    if active:
        python = _of_environment(Path(active))
        if python:
            return python
        log.note(f"the active virtual environment {active} has no Python.")
    kernel = node.metadata.get("kernelspec", {}).get("name")
    python = _of_kernel(str(kernel), environ) if kernel else None
    if python:
        return python
    found = shutil.which("python3", path=environ.get("PATH"))
    if found is None:
        raise PythonUnusable(python="python3", reason="it is not on PATH")
    return Path(found)


def _named(named: str, environ: Mapping[str, str]) -> Path:
    path = Path(named).expanduser()
    if path.is_dir():
        python = _of_environment(path)
        if python is None:
            raise PythonUnusable(python=named, reason="it is a folder without bin/python")
        return python
    found = shutil.which(path, path=environ.get("PATH"))
    if found is None:
        raise PythonUnusable(python=named, reason="it is not an executable program")
    return Path(found).absolute()


def _of_environment(folder: Path) -> Path | None:
    """Return the Python of a virtual environment; links are not resolved, because they lead out of the environment."""
    python = folder.absolute() / "bin" / "python"
    return python if os.access(python, os.X_OK) else None


def _of_kernel(name: str, environ: Mapping[str, str]) -> Path | None:
    """Return the Python that the kernel spec `name` starts, if the spec is found and names one by its path.

    The name comes from the notebook: a path in it would lead to a spec of the notebook's author.
    """
    if not _KERNEL.fullmatch(name) or name.startswith("."):
        return None
    for folder in _data_folders(environ):
        try:
            spec = json.loads((folder / "kernels" / name / "kernel.json").read_text("utf-8"))
            python = Path(spec["argv"][0])
        except (OSError, ValueError, LookupError, TypeError):
            # There is no such kernel, or Jupyter could not start it, either.
            continue
        if python.is_absolute() and os.access(python, os.X_OK):
            return python
    return None


def _data_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders in which Jupyter looks for kernels, except that of our own environment."""
    home = Path(environ.get("HOME", "/"))
    share = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jupyter"
    user = environ.get("JUPYTER_DATA_DIR") or (home / _DATA[sys.platform] if sys.platform in _DATA else share)
    folders = [folder for folder in environ.get("JUPYTER_PATH", "").split(os.pathsep) if folder]
    return [*map(Path, folders), Path(user), Path("/usr/local/share/jupyter"), Path("/usr/share/jupyter")]
