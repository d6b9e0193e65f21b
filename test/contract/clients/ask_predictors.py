"""Asks each model that is named for a tensor with tritonclient over gRPC."""

import json
import sys

import numpy as np
import tritonclient.grpc as triton

address, *models = sys.argv[1:]
client = triton.InferenceServerClient(address)
sample = triton.InferInput("input-0", [1, 2], "FP64")
sample.set_data_from_numpy(np.array([[3.0, 4.0]]))


def ask(model):
    """Return the prediction of a model, or why there is none."""
    try:
        return client.infer(model, [sample]).as_numpy("output-0").tolist()
    except triton.InferenceServerException as error:
        return error.message()


def described(model):
    """Return the names of a model and its inputs, or why there is none."""
    try:
        found = client.get_model_metadata(model)
    except triton.InferenceServerException as error:
        return error.message()
    return [found.name, [[tensor.name, list(tensor.shape)] for tensor in found.inputs]]


print(json.dumps({model: [ask(model), described(model)] for model in models}))
