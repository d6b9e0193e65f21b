"""Arrow streams: one row per sample in, one row per prediction out. Requires the optional pyarrow.

A small stream can describe very many values: columns of nulls take no bytes, compressed columns almost none, and each
row of a dictionary column repeats a value. All of that is counted before any value is created. Each batch is fully
validated before it is read, because pyarrow otherwise trusts lengths and offsets.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from nb_service.protocols import DEFAULT, Body, Limits, Malformed, Series, arrow_messages, encode
from nb_service.protocols.rows import Rows, rows_to_columns
from nb_service.protocols.series import TOGETHER, Chunk

CONTENT_TYPE = "application/vnd.apache.arrow.stream"
# As JSON, a number takes about twice its bytes, and a null or boolean four bytes; a comma and a space follow.
_MIN_BYTES = 6
# A batch is converted in parts of about this many bytes of JSON, to limit the Python values in memory.
BYTES_TOGETHER = 1 << 20


def is_here() -> bool:
    """Return whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def read(body: bytes, rows: Rows, limits: Limits = DEFAULT) -> Series:
    """Return the rows of the stream's table as samples; raise Malformed."""
    import pyarrow as pa

    try:
        _check_messages(body, limits)
        # This thread unpacks one batch at a time, so more threads would only cost memory.
        with pa.ipc.open_stream(body, options=pa.ipc.IpcReadOptions(use_threads=False)) as stream:
            return Series(chunks=list(_samples(stream, rows, limits)))
    except Malformed:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Malformed(f"The body is not an Arrow stream: {error}.") from error
    except TypeError as error:
        raise Malformed(f"A column is of a type that JSON lacks: {error}.") from error


def _check_messages(body: bytes, limits: Limits) -> None:
    """Raise Malformed if the stream declares too large an unpacked size, or uses an unsupported feature."""
    import pyarrow as pa

    size = 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        content = memoryview(message.body) if message.body is not None else memoryview(b"")
        size += arrow_messages.unpacked_size(message.metadata.to_pybytes(), content)
        if size > limits.body:
            raise Malformed(
                f"The Arrow stream unpacks to more than {limits.body} bytes (S2I_MAX_BODY); send fewer rows at a time, "
                "or set S2I_MAX_BODY higher.",
                413,
            )


def _samples(stream: Any, rows: Rows, limits: Limits) -> Iterator[Chunk]:
    names = stream.schema.names
    count, size, name_bytes = 0, 0, rows.name_bytes(names)
    for batch in stream:
        batch.validate(full=True)
        count += batch.num_rows
        limits.check_rows(count, name_bytes)
        added = sum(_size(column, limits) for column in batch.columns)
        size += added
        limits.check_built(size + count * name_bytes)
        if names:
            yield from _chunks(batch, added, rows, limits)


def _chunks(batch: Any, size: int, rows: Rows, limits: Limits) -> Iterator[Chunk]:
    """Yield the samples of a batch in chunks of about `size` bytes of JSON."""
    names = batch.schema.names
    step = min(TOGETHER, BYTES_TOGETHER * batch.num_rows // max(1, size))
    for at in range(0, batch.num_rows, max(1, step)):
        if step:
            cells = [column.slice(at, step).to_pylist() for column in batch.columns]
            samples = list(rows.samples(names, map(list, zip(*cells, strict=True))))
            yield Chunk(encode(samples), len(samples))
        else:
            sample = rows.sample_json(names, [_json(column.slice(at, 1), limits) for column in batch.columns])
            yield Chunk(b"[" + sample + b"]", 1)


def _json(array: Any, limits: Limits) -> bytes:
    """Return the JSON of some values, separated by commas. Long lists are converted in parts, to limit memory."""
    if len(array) > 1 and _size(array, limits) > BYTES_TOGETHER:
        half = len(array) // 2
        return _json(array.slice(0, half), limits) + b", " + _json(array.slice(half), limits)
    if len(array) == 1 and _is_list(array.type) and array.is_valid()[0].as_py() and len(_within(array)):
        return b"[" + _json(_within(array), limits) + b"]"
    return encode(array.to_pylist())[1:-1]


def _is_list(arrow_type: Any) -> bool:
    from pyarrow import types

    return types.is_list(arrow_type) or types.is_large_list(arrow_type) or types.is_fixed_size_list(arrow_type)


def _within(array: Any) -> Any:
    """Return all values of an array of lists or maps, without the nesting."""
    from pyarrow import types

    if types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return array.values.slice(array.offset * size, len(array) * size)
    begin, end = array.offsets[0].as_py(), array.offsets[len(array)].as_py()
    return array.values.slice(begin, end - begin)


def _size(array: Any, limits: Limits) -> int:
    """Return an array's approximate JSON size in bytes; raise Malformed if it is invalid or too large."""
    from pyarrow import types

    arrow_type, count = array.type, len(array)
    # Counted before any value is read: nulls take no bytes in a list, but fill memory as Python values.
    limits.check_built(_MIN_BYTES * count)
    if not count:
        return 0
    if _is_list(arrow_type) or types.is_map(arrow_type):
        return _MIN_BYTES * count + _size(_within(array), limits)
    if types.is_struct(arrow_type):
        names = len(encode([field.name for field in arrow_type]))
        return names * count + sum(_size(array.field(at), limits) for at in range(arrow_type.num_fields))
    if types.is_dictionary(arrow_type):
        return _repeated(array.dictionary, array.indices)
    if types.is_run_end_encoded(arrow_type):
        return count * _longest(array.values)
    return _scalars(array)


def _scalars(array: Any) -> int:
    """Return the JSON size of numbers, booleans, nulls or strings in bytes; raise Malformed for other types."""
    import pyarrow.compute as pc
    from pyarrow import types

    arrow_type, lengths = array.type, _text_lengths(array)
    if lengths is not None:
        return _MIN_BYTES * len(array) + (pc.sum(lengths).as_py() or 0)
    if types.is_null(arrow_type) or types.is_boolean(arrow_type):
        return _MIN_BYTES * len(array)
    if types.is_integer(arrow_type) or types.is_floating(arrow_type):
        return (_MIN_BYTES - 2 + arrow_type.bit_width // 4) * len(array)
    raise Malformed(f"A column is of a type that JSON lacks, or is not supported: {arrow_type}.")


def _text_lengths(array: Any) -> Any:
    """Return an array with the bytes of each string in `array`; None if `array` does not contain strings."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_string(array.type) or types.is_large_string(array.type):
        return pc.binary_length(array)
    if not types.is_string_view(array.type):
        return None
    # A view has 16 bytes, of which the first four are its length. Several views may refer to the same bytes.
    views = memoryview(array.buffers()[1] or b"").cast("i")
    lengths = views[4 * array.offset : 4 * (array.offset + len(array)) : 4].tolist()
    # The view of a null value may contain anything.
    return pc.if_else(array.is_valid(), pa.array(lengths, pa.int64()), 0)


def _repeated(values: Any, indices: Any) -> int:
    """Return the JSON size in bytes of the dictionary values that `indices` refer to, counted each time."""
    import pyarrow.compute as pc

    lengths = _text_lengths(values)
    if lengths is None:
        return len(indices) * _longest(values)
    return _MIN_BYTES * len(indices) + (pc.sum(pc.take(lengths, indices)).as_py() or 0)


def _longest(values: Any) -> int:
    """Return the JSON size in bytes of the longest value."""
    import pyarrow.compute as pc

    lengths = _text_lengths(values)
    if lengths is None:
        # All numbers of a type count the same.
        return max(_MIN_BYTES, _scalars(values.slice(0, 1)))
    return _MIN_BYTES + (pc.max(lengths).as_py() or 0)


def write(answers: Series) -> Body | None:
    """Return the predictions as a stream of one table, with a column `answer` or one per key; None for mixed types."""
    import pyarrow as pa

    decoded = answers.values
    sink = pa.BufferOutputStream()
    try:
        table = pa.table(rows_to_columns(decoded) or {"answer": decoded})
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    except (pa.ArrowException, ValueError, OverflowError, TypeError):
        return None
    return Body(sink.getvalue().to_pybytes(), CONTENT_TYPE)
