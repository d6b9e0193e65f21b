"""Makes an unpacked archive usable: links, permissions, and the virtual environment of the model's own Python."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from nb_scorer.common import paths
from nb_service import problems
from nb_service.backends.spark_model import layout

# This file exists once the archive is ready for use.
READY = ".nb-spark-ready"


def prepare(folder: str) -> str:
    """Prepare an unpacked archive, once for all workers of an executor; return its APP_ROOT. Raise SparkPython."""
    app_root = os.path.join(folder, layout.APP_ROOT)
    ready = os.path.join(folder, READY)
    if os.path.exists(ready):
        return app_root
    with open(f"{ready}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(ready):
            try:
                _prepare(folder, app_root)
            except OSError as error:
                raise problems.SparkArchive(folder, error.strerror or str(error)) from None
            with open(ready, "w", encoding="ascii"):
                pass
    return app_root


def _prepare(folder: str, app_root: str) -> None:
    with open(os.path.join(folder, layout.MANIFEST), "rb") as file:
        manifest = json.load(file)
    for name in manifest["folders"]:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for name, target in manifest["links"].items():
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
    for name in manifest["executables"]:
        os.chmod(os.path.join(folder, name), 0o755)  # noqa: S103 - a program, in a folder of this user's own
    own = os.path.join(folder, manifest["interpreter"]) if manifest["interpreter"] else ""
    _make_venv(os.path.join(app_root, paths.VENV), python_of(manifest["python"], own), manifest["python"])


def python_of(minor: str, own: str) -> str:
    """Return a Python of that version, the archive's own if it runs; raise SparkPython."""
    tried = []
    for path in _candidates(minor, own):
        if path not in tried:
            tried.append(path)
            if _version(path) == minor:
                return path
    raise problems.SparkPython(minor, tried)


def _candidates(minor: str, own: str) -> Iterator[str]:
    if own:
        yield own
    # The model must not see the packages of the worker's virtual environment.
    yield os.path.realpath(sys.executable)
    name = f"python{minor}"
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/bin", "/usr/bin"]:
        path = shutil.which(name, path=folder) if folder else None
        if path:
            yield path


def _version(python: str) -> str:
    """Return the minor version of a Python, or "" if it does not run."""
    command = [python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def _make_venv(venv: str, python: str, minor: str) -> None:
    """Create a virtual environment's files except for its packages; all of them contain its path."""
    os.makedirs(os.path.join(venv, "bin"), exist_ok=True)
    for name in ("python", "python3", f"python{minor}"):
        path = os.path.join(venv, "bin", name)
        if not os.path.lexists(path):
            os.symlink(_real(python) if name == "python" else "python", path)
    with open(os.path.join(venv, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(_real(python))}\ninclude-system-site-packages = false\n")


def _real(python: str) -> str:
    """Return the path of the real interpreter, because the one on PATH may be a wrapper script."""
    command = [python, "-I", "-c", "import os, sys; print(os.path.realpath(sys.executable))"]
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return ran.stdout.strip() or python
