"""A server of Open Inference by hand: grpcio with two processes that share a port, and the predictor as it is."""

import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from model import predictor
from tritonclient.grpc import service_pb2, service_pb2_grpc

WORKERS = 2


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers one call."""

    def ModelInfer(self, request, context):  # noqa: N802 - the protocol's name
        """Answer each row."""
        count, width = request.inputs[0].shape
        flat = struct.unpack(f"<{count * width}d", request.raw_input_contents[0])
        answers = [predictor(list(flat[at : at + width])) for at in range(0, len(flat), width)]
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        response.outputs.add(name="output-0", datatype="INT64", shape=[count])
        response.raw_output_contents.append(struct.pack(f"<{count}q", *answers))
        return response


# Before grpcio has a thread, which a fork would not have.
for _ in range(WORKERS - 1):
    if os.fork() == 0:
        break
server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 1)])
service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
