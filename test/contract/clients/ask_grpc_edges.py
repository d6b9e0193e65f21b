"""Ask a service by grpcio's own channel for what other clients leave out; print what came."""

import json
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2, service_pb2_grpc

host, model = sys.argv[1:]
channel = grpc.insecure_channel(host)
stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")


def request(datatype="FP64", shape=(1, 2), raw=(), name="x", **contents):
    """Return an inference of one tensor."""
    made = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=raw)
    tensor = made.inputs.add(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    return made


def code(call, *words, **more):
    """Return code and sentence of a call, and "OK" where it is answered."""
    try:
        call(*words, timeout=30, **more)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return ["OK", ""]


found = {}
fields = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
typed = {datatype: stub.ModelInfer(request(datatype, **{field: [1, 1]})) for datatype, field in fields.items()}
found["typed"] = {datatype: list(response.outputs[0].contents.fp64_contents) for datatype, response in typed.items()}
found["answered as asked"] = [len(typed["FP64"].raw_output_contents), typed["FP64"].outputs[0].datatype]
two = struct.pack("<2d", 1, 2)
several = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=[two])
found["bad"] = {
    "garbage": code(infer, b"\xff\xff\xff\xff"),
    "no input": code(stub.ModelInfer, service_pb2.ModelInferRequest(model_name=model)),
    "no datatype": code(stub.ModelInfer, request("FP128", raw=[two])),
    "FP16 typed": code(stub.ModelInfer, request("FP16", fp32_contents=[1, 2])),
    "another field": code(stub.ModelInfer, request("FP64", fp32_contents=[1, 2])),
    "out of range": code(stub.ModelInfer, request("INT8", int_contents=[1, 200])),
    "too few": code(stub.ModelInfer, request(fp64_contents=[1])),
    "too few bytes": code(stub.ModelInfer, request(raw=[two[:8]])),
    "cut bytes": code(stub.ModelInfer, request(raw=[two[:7]])),
    "lying shape": code(stub.ModelInfer, request(shape=(1 << 39, 1 << 39), raw=[two])),
    "negative shape": code(stub.ModelInfer, request(shape=(-1, 2), raw=[two])),
    "both": code(stub.ModelInfer, request(raw=[two], fp64_contents=[1, 2])),
    "more raw than inputs": code(stub.ModelInfer, request(raw=[two, two])),
    "cut texts": code(stub.ModelInfer, request("BYTES", (1,), raw=[b"\xff\xff\xff\xffa"])),
    "no UTF-8": code(stub.ModelInfer, request("BYTES", (1,), bytes_contents=[b"\xff"])),
    "large": code(stub.ModelInfer, request(shape=(1 << 20, 3), raw=[b"\0" * (24 << 20)])),
    "no such call": code(channel.unary_unary("/inference.GRPCInferenceService/ModelTrain"), b""),
}
found["stream"] = [
    answer.error_message
    for answer in stub.ModelStreamInfer(iter([request(raw=[two[:8]]), request(raw=[two])]), timeout=30)
]
health = health_pb2_grpc.HealthStub(channel)
services = ("", "inference.GRPCInferenceService", "tensorflow.serving.PredictionService")
found["health"] = [
    health_pb2.HealthCheckResponse.ServingStatus.Name(health.Check(health_pb2.HealthCheckRequest(service=name)).status)
    for name in services
]
reflected = ProtoReflectionDescriptorDatabase(channel)
found["services"] = sorted(reflected.get_services())
file = reflected.FindFileContainingSymbol("inference.GRPCInferenceService")
found["calls"] = [method.name for service in file.service for method in service.method]

metadata = (("x-request-id", "mine-1"), ("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"))
_, call = stub.ModelInfer.with_call(request(raw=[two]), metadata=metadata)
found["trailing"] = dict(call.trailing_metadata())
try:
    stub.ModelInfer(request(), metadata=(("x-request-id", "refused-1"),))
except grpc.RpcError as error:
    found["trailing of a refusal"] = dict(error.trailing_metadata())["x-request-id"]
# All at once over connections of their own, like many clients.
with ThreadPoolExecutor(16) as pool:
    many = pool.map(lambda number: stub.ModelInfer(request(fp64_contents=[number, 1])), range(500))
    found["many"] = [answer.outputs[0].contents.fp64_contents[0] for answer in many] == [n + 1 for n in range(500)]
print(json.dumps(found))
