"""A driver that scores a CSV file on a cluster, row by row by a UDF or with our archive; prints seconds as JSON.

Usage: spark_batch.py MASTER udf|ours ARCHIVE SCHEMA ONE.csv IN.csv OUT, where SCHEMA is Spark's. `start` is the time
until one row has been read, scored and written; `seconds` what the whole file takes after that.
"""

import json
import os
import sys
import time

began = time.monotonic()
master, kind, archive, schema, one, source, out = sys.argv[1:]
sys.path.insert(0, archive)

from nb_spark import score  # noqa: E402
from pyspark.sql import SparkSession, functions  # noqa: E402

builder = SparkSession.builder.master(master)
settings = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "700m",
    **{f"spark.executorEnv.{name}": os.environ[name] for name in ("PYTHONPATH", "BENCH_MODEL")},
}
for name, value in settings.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
columns = [part.split()[0] for part in schema.split(",")]
has_texts = "string" in schema


def answer(*cells):
    """Answer one row, as a request would be."""
    from model import predictor

    return str(predictor(dict(zip(columns, cells, strict=True)) if has_texts else list(cells)))


def write(path: str, target: str) -> None:
    """Score a file."""
    table = spark.read.csv(path, schema=schema, header=True)
    if kind == "udf":
        scored = table.withColumn("prediction", functions.udf(answer, "string")(*columns))
    else:
        scored = score(table, archive, columns=columns, errors_column="")
    scored.write.csv(target, header=True, mode="overwrite")


write(one, f"{out}-one")
ready = time.monotonic()
write(source, out)
seconds = time.monotonic() - ready
rows = spark.read.csv(out, header=True).where("prediction is not null").count()
spark.stop()
print(json.dumps({"start": ready - began, "seconds": seconds, "rows": rows}))
