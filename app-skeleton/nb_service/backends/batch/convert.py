"""Converts staged predictions (NDJSON) to the requested format.

The header or footer of Parquet, Arrow and npy depends on all predictions. Rows are written in groups of a fixed size,
so that the bytes don't depend on interruptions of the job.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, starmap
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats import npy_array

# The rows of a row group or record batch; fewer if their texts are long.
GROUP = 1 << 16
MAX_SIZE = 16 << 20


def batches(path: str) -> Iterator[list]:
    """Yield the staged values in lists of GROUP rows or about MAX_SIZE bytes."""
    with open(path, "rb") as file:
        lines = iter(file)
        while group := _group(lines):
            yield json.loads(b"[" + b",".join(group) + b"]")


def _group(lines: Iterator[bytes]) -> list[bytes]:
    group: list[bytes] = []
    size = 0
    # The size is checked every thousand rows: checking each would cost more than reading it.
    while size < MAX_SIZE and len(group) < GROUP and (some := list(islice(lines, 1 << 10))):
        group += some
        size += sum(map(len, some))
    return group


def to_npy(staged: str, sink: IO[bytes], name: str) -> None:
    """Write staged predictions as an npy file."""
    npy_array.write(lambda: batches(staged), sink, name)


class Wider(Exception):
    """A value doesn't fit the type that was chosen for its column from the earlier rows."""


class Columns:
    """Writes staged rows as Parquet or Arrow.

    `names` are the columns of the predictions. If the input has typed columns, `kept` yields the batches of the kept
    columns again, with their schema, and a staged row is [number in its input, predictions…]; otherwise a staged row is
    an object.
    """

    def __init__(self, kind: str, names: list[str], name: str, kept: Callable[[], Iterator[Any]] | None) -> None:
        self._kind = kind
        self._names = names
        self._name = name
        self._kept = kept

    def write(self, staged: str, sink: IO[bytes], *, exact: bool, as_stream: bool = False) -> None:
        """Write all rows.

        If `exact`, the column types are those that hold all rows, which needs an extra pass; otherwise they come from
        the first rows. Raises Wider, after some rows may have been written, if a later row doesn't fit.
        """
        import pyarrow as pa

        try:
            self._write(staged, sink, exact=exact, as_stream=as_stream)
        except pa.ArrowException as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise problems.BatchOutput(self._name, f"{self._kind} can't hold these rows ({lines[0]})", _ELSE) from error

    def _write(self, staged: str, sink: IO[bytes], *, exact: bool, as_stream: bool) -> None:
        types = self._types(islice(batches(staged), None if exact else 1))
        rows = self._with_kept(staged, types) if self._kept else self._alone(staged, types)
        first = next(rows, None)
        schema = self._of_none(types) if first is None else first.schema
        with self._writer(sink, schema, as_stream) as writer:
            for table in () if first is None else chain([first], rows):
                writer.write_table(table)

    def _of_none(self, types: dict[str, Any]) -> Any:
        """Return the schema of an output without rows: the kept columns and the prediction columns."""
        import pyarrow as pa

        batch = next(self._kept(), None) if self._kept else None
        return pa.schema([*(() if batch is None else batch.schema), *starmap(pa.field, types.items())])

    def _types(self, groups: Iterable[list]) -> dict[str, Any]:
        """Return the type that holds all values of each column, or _AS_JSON if none does."""
        import pyarrow as pa

        seen: dict[str, Any] = {name: pa.null() for name in self._names}
        for rows in groups:
            for name, values in self._cells(rows).items():
                seen[name] = _widened(seen[name], values)
        return {name: _AS_JSON if _has_no_fields(kind) else kind for name, kind in seen.items()}

    def _writer(self, sink: IO[bytes], schema: Any, as_stream: bool) -> Any:
        import pyarrow as pa

        if self._kind == "parquet":
            import pyarrow.parquet as pq

            return pq.ParquetWriter(sink, schema)
        return pa.ipc.new_stream(sink, schema) if as_stream else pa.ipc.new_file(sink, schema)

    def _cells(self, rows: list) -> dict[str, Sequence]:
        if self._kept:
            _, *columns = zip(*rows, strict=True)
            return dict(zip(self._names, columns, strict=True))
        return {name: [row[name] for row in rows] for name in self._names}

    def _alone(self, staged: str, types: dict[str, Any]) -> Iterator[Any]:
        import pyarrow as pa

        for rows in batches(staged):
            cells = self._cells(rows)
            yield pa.table({name: _array(values, types[name]) for name, values in cells.items()})

    def _with_kept(self, staged: str, types: dict[str, Any]) -> Iterator[Any]:
        """Yield tables of the kept columns, without rows that have no prediction, and the predictions."""
        import pyarrow as pa

        kept = _Regrouped(self._kept() if self._kept else iter(()))
        for rows in batches(staged):
            cells = self._cells(rows)
            table = kept.take([row[0] for row in rows])
            for name, values in cells.items():
                table = table.append_column(name, pa.chunked_array([_array(values, types[name])]))
            yield table.combine_chunks()


class _Regrouped:
    """Selects rows from batches by row number, counted over all batches; numbers must increase."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._batch: Any = None
        self._first = 0  # number of the batch's first row

    def take(self, numbers: list[int]) -> Any:
        """Return a table of the rows with these numbers (counted from 0)."""
        import pyarrow as pa

        parts, at = [], 0
        while at < len(numbers):
            while self._batch is None or numbers[at] >= self._first + self._batch.num_rows:
                self._first += self._batch.num_rows if self._batch is not None else 0
                self._batch = next(self._source)
            end = bisect_left(numbers, self._first + self._batch.num_rows, at)
            wanted = numbers[at:end]
            if wanted[-1] - wanted[0] == len(wanted) - 1:
                parts.append(self._batch.slice(wanted[0] - self._first, len(wanted)))
            else:
                parts.append(self._batch.take(pa.array([number - self._first for number in wanted])))
            at = end
        return pa.Table.from_batches(parts)


_AS_JSON = "json"
_ELSE = "Try --to ndjson."


def _has_no_fields(kind: Any) -> bool:
    """Return whether values of this type are or contain objects without keys, which Parquet can't hold."""
    from pyarrow import types

    if kind == _AS_JSON or not types.is_nested(kind):
        return False
    inner = [kind.field(at).type for at in range(kind.num_fields)]
    return not inner or any(map(_has_no_fields, inner))


def _widened(kind: Any, values: Sequence) -> Any:
    """Return a type that holds both values of type `kind` and these values, or _AS_JSON."""
    import pyarrow as pa

    try:
        return kind if kind == _AS_JSON else _unified(kind, pa.array(values).type)
    except _unfit():
        return _AS_JSON


def _unified(kind: Any, other: Any) -> Any:
    """Return the type that holds the values of both types; raise one of `_unfit` if there is none."""
    import pyarrow as pa

    schemas = [pa.schema([("one", each)]) for each in (kind, other)]
    return pa.unify_schemas(schemas, promote_options="permissive").field("one").type


def _array(values: Sequence, kind: Any) -> Any:
    """Return values as an array of this type.

    Raise Wider if they need another type, or BatchOutput if no type holds them.
    """
    import pyarrow as pa

    if kind == _AS_JSON:
        return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
    # The type alone isn't enough, because pyarrow would silently convert 1.0 to an integer.
    try:
        array = pa.array(values)
        is_held = array.type == kind or _unified(kind, array.type) == kind
    except _unfit() as error:
        raise Wider from error
    if not is_held:
        raise Wider
    try:
        return array if array.type == kind else pa.array(values, kind)
    except _unfit() as error:
        raise problems.BatchOutput("The answers", f"no column holds them ({error})", _ELSE) from error


def _unfit() -> tuple[type[Exception], ...]:
    """Return the exceptions that pyarrow raises for values that can't share a column."""
    import pyarrow as pa

    return (pa.ArrowException, ValueError, TypeError, OverflowError)
