"""Score tables with real PySpark in one session, as the JSON in a file describes; print the results as JSON.

Each job is {archive, schema, rows, options}: `archive` a zip file, `schema` the columns in Spark's notation. Rows
are what `score` gives, types those of its columns; with `udf`, the arguments of predictor_udf, the column of it. A job
that fails has the reason as `error`. nb_spark is that of the first job's archive, or of the folder in a second word.
"""

import json
import os
import sys
from pathlib import Path

jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
sys.path.insert(0, sys.argv[2] if len(sys.argv) > 2 else jobs[0]["archive"])
os.environ["PYSPARK_PYTHON"] = sys.executable

import nb_spark  # noqa: E402
from pyspark.sql import SparkSession, functions  # noqa: E402

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")


def scored(job):
    """Return what became of one job."""
    rows = [tuple(cell.encode() if "binary" in job["schema"] else cell for cell in row) for row in job["rows"]]
    table = spark.createDataFrame(rows, job["schema"]).coalesce(1)
    if "udf" in job:
        columns = [functions.struct(*table.columns)] if job.get("struct") else table.columns
        result = table.select(nb_spark.predictor_udf(job["archive"], **job["udf"])(*columns).alias("answer"))
    else:
        result = nb_spark.score(table, job["archive"], **job.get("options", {}))
    found = (
        [json.loads(text) for text in result.toJSON().collect()]
        if job.get("as_json")
        else [*map(list, result.collect())]
    )
    return {"types": dict(result.dtypes), "rows": found}


outcomes = []
for job in jobs:
    try:
        outcomes.append(scored(job))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test checks its message
        outcomes.append({"error": str(error)})
spark.stop()
print(json.dumps(outcomes, default=str))
