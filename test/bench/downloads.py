"""The cost of a downloaded Python: installation from a local mirror, a build with it, and its service's start.

Each build installs it again. The same release, installed before, shows what another version of Python costs by itself.
Wall seconds, and CPU seconds of all processes, which other work on the machine changes less.
"""

import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import COMPILING, EXAMPLE, HOME, ROOT, free_port
from nb_builder.install import interpreters, python_downloads

sys.path.insert(0, str(ROOT / "test"))

import pythons

MINOR = "3.12"
ROUNDS = int(os.environ.get("ROUNDS", "5"))


def report() -> None:
    """Measure all three, each kind of Python in turn, and print the table."""
    with tempfile.TemporaryDirectory(prefix="nb-bench-") as name:
        place = Path(name)
        environ = _environ(place)
        installed = {**environ, "UV_PYTHON_INSTALL_DIR": str(place / "pythons")}
        python_downloads.install(MINOR, installed)
        kinds = {"default": environ, "installed": installed, "downloaded": environ}
        print(f"\nPython {MINOR} from a mirror on this machine, {ROUNDS} rounds, seconds: wall, CPU")
        _row(
            "download and installation (goal: at most 2)",
            [_with_cpu(_installation, place, environ) for _ in range(ROUNDS)],
        )
        builds = [[_with_cpu(_build, place, kind, kinds[kind]) for kind in kinds] for _ in range(ROUNDS)]
        _rows("build of k-means", "1.2", builds)
        starts = [[_with_cpu(_start, place / kind) for kind in kinds] for _ in range(ROUNDS)]
        _rows("start", "1.05", starts)


def _rows(title: str, goal: str, rounds: list[list[tuple[float, float]]]) -> None:
    default, installed, downloaded = zip(*rounds, strict=True)
    _row(f"{title} with the default Python", default)
    _row(f"the same with {MINOR}, installed before", installed)
    _row(f"the same with {MINOR}, downloaded (goal: at most {goal} times)", downloaded)


def _row(title: str, rounds: Sequence[tuple[float, float]]) -> None:
    wall, cpu = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    print(
        f"  {title:60}" + "".join(f"{seconds:8.2f}" for seconds, _ in rounds) + f"   median {wall:.2f}, CPU {cpu:.2f}"
    )


def _with_cpu(work: Callable[..., float], *arguments: object) -> tuple[float, float]:
    """Return the wall seconds that `work` returns, and the CPU seconds of the processes that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = work(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environ(place: Path) -> dict[str, str]:
    """Return the variables of a machine that has a mirror, but neither pyenv nor this Python."""
    installed = interpreters.find()[MINOR]
    archive = pythons.of_pyenv(place / "python.tar.gz", installed.path.resolve().parents[1], MINOR)
    catalog = pythons.catalog(place / "catalog.json", {installed.full: archive}, place.as_uri())
    hidden = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(place / "none")}
    cache = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")}
    return {**COMPILING, **hidden, **cache, "UV_PYTHON_DOWNLOADS_JSON_URL": catalog, "NB_BUILDER_HOME": str(HOME)}


def _installation(place: Path, environ: dict[str, str]) -> float:
    to = place / "again"
    began = time.monotonic()
    python_downloads.install(MINOR, {**environ, "UV_PYTHON_INSTALL_DIR": str(to), "APP_ROOT": str(to)})
    seconds = time.monotonic() - began
    shutil.rmtree(to)
    return seconds


def _build(place: Path, kind: str, environ: dict[str, str]) -> float:
    app_root = place / kind
    shutil.rmtree(app_root, ignore_errors=True)
    app_root.mkdir()
    chosen = {} if kind == "default" else {"S2I_PYTHON": MINOR}
    own = {"APP_ROOT": str(app_root), "S2I_SRC": str(EXAMPLE), "UV_PYTHON_INSTALL_DIR": str(app_root / "python")}
    began = time.monotonic()
    ran = subprocess.run([ROOT / "s2i/bin/assemble"], env={**own, **environ, **chosen}, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if ran.returncode:
        raise SystemExit(f"the build with {kind} Python failed:\n{ran.stdout}{ran.stderr}")
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
