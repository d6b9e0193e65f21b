"""Call a service through a balancer from several threads; print how many calls were right, and the others.

The first word is the address, the second how many calls to make at least. They go on until a line comes by stdin.
"""

import collections
import json
import sys
import threading

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

THREADS = 8
host, least = sys.argv[1], int(sys.argv[2])
over = threading.Event()
right = [0] * THREADS
wrong = collections.Counter()


def call(place):
    """Ask until it is over, on a channel of its own, without a policy for retries.

    gRPC itself sends again what no service has seen: calls that GOAWAY overtook on their way out.
    """
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(host, options=options) as channel:
        infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        number = place
        while not over.is_set() or sum(right) + sum(wrong.values()) < least:
            request = service_pb2.ModelInferRequest(model_name="model")
            tensor = request.inputs.add(name="x", datatype="FP64", shape=[1])
            tensor.contents.fp64_contents.append(number)
            try:
                answer = infer(request, timeout=30).outputs[0].contents.fp64_contents[0]
            except grpc.RpcError as error:
                wrong[f"{error.code().name}: {error.details()}"] += 1
            else:
                if answer == number + 1:
                    right[place] += 1
                else:
                    wrong["another's answer"] += 1
            number += THREADS


threads = [threading.Thread(target=call, args=(place,)) for place in range(THREADS)]
for thread in threads:
    thread.start()
sys.stdin.readline()
over.set()
for thread in threads:
    thread.join()
print(json.dumps([sum(right), dict(wrong)]))
