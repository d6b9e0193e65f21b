"""Arrow streams: a row a sample in, a row an answer out. Needs pyarrow, which a service has only if it was added."""

from importlib.util import find_spec

from nb_service.protocols import Body, Malformed, Series
from nb_service.protocols.rows import Rows, rows_to_columns

CONTENT_TYPE = "application/vnd.apache.arrow.stream"


def is_here() -> bool:
    """Return whether Arrow can be read and written here."""
    return find_spec("pyarrow") is not None


def read(body: bytes, rows: Rows) -> Series:
    """Return the rows of the stream's table as samples; raise Malformed."""
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(body) as stream:
            table = stream.read_all()
        names = table.column_names
        cells = [column.to_pylist() for column in table.columns]
        samples = Series(values=[rows.sample(names, list(row)) for row in zip(*cells, strict=True)])
        # Made here, where a value without a JSON form can still be told.
        return Series(array=samples.array) if len(samples) else samples
    except pa.ArrowException as wrong:
        raise Malformed(f"The body is no Arrow stream: {wrong}.") from wrong
    except TypeError as wrong:
        raise Malformed(f"A column is of a type that JSON lacks: {wrong}.") from wrong


def write(answers: Series) -> Body | None:
    """Return the answers as a stream of one table (a column `answer`, or one a name), or None if they mix types."""
    import pyarrow as pa

    decoded = answers.values
    try:
        table = pa.table(rows_to_columns(decoded) or {"answer": decoded})
    except pa.ArrowException:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return Body(sink.getvalue().to_pybytes(), CONTENT_TYPE)
