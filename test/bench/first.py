"""Seconds from an empty machine with Python to the first answer: by `uvx nb-builder run`, and after `pip install`.

An environment for the command, its install from our wheel, nb-builder's own environments, the build of the running
example and the start of its service, with the packages in the caches of uv and pip. Beside it what the same takes by
hand: an environment with the notebook's packages and Flask by uv, the notebook's cells as a script that ends with
Flask's own server. All take turns, BENCH_ROUNDS (3) times.
"""

import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from environments import COMPILING, EXAMPLE, HOME, ROOT, free_port, pins, run
from serve import goal, load

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MAX_SECONDS = 20.0
LIMIT_SECONDS = 300.0
SAMPLE, ANSWER = b"[0.2, 0.7]", b"4"
UV = HOME / "build" / "bin" / "uv"
SERVE = """
import flask
app = flask.Flask(__name__)
@app.post("/predict")
def predict():
    return str(int(predictor(flask.request.get_json())))
app.run("127.0.0.1", int(__import__("sys").argv[1]))
"""


def report() -> None:
    """Go from nothing to an answer, round by round; print both times and whether the goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], COMPILING)
        (wheel,) = Path(folder).glob("*.whl")
        # The first of each fills caches.
        rounds = [(_by_uvx(wheel), _by_pip(wheel), _by_hand()) for _ in range(ROUNDS + 1)][1:]
    uvx, pip, hand = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"\nFrom an empty machine to the first answer, medians of {ROUNDS}, packages at hand; load {load()}")
    print(f"  by hand with uv and Flask {hand:.1f} s")
    print(goal("seconds by uvx nb-builder run", uvx, f"<= {MAX_SECONDS:g}", uvx <= MAX_SECONDS))
    print(goal("seconds by pip install, nb-builder run", pip, f"<= {MAX_SECONDS:g}", pip <= MAX_SECONDS))


def _by_uvx(wheel: Path) -> float:
    """Return the seconds where uv runs the command without installing it."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        # No wheel of ours is in the cache of a new machine.
        words = ["--quiet", "--python", sys.executable, "--refresh-package", "nb-builder", "--from", wheel]
        command = [UV.with_name("uvx"), *words, "nb-builder", "run", EXAMPLE, "--port", str(port)]
        begun = time.monotonic()
        return _answered(command, {**COMPILING, "NB_BUILDER_HOME": str(Path(folder) / "home")}, port, begun)


def _by_pip(wheel: Path) -> float:
    """Return the seconds where pip installs the command into an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place, port = Path(folder), free_port()
        begun = time.monotonic()
        run([sys.executable, "-m", "venv", place / "venv"], COMPILING)
        run([place / "venv/bin/pip", "install", "--quiet", "--no-index", wheel], COMPILING)
        command = [place / "venv/bin/nb-builder", "run", EXAMPLE, "--port", str(port)]
        return _answered(command, {**COMPILING, "NB_BUILDER_HOME": str(place / "home")}, port, begun)


def _by_hand() -> float:
    """Return the seconds of the same by hand."""
    with tempfile.TemporaryDirectory() as folder:
        place, port = Path(folder), free_port()
        cells = [
            cell for cell in json.loads((EXAMPLE / "model.ipynb").read_text())["cells"] if cell["cell_type"] == "code"
        ]
        script = place / "serve.py"
        sources = ["".join(cell["source"]) for cell in cells]
        script.write_text("\n".join([*sources, SERVE]))
        names: dict = {}
        exec(sources[0], names)  # noqa: S102 - the requirements cell of our own example
        needed = pins(names["requirements"])
        shutil.rmtree(place / "venv", ignore_errors=True)
        begun = time.monotonic()
        run([UV, "venv", "--quiet", "--python", sys.executable, place / "venv"], COMPILING)
        run([UV, "pip", "install", "--quiet", "--python", place / "venv", "flask", *needed], COMPILING)
        return _answered([place / "venv/bin/python", script, str(port)], COMPILING, port, begun)


def _answered(command: Sequence[str | Path], environ: dict[str, str], port: int, begun: float) -> float:
    """Start a service; return the seconds from `begun` to its first right answer, and end it."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
        try:
            while _ask(port) != ANSWER:
                if process.poll() is not None or time.monotonic() - begun > LIMIT_SECONDS:
                    log.seek(0)
                    sys.exit(f"{command[0]} does not answer:\n{log.read()}")
                time.sleep(0.02)
            return time.monotonic() - begun
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait()


def _ask(port: int) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/predict", SAMPLE, {"Content-Type": "application/json"})
        return connection.getresponse().read().strip()
    except OSError:
        return None
    finally:
        connection.close()
