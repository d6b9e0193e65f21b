"""Staged answers, as NDJSON, made the file that was asked for.

What Parquet, Arrow and npy begin or end with, only all answers tell. Rows come by groups of a fixed size, so that the
bytes do not depend on when a job was interrupted.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, starmap
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats import npy_array

# Rows of a row group, or of a record batch; fewer where their texts are long.
GROUP = 1 << 16
MAX_SIZE = 16 << 20


def batches(path: str) -> Iterator[list]:
    """Yield the staged values in lists of GROUP, or of about LARGEST bytes."""
    with open(path, "rb") as file:
        lines = iter(file)
        while group := _group(lines):
            yield json.loads(b"[" + b",".join(group) + b"]")


def _group(lines: Iterator[bytes]) -> list[bytes]:
    group: list[bytes] = []
    size = 0
    # Looked at a thousand at a time: to count each of them would cost more than to read it.
    while size < MAX_SIZE and len(group) < GROUP and (some := list(islice(lines, 1 << 10))):
        group += some
        size += sum(map(len, some))
    return group


def to_npy(staged: str, sink: IO[bytes], name: str) -> None:
    """Write staged answers as an npy file."""
    npy_array.write(lambda: batches(staged), sink, name)


class Wider(Exception):
    """A column has a value that the type of those before can't hold."""


class Columns:
    """Writes staged rows as Parquet or Arrow.

    `names` are the columns of the answers. `kept` gives again the batches of the columns that are kept of an input of
    columns, with their schema, and then a staged row is [number in its input, answers…]; else it is an object.
    """

    def __init__(self, kind: str, names: list[str], name: str, kept: Callable[[], Iterator[Any]] | None) -> None:
        self._kind = kind
        self._names = names
        self._name = name
        self._kept = kept

    def write(self, staged: str, sink: IO[bytes], *, exact: bool, as_stream: bool = False) -> None:
        """Write all rows.

        The types of its columns are those that hold all rows where they are to be `exact`, which takes a reading of
        its own; else those of the first rows. Raises Wider, in the middle of its work, where these do not hold all.
        """
        import pyarrow as pa

        try:
            self._write(staged, sink, exact=exact, as_stream=as_stream)
        except pa.ArrowException as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            raise problems.BatchOutput(self._name, f"{self._kind} can't hold these rows ({words[0]})", _ELSE) from error

    def _write(self, staged: str, sink: IO[bytes], *, exact: bool, as_stream: bool) -> None:
        types = self._types(islice(batches(staged), None if exact else 1))
        rows = self._with_kept(staged, types) if self._kept else self._alone(staged, types)
        first = next(rows, None)
        schema = self._of_none(types) if first is None else first.schema
        with self._writer(sink, schema, as_stream) as writer:
            for table in () if first is None else chain([first], rows):
                writer.write_table(table)

    def _of_none(self, types: dict[str, Any]) -> Any:
        """Return the schema of an output without rows: the columns that would be kept, and those of the answers."""
        import pyarrow as pa

        batch = next(self._kept(), None) if self._kept else None
        return pa.schema([*(() if batch is None else batch.schema), *starmap(pa.field, types.items())])

    def _types(self, groups: Iterable[list]) -> dict[str, Any]:
        """Return the type that holds all values of each column, _AS_JSON where there is none."""
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
    """Return whether values of this type, or some in them, are objects without keys, which Parquet can't hold."""
    from pyarrow import types

    if kind == _AS_JSON or not types.is_nested(kind):
        return False
    inner = [kind.field(at).type for at in range(kind.num_fields)]
    return not inner or any(map(_has_no_fields, inner))


def _widened(kind: Any, values: Sequence) -> Any:
    """Return the type for values of this type and some more; _AS_JSON where there is none."""
    import pyarrow as pa

    try:
        return kind if kind == _AS_JSON else _unified(kind, pa.array(values).type)
    except _unfit():
        return _AS_JSON


def _unified(kind: Any, other: Any) -> Any:
    """Return the type that holds what both hold; raise one of `_unfit` where there is none."""
    import pyarrow as pa

    schemas = [pa.schema([("one", each)]) for each in (kind, other)]
    return pa.unify_schemas(schemas, promote_options="permissive").field("one").type


def _array(values: Sequence, kind: Any) -> Any:
    """Return values as an array of this type; raise Wider where it is not that of them, BatchOutput where none is."""
    import pyarrow as pa

    if kind == _AS_JSON:
        return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
    # Not by the type alone: of 1.0 an integer would be made without a word.
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
    """Return what pyarrow raises for values that one column can't hold."""
    import pyarrow as pa

    return (pa.ArrowException, ValueError, TypeError, OverflowError)
