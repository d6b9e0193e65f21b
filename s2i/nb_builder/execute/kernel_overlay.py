"""The folder with ipykernel that a kernel appends to its `sys.path`: made once a Python, or for one build.

The default Python's is made by s2i/install, from the lock.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nb_builder.install.installer import UV, Installer
from nb_builder.install.interpreters import Python
from nb_builder.problems.base import BuildProblem
from nb_builder.problems.model import DiskFull
from nb_builder.problems.requirements import IndexUnreachable, InstallFailed

# ipykernel's debugger and IPython's completion: no cell needs them, and they are half of its size.
LEFT_OUT = ("debugpy", "jedi")
# Says nothing of the typing-extensions that it needs, so a resolver takes it beside any old one.
NEVER = "ipython!=8.23.0\n"


@contextmanager
def ready(python: Python, installer: Installer, *, home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with an ipykernel that fits what `installer`'s venv holds; raise what the installer's words tell.

    That is the one in `home`, else the one in the user's cache (made if it is not there yet), else one
    that is resolved against the venv and thrown away afterwards.
    """
    held = installer.freeze()
    kept = home / "overlay" / python.minor
    if not kept.is_dir():
        kept = cache_folder(environ) / python.minor
        if not kept.is_dir() and may_write(kept):
            make(python, kept, installer, compiled=True)
    if kept.is_dir() and fits(kept, versions(held), python.minor):
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="nb-overlay-") as folder:
        for_this = Path(folder) / "overlay"
        make(python, for_this, installer, constraints=held)
        yield for_this


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in the user's cache that holds an overlay a Python."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/nonexistent", ".cache")
    return Path(cache) / "nb-builder" / "overlay"


def may_write(folder: Path) -> bool:
    """Return whether `folder` can be made: a build may run as a user without a home."""
    there = next(parent for parent in folder.parents if parent.exists())
    return os.access(there, os.W_OK)


def versions(freeze: str) -> dict[str, Version | None]:
    """Return {canonical name: version} of an installer's freeze; None where the line tells none."""
    held: dict[str, Version | None] = {}
    for line in freeze.splitlines():
        name, pinned, version = line.strip().partition("==")
        if pinned:
            held[canonicalize_name(name)] = _version(version)
        elif " @ " in line:
            held[canonicalize_name(line.partition(" @ ")[0].strip())] = None
    return held


def fits(overlay: Path, held: Mapping[str, Version | None], minor: str) -> bool:
    """Return whether what the venv holds, which wins over the overlay, suits the overlay's own needs."""
    here = {name: str(value) for name, value in default_environment().items()}
    environment = {**here, "python_version": minor, "python_full_version": f"{minor}.0", "extra": ""}
    return all(
        _suits(Requirement(line), held, environment)
        for found in distributions(path=[str(overlay)])
        if canonicalize_name(_name(found)) not in held
        for line in found.requires or ()
    )


def make(python: Python, folder: Path, installer: Installer, *, constraints: str = "", compiled: bool = False) -> None:
    """Install ipykernel into `folder`, whole or not at all; raise what uv's words tell."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    # What the user says of single packages is for the notebook's, not for ours.
    flags = [flag for flag in installer.flags if flag == "--no-index"]
    environ = {name: value for name, value in installer.environ.items() if name != "UV_CONSTRAINT"}
    try:
        command: list[str | Path] = [UV, "pip", "install", "--quiet", "--no-progress", "--python", python.path]
        command += ["--target", new / "made", *flags, *_files(new, constraints), "ipykernel"]
        ran = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if ran.returncode:
            raise _failed(installer.explain(ran.stdout, "uv"), python)
        if compiled:
            # Not by uv, which can't for 3.6; a file that does not compile only starts slower.
            compileall: list[str | Path] = [python.path, "-I", "-m", "compileall", "-q", new / "made"]
            subprocess.run(compileall, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Two builds may make the same one: whoever comes second uses the first's.
        if not folder.exists():
            os.rename(new / "made", folder)
    finally:
        shutil.rmtree(new)


def _failed(problem: BuildProblem, python: Python) -> BuildProblem:
    """Return `problem` if it is of network or disk; else one that names ipykernel, which the user never asked for."""
    if isinstance(problem, (DiskFull, IndexUnreachable)):
        return problem
    reason = "no ipykernel, which runs the cells, goes with them"
    return InstallFailed(reason=reason, installer="uv", python=python.minor, detail=problem.detail)


def _files(folder: Path, constraints: str) -> list[str]:
    """Write what is left out, and the pins, into `folder`; return the options that name these files."""
    left_out = folder / "left-out.txt"
    left_out.write_text("".join(f"{name}; sys_platform == 'none'\n" for name in LEFT_OUT))
    pins = folder / "pins.txt"
    pins.write_text(NEVER + "".join(line + "\n" for line in constraints.splitlines() if "==" in line))
    return ["--override", str(left_out), "--constraint", str(pins)]


def _suits(needed: Requirement, held: Mapping[str, Version | None], environment: Mapping[str, str]) -> bool:
    name = canonicalize_name(needed.name)
    if name not in held or (needed.marker and not needed.marker.evaluate(dict(environment))):
        return True
    version = held[name]
    return version is None or needed.specifier.contains(version, prereleases=True)


def _name(found: Distribution) -> str:
    return found.metadata["Name"] or ""


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
