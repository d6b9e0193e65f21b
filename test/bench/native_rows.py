"""Rows a second in one process: the native function alongside Python's XGBoost and what else runs its models, in turn.

Each is asked one row a call, and has to answer the first as XGBoost does. What can't be had or made here is left out
with a sentence.
"""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import native_programs
from environments import ENVIRON, PLACE, environment_with, inside, run
from native_programs import SOURCES, Made
from serve import goal

from engine import go_tool, provide

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
LINES = 200_000
NEAR = 1e-5
GOAL = 100
PYTHON = "Python's XGBoost, model.predict_proba([x])[0]"
NATIVE = "native function, the answer as numbers"
WRITTEN = "native function, the answer written as JSON"
ROWS_PROGRAM = "import sys; from sklearn.datasets import load_iris\nfor row in load_iris().data: print(*row)"


@dataclass(frozen=True)
class Runner:
    """One way to run the model: its name, and what prints or returns rows a second and its answer to the first."""

    says: str
    measure: Callable[[], dict]


def report(made: Made) -> list[str]:
    """Return the lines of the table, and of the goal; `made` is the program of one_sample.IRIS."""
    python = environment_with("native-flask", made.hand, ("flask", "waitress"))
    rows = PLACE / "native-rows.txt"
    rows.write_text(subprocess.check_output([python / "bin/python", "-c", ROWS_PROGRAM], text=True))
    runners, lines = [], []
    ways = (_xgboost, _function, _written, _lines, _treelite, _onnx, _leaves)
    for way in ways:
        try:
            runner = way(made, rows)
            # Once beforehand: it shows whether it runs here, and warms it.
            runner.measure()
            runners.append(runner)
        except (RuntimeError, OSError, subprocess.CalledProcessError, provide.Missing) as trouble:
            words = [line for line in _words(trouble).splitlines() if line.strip()]
            lines.append(f"  {way.__name__[1:]} is left out: {words[-1].strip()[:200]}")
    said = {runner.says: [] for runner in runners}
    if PYTHON not in said:
        return [*lines, "  Rows a second are left out: they are told beside Python's XGBoost."]
    for _ in range(ROUNDS):
        for runner in runners:
            said[runner.says].append(runner.measure())
    return [*lines, *table(said)]


def table(said: dict[str, list[dict]]) -> list[str]:
    """Return the lines of what the runners said in each round; the first of them is Python's XGBoost."""
    rates = {name: statistics.median(each["rate"] for each in rounds) for name, rounds in said.items()}
    (python, at_first), *_ = rates.items()
    right = said[python][0]["answer"]
    lines = [f"\nRows a second in one process, one row a call; {ROUNDS} rounds of {SECONDS:g} s in turn"]
    for name, rate in rates.items():
        off = max(abs(one - other) for one, other in zip(said[name][0]["answer"], right, strict=True))
        wrong = "" if off < NEAR else f"   its answer is off by {off:.1g}"
        lines.append(f"  {name:56}{rate:12,.0f}{rate / at_first:9.1f} x{wrong}")
    if NATIVE in rates:
        share = rates[NATIVE] / at_first
        lines.append(goal("rows, native function / Python's XGBoost", share, f">= {GOAL}", share >= GOAL))
    return lines


def _words(trouble: Exception) -> str:
    """Return what went wrong, the program's own words where it had any."""
    return getattr(trouble, "stderr", None) or str(trouble)


def _asked(command: list, environ: dict) -> dict:
    """Return what a program printed as JSON."""
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def _python(what: str, packages: tuple[str, ...], made: Made, *words: object) -> tuple[list, dict]:
    environment = environment_with(f"native-{what}", made.hand, packages)
    return inside(environment, made.hand, ["python", str(SOURCES / "python_rows.py"), *map(str, words)])


def _xgboost(made: Made, rows: Path) -> Runner:
    command, environ = _python("flask", ("flask", "waitress"), made, "xgboost", rows, SECONDS)
    return Runner(PYTHON, lambda: _asked(command, environ))


def _function(made: Made, rows: Path) -> Runner:
    return _native(made, rows, NATIVE, "numbers", writes_text=False)


def _written(made: Made, rows: Path) -> Runner:
    return _native(made, rows, WRITTEN, "rows", writes_text=True)


def _native(made: Made, rows: Path, says: str, name: str, *, writes_text: bool) -> Runner:
    program = made.folder / name
    native_programs.make_rows_program(made.folder / "model.c", program, writes_text=writes_text)
    numbers = [[float(word) for word in line.split()] for line in rows.read_text().splitlines()]
    asked = json.dumps({"rows": numbers, "seconds": SECONDS})
    return Runner(says, lambda: _asked([program, asked], {}))


def _lines(made: Made, rows: Path) -> Runner:
    texts = [f"[{', '.join(line.split())}]\n" for line in rows.read_text().splitlines()]
    many, one = made.folder / "many.ndjson", made.folder / "one.ndjson"
    many.write_text("".join(texts[number % len(texts)] for number in range(LINES)))
    one.write_text(texts[0])
    answer = json.loads(subprocess.check_output([made.program, "-"], input=texts[0].encode()))

    def measure() -> dict:
        return {"rate": LINES / (_seconds(made.program, many) - _seconds(made.program, one)), "answer": answer}

    return Runner("native program, lines of JSON in and out", measure)


def _seconds(program: Path, lines: Path) -> float:
    """Return the seconds in which a program answers a file of lines."""
    began = time.perf_counter()
    with lines.open() as asked:
        subprocess.run([program, "-"], stdin=asked, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _treelite(made: Made, rows: Path) -> Runner:
    folder = PLACE / "native-treelite-c"
    command, environ = _python("treelite", ("treelite", "tl2cgen"), made, "treelite", folder)
    run(command, environ)
    program = folder / "rows"
    sources = [SOURCES / "treelite_rows.c", folder / "main.c"]
    run(["gcc", "-O3", f"-I{folder}", *sources, "-lm", "-o", program], ENVIRON)
    return Runner("treelite: C of tl2cgen, -O3", lambda: _asked([program, rows, str(SECONDS)], {}))


def _onnx(made: Made, rows: Path) -> Runner:
    command, environ = _python("onnx", ("onnxruntime", "onnxmltools", "skl2onnx"), made, "onnx", rows, SECONDS)
    return Runner("ONNX Runtime in Python, one thread", lambda: _asked(command, environ))


def _leaves(made: Made, rows: Path) -> Runner:
    model = PLACE / "native-leaves.model"
    command, environ = _python("flask", ("flask", "waitress"), made, "leaves", model)
    run(command, environ)
    program, module = PLACE / "native-leaves", SOURCES / "leaves"
    go = go_tool.program(module)
    run([go, "-C", module, "build", "-o", program, "."], {**os.environ, "CGO_ENABLED": "0"})
    return Runner("Go with leaves", lambda: _asked([program, model, rows, str(SECONDS)], {}))
