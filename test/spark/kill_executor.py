"""A driver that scores a table while an executor of it is killed; prints what became of the rows as JSON.

Words: master, archive, rows, folder for the answers, and that of the cluster, in which executors work.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

master, archive, rows, out, folder = sys.argv[1:]
sys.path.insert(0, archive)

from nb_spark import score  # noqa: E402
from pyspark.sql import SparkSession, functions  # noqa: E402

PARTS = 16
spark = (
    SparkSession.builder.master(master)
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.executor.memory", "700m")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
killed: dict = {}


def executors() -> list[int]:
    """Return the processes of executors, by the folder in which each has its files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if b"CoarseGrainedExecutorBackend" in words and os.readlink(process / "cwd").startswith(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def kill_one() -> None:
    """Kill an executor once some parts are done and others are not."""
    tracker = spark.sparkContext.statusTracker()
    while not killed:
        for number in tracker.getActiveStageIds():
            stage = tracker.getStageInfo(number)
            there = executors()
            if stage and stage.numTasks == PARTS and stage.numCompletedTasks >= PARTS // 4 and len(there) > 1:
                os.kill(there[0], signal.SIGKILL)
                killed.update(pid=there[0], executors=len(there), after=stage.numCompletedTasks)
        time.sleep(0.02)


identity = functions.col("id")
table = spark.range(0, int(rows), 1, PARTS).select("id", (identity % 1009).alias("x"), (identity / 8).alias("y"))
threading.Thread(target=kill_one, daemon=True).start()
started = time.monotonic()
score(table, archive, columns=["x", "y"]).write.parquet(out)
seconds = time.monotonic() - started
written = spark.read.parquet(out)
right = (functions.col("prediction") == functions.col("x") + functions.col("y")) & functions.isnull("prediction_error")
facts = {
    "killed": killed,
    "rows": written.count(),
    "ids": written.select("id").distinct().count(),
    "right": written.filter(right).count(),
    "seconds": seconds,
}
spark.stop()
print(json.dumps(facts))
