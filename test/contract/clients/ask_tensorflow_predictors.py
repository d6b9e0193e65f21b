"""Ask each predictor of a service by its name with a client library of TensorFlow Serving; print its results."""

import json
import sys

import grpc
import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

host = sys.argv[1]
address, port = host.rsplit(":", 1)
client = TensorServingClient(address, int(port))
channel = grpc.insecure_channel(host)
predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
models = model_service_pb2_grpc.ModelServiceStub(channel)
SAMPLES = {"risk": [[1.0, 2.0], [3.0, 4.0]], "price": [1.0, 3.0], "m": [1.0, 3.0], "other": [1.0]}


def state(name):
    """Return the state of a model's version."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    (version,) = models.GetModelStatus(request).model_version_status
    return get_model_status_pb2.ModelVersionStatus.State.Name(version.state)


def method(name):
    """Return the method of a model's signature."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = name
    map_ = get_model_metadata_pb2.SignatureDefMap()
    assert predictions.GetModelMetadata(request).metadata["signature_def"].Unpack(map_)
    return map_.signature_def["serving_default"].method_name


def predicted(name):
    """Return the outputs for a model's samples."""
    outputs = client.predict_request(name, {"input-0": np.array(SAMPLES[name])}).outputs
    return {key: tensor_proto_to_ndarray(tensor).tolist() for key, tensor in outputs.items()}


def understood(call, name):
    """Return the result of a call, or the code of its error."""
    try:
        return call(name)
    except grpc.RpcError as error:
        return error.code().name


print(json.dumps({name: [understood(call, name) for call in (state, method, predicted)] for name in SAMPLES}))
