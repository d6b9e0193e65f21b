"""Files of a million rows: `batch` alongside who else scores files, in one run, in turn.

The running example, and a pipeline on one-row frames, each as it is (its derived form) and with a batch_predictor by
hand, alongside a pandas script that asks the model once. CSV also alongside those of batch_peers.py, fewer rows for
slow
ones: rates beyond the start, which one row takes. Parquet needs `BATCH=1 make developer`, Spark Java. The ends of ours
and the script's are compared. BENCH_ROWS and BENCH_ROUNDS say how many, BENCH_NOTEBOOKS which (kmeans, table).
"""

import contextlib
import json
import os
import random
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from batch_peers import OURS_ON_SPARK, Absent, Scorer, Table, Timed, scorers
from batched_serve import NOTEBOOKS, Notebook, built
from environments import ENVIRON, HOME, PLACE, SERVERS, environment_with, inside, service_of

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
GOAL = 0.6
# Work that is a smaller share of the start than this disappears in the variation of starts.
MIN_SHARE = 0.2
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
# Rows enough for seconds of work where each is asked by itself.
SLOW_ROWS = {"kmeans": 5000, "table": 500}


def report() -> None:
    """Measure each notebook and format, and print what came of it."""
    chosen = os.environ.get("BENCH_NOTEBOOKS", "").replace(",", " ").split() or [*TABLES]
    for notebook in NOTEBOOKS:
        if notebook.name in TABLES and notebook.name in chosen:
            for kind in ("csv", "parquet") if _has_pyarrow() else ("csv",):
                print("\n".join(measured(notebook, kind)), flush=True)
    if not _has_pyarrow():
        print("Parquet is left out: BATCH=1 make developer adds pyarrow.")


def _has_pyarrow() -> bool:
    command = [HOME / "service/bin/python", "-I", "-c", "import pyarrow"]
    return subprocess.run(command, capture_output=True).returncode == 0


def measured(notebook: Notebook, kind: str) -> list[str]:
    """Return the lines on a notebook and a format: what each took, in turn, and how our rate is to theirs."""
    model, columns, row = TABLES[notebook.name]
    roots = {"batch": built(notebook), HAND: built(notebook, notebook.hand)}
    pandas = environment_with(f"batch-{notebook.name}", roots["batch"], ["pandas", "pyarrow"])
    source = file_of(notebook.name, columns, row, ROWS)
    if kind == "parquet":
        source = _as_parquet(source, pandas)
    table = Table(model, columns.split(","), source, ROWS, min(ROWS, SLOW_ROWS[notebook.name]))
    out, own = PLACE / f"scored-pandas.{kind}", PLACE / f"scored-batch.{kind}"
    script = inside(pandas, roots[HAND], ["python", SERVERS / "score_pandas.py", model, columns, source, out])
    seconds: dict[str, list[Timed]] = {name: [] for name in ("pandas", *roots)}
    parts: list[list[float]] = []
    is_csv = kind == "csv"
    beside = scorers(notebook.name, table, *roots.values()) if is_csv else contextlib.nullcontext([])
    with beside as others:
        failed: dict[str, str] = {}
        for _ in range(ROUNDS):
            taken, said = _timed(*script)
            parts.append([float(part) for part in said.split()])
            # Its start is what the script does not say that it took.
            seconds["pandas"].append(Timed(taken - sum(parts[-1]), taken))
            for name, root in roots.items():
                start = _scored(root, table.head(1), own, 1) if is_csv else 0.0
                seconds[name].append(Timed(start, _scored(root, source, own, ROWS)))
                if is_csv and name == HAND and _end(own) != _end(out):
                    raise RuntimeError("the two do not answer the same")
            for other in others:
                if isinstance(other, Scorer) and other.name not in failed:
                    try:
                        seconds.setdefault(other.name, []).append(other.score(other.rows))
                    except RuntimeError as error:
                        failed[other.name] = str(error).strip().splitlines()[-1]
        lines = [f"\n{notebook.name}: {ROWS:,} rows of {kind}, median of {ROUNDS}, each with its start"]
        lines += _beside_pandas(seconds, parts, list(roots))
        absent = [Absent(name, why) for name, why in failed.items()]
        absent += [other for other in others if isinstance(other, Absent)]
        there = [other for other in others if isinstance(other, Scorer) and other.name not in failed]
        if is_csv:
            lines += _beside_others(seconds, there, absent)
        if is_csv and notebook.name == "kmeans":
            lines.append(_profile(roots[HAND], source, own))
        return lines


def _scored(root: Path, source: Path, out: Path, rows: int) -> float:
    """Return the seconds that `batch` took for a file; raise RuntimeError where rows are missing."""
    command, environ = service_of(root)
    taken, said = _timed([*command, "batch", "--restart", "--json", source, out], environ)
    if json.loads(said)["rows_out"] != rows:
        raise RuntimeError(f"rows are missing: {said}")
    return taken


def _beside_pandas(seconds: dict[str, list[Timed]], parts: list[list[float]], ours: list[str]) -> list[str]:
    read, asked, written = (median(part) for part in zip(*parts, strict=True))
    whole = {name: median(each.whole for each in seconds[name]) for name in ("pandas", *ours)}
    lines = [
        f"  {'pandas script':40}{whole['pandas']:8.1f} s   (reads {read:.1f}, asks {asked:.1f}, writes {written:.1f})"
    ]
    for name in ours:
        share = whole["pandas"] / whole[name]
        verdict = "" if share >= GOAL else f"  MISSED: {GOAL} is wanted"
        lines.append(f"  {name:40}{whole[name]:8.1f} s   {share:.2f} of its rate{verdict}")
    return lines


def _beside_others(seconds: dict[str, list[Timed]], there: list[Scorer], absent: list[Absent]) -> list[str]:
    """Return the lines on those of batch_peers.py: rows a second beyond the start, and how many times ours is that."""
    rows = {"batch": ROWS, HAND: ROWS, "pandas": ROWS, **{other.name: other.rows for other in there}}
    start = {name: median(each.start for each in seconds[name]) for name in rows}
    work = {name: median(each.whole - each.start for each in seconds[name]) for name in rows}
    rate = {name: rows[name] / max(work[name], 1e-3) for name in rows}
    lines = [f"  {'beyond the start':40}{'rows':>12}{'start s':>10}{'work s':>10}{'rows/s':>12}"]
    wanted = {other.name: other for other in there}
    # Who asks predictor for each row has no more than the notebook as it is; who asks the model, what one does by hand.
    sides = {"rows": "batch", "best": HAND, "spark": OURS_ON_SPARK, "ours": "batch"}
    for name, count in rows.items():
        if work[name] < MIN_SHARE * start[name]:
            lines.append(f"  {name:40}{count:12,}{start[name]:10.1f}{work[name]:10.1f}   too little beside its start")
            continue
        line = f"  {name:40}{count:12,}{start[name]:10.1f}{work[name]:10.1f}{rate[name]:12,.0f}"
        other = wanted.get(name)
        if other is not None and sides[other.against] in rate:
            ours = sides[other.against]
            times = rate[name] / rate[ours] if other.against == "ours" else rate[ours] / rate[name]
            words = f"{times:.2f} of {ours}" if other.against == "ours" else f"{ours} is {times:.1f} times that"
            line += f"   {words}" + ("" if times >= other.goal else f"  MISSED: {other.goal:.2g} is wanted")
        lines.append(line)
    return [*lines, *(f"  {other.name:40}not measured: {other.why}" for other in absent)]


def _timed(command: list, environ: dict) -> tuple[float, str]:
    """Return the seconds that a command took, and what it printed."""
    started = time.monotonic()
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return time.monotonic() - started, ran.stdout


def _profile(root: Path, source: Path, out: Path) -> str:
    """Return the line on who needs the CPU: what the front does with rows, all of the front, and the scorers."""
    program = SERVERS / "profile_batch.py"
    _, said = _timed([HOME / "service/bin/python", "-I", program, source, out, "4"], ENVIRON)
    read, made, written = map(float, said.split())
    command, environ = service_of(root)
    before = _cpu_of_children()
    front = 0.0
    with subprocess.Popen(
        [*command, "batch", "--restart", source, out], env=environ, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            front = _cpu_of(process.pid) or front
            time.sleep(0.05)
    others = _cpu_of_children() - before - front
    return (
        f"  CPU seconds of {HAND}: front {front:.1f} (reads {read:.1f}, makes samples {made:.1f}, writes "
        f"{written:.1f}, else asks), start and scorers {others:.1f}"
    )


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process alone, 0 where it is gone."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def file_of(name: str, columns: str, row: Callable[[random.Random], str], rows: int) -> Path:
    """Return a CSV file of that number of rows, made once."""
    path = PLACE / f"rows-{name}-{rows}.csv"
    if not path.exists():
        chance = random.Random(7)  # noqa: S311 - the same rows each time
        with open(path, "w", encoding="ascii") as file:
            file.write(columns + "\n")
            file.writelines(row(chance) + "\n" for _ in range(rows))
    return path


def _as_parquet(path: Path, pandas: Path) -> Path:
    """Return the same rows as Parquet, made once."""
    target = path.with_suffix(".parquet")
    if not target.exists():
        program = "import sys, pandas; pandas.read_csv(sys.argv[1]).to_parquet(sys.argv[2], index=False)"
        subprocess.run([pandas / "bin/python", "-c", program, path, target], check=True)
    return target


def _end(path: Path) -> list[str]:
    """Return the answers of the last lines, as JSON spells them."""
    with open(path, "rb") as file:
        file.seek(-2000, os.SEEK_END)
        return [line.rsplit(",", 1)[-1].lower() for line in file.read().decode().splitlines()[-50:]]
