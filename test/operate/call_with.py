"""Calls a service thirty times with each of some metadata; prints [version, answer] of each as JSON.

Usage: call_with.py HOST PORT METADATA, which is a JSON array of arrays of pairs. Run by a Python that has tritonclient.
"""

import json
import sys

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

CALLS = 30


def main(host, port, metadata):
    """Call, and report the result."""
    request = service_pb2.ModelInferRequest(model_name="model")
    request.inputs.add(name="x", datatype="FP64", shape=[1, 1]).contents.fp64_contents.append(10)
    said = []
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        for pairs in json.loads(metadata):
            for _ in range(CALLS):
                answer, call = infer.with_call(request, timeout=30, metadata=[tuple(pair) for pair in pairs])
                version = dict(call.initial_metadata())["x-version"]
                said.append([version, answer.outputs[0].contents.fp64_contents[0]])
    print(json.dumps(said))


main(*sys.argv[1:])
