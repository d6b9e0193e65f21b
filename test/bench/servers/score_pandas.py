"""The script that one writes by hand: read a frame, ask the model once, write the frame.

Usage: score_pandas.py NAME COLUMN,… IN OUT, where NAME is the model's among the notebook's own; prints the seconds of
reading, asking and writing.
"""

import sys
import time

import model
import pandas as pd

name, columns, source, target = sys.argv[1:]
asked = model.batch_predictor.__globals__[name]
started = time.monotonic()
frame = pd.read_csv(source) if source.endswith(".csv") else pd.read_parquet(source)
read = time.monotonic()
samples = frame[columns.split(",")]
frame["prediction"] = asked.predict(samples if hasattr(asked, "feature_names_in_") else samples.to_numpy())
scored = time.monotonic()
if target.endswith(".csv"):
    frame.to_csv(target, index=False)
else:
    frame.to_parquet(target, index=False)
print(read - started, scored - read, time.monotonic() - scored)
