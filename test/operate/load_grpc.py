"""Calls a service until told to stop, by clients that never ask twice; prints {what was said: how often} as JSON.

Usage: load_grpc.py HOST PORT LEAST, stopped by a line on stdin once at least so many calls were made. Run by a Python
that has tritonclient.
"""

import collections
import json
import sys
import threading
import time

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

CLIENTS = 8
# Of each client, at most so many a second.
RATE = 40.0


class Client(threading.Thread):
    """Calls, one after the other, on a channel of its own."""

    def __init__(self, address, end):
        super().__init__()
        self.outcomes = []
        self._address, self._end = address, end

    def run(self):
        """Call until told to stop."""
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        request = service_pb2.ModelInferRequest(model_name="model")
        tensor = request.inputs.add(name="x", datatype="FP64", shape=[1, 2])
        tensor.contents.fp64_contents.extend([0.2, 0.7])
        with grpc.insecure_channel(self._address, options=options) as channel:
            infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            while not self._end.is_set():
                began = time.monotonic()
                try:
                    said = f"OK {infer(request, timeout=30).outputs[0].contents.int64_contents[0]}"
                except grpc.RpcError as error:
                    said = f"{error.code().name}: {error.details()}"
                self.outcomes.append(said)
                time.sleep(max(0.0, began + 1 / RATE - time.monotonic()))


def main(host, port, least):
    """Call, and say what became of it."""
    end = threading.Event()
    clients = [Client(f"{host}:{port}", end) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    sys.stdin.readline()
    while sum(len(client.outcomes) for client in clients) < int(least):
        time.sleep(0.1)
    end.set()
    for client in clients:
        client.join()
    print(json.dumps(collections.Counter(said for client in clients for said in client.outcomes)))


main(*sys.argv[1:])
