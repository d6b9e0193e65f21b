"""Seconds from repository to model: assemble alongside the classic flow, caches cold, rounds interleaved.

The classic flow is what people write by hand: virtualenv, pip install of the same pins with the parts of
Jupyter that it needs, nbconvert to script, run. It saves nothing and verifies nothing; assemble does both.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from environments import COMPILING, EXAMPLE, HOME, ROOT, pins
from nb_builder.repository.notebook_file import read
from nb_builder.rewrite.scripts import author_cells

ROUNDS = 3


def report() -> None:
    """Run both flows in turn and print the table."""
    print(f"\nBuild of {EXAMPLE.relative_to(ROOT)}, cold caches, {ROUNDS} interleaved rounds, seconds")
    rounds = [(_seconds(_classic), _seconds(_assemble)) for _ in range(ROUNDS)]
    ratios = [classic / ours for classic, ours in rounds]
    print(f"  {'classic: virtualenv, pip, nbconvert, run':44}" + "".join(f"{classic:8.1f}" for classic, _ in rounds))
    print(f"  {'assemble: the same, saved and verified':44}" + "".join(f"{ours:8.1f}" for _, ours in rounds))
    print(f"  {'ratio (goal: 3 or more)':44}" + "".join(f"{ratio:8.2f}" for ratio in ratios), end="")
    print(f"   median {statistics.median(ratios):.2f}")


def _seconds(flow: Callable[[Path], None]) -> float:
    folder = Path(tempfile.mkdtemp(prefix="nb-bench-"))
    try:
        started = time.monotonic()
        flow(folder)
        return time.monotonic() - started
    finally:
        shutil.rmtree(folder)


def _assemble(folder: Path) -> None:
    environ = {**COMPILING, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(folder), "S2I_SRC": str(EXAMPLE)}
    _run([ROOT / "s2i/bin/assemble"], {**environ, "UV_CACHE_DIR": str(folder / "cache")}, ROOT)


def _classic(folder: Path) -> None:
    shutil.copytree(EXAMPLE, folder / "src")
    python = folder / "venv/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    _run([sys.executable, "-m", "virtualenv", "--quiet", folder / "venv"], COMPILING, folder)
    _run([*pip, *_pins(), "cloudpickle", "nbconvert", "ipykernel"], COMPILING, folder)
    _run([python, "-m", "nbconvert", "--to", "script", "--log-level=ERROR", "model.ipynb"], COMPILING, folder / "src")
    _run([python, "model.py"], COMPILING, folder / "src")


def _pins() -> list[str]:
    """Return the example's requirements as pip takes them."""
    names: dict[str, list] = {}
    (cell,) = [cell for cell in author_cells(read(EXAMPLE, Path("model.ipynb"))) if "requirements" in cell.source]
    exec(cell.source, names)  # noqa: S102 - our own example
    return pins(names["requirements"])


def _run(command: list, environ: dict[str, str], folder: Path) -> None:
    ran = subprocess.run(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise SystemExit(f"{command[0]} ended with {ran.returncode}:\n{ran.stdout}")
