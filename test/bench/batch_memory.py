"""Megabytes of `batch` while it scores a long file: the front's process, and the scorers without the model.

The running example with a batch_predictor by hand, a tenth of the rows and all: what grows with rows would show.
BENCH_MEMORY_ROWS says how many, BENCH_MEMORY_TO is the format of what is written. Of the front it is the highest that
the kernel has seen; of scorers what is theirs alone, looked at again and again: the model they share with the process
that they are forked from.
"""

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from batch_files import HAND, TABLES, file_of
from batched_serve import NOTEBOOKS, built
from environments import PLACE, service_of
from running import children, tree
from serve import goal

ROWS = int(os.environ.get("BENCH_MEMORY_ROWS", "20000000"))
TO = os.environ.get("BENCH_MEMORY_TO", "csv")
GOAL = 300.0
LOOK_SECONDS = 0.5


class Taken(NamedTuple):
    """Megabytes at most: of the front, and of all scorers together without what they share; and the seconds."""

    front: float
    scorers: float
    seconds: float


def report() -> None:
    """Measure a tenth and all of the rows, and print both."""
    (notebook,) = [each for each in NOTEBOOKS if each.name == "kmeans"]
    root = built(notebook, notebook.hand)
    _, columns, row = TABLES[notebook.name]
    print(f"\nMegabytes at most, {HAND}, CSV to {TO}: {'front':>20}{'scorers':>12}{'seconds':>12}")
    whole = 0.0
    for rows in (ROWS // 10, ROWS):
        source = file_of(notebook.name, columns, row, rows)
        taken = measured(root, source, PLACE / f"scored-memory.{TO}")
        whole = taken.front + taken.scorers
        print(f"  {rows:>12,} rows{'':34}{taken.front:16.1f}{taken.scorers:12.1f}{taken.seconds:12.1f}")
    print(goal("MB beside the model", whole, f"<= {GOAL:g}", whole <= GOAL))


def measured(root: Path, source: Path, out: Path) -> Taken:
    """Return what scoring a file took; raise RuntimeError where it failed."""
    command, environ = service_of(root)
    began = time.monotonic()
    front, others = 0.0, 0.0
    with subprocess.Popen(
        [*command, "batch", "--restart", source, out], env=environ, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            front = max(front, _megabytes(process.pid, "status", "VmHWM"))
            # Its child has the model, and forks the scorers.
            others = max(others, sum(_own(pid) for child in children(process.pid) for pid in tree(child)[1:]))
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(f"batch ended with {process.returncode}")
    return Taken(front, others, time.monotonic() - began)


def _own(pid: int) -> float:
    return sum(_megabytes(pid, "smaps_rollup", name) for name in ("Private_Clean", "Private_Dirty"))


def _megabytes(pid: int, file: str, name: str) -> float:
    """Return a line of a process's memory in megabytes; 0 where the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e6
