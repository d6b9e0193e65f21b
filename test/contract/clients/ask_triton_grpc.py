"""Ask a service by tritonclient over gRPC, with its default settings; print its results."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

host, model = sys.argv[1:]
client = triton.InferenceServerClient(host)
metadata = client.get_model_metadata(model)
found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready(model),
    "server": client.get_server_metadata().name,
    "platform": metadata.platform,
    "inputs": [[tensor.name, tensor.datatype, list(tensor.shape)] for tensor in metadata.inputs],
    "outputs": [[tensor.name, tensor.datatype, list(tensor.shape)] for tensor in metadata.outputs],
}


def given(values):
    """Return the input of `values`, as bytes, which is the client's only way."""
    tensor = triton.InferInput("x", values.shape, np_to_triton_dtype(values.dtype))
    tensor.set_data_from_numpy(values)
    return tensor


rows = np.array([[1.0, 2.0], [3.5, 4.0]])
default = client.infer(model, [given(rows)], request_id="42")
found["default"] = default.as_numpy("output-0").tolist()
found["id"] = default.get_response().id
found["version"] = default.get_response().model_version
found["named"] = (
    client.infer(model, [given(rows)], outputs=[triton.InferRequestedOutput("output-0")]).as_numpy("output-0").tolist()
)
for kind in ("f4", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"):
    found[kind] = client.infer(model, [given(rows.astype(kind))]).as_numpy("output-0").tolist()
unknown = client.infer(model, [given(np.array([[1e308, 1e308]]))]).as_numpy("output-0")
found["no number"] = [str(unknown.dtype), bool(np.isnan(unknown).all())]
large = np.arange(20_000, dtype="f8").reshape(-1, 2)
found["large"] = bool((client.infer(model, [given(large)]).as_numpy("output-0") == large.sum(axis=1)).all())
compressed = client.infer(model, [given(rows)], compression_algorithm="gzip")
found["gzip"] = compressed.as_numpy("output-0").tolist()


def rejected(call, *arguments, **more):
    """Return code and message of a call that must be rejected."""
    try:
        call(*arguments, **more)
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


found["refused"] = rejected(client.infer, model, [given(np.zeros((1, 3)))])
found["refused in company"] = rejected(client.infer, model, [given(np.ones((2, 3)))])
found["unknown"] = rejected(client.infer, "other", [given(rows)])
found["unknown version"] = rejected(client.is_model_ready, model, "7")
found["unknown output"] = rejected(client.infer, model, [given(rows)], outputs=[triton.InferRequestedOutput("nothing")])

answered = queue.Queue()
client.start_stream(lambda result, error: answered.put((result, error)))
for number in range(100):
    wrong = number == 50
    client.async_stream_infer(
        model, [given(np.zeros((1, 3)) if wrong else np.array([[number, 1.0]]))], request_id=str(number)
    )
stream = [answered.get(timeout=30) for _ in range(100)]
client.stop_stream()
found["stream"] = [
    result.as_numpy("output-0").tolist() if error is None else error.message() for result, error in stream
] == [[number + 1.0] if number != 50 else "The notebook's validator rejects this sample." for number in range(100)]
assert service_pb2
# Left to the interpreter's end, closing waits for ever once in a hundred times.
client.close()
print(json.dumps(found))
