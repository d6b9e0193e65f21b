"""Read files in which rows share a long value; print how many rows each chunk had, and the largest memory in MB."""

import io
import json
import resource

import pyarrow as pa
import pyarrow.parquet as pq
from nb_service.backends.batch.formats import columns
from nb_service.problems import BatchInput

LONG, ROWS = "x" * (8 << 20), 100_000


class Options:
    """All columns are read."""

    columns = None


def shared(rows: int) -> pa.DictionaryArray:
    """Return a column of rows that share the long value."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([LONG]))


def chunks(content: io.BytesIO, kind: str) -> list[int] | str:
    """Return the rows of the first chunks, or why there are none."""
    content.seek(0)
    found = []
    try:
        for chunk in columns.Reader(content, "input", Options, kind):
            found.append(len(chunk))
            if len(found) == 5:
                break
    except BatchInput as problem:
        return problem.what
    return found


nested = pa.ListArray.from_arrays(pa.array(range(0, ROWS + 1, 100), pa.int32()), shared(ROWS))
answers = {}
for name, column in (("text", shared(ROWS)), ("list", nested)):
    table = pa.table({"a": column})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet, store_schema=False, compression="zstd")
    with pa.ipc.new_stream(arrow, table.schema) as stream:
        stream.write_table(table)
    categories = io.BytesIO()
    pq.write_table(table.select(["a"]), categories)
    answers[name] = {
        "categories": chunks(categories, "parquet"),
        "parquet": chunks(parquet, "parquet"),
        "arrow": chunks(arrow, "arrow"),
    }
short = io.BytesIO()
pq.write_table(pa.table({"a": ["v"] * 2500}), short)
answers["short"] = chunks(short, "parquet")
answers["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(json.dumps(answers))
