"""The functions for drivers: `score` for a table, `predictor_udf` for a column."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from nb_service import problems
from nb_service.backends.batch.formats.chunk import repeated
from nb_service.settings import Settings

from nb_spark import carried, kinds, source

PREDICTION = "prediction"
FORMS = ("", "list", "object", "value")


def score(  # noqa: PLR0913 - each is a choice of its own, and has a default
    df: Any,
    archive: str,
    *,
    column: str = PREDICTION,
    errors_column: str | None = None,
    columns: Sequence[str] | None = None,
    as_form: str = "",
    answer: Any = None,
    scorers: int = 1,
) -> Any:
    """Return `df` with two more columns: the model's predictions, and the reasons for rows without one.

    `archive` is the file that spark-model wrote, or the name of an archive passed with --archives. Predictor receives
    `columns`, by default all. `as_form` (list, object or value) is the form of a sample if the notebook doesn't
    determine it. `answer` is the predictions' Spark type, or "json"; the default is derived from the model's own
    predictions. The reasons are in `errors_column`, by default prediction_error; "" omits it. Each Spark worker runs
    `scorers` scorers.
    """
    spark = df.sparkSession
    errors = f"{column}_error" if errors_column is None else errors_column
    wanted = chosen(list(df.columns), columns, [column, *([errors] if errors else [])], as_form)
    found = source.shipped(spark, str(archive))
    kind = _type(spark, found, answer)
    schema = df.schema
    for name, each in [(column, kind), *([(errors, "string")] if errors else [])]:
        # A copy, because `add` modifies the table's schema.
        schema = type(schema)([*schema.fields]).add(name, each)
    task = _task(found, kind, answer, as_form, scorers)
    # A single named column is the sample itself, as in the back end `batch`.
    task.update(columns=wanted, picked=tuple(columns or ()), column=column, errors_column=errors)
    arrow_batches = _carried().arrow_batches
    return df.mapInArrow(lambda batches: arrow_batches(task, batches), schema)


def predictor_udf(
    archive: str, *, columns: Sequence[str] | None = None, as_form: str = "", answer: Any = None, scorers: int = 1
) -> Any:
    """Return a function that converts columns to a column of predictions, with null for rejected rows.

    If predictor takes objects, `columns` are the names of their keys; alternatively, pass the function one struct
    column. The other arguments are those of `score`, which also returns the reasons for rejections.
    """
    from pyspark.sql import SparkSession, functions

    spark = SparkSession.getActiveSession()
    if spark is None:
        raise problems.SparkColumns("There is no active Spark session.", "Make one before predictor_udf is called.")
    found = source.shipped(spark, str(archive))
    kind = _type(spark, found, answer)
    task = _task(found, kind, answer, as_form, scorers)
    task.update(columns=None if columns is None else list(columns), picked=())
    own_columns = _carried().columns

    def predict(groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - Spark gets hints below
        return own_columns(task, groups)

    # Spark determines the kind of function from its type hints. With Arrow, integers stay integers in columns with
    # nulls.
    if hasattr(functions, "arrow_udf"):
        import pyarrow as pa

        predict.__annotations__ = {"groups": Iterator[tuple[pa.Array, ...]], "return": Iterator[pa.Array]}
        return functions.arrow_udf(predict, kind)
    import pandas as pd

    predict.__annotations__ = {"groups": Iterator[tuple[pd.Series, ...]], "return": Iterator[pd.Series]}
    return functions.pandas_udf(predict, kind)


def chosen(there: list[str], columns: Sequence[str] | None, new: list[str], as_form: str) -> list[str]:
    """Return the names of the columns that predictor receives; raise SparkColumns if a name is invalid."""
    wanted = there if columns is None else list(columns)
    fix = f"Existing columns: {', '.join(there)}."
    known = set(there)
    missing = [name for name in wanted if name not in known]
    if twice := repeated(there):
        raise problems.SparkColumns(f"The table has the column {twice!r} more than once.", "Name each column once.")
    if missing:
        raise problems.SparkColumns(f"The table has no column {missing[0]!r}.", fix)
    if not wanted:
        raise problems.SparkColumns("No column is chosen for predictor.", fix)
    # Spark ignores case when it compares names.
    lowered = {name.lower() for name in there}
    taken = [name for name in new if name.lower() in lowered]
    if taken:
        raise problems.SparkColumns(
            f"The table has a column {taken[0]!r} already.", "Choose another name with column= or errors_column=."
        )
    if len({name.lower() for name in new}) < len(new):
        raise problems.SparkColumns(
            f"Predictions and reasons would both be in {new[0]!r}.", "Choose another name with errors_column=."
        )
    _check_form(as_form, len(wanted))
    return wanted


def _check_form(as_form: str, width: int) -> None:
    if as_form not in FORMS:
        raise problems.SparkColumns(f"as_form={as_form!r} is not a form of a row.", "Use list, object or value.")
    if as_form == "value" and width != 1:
        raise problems.SparkColumns(
            f'as_form="value" is for one column, and predictor would get {width}.',
            "Choose the column with columns=[…].",
        )


def _task(found: source.Source, kind: Any, answer: Any, as_form: str, scorers: int) -> dict:
    """Return everything that workers need to know, as a dict that can be pickled."""
    from pyspark.sql.pandas.types import to_arrow_type

    is_json = _wanted(found, answer) == kinds.JSON
    return {
        "name": found.name,
        "digest": found.digest,
        "refusal": source.rejection(found.name, carried.REASON),
        "kind": None if is_json else to_arrow_type(kind),
        "type": kind.simpleString(),
        "as_form": as_form,
        "scorers": scorers,
        "digests": found.digests(Settings(dict(os.environ)).trust),
    }


def _wanted(found: source.Source, answer: Any) -> Any:
    return kinds.choose_type(found.answer_schema) if answer is None else answer


def _type(spark: Any, found: source.Source, answer: Any) -> Any:
    """Return the Spark type of the predictions."""
    wanted = _wanted(found, answer)
    if not isinstance(wanted, str):
        return wanted
    # Spark 3.5 and 4 have no common public parser for type names.
    return spark.createDataFrame([], f"answer {'string' if wanted == kinds.JSON else wanted}").schema[0].dataType


def _carried() -> Any:
    """Return the module that is pickled by value with each job."""
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(carried)
    return carried
