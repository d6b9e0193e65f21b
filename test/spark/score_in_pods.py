"""A driver that scores a table in pods, of which one is deleted meanwhile; prints what became of the rows as JSON.

Words: master, archive, rows, image of the executors, template of their pods, namespace, address of the driver.
"""

import json
import subprocess
import sys
import threading
import time

master, archive, rows, image, template, namespace, address = sys.argv[1:]
sys.path.insert(0, archive)

from nb_spark import score  # noqa: E402
from pyspark.sql import SparkSession, functions  # noqa: E402

PARTS = 16
CONF = {
    "spark.ui.enabled": "false",
    "spark.driver.host": address,
    "spark.driver.bindAddress": address,
    "spark.executor.instances": "2",
    "spark.executor.memory": "700m",
    "spark.kubernetes.container.image": image,
    "spark.kubernetes.executor.podTemplateFile": template,
    "spark.kubernetes.executor.request.cores": "0.1",
    "spark.kubernetes.namespace": namespace,
}
builder = SparkSession.builder.master(master)
for name, value in CONF.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
deleted: dict = {}


def pods() -> list[str]:
    """Return the names of the executors' pods that run."""
    command = ["kubectl", "--namespace", namespace, "get", "pods", "--selector", "spark-role=executor"]
    command += ["--field-selector", "status.phase=Running", "--output", "name"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def delete_one() -> None:
    """Delete a pod, at once, when some parts are done and others are not."""
    tracker = spark.sparkContext.statusTracker()
    while not deleted:
        for number in tracker.getActiveStageIds():
            stage = tracker.getStageInfo(number)
            if (
                stage
                and stage.numTasks == PARTS
                and stage.numCompletedTasks >= PARTS // 4
                and len(running := pods()) > 1
            ):
                deleted.update(pod=running[0], pods=len(running), after=stage.numCompletedTasks)
                command = ["kubectl", "--namespace", namespace, "delete", running[0], "--force", "--grace-period=0"]
                subprocess.run(command, capture_output=True, check=True)
        time.sleep(0.02)


identity = functions.col("id")
table = spark.range(0, int(rows), 1, PARTS).select("id", (identity % 1009 / 1009).alias("x"), (identity % 7).alias("y"))
threading.Thread(target=delete_one, daemon=True).start()
scored = score(table, archive, columns=["x", "y"]).select("id", "prediction", "prediction_error").toPandas()
facts = {
    "deleted": deleted,
    "rows": len(scored),
    "ids": int(scored["id"].nunique()),
    "refused": int(scored["prediction_error"].notna().sum()),
    "answers": [int(answer) for answer in scored.sort_values("id")["prediction"][:2000]],
}
spark.stop()
print(json.dumps(facts))
