"""Scores Spark tables with a model made by nb-builder: `score(df, "model.zip")`.

It is part of the archive that `spark-model` writes, so drivers only need the archive on sys.path.
"""

from nb_spark.api import predictor_udf, score

__all__ = ["predictor_udf", "score"]
