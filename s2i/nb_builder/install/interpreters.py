"""The model Python: which interpreters this machine has, and which one the notebook gets."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nb_builder.common.log import Log
from nb_builder.problems.notebooks import PythonMissing

OLDEST = (3, 6)
# Release dates. Packages have wheels for a new Python some months later.
_RELEASED = {
    "3.7": date(2018, 6, 27),
    "3.8": date(2019, 10, 14),
    "3.9": date(2020, 10, 5),
    "3.10": date(2021, 10, 4),
    "3.11": date(2022, 10, 24),
    "3.12": date(2023, 10, 2),
    "3.13": date(2024, 10, 7),
    "3.14": date(2025, 10, 7),
}
_MONTHS_LATER = timedelta(days=180)
# Beyond any release, to evaluate specifiers such as ">=3.9" for every minor and patch version.
_NEWEST = 20
_PATCHES = 40

_PROBE = "import sys; print('%d.%d %d.%d.%d %s' % (sys.version_info[:2] + sys.version_info[:3] + (sys.executable,)))"


@dataclass(frozen=True)
class Python:
    """An interpreter: its path, its minor version such as "3.11", and the full one such as "3.11.2"."""

    path: Path
    minor: str
    full: str = ""

    @property
    def number(self) -> int:
        """Return the 11 of 3.11."""
        return int(self.minor.split(".")[1])


@dataclass(frozen=True)
class Wish:
    """A wish for a Python: words such as "environment.yml asks for", and a specifier such as "==3.9.*"."""

    words: str
    specifier: str

    def minors(self) -> list[str]:
        """Return the minor versions of which at least one release fits; none for an invalid specifier."""
        try:
            allowed = SpecifierSet(self.specifier)
        except InvalidSpecifier:
            return []
        known = [f"3.{number}" for number in range(_NEWEST + 1)]
        return [minor for minor in known if any(allowed.contains(f"{minor}.{patch}") for patch in range(_PATCHES))]

    def __str__(self) -> str:
        return f"{self.words} Python {self.specifier.removeprefix('==').removesuffix('.*')}"


def of_date(day: str) -> list[Wish]:
    """Return a wish for a Python that packages of `day` had wheels for; none if every Python was old enough."""
    too_new = [minor for minor, released in _RELEASED.items() if released + _MONTHS_LATER > date.fromisoformat(day)]
    return [Wish(f"the packages of {day} go with", f"<{too_new[0]}")] if too_new else []


def choose(setting: str | None, wishes: Sequence[Wish], log: Log, environ: Mapping[str, str] = os.environ) -> Python:
    """Return the interpreter for the notebook.

    `setting` (S2I_PYTHON) is obeyed or refused with PythonMissing. The first of `wishes` counts, and the others as
    far as they agree with it; a note names one that does not, and the Python used if the machine has none that fits.
    """
    if setting is not None:
        return _by_setting(setting, environ)
    default = _default()
    first, allowed = _agreed(wishes, log)
    if first is None or default.minor in allowed:
        return default
    interpreters = find(environ)
    matching = [interpreters[minor] for minor in allowed if minor in interpreters]
    if matching:
        return matching[-1]
    nearest = min(
        [*interpreters.values(), default], key=lambda python: min(_distance(python, minor) for minor in allowed)
    )
    log.note(f"{first}, which is not here; Python {nearest.minor} is used instead.")
    return nearest


def _agreed(wishes: Sequence[Wish], log: Log) -> tuple[Wish | None, list[str]]:
    """Return the first wish that some version meets, and the minor versions that the others agree with."""
    first, allowed = None, []
    for wish in wishes:
        minors = wish.minors()
        if first is None and minors:
            first, allowed = wish, minors
        elif common := [minor for minor in allowed if minor in minors]:
            allowed = common
        elif minors:
            log.note(f"{first}, and counts; {wish}. S2I_PYTHON chooses another one.")
    return first, allowed


def find(environ: Mapping[str, str] = os.environ) -> dict[str, Python]:
    """Return {minor version: interpreter} for every Python on this machine, from 3.6 on."""
    interpreters: dict[str, Python] = {}
    for path in _candidates(environ):
        minor = path.name.removeprefix("python")
        if minor not in interpreters:
            python = probe(path)
            if python:
                interpreters.setdefault(python.minor, python)
    return interpreters


def probe(path: Path) -> Python | None:
    """Return the interpreter at `path` if there is a usable one (a pyenv shim may lead nowhere)."""
    try:
        completed = subprocess.run([path, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Whatever else may be called python, or named by S2I_PYTHON, answers otherwise.
    match = re.fullmatch(r"((\d+)\.(\d+)) (\S+) (.+)", completed.stdout.strip())
    if completed.returncode or match is None:
        return None
    minor, major, number, full, executable = match.groups()
    return Python(Path(executable), minor, full) if (int(major), int(number)) >= OLDEST else None


def _by_setting(setting: str, environ: Mapping[str, str]) -> Python:
    if re.fullmatch(r"3\.\d{1,2}", setting):
        interpreters = find(environ)
        if setting in interpreters:
            return interpreters[setting]
        known = ", ".join(sorted(interpreters, key=lambda minor: int(minor[2:]))) or "none"
        raise PythonMissing(wanted=setting, found=known)
    python = probe(Path(setting)) if os.sep in setting else None
    if python is None:
        raise PythonMissing(wanted=repr(setting), found=", ".join(find(environ)) or "none")
    return python


def _default() -> Python:
    """Return the interpreter that our own environments are made of."""
    executable = Path(getattr(sys, "_base_executable", sys.executable))
    return Python(executable, f"{sys.version_info[0]}.{sys.version_info[1]}", platform.python_version())


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
    difference = python.number - int(wanted.split(".")[1])
    return abs(difference), difference < 0
