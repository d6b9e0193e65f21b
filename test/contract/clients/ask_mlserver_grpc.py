"""Ask a service by MLServer's own stubs, converters and codecs over gRPC; print their results."""

import json
import sys

import grpc
import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.grpc import converters
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub

host, model, of_objects, objects = sys.argv[1:]
ROWS = np.array([[1.0, 2.0], [3.5, 4.0]])


def inferred(stub, name, request):
    """Return the response to a request of MLServer's types, as one."""
    sent = converters.ModelInferRequestConverter.from_types(request, model_name=name)
    return converters.ModelInferResponseConverter.to_types(stub.ModelInfer(sent, timeout=20))


def numbers(response):
    """Return its one output, by MLServer's codec."""
    return NumpyCodec.decode_output(response.outputs[0]).tolist()


with grpc.insecure_channel(host) as channel, grpc.insecure_channel(of_objects) as other:
    stub = GRPCInferenceServiceStub(channel)
    found = {
        "live": stub.ServerLive(messages.ServerLiveRequest(), timeout=20).live,
        "ready": stub.ModelReady(messages.ModelReadyRequest(name=model), timeout=20).ready,
    }
    metadata = stub.ModelMetadata(messages.ModelMetadataRequest(name=model), timeout=20)
    found["metadata"] = converters.ModelMetadataResponseConverter.to_types(metadata).name
    found["array"] = numbers(inferred(stub, model, NumpyRequestCodec.encode_request(ROWS)))
    # Columns of texts, of numbers, and of what nests, which its codec sends as texts of JSON.
    frame = PandasCodec.encode_request(pd.DataFrame({"name": ["a", "ü"], "age": [1, 41], "more": [[1], {"b": 2}]}))
    answers = inferred(GRPCInferenceServiceStub(other), objects, frame)
    texts, more = answers.outputs[0], PandasCodec.decode_response(answers)
    found["frame"] = [StringCodec.decode_output(texts), more["next"].tolist(), more["more"].tolist()]
    try:
        inferred(stub, model, NumpyRequestCodec.encode_request(np.zeros((1, 3))))
    except grpc.RpcError as error:
        found["refused"] = [error.code().name, error.details()]
print(json.dumps(found))
