"""System packages that a repository requires in apt.txt or packages.txt.

Only root can install them. So they must be part of the builder image, unless the build runs as root. Otherwise, the
build fails with a problem that explains how to install them.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.common import dpkg, programs
from nb_builder.common.log import Log
from nb_builder.problems.notebooks import SystemPackageMissing, SystemPackagesMalformed
from nb_builder.repository import ordinary_files
from nb_builder.requirements.logical_lines import logical
from nb_builder.requirements.sources import BINDER

# The names that Binder and Streamlit use.
FILES = ("apt.txt", "packages.txt")
_SUBFOLDERS = ("", *BINDER)
# A name by Debian's policy, 5.6.1, with what apt-get accepts after it: an architecture, a version.
_PACKAGE = re.compile(r"([a-z0-9][a-z0-9+.-]+)(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
_APT_GET = ["apt-get", "-o", "Acquire::Retries=3"]
LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class SystemPackage:
    """One entry in apt-get's format, the package's name in it, and the `file` that contains it."""

    entry: str
    name: str
    file: str


def read(folders: Iterable[Path], top: Path) -> tuple[SystemPackage, ...]:
    """Read the packages required by files in the notebooks' `folders`, in `top`, or in binder/ in these.

    Raises SystemPackagesMalformed, FileRefused or FileEncoding.
    """
    paths = dict.fromkeys(
        folder / subfolder / name for folder in (*folders, top) for subfolder in _SUBFOLDERS for name in FILES
    )
    packages: dict[str, SystemPackage] = {}
    for path in paths:
        for package in _entries(path, top) if ordinary_files.is_file(path, top) else ():
            packages.setdefault(package.entry, package)
    return tuple(packages.values())


def provide(wanted: Sequence[SystemPackage], log: Log, *, may_install: bool, in_image: bool) -> list[str]:
    """Make sure that `wanted` are installed; return each as `name=version`. Raises SystemPackageMissing."""
    missing = _missing(wanted)
    if missing:
        rejection = _obstacle(may_install)
        if rejection:
            raise _problem(missing, rejection)
        _install(missing, log, in_image=in_image)
    installed = dpkg.packages()
    log.detail(", ".join(f"{package.name} {installed[package.name].version}" for package in wanted))
    return [f"{package.name}={installed[package.name].version}" for package in wanted]


def _entries(path: Path, top: Path) -> Iterable[SystemPackage]:
    name = os.path.relpath(path, top)
    for number, line in logical(ordinary_files.text(path, top)):
        for entry in line.split():
            match = _PACKAGE.fullmatch(entry)
            if not match:
                raise SystemPackagesMalformed(where=f"{name} (line {number})", entry=entry)
            yield SystemPackage(entry, match[1], name)


def _missing(wanted: Sequence[SystemPackage]) -> list[SystemPackage]:
    installed = dpkg.packages()
    return [package for package in wanted if package.name not in installed]


def _obstacle(may_install: bool) -> str:
    """Return why no system package can be installed here, or ""."""
    if shutil.which("apt-get") is None:
        return "apt-get is not available"
    if not may_install:
        return "S2I_APT=0 forbids it"
    return "" if os.geteuid() == 0 else "this build does not run as root"


def _install(missing: Sequence[SystemPackage], log: Log, *, in_image: bool) -> None:
    names = " ".join(package.entry for package in missing)
    if not in_image:
        log.note(
            f"'apt-get install {names}' installs packages on this machine, for all programs. Set S2I_APT=0 to "
            "prevent that."
        )
    log.detail(f"apt-get install {names}")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    entries = [package.entry for package in missing]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "--", *entries]):
        completed = programs.run([*_APT_GET, *command], env=environ, stderr=subprocess.STDOUT)
        if completed.returncode:
            errors = re.findall(r"^E: (.*)", completed.stdout, re.MULTILINE) or [f"status {completed.returncode}"]
            raise _problem(missing, f"apt-get {command[0]} failed: {errors[0]}", completed.stdout.strip())
    if in_image:
        # Megabytes that services don't need, but that every image based on this one would contain.
        shutil.rmtree(LISTS, ignore_errors=True)
    still_missing = _missing(missing)
    if still_missing:
        raise _problem(still_missing, "apt-get installed others instead")


def _problem(missing: Sequence[SystemPackage], reason: str, detail: str = "") -> SystemPackageMissing:
    names = " ".join(package.entry for package in missing)
    return SystemPackageMissing(names=names, file=missing[0].file, reason=reason, detail=detail)
