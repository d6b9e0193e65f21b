"""Ask a server of Open Inference over gRPC for SECONDS, with CALLS calls at a time; print the results as JSON.

Usage: grpc_load.py ADDRESS CALLS SECONDS ROWS. Each call has ROWS rows of two numbers for the model kmeans, as bytes.
"""

import asyncio
import json
import struct
import sys
import time

import grpc
from tritonclient.grpc import service_pb2

CHANNELS = 4
address, calls, seconds, rows = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
request = service_pb2.ModelInferRequest(model_name="kmeans")
request.inputs.add(name="x", datatype="FP64", shape=[rows, 2])
request.raw_input_contents.append(struct.pack("<2d", 0.2, 0.7) * rows)
body = request.SerializeToString()


async def main():
    """Ask, once the server is there."""
    # Without a pool of its own for each, all channels would share one connection.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(CHANNELS)]
    asks = [channel.unary_unary("/inference.GRPCInferenceService/ModelInfer") for channel in channels]
    for channel in channels:
        await asyncio.wait_for(channel.channel_ready(), 60)
    took, errors = [], 0
    began = time.monotonic()

    async def one(number):
        nonlocal errors
        while time.monotonic() < began + seconds:
            at = time.monotonic()
            try:
                await asks[number % CHANNELS](body, timeout=60)
                took.append(time.monotonic() - at)
            except grpc.RpcError:
                errors += 1

    await asyncio.gather(*map(one, range(calls)))
    rate = len(took) / (time.monotonic() - began)
    took.sort()
    half, most = (took[int(len(took) * share)] * 1000 if took else 0.0 for share in (0.5, 0.99))
    print(json.dumps({"answers": len(took), "rate": rate, "p50": half, "p99": most, "errors": errors}))


asyncio.run(main())
