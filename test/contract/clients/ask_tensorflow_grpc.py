"""Ask a service by a client library of TensorFlow Serving and its stubs; print its results."""

import json
import sys

import grpc
import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

host, model, kind = sys.argv[1:]
address, port = host.rsplit(":", 1)
client = TensorServingClient(address, int(port))
channel = grpc.insecure_channel(host)
predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)


def rejected(call, *arguments, **more):
    """Return code and message of a call that must be rejected."""
    try:
        call(*arguments, **more)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return None


def predicted(**inputs):
    """Return the outputs for arrays by their names."""
    outputs = client.predict_request(model, inputs).outputs
    return {name: tensor_proto_to_ndarray(tensor) for name, tensor in outputs.items()}


def with_example(request, **features):
    """Return `request` with one example of these features."""
    request.model_spec.name = model
    example = request.input.example_list.examples.add()
    for name, values in features.items():
        feature = example.features.feature[name]
        if isinstance(values, str):
            feature.bytes_list.value.append(values.encode())
        elif isinstance(values, int):
            feature.int64_list.value.append(values)
        else:
            feature.float_list.value.extend(values)
    return request


found = {}
status = get_model_status_pb2.GetModelStatusRequest()
status.model_spec.name = model
(state,) = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status).model_version_status
found["state"] = [get_model_status_pb2.ModelVersionStatus.State.Name(state.state), state.status.error_code]
metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
metadata.model_spec.name = model
map_ = get_model_metadata_pb2.SignatureDefMap()
assert predictions.GetModelMetadata(metadata).metadata["signature_def"].Unpack(map_)
signature = map_.signature_def["serving_default"]
found["method"] = signature.method_name
found["inputs"] = {
    name: [info.dtype, [dim.size for dim in info.tensor_shape.dim]] for name, info in sorted(signature.inputs.items())
}
if kind == "lists":
    rows = np.array([[1.0, 2.0], [3.5, 4.0]])
    for dtype in ("f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2"):
        found[dtype] = predicted(x=rows.astype(dtype))["output-0"].tolist()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    tensor = request.inputs["x"]
    tensor.dtype = 2
    for size in (3, 2):
        tensor.tensor_shape.dim.add(size=size)
    tensor.double_val.append(4.0)
    found["repeated"] = tensor_proto_to_ndarray(predictions.Predict(request).outputs["output-0"]).tolist()
    tensor.dtype = 19
    tensor.tensor_shape.dim[0].size = 1
    # What the library itself does not send: each number is the 16 bits of a half.
    tensor.half_val.extend(np.array([1.5, 2.0], "f2").view("u2").tolist())
    found["half"] = tensor_proto_to_ndarray(predictions.Predict(request).outputs["output-0"]).tolist()
    tensor.dtype = 2
    tensor.tensor_shape.dim[0].size = 1 << 18
    tensor.tensor_shape.dim[1].size = 1 << 20
    found["too many"] = rejected(predictions.Predict, request)
    tensor.ClearField("double_val")
    tensor.tensor_content = b"1" * 12
    found["lying"] = rejected(predictions.Predict, request)
    regression = with_example(regression_pb2.RegressionRequest(), **{"input-0": [1.5, 2.0]})
    found["regress"] = [one.value for one in predictions.Regress(regression).result.regressions]
    found["unknown"] = rejected(client.predict_request, "other", {"x": rows})
    found["version"] = rejected(client.predict_request, model, {"x": rows}, model_version=7)
    found["refused"] = rejected(client.predict_request, model, {"x": np.zeros((1, 3))})
    found["no classes"] = rejected(
        predictions.Classify, with_example(classification_pb2.ClassificationRequest(), **{"input-0": [1.0, 2.0]})
    )
elif kind == "columns":
    columns = predicted(name=np.array(["a", "b"]), age=np.array([1, 2]))
    found["outputs"] = {
        name: [value.decode() if isinstance(value, bytes) else value for value in array.tolist()]
        for name, array in sorted(columns.items())
    }
else:
    request = with_example(classification_pb2.ClassificationRequest(), name="a", age=4)
    found["classes"] = [
        [one.label, one.score] for one in predictions.Classify(request).result.classifications[0].classes
    ]
print(json.dumps(found))
