"""Rows a second of the classifier in BENCH_MODEL, one row a call: `xgboost` or `onnx`; or its files for others.

Usage: python_rows.py xgboost|onnx ROWS SECONDS, or python_rows.py treelite|leaves TARGET. ROWS is a file of rows.
"""

import json
import struct
import sys
import time
from pathlib import Path

from model import saved

classifier = saved["predictor"].__globals__["model"]


def of_xgboost(rows):
    """Return a function that predicts for a row, as the notebook does."""
    return lambda row: classifier.predict_proba([row])[0]


def of_onnx(rows):
    """Return the same by ONNX Runtime on one thread."""
    import numpy as np
    import onnxruntime
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    converted = convert_xgboost(classifier, initial_types=[("x", FloatTensorType([None, len(rows[0])]))])
    text = converted.SerializeToString()
    session = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    return lambda row: session.run(["probabilities"], {"x": np.array([row], dtype=np.float32)})[0][0]


def measure(predict, rows, seconds):
    """Return {rate, answer}: rows a second, and the answer to the first."""
    answer = predict(rows[0])
    begin, passed, predicted = time.perf_counter(), 0.0, 0
    while passed < seconds:
        for row in rows:
            predict(row)
        predicted += len(rows)
        passed = time.perf_counter() - begin
    return {"rate": predicted / passed, "answer": [float(share) for share in answer]}


def write_treelite(target):
    """Write C into a folder."""
    import tl2cgen
    import treelite

    tl2cgen.generate_c_code(treelite.frontend.from_xgboost(classifier.get_booster()), dirpath=target, params={})


def write_leaves(target):
    """Write XGBoost's binary format, which it has up to 3.0, as it was at 0.90: leaves knows no later one."""
    text = bytearray(classifier.get_booster().save_raw(raw_format="deprecated")).removeprefix(b"binf")
    at = 136  # the learner's parameters; the names of objective and booster, with their lengths, follow
    for _ in range(2):
        at += 8 + struct.unpack_from("<Q", text, at)[0]
    (trees,) = struct.unpack_from("<i", text, at)
    # The number of classes is not a parameter of the ensemble any more.
    struct.pack_into("<i", text, at + 24, len(classifier.classes_))
    at += 160  # the ensemble's parameters
    for _ in range(trees):
        # The values of a leaf without a vector were an empty vector, and have been a vector of one since.
        struct.pack_into("<i", text, at + 20, 0)
        nodes = struct.unpack_from("<i", text, at + 4)[0]
        at += 148 + nodes * (20 + 16)  # a tree's parameters, its nodes and their statistics
    Path(target).write_bytes(text)


what, *words = sys.argv[1:]
if len(words) == 1:
    {"treelite": write_treelite, "leaves": write_leaves}[what](words[0])
else:
    numbers = [[float(word) for word in line.split()] for line in Path(words[0]).read_text().splitlines()]
    make = {"xgboost": of_xgboost, "onnx": of_onnx}[what]
    print(json.dumps(measure(make(numbers), numbers, float(words[1]))))
