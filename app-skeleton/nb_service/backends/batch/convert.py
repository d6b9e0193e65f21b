"""Staged answers, as NDJSON, made the file that was asked for.

What Parquet, Arrow and npy begin or end with, only all answers tell. Rows come by groups of a fixed size, so that the
bytes do not depend on when a job was interrupted.
"""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats import npy_array

# Rows of a row group, or of a record batch.
GROUP = 1 << 16


def batches(path: str) -> Iterator[list]:
    """Yield the staged values in lists of GROUP."""
    with open(path, encoding="utf-8", newline="\n") as file:
        while lines := list(islice(file, GROUP)):
            yield json.loads("[" + ",".join(lines) + "]")


def to_npy(staged: str, sink: IO[bytes], name: str) -> None:
    """Write staged answers as an npy file."""
    npy_array.write(lambda: batches(staged), sink, name)


class Columns:
    """Writes staged rows as Parquet or Arrow.

    `names` are the columns of the answers. `kept` gives anew the batches of the columns that are kept of an input of
    columns, with their schema, and then a staged row is [number in its input, answers…]; else it is an object.
    """

    def __init__(self, kind: str, names: list[str], name: str, kept: Callable[[], Iterator[Any]] | None) -> None:
        self._kind = kind
        self._names = names
        self._name = name
        self._kept = kept

    def write(self, staged: str, sink: IO[bytes], *, as_stream: bool = False) -> None:
        """Write all rows."""
        import pyarrow as pa

        answer_types = self._types(staged)
        rows = self._with_kept(staged, answer_types) if self._kept else self._alone(staged, answer_types)
        writer = None
        for table in rows:
            if writer is None:
                writer = self._writer(sink, table.schema, as_stream)
            writer.write_table(table)
        if writer is None:
            schema = pa.schema([pa.field(name, answer_types.get(name, pa.null())) for name in self._names])
            writer = self._writer(sink, schema, as_stream)
        writer.close()

    def _writer(self, sink: IO[bytes], schema: Any, as_stream: bool) -> Any:
        import pyarrow as pa

        if self._kind == "parquet":
            import pyarrow.parquet as pq

            return pq.ParquetWriter(sink, schema)
        return pa.ipc.new_stream(sink, schema) if as_stream else pa.ipc.new_file(sink, schema)

    def _cells(self, rows: list) -> dict[str, list]:
        if self._kept:
            return {name: [row[at] for row in rows] for at, name in enumerate(self._names, 1)}
        return {name: [row[name] for row in rows] for name in self._names}

    def _types(self, staged: str) -> dict[str, Any]:
        """Return the type that holds all values of each column, _AS_JSON where there is none."""
        import pyarrow as pa

        seen: dict[str, Any] = {name: pa.null() for name in self._names}
        for rows in batches(staged):
            for name, values in self._cells(rows).items():
                if seen[name] is not None:
                    seen[name] = _widened(seen[name], values)
        return {name: _AS_JSON if kind is None else kind for name, kind in seen.items()}

    def _alone(self, staged: str, types: dict[str, Any]) -> Iterator[Any]:
        import pyarrow as pa

        for rows in batches(staged):
            cells = self._cells(rows)
            yield pa.table({name: _array(values, types[name]) for name, values in cells.items()})

    def _with_kept(self, staged: str, types: dict[str, Any]) -> Iterator[Any]:
        """Yield tables of the kept columns, without the rows that have no answer, and the answers."""
        import pyarrow as pa

        kept = _Regrouped(self._kept() if self._kept else iter(()))
        for rows in batches(staged):
            cells = self._cells(rows)
            table = kept.take([row[0] for row in rows])
            for name, values in cells.items():
                table = table.append_column(name, pa.chunked_array([_array(values, types[name])]))
            yield table.combine_chunks()


class _Regrouped:
    """Rows of batches by their numbers over all of them, which only grow."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._batch: Any = None
        self._first = 0  # the number of the batch's first row

    def take(self, numbers: list[int]) -> Any:
        """Return a table of the rows with these numbers, counted from 0."""
        import pyarrow as pa

        parts, at = [], 0
        while at < len(numbers):
            while self._batch is None or numbers[at] >= self._first + self._batch.num_rows:
                self._first += self._batch.num_rows if self._batch is not None else 0
                self._batch = next(self._source)
            end = at
            while end < len(numbers) and numbers[end] < self._first + self._batch.num_rows:
                end += 1
            wanted = numbers[at:end]
            if wanted[-1] - wanted[0] == len(wanted) - 1:
                parts.append(self._batch.slice(wanted[0] - self._first, len(wanted)))
            else:
                parts.append(self._batch.take(pa.array([number - self._first for number in wanted])))
            at = end
        return pa.Table.from_batches(parts)


_AS_JSON = "json"


def _widened(kind: Any, values: list) -> Any:
    """Return the type for values of this type and some more; None where there is none."""
    import pyarrow as pa

    try:
        schemas = [pa.schema([("one", kind)]), pa.schema([("one", pa.array(values).type)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field("one").type
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return None


def _array(values: list, kind: Any) -> Any:
    import pyarrow as pa

    if kind == _AS_JSON:
        return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise problems.BatchOutput("The answers", f"no column holds them ({error})", "Try --to ndjson.") from error
