"""Installs Pythons into a builder image, each with the overlay that runs its cells: runs during the image build.

Usage: python -m nb_builder.baked_pythons HOME PLACE [MINOR…]     (HOME: our environments, PLACE: /opt/python)

Installs each MINOR into PLACE with uv, then creates an overlay in HOME for every Python in PLACE and compiles nb_scorer
with it. Builds then need no network for these Pythons, and services don't compile nb_scorer at each start.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_builder import image_trim
from nb_builder.common import digests
from nb_builder.common.log import Log
from nb_builder.common.python_places import FOLDER_SETTING
from nb_builder.execute import kernel_overlay
from nb_builder.install import interpreters, python_downloads
from nb_builder.install.installer import Installer
from nb_builder.install.interpreters import Python
from nb_builder.install.python_downloads import DownloadFailed
from nb_builder.problems.build_problem import BuildProblem

# Parts of the standard library that services don't import.
NOT_NEEDED = ("test", "idlelib", "turtledemo", "ensurepip")
LOCK = Path(__file__).parents[1] / "requirements.lock"
# A pin of the lock file, with its marker and without its digests.
_PIN = re.compile(r"^([\w.-]+==[^\\\n]*?)\s*\\?$", re.MULTILINE)


def bake(home: Path, place: Path, minors: Sequence[str], environ: Mapping[str, str], log: Log) -> None:
    """Install `minors` into `place`, and create overlays in `home`; raise DownloadFailed or a problem."""
    # The reason for APP_ROOT: files that uv keeps for its next call must be removed from `place`.
    environ = {**environ, FOLDER_SETTING: str(place), "APP_ROOT": str(place)}
    for minor in minors:
        log.step(f"Installing Python {minor} into {place}")
        python_downloads.install(minor, environ)
    for installation in sorted(place.glob("*")):
        python = interpreters.probe(_program(installation))
        if python is None:
            raise DownloadFailed(f"the Python in {installation} does not run")
        for name in NOT_NEEDED:
            shutil.rmtree(installation / "lib" / f"python{python.minor}" / name, ignore_errors=True)
        overlay = home / "overlay" / python.minor
        if not overlay.exists():
            log.step(f"Making {overlay}")
            _make_overlay(python, overlay, environ, log)
            image_trim.trim_overlay(home, overlay)
        # The services' user can't write next to the modules.
        compile_all: list[str | Path] = [
            python.path,
            "-I",
            "-m",
            "compileall",
            "-q",
            home / "app-skeleton" / "nb_scorer",
        ]
        subprocess.run(compile_all, check=True)
    if minors:
        # Skipped when adding a Python to an existing image: a hard link to a file of a lower layer would copy it.
        link_identical(home / "overlay")


def link_identical(folder: Path) -> None:
    """Replace files below `folder` that have the same content with hard links to one file."""
    first: dict[tuple[int, str], Path] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        status = path.stat()
        original = first.setdefault((status.st_mode, digests.digest(path)), path)
        if not original.samefile(path):
            path.unlink()
            os.link(original, path)


def _program(installation: Path) -> Path:
    return next(iter(sorted(installation.glob("bin/python3.[0-9]*"))), installation / "bin" / "python3")


def _make_overlay(python: Python, overlay: Path, environ: Mapping[str, str], log: Log) -> None:
    # The lock file has no versions for Pythons that our own environments don't support.
    pins = "\n".join(_PIN.findall(LOCK.read_text("utf-8"))) if python.number >= 10 else ""
    installer = Installer(overlay, python.minor, "uv", environ, log)
    kernel_overlay.make(python, overlay, installer, constraints=pins, compiled=True)


def main(arguments: Sequence[str]) -> None:
    """Install what the arguments name, and exit with 1 on failure."""
    home, place, *minors = arguments
    try:
        bake(Path(home), Path(place), minors, os.environ, Log())
    except (DownloadFailed, BuildProblem) as problem:
        sys.exit(f"{getattr(problem, 'detail', '')}\nThe builder image can't have these Pythons: {problem}")


if __name__ == "__main__":
    main(sys.argv[1:])
