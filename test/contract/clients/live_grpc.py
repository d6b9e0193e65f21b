"""Ask a service whose samples are seconds to wait, as calls end in all ways; print what came.

The first word says what to do, the second is the address, the third a file's or a word's.
"""

import contextlib
import json
import socket
import sys
import threading
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

what, host, word = (*sys.argv[1:], "")[:3]


def request(*seconds):
    """Return an inference of some samples."""
    made = service_pb2.ModelInferRequest(model_name="model")
    tensor = made.inputs.add(name="x", datatype="FP64", shape=[len(seconds)])
    tensor.contents.fp64_contents.extend(seconds)
    return made


def outcome(call, *words, **more):
    """Return the answers of a call, or its code and sentence."""
    try:
        return list(call(*words, **more).outputs[0].contents.fp64_contents)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def result(future):
    """Return the outcome of a call that was started."""
    return outcome(future.result)


def say(value):
    """Print a line at once."""
    print(json.dumps(value), flush=True)


if what == "tls":
    ca, certificate, key = (open(f"{word}/{name}", "rb").read() for name in ("ca.pem", "client.pem", "client.key"))  # noqa: SIM115
    for credentials in (
        grpc.ssl_channel_credentials(ca, key, certificate),
        grpc.ssl_channel_credentials(ca),
    ):
        with grpc.secure_channel(host, credentials) as channel:
            say(outcome(service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer, request(0), timeout=10))
    sys.exit()

channel = grpc.insecure_channel(host)
stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
health = health_pb2_grpc.HealthStub(channel)
if what == "leave":
    # One scorer, which the first call occupies; the other calls wait behind it, and their clients have gone.
    first = stub.ModelInfer.future(request(4), timeout=60)
    late = [stub.ModelInfer.future(request(0.5), timeout=0.3) for _ in range(20)]
    gone = [stub.ModelInfer.future(request(0.5, 0.5), timeout=30) for _ in range(20)]
    say([result(one) for one in late] == [["DEADLINE_EXCEEDED", "Deadline Exceeded"]] * 20)
    for one in gone:
        one.cancel()
    say(result(first))
    say(outcome(stub.ModelInfer, request(0), timeout=30))
elif what == "drain":
    watching = health.Watch(health_pb2.HealthCheckRequest())
    say(next(watching).status)
    calls = [stub.ModelInfer.future(request(1.5), timeout=30) for _ in range(2)]
    say("asked")
    say(next(watching).status)
    # Between the signal and the end of S2I_LINGER new calls are still answered.
    say(outcome(stub.ModelInfer, request(0), timeout=30))
    say([result(call) for call in calls])
elif what == "key":
    keyed = (("authorization", f"Bearer {word}"),)
    say(outcome(stub.ModelInfer, request(0), timeout=10))
    say(outcome(stub.ModelInfer, request(0), timeout=10, metadata=(("x-api-key", "wrong"),)))
    for number in range(3):
        # Any bytes and any length: a client without the key chooses them.
        with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(host) as channel:
            channel.unary_unary(f"/no.Service/{number}\n2026 GRPC forged {'a' * 3000}")(b"", timeout=10)
    say(outcome(stub.ModelInfer, request(0), timeout=10, metadata=keyed))
    say(outcome(stub.ModelInfer, request(0), timeout=10, metadata=(("x-api-key", word),)))
    say(stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=10).ready)
    say(health.Check(health_pb2.HealthCheckRequest(), timeout=10).status)
elif what == "full":
    say(outcome(stub.ModelInfer, request(*[0.2] * 3), timeout=30))
    calls = [stub.ModelInfer.future(request(0.5), timeout=30) for _ in range(30)]
    outcomes = [result(call) for call in calls]
    say(sorted({one[0] for one in outcomes if len(one) > 1}))
    say(sorted({one[1] for one in outcomes if len(one) > 1}))
elif what == "silent":
    address = host.rsplit(":", 1)
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            peer = stack.enter_context(socket.create_connection((address[0], int(address[1])), 10))
            if number % 2:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n" if number % 4 == 1 else bytes(range(256)))
        say(outcome(stub.ModelInfer, request(0), timeout=30))
    say(outcome(stub.ModelInfer, request(0), timeout=30))
elif what == "traced":
    say(
        outcome(
            stub.ModelInfer, request(0.1), timeout=30, metadata=(("traceparent", word), ("x-request-id", "order-17"))
        )
    )
    say(outcome(stub.ModelInfer, service_pb2.ModelInferRequest(model_name="another"), timeout=30))
    say(stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=10).ready)
elif what == "again":
    for _ in range(600):
        with contextlib.suppress(grpc.RpcError):
            stub.ModelInfer(request(0), timeout=5)
            say("answered")
            break
        time.sleep(0.1)
elif what == "idle":
    kept = threading.Event()

    def requests():
        """Ask once, and then leave the stream open."""
        yield request(0)
        kept.wait(60)

    responses = stub.ModelStreamInfer(requests())
    say(list(next(responses).infer_response.outputs[0].contents.fp64_contents))
    try:
        next(responses)
    except grpc.RpcError as error:
        say([error.code().name, error.details()])
    kept.set()
elif what == "stream":
    try:
        say(list(next(stub.ModelStreamInfer(iter([request(0)]))).infer_response.outputs[0].contents.fp64_contents))
    except grpc.RpcError as error:
        say(error.code().name)
elif what == "refused":
    large = service_pb2.ModelInferRequest(model_name="nobody's", raw_input_contents=[bytes(15_000_000)])
    outcomes = [outcome(stub.ModelInfer, large, timeout=60) for _ in range(60)]
    say(sum(one[0] == "NOT_FOUND" for one in outcomes))
elif what in ("hoard", "hoard refusals"):
    # Large answers that no client reads, or rejections of requests with a large id, until a line is read.
    asked = request(*range(5))
    if what == "hoard refusals":
        asked.model_name, asked.id = "another", "x" * 1_000_000
    streams = [stub.ModelStreamInfer(iter([asked] * 64)) for _ in range(6)]
    time.sleep(8)
    say("asked")
    sys.stdin.readline()
    for stream in streams:
        stream.cancel()
elif what == "check while held":
    # A request is held for two seconds. On a busy machine, it may be over before the others are answered: hold another.
    for _ in range(20):
        held, rejected = stub.ModelInfer.future(request(*[0.0002] * 10_000), timeout=60), []
        while not held.done() and rejected[:1] != ["RESOURCE_EXHAUSTED"]:
            rejected = outcome(stub.ModelInfer, request(0), timeout=10)
        status = health.Check(
            health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService"), timeout=10
        ).status
        is_ready = stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=10).ready
        if not held.done():
            break
    say(status)
    say(is_ready)
    say(rejected)
    say(len(result(held)))
elif what == "large":
    # What clients that have just gone held may still be there.
    for _ in range(100):
        with contextlib.suppress(grpc.RpcError):
            answer = stub.ModelInfer(request(*range(10)), timeout=60)
            say(sum(map(len, answer.outputs[0].contents.bytes_contents)))
            break
        time.sleep(0.1)
