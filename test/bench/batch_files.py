"""Files of a million rows: `batch` beside a pandas script that asks the model once, in one run, in turn.

The running example, and a pipeline on one-row frames, each as it is (its derived form) and with a batch_predictor by
hand. BENCH_ROWS and BENCH_ROUNDS say how many. Parquet needs `BATCH=1 make developer`. The ends of both are compared.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from batched_serve import NOTEBOOKS, Notebook, built
from environments import HOME, PLACE, SERVERS, environment_with, inside, service_of

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
GOAL = 0.6
HAND = "batch, batch_predictor by hand"
# The notebook's name, the model's in it, its columns, and a row of them.
TABLES = {
    "kmeans": ("kmodel", "x,y", lambda chance: f"{chance.random():.6f},{chance.random():.6f}"),
    "table": (
        "model",
        "city,area,rooms",
        lambda chance: (
            f"{chance.choice(['rome', 'oslo', 'lima'])},{chance.random() * 100:.3f},{chance.randrange(1, 6)}"
        ),
    ),
}


def report() -> None:
    """Measure each notebook and format, and print what came of it."""
    for notebook in NOTEBOOKS:
        if notebook.name in TABLES:
            for kind in ("csv", "parquet") if _has_pyarrow() else ("csv",):
                print("\n".join(measured(notebook, kind)), flush=True)
    if not _has_pyarrow():
        print("Parquet is left out: BATCH=1 make developer adds pyarrow.")


def _has_pyarrow() -> bool:
    command = [HOME / "service/bin/python", "-I", "-c", "import pyarrow"]
    return subprocess.run(command, capture_output=True).returncode == 0


def measured(notebook: Notebook, kind: str) -> list[str]:
    """Return the lines on a notebook and a format: seconds of each, in turn, and the share of pandas's rate."""
    model, columns, row = TABLES[notebook.name]
    roots = {"batch": built(notebook), HAND: built(notebook, notebook.hand)}
    pandas = environment_with(f"batch-{notebook.name}", roots["batch"], ["pandas", "pyarrow"])
    source = _file(notebook.name, columns, row, kind, pandas)
    out, own = PLACE / f"scored-pandas.{kind}", PLACE / f"scored-batch.{kind}"
    script = inside(pandas, roots[HAND], ["python", SERVERS / "score_pandas.py", model, columns, source, out])
    seconds: dict[str, list[float]] = {name: [] for name in ("pandas", *roots)}
    parts: list[list[float]] = []
    for _ in range(ROUNDS):
        taken, said = _timed(*script)
        seconds["pandas"].append(taken)
        parts.append([float(part) for part in said.split()])
        for name, root in roots.items():
            command, environ = service_of(root)
            taken, said = _timed([*command, "batch", "--restart", "--json", source, own], environ)
            seconds[name].append(taken)
            if json.loads(said)["rows_out"] != ROWS:
                raise RuntimeError(f"rows are missing: {said}")
            if kind == "csv" and name == HAND and _end(own) != _end(out):
                raise RuntimeError("the two do not answer the same")
    read, asked, written = (median(part) for part in zip(*parts, strict=True))
    middle = median(seconds["pandas"])
    lines = [f"\n{notebook.name}: {ROWS:,} rows of {kind}, median of {ROUNDS}, each with its start"]
    lines.append(f"  {'pandas script':40}{middle:8.1f} s   (reads {read:.1f}, asks {asked:.1f}, writes {written:.1f})")
    for name in roots:
        own_seconds = median(seconds[name])
        share = middle / own_seconds
        verdict = "" if share >= GOAL else f"  MISSED: {GOAL} is wanted"
        lines.append(f"  {name:40}{own_seconds:8.1f} s   {share:.2f} of its rate{verdict}")
    return lines


def _timed(command: list, environ: dict) -> tuple[float, str]:
    """Return the seconds that a command took, and what it printed."""
    started = time.monotonic()
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return time.monotonic() - started, ran.stdout


def _file(name: str, columns: str, row: Callable[[random.Random], str], kind: str, pandas: Path) -> Path:
    """Return a file of ROWS rows, made once."""
    path = PLACE / f"rows-{name}-{ROWS}.csv"
    if not path.exists():
        chance = random.Random(7)  # noqa: S311 - the same rows each time
        with open(path, "w", encoding="ascii") as file:
            file.write(columns + "\n")
            file.writelines(row(chance) + "\n" for _ in range(ROWS))
    target = path.with_suffix(f".{kind}")
    if not target.exists():
        program = "import sys, pandas; pandas.read_csv(sys.argv[1]).to_parquet(sys.argv[2], index=False)"
        subprocess.run([pandas / "bin/python", "-c", program, path, target], check=True)
    return target


def _end(path: Path) -> list[str]:
    """Return the answers of the last lines, as JSON spells them."""
    with open(path, "rb") as file:
        file.seek(-2000, os.SEEK_END)
        return [line.rsplit(",", 1)[-1].lower() for line in file.read().decode().splitlines()[-50:]]
