"""Scores tables of Spark with a model that nb-builder made: `score(df, "model.zip")`.

It is in the archive that `spark-model` writes, so that the archive on sys.path is all that a driver needs.
"""

from nb_spark.api import predictor_udf, score

__all__ = ["predictor_udf", "score"]
