"""Parquet and Arrow IPC, in and out, by pyarrow, which a service only has where it was added."""

import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats import arrow_values
from nb_service.backends.batch.formats.chunk import LARGEST, ROWS, Chunk, Table, repeated
from nb_service.backends.batch.formats.options import ReadOptions

PARQUET, ARROW = "parquet", "arrow"


def require(what: str) -> None:
    """Raise BatchNeedsMore where pyarrow is not here."""
    if find_spec("pyarrow") is None:
        raise problems.BatchNeedsMore(what)


class Reader:
    """The rows of one file of columns; those that `options` does not need are not read."""

    is_table = True
    delimiter = ","

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions, kind: str) -> None:
        self._name = name
        self._kind = kind
        self.total: int | None = None
        try:
            self._file, self.schema = self._opened(stream)
        except _errors() as error:
            raise self._unread(error) from error
        self.names = list(self.schema.names)
        if twice := repeated(self.names):
            raise problems.BatchInput(name, f"it has the column {twice!r} more than once", "Name each column once.")
        if options.columns is not None:
            self.names = [column for column in self.names if column in options.columns]
        for column in self.names:
            _check(name, self.schema.field(column))

    def _opened(self, stream: IO[bytes]) -> tuple[Any, Any]:
        import pyarrow as pa

        if self._kind == PARQUET:
            import pyarrow.parquet as pq

            # Not as a whole row group, which may be a gigabyte.
            file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
            self.total = file.metadata.num_rows
            return file, file.schema_arrow
        # A file of Arrow IPC is a stream between two words; the stream can be read from a pipe.
        options = pa.ipc.IpcReadOptions(use_threads=False)
        if isinstance(stream, io.BufferedReader) and stream.peek(6)[:6] == b"ARROW1":
            stream.read(8)
        reader = pa.ipc.open_stream(stream, options=options)
        return reader, reader.schema

    def batches(self, columns: list[str]) -> Iterator[Any]:
        """Yield record batches of these columns."""
        try:
            if self._kind == PARQUET:
                yield from self._of_groups(columns)
            else:
                for batch in self._file:
                    yield batch.select(columns)
        except _errors() as error:
            raise self._unread(error) from error

    def empty(self, columns: list[str]) -> Any:
        """Return a record batch of these columns without rows."""
        import pyarrow as pa

        return pa.RecordBatch.from_pylist([], pa.schema([self.schema.field(column) for column in columns]))

    def _of_groups(self, columns: list[str]) -> Iterator[Any]:
        size = self._file.metadata.num_rows and sum(
            self._file.metadata.row_group(at).total_byte_size for at in range(self._file.num_row_groups)
        )
        rows = 32 * ROWS if not size else max(1, min(32 * ROWS, LARGEST * 4 * (self.total or 0) // size))
        for group in range(self._file.num_row_groups):
            try:
                yield from self._file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
            except _errors() as error:
                raise problems.BatchInput(
                    self._name, f"its row group {group + 1} of {self._file.num_row_groups} is broken ({_first(error)})"
                ) from error

    def __iter__(self) -> Iterator[Chunk]:
        # Chunks are of one size, wherever a row group or a batch ends.
        parts: list[list[list]] = []
        count = 0
        for batch in self.batches(self.names):
            at = 0
            while at < batch.num_rows:
                part = batch.slice(at, ROWS - count)
                at += part.num_rows
                count += part.num_rows
                parts.append([arrow_values.values(column) for column in part.columns])
                if count == ROWS:
                    yield self._chunk(parts, count)
                    parts, count = [], 0
        if count:
            yield self._chunk(parts, count)

    def _chunk(self, parts: list[list[list]], count: int) -> Table:
        """Return `count` rows, given the values of each column in each part."""
        if len(parts) == 1:
            return Table([*parts[0]], self.names, count)
        columns: list[Sequence] = [[*chain(*cells)] for cells in zip(*parts, strict=True)]
        return Table(columns, self.names, count)

    def _unread(self, error: Exception) -> problems.BatchInput:
        return problems.BatchInput(self._name, f"it is not {self._kind.capitalize()} ({_first(error)})")


def _errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _check(name: str, field: Any) -> None:
    """Raise BatchInput for a column whose values have no form in JSON."""
    if arrow_values.lacks_json(field.type):
        raise problems.BatchInput(
            name,
            f"its column {field.name!r} is of type {field.type}, which JSON lacks",
            "Leave it out by --sample and --keep, which name the columns that are wanted.",
        )
