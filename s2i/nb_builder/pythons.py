"""The model Python: which interpreters this machine has, and which one the notebook gets."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nb_builder.log import Log
from nb_builder.problems import PythonMissing

OLDEST = (3, 6)

_PROBE = "import sys; print('%d.%d %d.%d.%d %s' % (sys.version_info[:2] + sys.version_info[:3] + (sys.executable,)))"


@dataclass(frozen=True)
class Python:
    """An interpreter: its path, its minor version such as "3.11", and the whole such as "3.11.2"."""

    path: Path
    minor: str
    full: str = ""

    @property
    def number(self) -> int:
        """Return the 11 of 3.11."""
        return int(self.minor.split(".")[1])


def choose(setting: str | None, wanted: str | None, log: Log, environ: Mapping[str, str] = os.environ) -> Python:
    """Return the interpreter for the notebook.

    `setting` (S2I_PYTHON) is obeyed or refused with PythonMissing; `wanted` (from the notebook) is
    met if it can be, and otherwise a note names what is used instead.
    """
    if setting is not None:
        return _as_set(setting, environ)
    own = _own()
    if wanted is None or wanted == own.minor:
        return own
    found = find(environ)
    if wanted in found:
        return found[wanted]
    used = min([*found.values(), own], key=lambda python: _distance(python, wanted))
    log.note(f"the notebook was written with Python {wanted}, which is not here; Python {used.minor} is used instead.")
    return used


def find(environ: Mapping[str, str] = os.environ) -> dict[str, Python]:
    """Return {minor version: interpreter} for every Python from 3.6 on that this machine has."""
    found: dict[str, Python] = {}
    for path in _candidates(environ):
        minor = path.name.removeprefix("python")
        if minor not in found:
            python = probe(path)
            if python:
                found.setdefault(python.minor, python)
    return found


def probe(path: Path) -> Python | None:
    """Return the interpreter at `path` if there is a usable one (a pyenv shim may lead nowhere)."""
    try:
        ran = subprocess.run([path, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode:
        return None
    minor, full, executable = ran.stdout.strip().split(" ", 2)
    major, number = map(int, minor.split("."))
    return Python(Path(executable), minor, full) if (major, number) >= OLDEST else None


def _as_set(setting: str, environ: Mapping[str, str]) -> Python:
    if re.fullmatch(r"3\.\d{1,2}", setting):
        found = find(environ)
        if setting in found:
            return found[setting]
        known = ", ".join(sorted(found, key=lambda minor: int(minor[2:]))) or "none"
        raise PythonMissing(wanted=setting, found=known)
    python = probe(Path(setting)) if os.sep in setting else None
    if python is None:
        raise PythonMissing(wanted=repr(setting), found=", ".join(find(environ)) or "none")
    return python


def _own() -> Python:
    """Return the interpreter that our own environments are made of."""
    path = Path(getattr(sys, "_base_executable", sys.executable))
    return Python(path, f"{sys.version_info[0]}.{sys.version_info[1]}", platform.python_version())


def _candidates(environ: Mapping[str, str]) -> list[Path]:
    """Return every file named python3.N where Pythons usually are, PATH first."""
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    home = Path(environ.get("HOME", "/"))
    pyenv = Path(environ.get("PYENV_ROOT", home / ".pyenv"))
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), *sorted(Path("/opt/python").glob("*/bin"))]
    folders += sorted((pyenv / "versions").glob("*/bin"))
    folders += sorted((home / ".local/share/uv/python").glob("*/bin"))
    return [
        path
        for folder in folders
        for path in sorted(folder.glob("python3.*"))
        if re.fullmatch(r"python3\.\d+", path.name)
    ]


def _distance(python: Python, wanted: str) -> tuple[int, int]:
    """Order by distance from the wanted version, a newer one before an older one."""
    away = python.number - int(wanted.split(".")[1])
    return abs(away), away < 0
