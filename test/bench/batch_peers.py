"""Whom `batch` is measured alongside on files: mlflow models predict, MLServer infer, and Spark with two executors.

Each scores the first rows of the same CSV file with the same model. What they answer is counted, no line left out.
"""

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from environments import PLACE, ROOT, SERVERS, environment_with, free_port, inside, run, service_of
from peers import PEERS, Peer
from running import Running

sys.path.insert(0, str(ROOT / "test"))

from spark.cluster import cluster

# So many rows has a request of MLServer's at its best; one row a request is the other end.
MICRO = int(os.environ.get("BENCH_MICRO", "1000"))
# Without a worker process of its own, which its requests would be copied to.
MLSERVER = {"debug": False, "host": "127.0.0.1", "parallel_workers": 0}
MLFLOW_TIMES = 8
SPARK = "pyspark==4.3.0"
TYPES = {"x": "double", "y": "double", "city": "string", "area": "double", "rooms": "int"}


class Table(NamedTuple):
    """What is scored: the model's name in its notebook, the columns, the file and how many rows it has.

    `slow` is how many of them are enough for who scores row by row.
    """

    model: str
    columns: list[str]
    source: Path
    rows: int
    slow: int

    def head(self, rows: int) -> Path:
        """Return a file of the first rows alone."""
        if rows == self.rows:
            return self.source
        path = self.source.with_name(f"{self.source.stem}-first-{rows}.csv")
        if not path.exists():
            with open(self.source, encoding="ascii") as whole, open(path, "w", encoding="ascii") as file:
                file.writelines(islice(whole, rows + 1))
        return path


class Timed(NamedTuple):
    """Seconds of a run: until the first row was done, and all of it."""

    start: float
    whole: float


class Scorer(NamedTuple):
    """One who scores: `score` does it once with that number of rows, and raises RuntimeError where one has no answer.

    `against` says whose rate ours must be `goal` times of: "rows" or "best"; of "spark", it is our archive on it.
    """

    name: str
    rows: int
    score: Callable[[int], Timed]
    against: str
    goal: float


class Absent(NamedTuple):
    """One who can't be measured here, and why."""

    name: str
    why: str


@contextlib.contextmanager
def scorers(name: str, table: Table, root: Path, hand: Path) -> Iterator[list[Scorer | Absent]]:
    """Give all who score the notebook `name`; `root` is its APP_ROOT, `hand` that with a batch_predictor by hand."""
    with contextlib.ExitStack() as stack:
        found: list[Scorer | Absent] = []
        for label, make in (("mlflow models predict", _mlflow), ("MLServer infer", _mlserver), ("Spark", _spark)):
            try:
                found += stack.enter_context(make(name, table, root, hand))
            except (RuntimeError, OSError, AssertionError) as error:
                found.append(Absent(label, str(error).strip().splitlines()[-1]))
        yield found


def _run_timed(command: list, environ: dict) -> tuple[float, str]:
    started = time.monotonic()
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=PLACE)
    if ran.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-2000:]}")
    return time.monotonic() - started, ran.stdout


def _with_start(once: Callable[[int], float]) -> Callable[[int], Timed]:
    """Return what scores one row and then all of them: what begins again each time is timed by one row."""
    return lambda rows: Timed(once(1), once(rows))


def _check(wanted: int, found: int, who: str) -> None:
    if found != wanted:
        raise RuntimeError(f"{who} answered {found} of {wanted} rows")


# --- mlflow ---


@contextlib.contextmanager
def _mlflow(name: str, table: Table, root: Path, hand: Path) -> Iterator[list[Scorer]]:
    environment = environment_with("batch-mlflow", hand, ["mlflow"])
    folder, out = PLACE / f"mlflow-{name}", PLACE / f"scored-mlflow-{name}.json"
    run(*inside(environment, hand, ["python", SERVERS / "mlflow_batch.py", table.model, folder]))

    def once(kind: str, rows: int) -> float:
        words = ["mlflow", "models", "predict", "--model-uri", folder / kind, "--input-path", table.head(rows)]
        words += ["--output-path", out, "--content-type", "csv", "--env-manager", "local"]
        seconds, _ = _run_timed(*inside(environment, hand, words))
        _check(rows, len(json.loads(out.read_text())["predictions"]), "mlflow")
        return seconds

    # Its start is slow and varies, so its work must take seconds.
    many = min(table.rows, MLFLOW_TIMES * table.slow)
    yield [
        Scorer("mlflow models predict, by rows", many, _with_start(lambda rows: once("rows", rows)), "rows", 20),
        Scorer("mlflow models predict, frame", table.rows, _with_start(lambda rows: once("best", rows)), "best", 3),
    ]


# --- MLServer ---


@contextlib.contextmanager
def _mlserver(name: str, table: Table, root: Path, hand: Path) -> Iterator[list[Scorer]]:
    environment = environment_with("batch-mlserver", hand, ["mlserver", "uvloop<0.22"])
    folder, out = PLACE / f"mlserver-{name}", PLACE / f"scored-mlserver-{name}.ndjson"
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("rows", "best"):
        (folder / kind).mkdir(parents=True)
        settings = {"name": kind, "implementation": f"mlserver_batch.{kind.capitalize()}"}
        (folder / kind / "model-settings.json").write_text(json.dumps(settings))

    def command(peer: Peer, port: int) -> tuple[list, dict]:
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "settings.json").write_text(json.dumps({**MLSERVER, **ports, "metrics_dir": str(folder / "metrics")}))
        words, environ = inside(environment, hand, ["mlserver", "start", str(folder)])
        return words, {**environ, "BENCH_NAME": table.model}

    body = _requests(table, 1, 1).read_text()
    (mlserver,) = [peer for peer in PEERS if peer.name == "mlserver"]
    peer = replace(mlserver, name=f"batch-mlserver-{name}", path="/v2/models/rows/infer", body=body)
    running = Running(peer, command)
    try:
        if not running.wait():
            raise RuntimeError(f"its server does not answer: see {PLACE / peer.name}.log")

        def once(kind: str, per: int, rows: int) -> float:
            # Without retries it asks nothing; and it writes what went wrong among its answers, with status 0.
            words = ["mlserver", "infer", "--url", f"127.0.0.1:{running.port}", "--model-name", kind, "--retries", "1"]
            words += ["--workers", "2", "--batch-size", "1", "--input-data-path", str(_requests(table, rows, per))]
            seconds, _ = _run_timed(*inside(environment, hand, [*words, "--output-data-path", str(out)]))
            answers = [json.loads(line) for line in out.read_text().splitlines()]
            _check(rows, sum(each["outputs"][0]["shape"][0] for each in answers if "outputs" in each), "MLServer")
            return seconds

        by_rows = _with_start(lambda rows: once("rows", 1, rows))
        best = _with_start(lambda rows: once("best", MICRO, rows))
        yield [
            Scorer("MLServer infer, a row a request", table.slow, by_rows, "rows", 20),
            Scorer(f"MLServer infer, {MICRO} rows a request", table.rows, best, "best", 3),
        ]
    finally:
        running.stop()


def _requests(table: Table, rows: int, per: int) -> Path:
    """Return the file of requests that MLServer reads for the first rows, `per` of them in each."""
    path = table.source.with_name(f"{table.source.stem}-requests-{rows}-{per}.ndjson")
    if path.exists():
        return path
    with open(table.source, encoding="ascii") as file, open(path, "w", encoding="ascii") as out:
        left = islice(csv.DictReader(file), rows)
        while group := list(islice(left, per)):
            out.write(json.dumps({"inputs": _tensors(table, group)}) + "\n")
    return path


def _tensors(table: Table, group: list[dict]) -> list[dict]:
    kinds = {TYPES[column] for column in table.columns}
    if kinds == {"double"}:
        data = [float(row[column]) for row in group for column in table.columns]
        return [{"name": "x", "shape": [len(group), len(table.columns)], "datatype": "FP64", "data": data}]
    names = {"double": ("FP64", float), "int": ("INT64", int), "string": ("BYTES", str)}
    tensors = []
    for column in table.columns:
        datatype, make = names[TYPES[column]]
        data = [make(row[column]) for row in group]
        tensors.append({"name": column, "shape": [len(group), 1], "datatype": datatype, "data": data})
    return tensors


# --- Spark ---


@contextlib.contextmanager
def _spark(name: str, table: Table, root: Path, hand: Path) -> Iterator[list[Scorer]]:
    environment = environment_with("batch-spark", root, [SPARK, "pandas", "pyarrow"])
    if shutil.which("java") is None:
        raise RuntimeError("there is no Java; on Debian: apt-get install openjdk-17-jre-headless")
    archive = PLACE / f"spark-{name}.zip"
    command, environ = service_of(root)
    with open(archive, "wb") as file:
        subprocess.run([*command, "spark-model"], env=environ, stdout=file, stderr=subprocess.DEVNULL, check=True)
    schema = ", ".join(f"{column} {TYPES[column]}" for column in table.columns)
    with (
        tempfile.TemporaryDirectory(prefix="spark-", dir=PLACE) as folder,
        cluster(environment / "bin/python", Path(folder)) as master,
    ):

        def once(kind: str, rows: int) -> Timed:
            paths = [table.head(1), table.head(rows), Path(folder) / "scored"]
            words = ["python", SERVERS / "spark_batch.py", master, kind, archive, schema, *paths]
            words, own = inside(environment, hand, list(map(str, words)))
            own = {**own, "PYSPARK_PYTHON": str(environment / "bin/python"), "SPARK_LOCAL_IP": "127.0.0.1"}
            facts = json.loads(_run_timed(words, own)[1].splitlines()[-1])
            _check(rows, facts["rows"], "Spark")
            return Timed(facts["start"], facts["start"] + facts["seconds"])

        yield [
            Scorer("Spark, row-wise UDF, 2 executors", table.slow, lambda rows: once("udf", rows), "spark", 10),
            Scorer(OURS_ON_SPARK, table.rows, lambda rows: once("ours", rows), "ours", 1 / 1.3),
        ]


OURS_ON_SPARK = "Spark, our archive, 2 executors"
