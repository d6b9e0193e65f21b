"""Calls a service until it is stopped, without a policy for retries; prints {outcome: count} as JSON.

Usage: load_grpc.py HOST PORT LEAST, stopped by a line on stdin once at least LEAST calls were made. Run by a Python
that has tritonclient.
"""

import sys
import threading

import grpc
import until_told
from tritonclient.grpc import service_pb2, service_pb2_grpc


class Client(threading.Thread):
    """Calls, one after the other, on a channel of its own."""

    def __init__(self, address, end):
        super().__init__()
        self.outcomes = []
        self._address, self._end = address, end

    def run(self):
        """Call until stopped, without a policy for retries.

        gRPC itself sends again what no service has seen: calls that GOAWAY overtook on their way out.
        """
        options = [("grpc.use_local_subchannel_pool", 1)]
        request = service_pb2.ModelInferRequest(model_name="model")
        tensor = request.inputs.add(name="x", datatype="FP64", shape=[1, 2])
        tensor.contents.fp64_contents.extend([0.2, 0.7])
        with grpc.insecure_channel(self._address, options=options) as channel:
            infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            for _ in until_told.turns(self._end):
                try:
                    said = f"OK {infer(request, timeout=30).outputs[0].contents.int64_contents[0]}"
                except grpc.RpcError as error:
                    said = f"{error.code().name}: {error.details()}"
                self.outcomes.append(said)


def main(host, port, least):
    """Call, and report the outcome."""
    end = threading.Event()
    clients = [Client(f"{host}:{port}", end) for _ in range(until_told.CLIENTS)]
    until_told.ask(clients, end, int(least))


main(*sys.argv[1:])
