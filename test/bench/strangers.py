"""Strangers' training notebooks: how many `nb-builder run --yes` serves, without any edit, with right predictions.

They have no predictor, and most of them name no packages. A prediction is right if the proposed predictor gives that of
the notebook's own model. `STRANGERS_FROM` is where repositories are cloned from in place of https://github.com/, and
`STRANGERS` takes those whose name contains its value.
"""

import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import clones
from environments import COMPILING, HOME, PLACE, ROOT
from strangers_notebooks import STRANGERS, Stranger

RUN_SECONDS = 600
SETTINGS = {"S2I_CELL_TIMEOUT": "300", "S2I_NOTEBOOK_TIMEOUT": "480"}
FROM = os.environ.get("STRANGERS_FROM", "https://github.com/")
COMPARED = "samples as the notebook's own model does"


@dataclass(frozen=True)
class Row:
    """What became of a notebook: whether it was served, whether its predictions were compared, and a sentence."""

    stranger: Stranger
    said: str
    served: bool = False
    right: bool = False
    seconds: float = 0.0


def report() -> None:
    """Run each notebook in turn, and print a row for it and the shares."""
    chosen = [each for each in STRANGERS if os.environ.get("STRANGERS", "") in f"{each.repository}/{each.path}"]
    print(f"\nStrangers' notebooks: {len(chosen)} of {len({each.repository for each in chosen})} repositories")
    rows = []
    for stranger in chosen:
        rows.append(measure(stranger, PLACE / "strangers"))
        print(line(rows[-1]), flush=True)
    print(summary(rows))


def line(row: Row) -> str:
    """Return a row of the table."""
    return f"  {row.stranger.repository:44}{Path(row.stranger.path).name[:40]:42}{row.seconds:7.1f}  {row.said}"


def summary(rows: Sequence[Row]) -> str:
    """Return the shares of all rows, by how the notebooks were chosen, and the median seconds of those served."""
    lines = []
    for title, part in (
        ("all", rows),
        ("chosen by a rule", [row for row in rows if row.stranger.by_rule]),
    ):
        if part:
            right = sum(row.right for row in part)
            served = sum(row.served for row in part)
            shares = f"served {served} ({served / len(part):.0%}), right {right} ({right / len(part):.0%})"
            lines.append(f"  {title}: {len(part)}, {shares}")
    seconds = [row.seconds for row in rows if row.served]
    return "\n".join([*lines, *([f"  median {statistics.median(seconds):.0f} s"] if seconds else [])])


def measure(stranger: Stranger, place: Path) -> Row:
    """Clone a notebook's repository below `place`, run it with --yes, end the service, and return the row."""
    clone = place / stranger.repository.replace("/", "+")
    problem = clones.fetch(f"{FROM}{stranger.repository}", clone, stranger.commit)
    # A mirror may lack large files; a notebook that needs them fails by itself.
    if problem and not (clone / stranger.path).is_file():
        return Row(stranger, f"not fetched: {problem}")
    if not (clone / stranger.path).is_file():
        return Row(stranger, "the repository has no such file at that commit")
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        command = [ROOT / "s2i/nb-builder", "run", clone / stranger.path, "--yes", "--json", "--port", "0"]
        environ = {**COMPILING, **SETTINGS, "NB_BUILDER_HOME": str(HOME)}
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
        )
        told = _first_line(process)
        seconds = time.monotonic() - start
        log.seek(0)
        return _judged(stranger, told, log.read(), seconds)


def _first_line(process: subprocess.Popen) -> dict | None:
    """Return what the command says of its outcome, None where it takes too long; the service is ended."""
    try:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(RUN_SECONDS)
        text = process.stdout.readline()
        return json.loads(text) if text.strip() else None
    except KeyboardInterrupt:
        return None
    finally:
        signal.alarm(0)
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _judged(stranger: Stranger, told: dict | None, log: str, seconds: float) -> Row:
    if told is None:
        return Row(stranger, f"no service within {RUN_SECONDS} s", seconds=seconds)
    if "url" in told:
        right = COMPARED in log and "answer" in told
        return Row(stranger, f"served{', right' if right else ', not compared'}", True, right, seconds)
    problem = told.get("problem") or {"code": "none", "what": log.strip().splitlines()[-1:]}
    return Row(stranger, f"{problem['code']}: {str(problem['what'])[:160]}", seconds=seconds)
