"""Write the same table in each format that `batch` reads, by pandas, pyarrow and numpy, into a folder."""

import csv
import datetime as dt
import decimal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

ROWS = 2500
folder = Path(sys.argv[1])
frame = pd.DataFrame(
    {
        "id": [f'row "{number}", Zürich\n;' for number in range(ROWS)],
        "a": np.arange(ROWS),
        "b": np.linspace(-1, 1, ROWS),
    }
)
frame.to_csv(folder / "comma.csv", index=False)
frame.to_csv(folder / "semicolon.csv.gz", index=False, sep=";", quoting=csv.QUOTE_NONNUMERIC)
frame.to_csv(folder / "tab.tsv", index=False, sep="\t", lineterminator="\r\n")
frame.to_csv(folder / "wide.csv", index=False, encoding="utf-16")
frame.to_csv(folder / "latin.csv", index=False, encoding="latin-1")
frame.to_csv(folder / "packed.csv.zst", index=False)
frame.to_json(folder / "lines.ndjson", orient="records", lines=True, double_precision=15)
frame.to_json(folder / "array.json", orient="records", double_precision=15, indent=1)
table = pa.Table.from_pandas(frame, preserve_index=False)
noon = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
table = table.append_column("at", pa.array([noon] * ROWS, pa.timestamp("ms", "UTC")))
table = table.append_column("price", pa.array([decimal.Decimal("1.50")] * ROWS))
table = table.append_column("raw", pa.array([b"\x00\xff"] * ROWS))
pq.write_table(table, folder / "table.parquet", row_group_size=700)
pa.feather.write_feather(table, folder / "table.feather", compression="zstd", chunksize=300)
with pa.ipc.new_stream(folder / "table.arrows", table.schema) as stream:
    stream.write_table(table, max_chunksize=999)
np.save(folder / "array.npy", frame[["a", "b"]].to_numpy())
pq.write_table(table.select(["id"]).append_column("a", table["a"].cast(pa.int32())), folder / "other.parquet")
(folder / "cut.parquet").write_bytes((folder / "table.parquet").read_bytes()[:5000])
damaged = bytearray((folder / "table.parquet").read_bytes())
begin = pq.ParquetFile(folder / "table.parquet").metadata.row_group(1).column(1).data_page_offset
damaged[begin : begin + 40] = b"\xff" * 40
(folder / "damaged.parquet").write_bytes(damaged)
print("true")
