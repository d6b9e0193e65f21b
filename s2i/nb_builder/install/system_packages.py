"""Packages of the system that a repository asks for in apt.txt or packages.txt: read, looked for, installed.

Only root can install them. So they are installed where the build runs as root, and are in the image where that was
made for them; everywhere else the build ends with a sentence that says how to have them.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common import dpkg
from nb_builder.common.log import Log
from nb_builder.problems.repository import SystemPackageMissing, SystemPackagesMalformed
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import BINDER

# As Binder calls it, and as Streamlit does.
FILES = ("apt.txt", "packages.txt")
_INSIDE = ("", *BINDER)
# Debian's policy, 5.6.1, with what apt-get takes behind a name: an architecture, a version.
_PACKAGE = re.compile(r"([a-z0-9][a-z0-9+.-]+)(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
_ASK = ["apt-get", "-o", "Acquire::Retries=3"]
LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class SystemPackage:
    """One entry as apt-get takes it, and the name in it; `file` is where it stands."""

    entry: str
    name: str
    file: str


def read(folders: Iterable[Path], top: Path) -> tuple[SystemPackage, ...]:
    """Return what files in the notebooks' `folders`, at the top, or in binder/ there ask for.

    Raises SystemPackagesMalformed.
    """
    places = dict.fromkeys(place / inside / name for place in (*folders, top) for inside in _INSIDE for name in FILES)
    found: dict[str, SystemPackage] = {}
    for path in places:
        for package in _entries(path, os.path.relpath(path, top)) if path.is_file() else ():
            found.setdefault(package.entry, package)
    return tuple(found.values())


def provide(wanted: Sequence[SystemPackage], log: Log, *, may_install: bool, in_image: bool) -> list[str]:
    """See to it that `wanted` are installed; return each with its version. Raises SystemPackageMissing."""
    missing = _missing(wanted)
    if missing:
        refusal = _refusal(may_install)
        if refusal:
            raise _problem(missing, refusal)
        _install(missing, log, in_image=in_image)
    held = dpkg.packages()
    log.line("     " + ", ".join(f"{each.name} {held[each.name].version}" for each in wanted))
    return [f"{each.name}={held[each.name].version}" for each in wanted]


def _entries(path: Path, shown: str) -> Iterable[SystemPackage]:
    for number, line in logical(path.read_text(encoding="utf-8-sig")):
        for word in line.split():
            match = _PACKAGE.fullmatch(word)
            if not match:
                raise SystemPackagesMalformed(where=f"{shown} (line {number})", entry=word)
            yield SystemPackage(word, match[1], shown)


def _missing(wanted: Sequence[SystemPackage]) -> list[SystemPackage]:
    held = dpkg.packages()
    return [each for each in wanted if each.name not in held]


def _refusal(may_install: bool) -> str:
    """Return why nothing can be installed here, "" where it can."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get here"
    if not may_install:
        return "S2I_APT=0 keeps this build from it"
    return "" if os.geteuid() == 0 else "this build does not run as root"


def _install(missing: Sequence[SystemPackage], log: Log, *, in_image: bool) -> None:
    names = " ".join(each.entry for each in missing)
    if not in_image:
        log.note(f"'apt-get install {names}' changes this machine, not this build alone; S2I_APT=0 keeps it from that.")
    log.line(f"     apt-get install {names}")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    entries = [each.entry for each in missing]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "--", *entries]):
        ran = subprocess.run(
            [*_ASK, *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if ran.returncode:
            errors = re.findall(r"^E: (.*)", ran.stdout, re.MULTILINE) or [f"status {ran.returncode}"]
            raise _problem(missing, f"apt-get {command[0]} failed: {errors[0]}", ran.stdout.strip())
    if in_image:
        # Megabytes that no service needs, in every image that is made of this one.
        shutil.rmtree(LISTS, ignore_errors=True)
    left = _missing(missing)
    if left:
        raise _problem(left, "apt-get installed others in their place")


def _problem(missing: Sequence[SystemPackage], reason: str, detail: str = "") -> SystemPackageMissing:
    names = " ".join(each.entry for each in missing)
    return SystemPackageMissing(names=names, file=missing[0].file, reason=reason, detail=detail)
