"""Reads and writes Parquet and Arrow IPC with pyarrow, which is an optional dependency of the service."""

import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from typing import IO, Any

from nb_service import problems
from nb_service.backends.batch.formats import arrow_values, decoded
from nb_service.backends.batch.formats.chunk import MAX_LENGTH, MAX_SIZE, ROWS, Chunk, Table, repeated, too_long
from nb_service.backends.batch.formats.options import ReadOptions

PARQUET, ARROW = "parquet", "arrow"


def require(what: str) -> None:
    """Raise BatchNeedsMore if pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise problems.BatchNeedsMore(what)


class Reader:
    """The rows of a Parquet or Arrow file; columns that `options` doesn't need are not read."""

    is_table = True
    delimiter = ","

    def __init__(self, stream: IO[bytes], name: str, options: ReadOptions, kind: str) -> None:
        self._name = name
        self._kind = kind
        self.total: int | None = None
        self._stream = stream
        self._is_file = False  # whether it is Arrow's file format, which has a footer
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

            # A row group may be a gigabyte, so it is not read at once.
            file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
            self.total = file.metadata.num_rows
            return file, file.schema_arrow
        # An Arrow IPC file is a stream between two magic strings; only the stream can be read from a pipe.
        options = pa.ipc.IpcReadOptions(use_threads=False)
        if isinstance(stream, io.BufferedReader) and stream.peek(6)[:6] == b"ARROW1":
            stream.read(8)
            self._is_file = True
        reader = pa.ipc.open_stream(stream, options=options)
        return reader, reader.schema

    def batches(self, columns: list[str]) -> Iterator[Any]:
        """Yield record batches of these columns; their size is bounded even after dictionaries are decoded."""
        try:
            if self._kind == PARQUET:
                yield from self._of_groups(columns)
            else:
                for batch in self._file:
                    yield from self._pieces(batch.select(columns))
                self._check_end()
        except _errors() as error:
            raise self._unread(error) from error

    def _check_end(self) -> None:
        """Raise BatchInput for a truncated file: cut between two batches, it would look like a complete stream."""
        end = b""
        while self._is_file and (block := self._stream.read(1 << 16)):
            end = (end + block)[-6:]
        if self._is_file and end != b"ARROW1":
            raise problems.BatchInput(self._name, "it is truncated")

    def schema_of(self, columns: list[str]) -> Any:
        """Return the schema of these columns."""
        import pyarrow as pa

        return pa.schema([self.schema.field(column) for column in columns])

    def _of_groups(self, columns: list[str]) -> Iterator[Any]:
        size = self._file.metadata.num_rows and sum(
            self._file.metadata.row_group(at).total_byte_size for at in range(self._file.num_row_groups)
        )
        rows = 32 * ROWS if not size else max(1, min(32 * ROWS, MAX_SIZE * 4 * (self.total or 0) // size))
        for group in range(self._file.num_row_groups):
            try:
                yield from self._of_group(group, columns, rows)
            except _errors() as error:
                raise problems.BatchInput(
                    self._name, f"its row group {group + 1} of {self._file.num_row_groups} is broken ({_first(error)})"
                ) from error

    def _of_group(self, group: int, columns: list[str], rows: int) -> Iterator[Any]:
        """Yield the batches of a row group; if a dictionary has long values, decode it for a few rows at a time."""
        import pyarrow as pa

        names = self._of_dictionaries(group, columns)
        file = self._with_dictionaries(names) if names else self._file
        if names and not any("." in name for name in names):
            # The first row loads the whole dictionary.
            first = next(file.iter_batches(1, row_groups=[group], columns=names, use_threads=False), None)
            longest = sum(map(decoded.longest_in, first.columns)) if first else 0
            file = self._file if longest * rows <= decoded.MAX_COUNT else self._with_dictionaries(names)
        schema = self.schema_of(columns)
        for batch in file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
            if file is self._file:
                yield batch
                continue
            for part in self._pieces(batch.select(columns)):
                cells = [column.cast(field.type) for column, field in zip(part.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(cells, schema=schema)

    def _of_dictionaries(self, group: int, columns: list[str]) -> list[str]:
        """Return the paths of text columns whose dictionary is large or shared by lists."""
        import pyarrow as pa

        facts = self._file.metadata.row_group(group)
        # Some columns, such as pandas categories, are read as dictionaries.
        decoding = [name for name in columns if not isinstance(self.schema.field(name).type, pa.DictionaryType)]
        return sorted(
            column.path_in_schema
            for column in map(facts.column, range(facts.num_columns))
            if column.physical_type == "BYTE_ARRAY"
            and column.path_in_schema.partition(".")[0] in decoding
            and {"RLE_DICTIONARY", "PLAIN_DICTIONARY"} & {*column.encodings}
            and ("." in column.path_in_schema or column.total_uncompressed_size * facts.num_rows > decoded.MAX_COUNT)
        )

    def _with_dictionaries(self, names: list[str]) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self._stream, pre_buffer=False, buffer_size=1 << 20, read_dictionary=names)

    def _pieces(self, batch: Any) -> Iterator[Any]:
        """Yield a batch in parts small enough to decode; raise BatchInput for a row that is too long."""
        for part in decoded.pieces(batch):
            if part.num_rows == 1 and sum(map(decoded.most_of, part.columns)) > MAX_LENGTH:
                raise too_long(self._name, "row")
            yield part

    def __iter__(self) -> Iterator[Chunk]:
        # Chunks have the same size, wherever row groups or batches end.
        parts: list[list[list]] = []
        count = size = 0
        for batch in self.batches(self.names):
            at = 0
            while at < batch.num_rows:
                part = batch.slice(at, ROWS - count)
                part = part.slice(0, decoded.rows_within(part, decoded.MAX_COUNT))
                of_part = sum(map(decoded.most_of, part.columns))
                if count and size + of_part > decoded.MAX_COUNT:
                    yield self._chunk(parts, count)
                    parts, count, size = [], 0, 0
                at += part.num_rows
                count += part.num_rows
                size += of_part
                parts.append([arrow_values.values(column) for column in part.columns])
                if count == ROWS:
                    yield self._chunk(parts, count)
                    parts, count, size = [], 0, 0
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


def common_schema(schemas: list[tuple[str, Any]]) -> Any:
    """Return the common schema of all inputs, given their names and schemas, which have the same column names.

    Raise BatchInput for a column with different types.
    """
    import pyarrow as pa

    (_, common), *others = schemas
    for name, schema in others:
        for field, other in zip(common, schema, strict=True):
            if other.type != field.type:
                raise problems.BatchInput(
                    name,
                    f"its column {field.name!r} is of type {other.type}, but {field.type} in the previous input",
                    "Write a file for each input (an output that ends in /), or leave the column out with --keep.",
                )
        common = pa.schema(
            [field.with_nullable(field.nullable or schema.field(field.name).nullable) for field in common]
        )
    return common


class Form:
    """Converts batches of several inputs to one schema; if `decodes`, dictionary columns become plain values."""

    def __init__(self, schema: Any, *, decodes: bool) -> None:
        import pyarrow as pa

        self._decoded = {at for at, field in enumerate(schema) if decodes and isinstance(field.type, pa.DictionaryType)}
        fields = [
            field.with_type(field.type.value_type) if at in self._decoded else field for at, field in enumerate(schema)
        ]
        self._schema = pa.schema(fields)

    def convert(self, batch: Any) -> Any:
        """Return a batch with that schema."""
        import pyarrow as pa

        cells = [
            column.dictionary_decode() if at in self._decoded else column for at, column in enumerate(batch.columns)
        ]
        return (
            batch
            if self._schema == batch.schema or not cells
            else pa.RecordBatch.from_arrays(cells, schema=self._schema)
        )

    def of_none(self) -> Any:
        """Return an empty batch."""
        import pyarrow as pa

        return pa.RecordBatch.from_pylist([], self._schema)


def _errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _check(name: str, field: Any) -> None:
    """Raise BatchInput for a column whose values have no JSON form."""
    if arrow_values.lacks_json(field.type):
        raise problems.BatchInput(
            name,
            f"its column {field.name!r} is of type {field.type}, which JSON lacks",
            "Leave it out: --sample and --keep name the columns to use.",
        )
