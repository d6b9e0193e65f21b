"""Ask a service by KServe's own client over gRPC; print its results."""

import asyncio
import json
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

host, model = sys.argv[1:]


async def main():
    """Ask with values as bytes and in the field of their type."""
    client = InferenceGRPCClient(host)
    found = {
        "live": await client.is_server_live(),
        "ready": await client.is_server_ready() and await client.is_model_ready(model),
    }
    for name, binary in (("bytes", True), ("typed", False)):
        given = InferInput("x", [2, 2], "FP64")
        given.set_data_from_numpy(np.array([[1.0, 2.0], [3.5, 4.0]]), binary_data=binary)
        said = await client.infer(InferRequest(model, [given], request_id="7"))
        found[name] = [said.id, said.model_name, said.outputs[0].as_numpy().tolist()]
    given = InferInput("x", [1, 3], "FP64")
    given.set_data_from_numpy(np.zeros((1, 3)), binary_data=False)
    try:
        await client.infer(InferRequest(model, [given]))
    except grpc.RpcError as error:
        found["refused"] = [error.code().name, error.details()]
    await client.close()
    return found


print(json.dumps(asyncio.run(main())))
