"""Print what pandas, pyarrow and numpy read of a file: columns, rows, the first and the last of these, a sum, types."""

import json
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

path = sys.argv[1]
options = dict(word.split("=") for word in sys.argv[2:])
types = None
if path.endswith(".npy"):
    frame = pd.DataFrame({"prediction": np.load(path)})
elif path.endswith(".parquet"):
    table = pq.read_table(path)
    types, frame = {field.name: str(field.type) for field in table.schema}, table.to_pandas()
elif path.endswith((".arrow", ".feather")):
    with pa.ipc.open_file(path) as file:
        table = file.read_all()
    types, frame = {field.name: str(field.type) for field in table.schema}, table.to_pandas()
elif ".json" in path or ".ndjson" in path:
    frame = pd.read_json(path, lines=".ndjson" in path)
else:
    frame = pd.read_csv(path, sep=options.get("sep", ","))
total = frame["prediction"].sum() if pd.api.types.is_numeric_dtype(frame["prediction"]) else None
ends = [[str(value) for value in frame.iloc[at]] for at in (0, -1)] if len(frame) else []
print(
    json.dumps(
        {
            "columns": list(frame.columns),
            "rows": len(frame),
            "ends": ends,
            "total": None if total is None else round(float(total), 6),
            "types": types,
        }
    )
)
