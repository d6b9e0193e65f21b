"""Seconds from saving a notebook to the first answer of the new model, under `nb-builder dev`.

Beside them what the notebook's cells take by themselves: a Python with the notebook's packages that runs them as a
script, its start and their imports included. What `nb-builder dev` adds is the difference. Saves and scripts take
turns, BENCH_ROUNDS (10) times.
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
from pathlib import Path

from environments import COMPILING, EXAMPLE, ROOT, built, free_port
from serve import goal, load

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "10"))
MAX_SECONDS = 3.0
LIMIT_SECONDS = 300.0
# Longer than what a build leaves for later, such as the notebook's page.
PAUSE_SECONDS = 5.0
SAMPLE = b"[0.2, 0.7]"


def report() -> None:
    """Save the running example with another answer, round by round; print both times and whether the goal is met."""
    # Built before anything is timed.
    built("nb")
    with tempfile.TemporaryDirectory() as folder:
        repository, port = Path(folder) / "repository", free_port()
        shutil.copytree(EXAMPLE, repository)
        variables = {"NOTEBOOK": str(repository), "PORT": str(port), "LAB": "0"}
        with open(Path(folder) / "log", "w+") as log:
            words = ["make", "dev"]
            process = subprocess.Popen(
                words, cwd=ROOT, env={**COMPILING, **variables}, stdout=log, stderr=log, start_new_session=True
            )
            try:
                _wait(process, port, None)
                before = load()
                # The first of each fills caches.
                rounds = [_round(process, port, repository, number) for number in range(ROUNDS + 1)][1:]
            except TimeoutError as error:
                log.seek(0)
                sys.exit(f"make dev: {error}\n{log.read()}")
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                process.wait()
    saved, alone = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"\nmake dev with the running example, medians of {ROUNDS} saves; load {before}")
    print(f"  save to new answer {saved:.2f} s, the cells alone {alone:.2f} s")
    beyond = statistics.median(first - second for first, second in rounds)
    print(goal("seconds beyond the cells' own", beyond, f"<= {MAX_SECONDS:g}", beyond <= MAX_SECONDS))


def _round(process: subprocess.Popen, port: int, repository: Path, number: int) -> tuple[float, float]:
    """Return (seconds from a save to its answer, seconds of the cells as a script)."""
    notebook = repository / "model.ipynb"
    document = json.loads(notebook.read_text())
    for cell in document["cells"]:
        head, name, _ = "".join(cell["source"]).partition("def predictor")
        if name:
            cell["source"] = f"{head}def predictor(x):\n    return {number}\n"
    # As editors do, at one go.
    new = repository / "new"
    new.write_text(json.dumps(document))
    begun = time.monotonic()
    new.rename(notebook)
    _wait(process, port, str(number).encode())
    saved = time.monotonic() - begun
    time.sleep(PAUSE_SECONDS)
    code = "\n".join("".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code")
    begun = time.monotonic()
    subprocess.run([built("nb") / "venv/bin/python", "-c", code], cwd=repository, env=COMPILING, check=True)
    return saved, time.monotonic() - begun


def _wait(process: subprocess.Popen, port: int, wanted: bytes | None) -> None:
    """Wait until the service answers, with `wanted` if that is given; raise TimeoutError where it does not."""
    until = time.monotonic() + LIMIT_SECONDS
    while (answer := _answer(port)) is None or (wanted and answer != wanted):
        if process.poll() is not None:
            raise TimeoutError(f"it exited with status {process.returncode}")
        if time.monotonic() > until:
            raise TimeoutError(f"no new answer in {LIMIT_SECONDS:g} s")
        time.sleep(0.01)


def _answer(port: int) -> bytes | None:
    """Return the service's answer to SAMPLE; None if there is none, or if the port is closed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
    try:
        connection.request("POST", "/predict", SAMPLE, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.read().strip() if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        # Between two services, or before the first one.
        return None
    finally:
        connection.close()
