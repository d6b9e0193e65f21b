"""Runs in a Spark worker: converts record batches to the same rows with predictions, in order."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

from nb_service import problems
from nb_service.backends.batch.formats import arrow_values
from nb_service.backends.batch.formats.chunk import Chunk, Table
from nb_service.backends.batch.samples import Samples
from nb_service.backends.batch.scoring import Scored

from nb_spark import kinds, prepare, scorers


class Answered(NamedTuple):
    """The outcome for the rows of a group: an array of predictions and one of reasons, with null for missing ones."""

    answers: Any
    reasons: Any


class _Group:
    """A group of rows whose parts are being scored; `given` is the group as Spark passed it."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self.parts: list[tuple[int, Future[Scored]]] = []


def tables(task: dict, batches: Iterable[Any]) -> Iterator[Any]:
    """Yield each record batch with two more columns: predictions, and the reasons of rows without one."""
    import pyarrow as pa

    wanted = task["columns"]

    def groups() -> Iterator[tuple[Any, list[str], list]]:
        for batch in batches:
            yield batch, wanted, [batch.column(name) for name in wanted]

    for batch, answered in _answered(task, groups()):
        arrays = [*batch.columns, answered.answers]
        names = [*batch.schema.names, task["column"]]
        if task["errors_column"]:
            arrays.append(answered.reasons)
            names.append(task["errors_column"])
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def columns(task: dict, groups: Iterable[Any]) -> Iterator[Any]:
    """Yield the predictions for each group of columns in the same type, Arrow arrays or pandas series."""
    for given, answered in _answered(task, (_columns_of(task, group) for group in groups)):
        yield answered.answers if given is None else given(answered.answers.to_pylist(), dtype=object)


def _columns_of(task: dict, group: Any) -> tuple[Any, list[str], list]:
    """Return the series constructor if the group is pandas, else None; and the columns' names and Arrow arrays."""
    import pyarrow as pa

    columns = list(group) if isinstance(group, tuple) else [group]
    make = None
    names = task["columns"]
    if not isinstance(columns[0], pa.Array):
        import pandas as pd

        make = pd.Series
        if len(columns) == 1 and isinstance(columns[0], pd.DataFrame):
            names = names or [str(name) for name in columns[0].columns]
            columns = [column for _, column in columns[0].items()]
        columns = [pa.Array.from_pandas(column) for column in columns]
    elif len(columns) == 1 and pa.types.is_struct(columns[0].type):
        names = names or [field.name for field in columns[0].type]
        columns = columns[0].flatten()
    if names is not None and len(names) != len(columns):
        raise problems.SparkColumns(
            f"The function got {len(columns)} columns, and columns= names {len(names)}.", "Name each of them once."
        )
    if task["as_form"] == "value" and len(columns) != 1:
        raise problems.SparkColumns(
            f'as_form="value" is for one column, and the function got {len(columns)}.', "Give it one."
        )
    return make, names, columns


def _answered(task: dict, groups: Iterable[tuple[Any, list[str] | None, list]]) -> Iterator[tuple[Any, Answered]]:
    """Yield each group as passed and its outcome, in order, while a few more parts are being scored."""
    groups = iter(groups)
    first_group = next(groups, None)
    if first_group is None:
        # Some parts of a table have no rows, so the process is started only when needed.
        return
    own = scorers.get_scorers(prepare.prepare(task["folder"]), task["scorers"], task["digests"])
    stop = threading.Event()
    scoring = own.scoring(stop)
    waiting: deque[_Group] = deque()
    ahead = own.count + 2
    with ThreadPoolExecutor(own.count + 1, thread_name_prefix="score") as threads:
        try:
            for given, names, arrays in chain([first_group], groups):
                group = _Group(given)
                waiting.append(group)
                table = _table(names, arrays)
                samples = Samples("The table", names, own.rows, task["picked"], task["as_form"])
                for part in _parts(table, scoring):
                    group.parts.append((len(part), threads.submit(scoring.score, samples.encode(part))))
                    while sum(len(each.parts) for each in waiting) > ahead and waiting[0] is not group:
                        first = waiting.popleft()
                        yield first.given, _joined(first, task)
                    _hold(group, ahead)
            while waiting:
                first = waiting.popleft()
                yield first.given, _joined(first, task)
        except problems.BatchUnscored as problem:
            raise problems.SparkUnscored(problem.what.partition(": ")[2].rstrip(".")) from None
        finally:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)


def _table(names: list[str] | None, arrays: list) -> Table:
    """Return Arrow columns as a table; raise SparkColumns if a column's type can't be converted to JSON."""
    for at, array in enumerate(arrays):
        if arrow_values.lacks_json(array.type):
            name = names[at] if names else str(at + 1)
            raise problems.SparkColumns(
                f"The column {name!r} is of type {array.type}, which JSON lacks.", "Leave it out with columns=[…]."
            )
    return Table([arrow_values.values(array) for array in arrays], names, len(arrays[0]))


def _parts(table: Table, scoring: Any) -> Iterator[Chunk]:
    begin = 0
    while begin < len(table):
        part = table.slice(begin, begin + scoring.most)
        yield part
        begin += len(part)


def _hold(group: _Group, ahead: int) -> None:
    """Wait until at most `ahead` parts of the group are unscored: scored ones determine the next part's size."""
    if len(group.parts) > ahead:
        group.parts[-ahead - 1][1].result()


def _joined(group: _Group, task: dict) -> Answered:
    """Wait for all parts of the group; return the outcome for their rows."""
    import pyarrow as pa

    kind = task["kind"]
    answers, reasons = [], []
    for count, future in group.parts:
        scored = future.result()
        made, misfits = kinds.column(_spread(count, scored, kind), kind, task["type"])
        why: list[str | None] = [None] * count
        for at, reason in {**misfits, **{at: failure.reason for at, failure in scored.failures.items()}}.items():
            why[at] = reason
        answers.append(made)
        reasons.append(pa.array(why, pa.string()))
    if not group.parts:
        return Answered(pa.nulls(0, kind or pa.string()), pa.nulls(0, pa.string()))
    return Answered(pa.concat_arrays(answers), pa.concat_arrays(reasons))


def _spread(count: int, scored: Scored, kind: Any) -> Sequence:
    """Return the predictions of `count` rows, as kinds.column expects them, with null for failed rows."""
    answers = scored.answers
    items = answers.texts if kind is None else answers.values  # noqa: PD011 - no pandas
    if not scored.failures:
        return items
    null = "null" if kind is None else None
    left = iter(items)
    return [null if at in scored.failures else next(left) for at in range(count)]
