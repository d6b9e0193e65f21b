"""Determines the model Python: lists this machine's interpreters, and chooses or downloads one for the notebook."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nb_builder.common import programs, python_versions
from nb_builder.common.log import Log
from nb_builder.common.python_places import candidates, uv_folder
from nb_builder.install import python_downloads
from nb_builder.install.python_downloads import DownloadFailed
from nb_builder.problems.notebooks import PythonMissing

OLDEST = (3, python_versions.OLDEST)
# Values of S2I_PYTHON_DOWNLOADS, and the one that `check` uses instead of `auto`: it only reports the download.
AUTO, NEVER, REPORT = "auto", "never", "report"
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
    "3.15": date(2026, 10, 1),
}
_MONTHS_LATER = timedelta(days=180)
# Higher than any release, to evaluate specifiers such as ">=3.9" for every minor and patch version.
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
        """Return the minor number, such as 11 for 3.11."""
        return int(self.minor.split(".")[1])


@dataclass(frozen=True)
class Wish:
    """A requested Python: text such as "environment.yml asks for", and a specifier such as "==3.9.*"."""

    source: str
    specifier: str

    def minors(self) -> list[str]:
        """Return the minor versions with at least one matching release; none for an invalid specifier."""
        try:
            allowed = SpecifierSet(self.specifier)
        except InvalidSpecifier:
            return []
        known = [f"3.{number}" for number in range(_NEWEST + 1)]
        return [minor for minor in known if any(allowed.contains(f"{minor}.{patch}") for patch in range(_PATCHES))]

    def __str__(self) -> str:
        return f"{self.source} Python {self.specifier.removeprefix('==').removesuffix('.*')}"


def of_date(day: str) -> list[Wish]:
    """Request a Python for which packages of `day` had wheels; none if every Python was old enough."""
    too_new = [minor for minor, released in _RELEASED.items() if released + _MONTHS_LATER > date.fromisoformat(day)]
    return [Wish(f"the packages of {day} match", f"<{too_new[0]}")] if too_new else []


@dataclass(frozen=True)
class Choice:
    """The interpreter for a notebook.

    `note` explains why it is not the one that the notebook requests, else "". `others` are the minor versions that the
    notebook's requests would also allow.
    """

    python: Python
    note: str = ""
    others: tuple[str, ...] = ()


def choose(
    setting: str | None,
    wishes: Sequence[Wish],
    log: Log,
    environ: Mapping[str, str] = os.environ,
    downloads: str = NEVER,
) -> Choice:
    """Return the interpreter for the notebook, downloaded if no installed one matches and `downloads` is AUTO.

    `setting` (S2I_PYTHON) is obeyed or rejected with PythonMissing. The first of `wishes` counts, and the others if
    they agree with it; a note names one that doesn't, and the Python used if no matching one is available.
    """
    default = _default()
    if setting is not None:
        return _by_setting(setting, default, log, environ, downloads)
    first, allowed = _agreed(wishes, log)
    if first is None:
        return Choice(default, others=_others(default, python_versions.MINORS))
    if default.minor in allowed:
        return Choice(default, others=_others(default, allowed))
    interpreters = find(environ)
    matching = [interpreters[minor] for minor in allowed if minor in interpreters]
    if matching:
        return Choice(matching[-1], others=_others(matching[-1], allowed))
    reason = ""
    for wanted in sorted(set(allowed) & set(python_versions.MINORS), key=lambda minor: _distance(default, minor))[:1]:
        try:
            python = provide(wanted, log, environ, downloads)
            return Choice(python, others=_others(python, allowed))
        except DownloadFailed as failure:
            reason = str(failure)
    nearest = min(
        [*interpreters.values(), default], key=lambda python: min(_distance(python, minor) for minor in allowed)
    )
    use = "the checks use" if downloads == REPORT else "the build uses"
    note = f"{first}, which is not installed{reason}; {use} Python {nearest.minor} instead."
    log.note(note)
    return Choice(nearest, note)


def provide(minor: str, log: Log, environ: Mapping[str, str], downloads: str) -> Python:
    """Download Python `minor`, if `downloads` allows it, and return it; raise DownloadFailed with a clause."""
    if downloads == NEVER:
        raise DownloadFailed(" (S2I_PYTHON_DOWNLOADS=never)")
    if downloads == REPORT:
        raise DownloadFailed(" and which a build downloads")
    log.detail(f"downloading Python {minor} into {uv_folder(environ)}")
    try:
        python_downloads.install(minor, environ)
    except DownloadFailed as failure:
        raise DownloadFailed(f" and could not be downloaded ({failure})") from None
    python = find(environ).get(minor)
    if python is None:
        raise DownloadFailed(" and does not run on this machine after its download")
    return python


def _others(python: Python, allowed: Iterable[str]) -> tuple[str, ...]:
    """Return the allowed minor versions other than that of `python`, nearest first."""
    others = set(allowed) & set(python_versions.MINORS) - {python.minor}
    return tuple(sorted(others, key=lambda minor: _distance(python, minor)))


def _agreed(wishes: Sequence[Wish], log: Log) -> tuple[Wish | None, list[str]]:
    """Return the first request that some version meets, and the minor versions that the others also allow."""
    first, allowed = None, []
    for wish in wishes:
        minors = wish.minors()
        if first is None and minors:
            first, allowed = wish, minors
        elif common := [minor for minor in allowed if minor in minors]:
            allowed = common
        elif minors:
            log.note(f"{first}, which takes precedence; {wish}. S2I_PYTHON chooses another one.")
    return first, allowed


def find(environ: Mapping[str, str] = os.environ) -> dict[str, Python]:
    """Return {minor version: interpreter} for every Python on this machine, from 3.6 on."""
    interpreters: dict[str, Python] = {}
    for path in candidates(environ):
        minor = path.name.removeprefix("python")
        if minor not in interpreters:
            python = probe(path)
            if python:
                interpreters.setdefault(python.minor, python)
    return interpreters


def probe(path: Path) -> Python | None:
    """Return the interpreter at `path` if it works (a pyenv shim may point to a missing one)."""
    try:
        completed = programs.run([path, "-I", "-S", "-c", _PROBE], timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Another program called python, or named in S2I_PYTHON, prints other output.
    match = re.fullmatch(r"((\d+)\.(\d+)) (\S+) (.+)", completed.stdout.strip())
    if completed.returncode or match is None:
        return None
    minor, major, number, full, executable = match.groups()
    return Python(Path(executable), minor, full) if (int(major), int(number)) >= OLDEST else None


def _by_setting(setting: str, default: Python, log: Log, environ: Mapping[str, str], downloads: str) -> Choice:
    """Return the Python that S2I_PYTHON names; raise PythonMissing."""
    is_version = re.fullmatch(r"3\.\d{1,2}", setting) is not None
    interpreters = find(environ)
    if is_version and setting in interpreters:
        return Choice(interpreters[setting])
    if not is_version and os.sep in setting:
        python = probe(Path(setting))
        if python is not None:
            return Choice(python)
    reason = ""
    if is_version and setting in python_versions.MINORS:
        try:
            return Choice(provide(setting, log, environ, downloads))
        except DownloadFailed as failure:
            reason = str(failure)
        if downloads == REPORT:
            log.note(f"S2I_PYTHON asks for Python {setting}, which is not installed{reason}.")
            return Choice(default)
    elif os.sep not in setting:
        first, *_, last = python_versions.MINORS
        reason = f": it must be a minor version from {first} to {last}, or a path"
    known = ", ".join(sorted(interpreters, key=python_versions.number)) or "none"
    wanted = setting if is_version else repr(setting)
    baked = setting if setting in python_versions.MINORS else default.minor
    raise PythonMissing(wanted=wanted, reason=reason, found=known, baked=baked)


def _default() -> Python:
    """Return the interpreter of our own environments."""
    executable = Path(getattr(sys, "_base_executable", sys.executable))
    return Python(executable, f"{sys.version_info[0]}.{sys.version_info[1]}", platform.python_version())


def _distance(python: Python, wanted: str) -> tuple[int, int]:
    """Sort by distance from the wanted version, newer before older."""
    difference = python.number - int(wanted.split(".")[1])
    return abs(difference), difference < 0
