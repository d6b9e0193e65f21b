"""What a downloaded Python costs: installation from a local mirror, a build with it, and its service's start."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from environments import COMPILING, EXAMPLE, HOME, ROOT, free_port
from nb_builder.install import interpreters, python_downloads

sys.path.insert(0, str(ROOT / "test"))

import pythons

MINOR = "3.12"
ROUNDS = 5


def report() -> None:
    """Measure all three, default and downloaded Python in turn, and print the table."""
    with tempfile.TemporaryDirectory(prefix="nb-bench-") as name:
        place = Path(name)
        environ = _environ(place)
        seconds = [_installation(place, environ) for _ in range(ROUNDS)]
        print(f"\nPython {MINOR} from a mirror on this machine, {ROUNDS} rounds, seconds")
        _row("download, installation, bytecode (goal: at most 2)", seconds)
        builds = [(_build(place, "default", environ), _build(place, MINOR, environ)) for _ in range(ROUNDS)]
        _row("build of k-means with the default Python", [default for default, _ in builds])
        _row("the same with the downloaded one (goal: at most 1.2 times)", [other for _, other in builds])
        starts = [(_start(place / "default"), _start(place / MINOR)) for _ in range(ROUNDS)]
        _row("start with the default Python", [default for default, _ in starts])
        _row("the same with the downloaded one (goal: at most 1.05 times)", [other for _, other in starts])


def _row(title: str, seconds: list[float]) -> None:
    print(f"  {title:60}" + "".join(f"{one:8.2f}" for one in seconds) + f"   median {statistics.median(seconds):.2f}")


def _environ(place: Path) -> dict[str, str]:
    """Return the variables of a machine that has a mirror, but neither pyenv nor this Python."""
    installed = interpreters.find()[MINOR]
    archive = pythons.of_pyenv(place / "python.tar.gz", installed.path.resolve().parents[1], MINOR)
    catalog = pythons.catalog(place / "catalog.json", {installed.full: archive}, place.as_uri())
    hidden = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(place / "none")}
    cache = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")}
    return {**COMPILING, **hidden, **cache, "UV_PYTHON_DOWNLOADS_JSON_URL": catalog, "NB_BUILDER_HOME": str(HOME)}


def _installation(place: Path, environ: dict[str, str]) -> float:
    to = place / "installed"
    began = time.monotonic()
    python_downloads.install(MINOR, {**environ, "UV_PYTHON_INSTALL_DIR": str(to), "APP_ROOT": str(to)})
    seconds = time.monotonic() - began
    shutil.rmtree(to)
    return seconds


def _build(place: Path, python: str, environ: dict[str, str]) -> float:
    app_root = place / python
    shutil.rmtree(app_root, ignore_errors=True)
    app_root.mkdir()
    chosen = {} if python == "default" else {"S2I_PYTHON": python}
    own = {"APP_ROOT": str(app_root), "S2I_SRC": str(EXAMPLE), "UV_PYTHON_INSTALL_DIR": str(app_root / "python")}
    began = time.monotonic()
    ran = subprocess.run([ROOT / "s2i/bin/assemble"], env={**environ, **own, **chosen}, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if ran.returncode:
        raise SystemExit(f"the build with {python} Python failed:\n{ran.stdout}{ran.stderr}")
    return seconds


def _start(app_root: Path) -> float:
    port = free_port()
    environ = {**COMPILING, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(app_root), "PORT": str(port)}
    began = time.monotonic()
    with subprocess.Popen(
        [ROOT / "s2i/bin/run"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as service:
        try:
            while not _is_ready(port):
                time.sleep(0.01)
            return time.monotonic() - began
        finally:
            service.send_signal(signal.SIGTERM)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
