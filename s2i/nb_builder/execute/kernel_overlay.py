"""The folder with ipykernel that a kernel appends to its `sys.path`: created once per Python, or for a single build.

s2i/install creates the one for the default Python, from the lock.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from nb_builder.common import markers, programs
from nb_builder.install.installer import UV, Installer
from nb_builder.install.interpreters import Python
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.model import DiskFull
from nb_builder.problems.packages import IndexUnreachable, InstallFailed

# ipykernel's debugger and IPython's completion: no cell needs them, and they are half of the overlay's size.
LEFT_OUT = ("debugpy", "jedi")
# That release doesn't declare its dependency on typing-extensions, so a resolver may combine it with any old version.
EXCLUDED = "ipython!=8.23.0\n"


@contextmanager
def ready(python: Python, installer: Installer, *, home: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with an ipykernel that is compatible with the packages in `installer`'s venv.

    That is the overlay in `home`; otherwise the one in the user's cache, created if necessary; otherwise one that is
    resolved against the venv and removed afterwards. Raises the problem of a failed installation.
    """
    freeze = installer.freeze()
    overlay = at_hand(python, installer, freeze, home=home, environ=environ)
    if overlay:
        yield overlay
        return
    with tempfile.TemporaryDirectory(prefix="nb-overlay-") as folder:
        temporary = Path(folder) / "overlay"
        make(python, temporary, installer, constraints=freeze, also=needed_in_kernel(freeze))
        yield temporary


def at_hand(
    python: Python, installer: Installer, freeze: str, *, home: Path, environ: Mapping[str, str]
) -> Path | None:
    """Return the folder in `home` or the user's cache if its ipykernel is compatible with `freeze`, else None.

    The one in the cache is created if necessary, but not below APP_ROOT, where it would become part of the service.
    Raises the problem of a failed installation.
    """
    also = needed_in_kernel(freeze)
    name = "-".join([python.minor, *also])
    overlay = home / "overlay" / name
    if not overlay.is_dir():
        overlay = cache_folder(environ) / name
        # In an image, HOME contains a copy of the repository. `installer` works in APP_ROOT/venv.
        is_in_service = overlay.resolve().is_relative_to(installer.venv.parent.resolve())
        if not overlay.is_dir() and may_write(overlay) and not is_in_service:
            make(python, overlay, installer, compiled=True, also=also)
    return overlay if overlay.is_dir() and fits(overlay, versions(freeze), python.minor) else None


def needed_in_kernel(freeze: str) -> list[str]:
    """Return packages that the packages in `freeze` need in the kernel without declaring it: plotly needs nbformat."""
    installed = versions(freeze)
    return ["nbformat"] if "plotly" in installed and "nbformat" not in installed else []


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in the user's cache that contains one overlay per minor version of Python."""
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/nonexistent", ".cache")
    return Path(cache) / "nb-builder" / "overlay"


def may_write(folder: Path) -> bool:
    """Return whether `folder` can be created: a build may run as a user without a home directory."""
    existing = next(parent for parent in folder.parents if parent.exists())
    return os.access(existing, os.W_OK)


def versions(freeze: str) -> dict[str, Version | None]:
    """Return {canonical name: version} of an installer's freeze; the version is None for a direct URL."""
    by_name: dict[str, Version | None] = {}
    for line in freeze.splitlines():
        name, separator, version = line.strip().partition("==")
        if separator:
            by_name[canonicalize_name(name)] = _version(version)
        elif " @ " in line:
            by_name[canonicalize_name(line.partition(" @ ")[0].strip())] = None
    return by_name


def fits(overlay: Path, installed: Mapping[str, Version | None], minor: str) -> bool:
    """Return whether the packages of the venv, which take precedence, meet the overlay's requirements."""
    environment = markers.environment(minor)
    return all(
        _suits(Requirement(line), installed, environment)
        for distribution in distributions(path=[str(overlay)])
        if canonicalize_name(_name(distribution)) not in installed
        for line in distribution.requires or ()
    )


def make(
    python: Python,
    folder: Path,
    installer: Installer,
    *,
    constraints: str = "",
    compiled: bool = False,
    also: Sequence[str] = (),
) -> None:
    """Install ipykernel and the packages in `also` into `folder`, completely or not at all.

    Raises the problem of a failed installation.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    # The user's options for single packages apply to the notebook's packages, not to these.
    flags = [flag for flag in installer.flags if flag == "--no-index"]
    environ = {name: value for name, value in installer.environ.items() if name != "UV_CONSTRAINT"}
    try:
        command: list[str | Path] = [UV, "pip", "install", "--quiet", "--no-progress", "--python", python.path]
        command += ["--target", scratch / "made", *flags, *_files(scratch, constraints), "ipykernel", *also]
        completed = programs.run(command, env=environ, stderr=subprocess.STDOUT)
        if completed.returncode:
            raise _failed(installer.explain(completed.stdout, "uv"), python)
        if compiled:
            # Compiled here, because uv can't compile for 3.6. A file that fails to compile is only slower to import.
            compileall: list[str | Path] = [python.path, "-I", "-m", "compileall", "-q", scratch / "made"]
            subprocess.run(compileall, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Two builds may create the same overlay; the second one to finish uses that of the first.
        if not folder.exists():
            os.rename(scratch / "made", folder)
    finally:
        shutil.rmtree(scratch)


def _failed(problem: BuildProblem, python: Python) -> BuildProblem:
    """Return `problem` if its cause is the network or disk, otherwise one about ipykernel, which no user required."""
    if isinstance(problem, (DiskFull, IndexUnreachable)):
        return problem
    reason = "no ipykernel, which runs the cells, is compatible with them"
    return InstallFailed(reason=reason, installer="uv", python=python.minor, detail=problem.detail)


def _files(folder: Path, constraints: str) -> list[str]:
    """Write the overrides and constraints for uv to `folder`; return the options that name these files."""
    left_out = folder / "left-out.txt"
    left_out.write_text("".join(f"{name}; sys_platform == 'none'\n" for name in LEFT_OUT))
    pins = folder / "pins.txt"
    pins.write_text(EXCLUDED + "".join(line + "\n" for line in constraints.splitlines() if "==" in line))
    return ["--override", str(left_out), "--constraint", str(pins)]


def _suits(requirement: Requirement, installed: Mapping[str, Version | None], environment: Mapping[str, str]) -> bool:
    name = canonicalize_name(requirement.name)
    if name not in installed or (requirement.marker and not requirement.marker.evaluate(dict(environment))):
        return True
    version = installed[name]
    return version is None or requirement.specifier.contains(version, prereleases=True)


def _name(distribution: Distribution) -> str:
    # Python 3.15 raises KeyError for a missing field, where older versions return None.
    return (distribution.metadata.get_all("Name") or [""])[0]


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
