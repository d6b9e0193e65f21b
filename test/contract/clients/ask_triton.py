"""Ask a service by tritonclient, with its default settings; print its results."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

host, model = sys.argv[1:]
client = triton.InferenceServerClient(host)
found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready(model),
    "extensions": client.get_server_metadata()["extensions"],
    "inputs": client.get_model_metadata(model)["inputs"],
}


def infer(values, binary=True, outputs=None, **more):
    """Return the first output for one input of `values`, as the client makes it by default."""
    kinds = {"f8": "FP64", "f4": "FP32", "i8": "INT64", "i4": "INT32", "f2": "FP16"}
    given = triton.InferInput("x", values.shape, kinds[values.dtype.str[1:]])
    given.set_data_from_numpy(values, **({} if binary else {"binary_data": False}))
    return client.infer(model, [given], outputs=outputs, **more)


rows = np.array([[1.0, 2.0], [3.5, 4.0]])
default = infer(rows, request_id="42")
found["default"] = default.as_numpy("output-0").tolist()
found["id"] = default.get_response()["id"]
found["version"] = default.get_response()["model_version"]
found["binary"] = "binary_data_size" in default.get_output("output-0")["parameters"]
found["json"] = (
    infer(rows, binary=False, outputs=[triton.InferRequestedOutput("output-0", binary_data=False)])
    .as_numpy("output-0")
    .tolist()
)
for kind in ("f4", "f2", "i4", "i8"):
    found[kind] = infer(rows.astype(kind)).as_numpy("output-0").tolist()
# The sum has no number, and must be of the type that the metadata name all the same.
unknown = infer(np.array([[1e308, 1e308]])).as_numpy("output-0")
found["no number"] = [str(unknown.dtype), bool(np.isnan(unknown).all())]
large = np.arange(20_000, dtype="f8").reshape(-1, 2)
found["large"] = bool((infer(large).as_numpy("output-0") == large.sum(axis=1)).all())
try:
    infer(np.zeros((1, 3)))
except InferenceServerException as rejected:
    found["refused"] = [rejected.status(), rejected.message()]
try:
    client.infer("other", [triton.InferInput("x", [1], "FP64").set_data_from_numpy(np.zeros(1))])
except InferenceServerException as rejected:
    found["unknown"] = rejected.message()
print(json.dumps(found))
