"""Sends parameters with tritonclient, over HTTP or gRPC, and prints what comes back."""

import importlib
import json
import sys

import numpy as np

kind, address, model = sys.argv[1:]
module = importlib.import_module("tritonclient.grpc" if kind.endswith("grpc") else "tritonclient.http")
client = module.InferenceServerClient(address)
sample = module.InferInput("input-0", [1, 5], "FP64")
sample.set_data_from_numpy(np.array([[3.0, 1.0, 2.0, 5.0, 4.0]]))


def ask(output, parameters):
    """Return what an output of the inference is."""
    answer = client.infer(model, [sample], parameters=parameters)
    return json.loads(json.dumps(answer.as_numpy(output).tolist(), default=bytes.decode))


def rejection(parameters):
    """Return the reason why an inference is rejected."""
    try:
        return ask("numbers", parameters)
    except module.InferenceServerException as error:
        return error.message()


def first(values):
    """Return the only row: a list as it is, or as a text of JSON."""
    return json.loads(values[0]) if isinstance(values[0], str) else values[0]


print(
    json.dumps(
        {
            "none": first(ask("numbers", None)),
            "some": first(ask("numbers", {"top_k": 2, "order": "down"})),
            "list": first(ask("tags", {"tags": '["a", "b"]'})),
            "unknown": rejection({"top": 2}),
            "wrong": rejection({"top_k": "x"}),
        }
    )
)
