"""Send files in BYTES tensors to a service by tritonclient, over HTTP or gRPC; print the predictions.

Its predictor takes two files, and returns their bytes in hexadecimal digits.
"""

import importlib
import json
import sys

import numpy as np

protocol, host, model = sys.argv[1:]
triton = importlib.import_module("tritonclient." + protocol)
client = triton.InferenceServerClient(host)
inputs = []
# Bytes that could be text, base64 or empty, too, are the file as they are; only a data: URL is not.
for name, files in (
    ("page", [b"\x89PNG\r\n\x1a\n\x00", b"data:image/png;base64,AAEC", b""]),
    ("sound", [bytes(range(256)), b"AAAA", b"text"]),
):
    column = triton.InferInput(name, [len(files)], "BYTES")
    # numpy's own type for bytes would drop zeros at their end.
    column.set_data_from_numpy(np.array(files, dtype=object))
    inputs.append(column)
response = client.infer(model, inputs)
client.close()
print(json.dumps({name: [text.decode() for text in response.as_numpy(name).tolist()] for name in ("page", "sound")}))
