"""Ask a service by Arrow, written and read by pyarrow."""

import json
import sys
import urllib.request

import pyarrow as pa

table = pa.table({"name": ["a", "b"], "age": [1, 2]})
sink = pa.BufferOutputStream()
with pa.ipc.new_stream(sink, table.schema) as stream:
    stream.write_table(table)
headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
with urllib.request.urlopen(urllib.request.Request(sys.argv[1], sink.getvalue().to_pybytes(), headers)) as said:
    print(json.dumps([said.headers["Content-Type"], pa.ipc.open_stream(said.read()).read_all().to_pylist()]))
