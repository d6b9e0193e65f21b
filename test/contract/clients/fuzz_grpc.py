"""Send a service messages that hypothesis makes of the descriptors, and then changes in some bytes; print the codes.

Each must be answered, or rejected with a fitting code; the service's own failure is none of them. The descriptors
come by reflection. The words are the address, the model's name, how many messages, and the seed of their choice.
"""

import collections
import json
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

host, model, examples, chosen = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
channel = grpc.insecure_channel(host)
pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
CALLS = {
    "/inference.GRPCInferenceService/ModelInfer": "inference.ModelInferRequest",
    "/inference.GRPCInferenceService/ModelMetadata": "inference.ModelMetadataRequest",
    "/tensorflow.serving.PredictionService/Predict": "tensorflow.serving.PredictRequest",
    "/tensorflow.serving.PredictionService/Classify": "tensorflow.serving.ClassificationRequest",
    "/tensorflow.serving.PredictionService/Regress": "tensorflow.serving.RegressionRequest",
    "/tensorflow.serving.PredictionService/GetModelMetadata": "tensorflow.serving.GetModelMetadataRequest",
    "/tensorflow.serving.ModelService/GetModelStatus": "tensorflow.serving.GetModelStatusRequest",
}
KINDS = ["BOOL", "INT8", "UINT8", "INT64", "UINT64", "FP16", "FP32", "FP64", "BYTES", "BF16"]
texts = st.sampled_from(
    [model, "serving_default", "x", "input-0", "output-0", "pd", "signature_def", *KINDS]
) | st.text(max_size=8)
raw = st.binary(max_size=40) | st.just(bytes(16)) | st.just(b"\x01\0\0\0a")


def whole(bits, signed):
    """Return integers of that number of bits, mostly small ones, as sizes are."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(0, 3) | st.integers(low, high)


SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: whole(32, True),
    FieldDescriptor.CPPTYPE_INT64: whole(64, True),
    FieldDescriptor.CPPTYPE_UINT32: whole(32, False),
    FieldDescriptor.CPPTYPE_UINT64: whole(64, False),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


def values(field):
    """Return the strategy of one value of a field."""
    if field.message_type is not None:
        return messages(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values]) | st.just(99)
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return texts if field.type == FieldDescriptor.TYPE_STRING else raw
    return SCALARS[field.cpp_type]


@st.composite
def messages(draw, descriptor):
    """Return the fields of a message by their names; those of a map are messages of their own."""
    made = {}
    for field in descriptor.fields:
        if draw(st.integers(0, 3)) or field.name in ("model_name", "model_spec"):
            made[field.name] = draw(st.lists(values(field), max_size=3) if field.is_repeated else values(field))
    return made


def filled(message, made):
    """Fill a message."""
    for name, value in made.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            kind = field.message_type.fields_by_name["value"]
            for entry in value:
                if kind.message_type is None:
                    getattr(message, name)[entry.get("key", "")] = entry.get("value", kind.default_value)
                else:
                    filled(getattr(message, name)[entry.get("key", "")], entry.get("value", {}))
        elif field.message_type is not None and field.is_repeated:
            for one in value:
                filled(getattr(message, name).add(), one)
        elif field.message_type is not None:
            getattr(message, name).SetInParent()
            filled(getattr(message, name), value)
        elif field.is_repeated:
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    return message


def aimed(made):
    """Return the fields with the model's name, without which all would end there."""
    if "model_name" in made:
        made["model_name"] = model
        made.pop("model_version", None)
    if "model_spec" in made:
        made["model_spec"] = {"name": model}
    return made


seen = collections.Counter()


@st.composite
def asked(draw):
    """Return a call and the bytes of its request, in some of which bytes are changed, cut or doubled."""
    path = draw(st.sampled_from(sorted(CALLS)))
    descriptor = pool.FindMessageTypeByName(CALLS[path])
    message = filled(message_factory.GetMessageClass(descriptor)(), aimed(draw(messages(descriptor))))
    data = bytearray(message.SerializeToString())
    for _ in range(draw(st.sampled_from([0, 0, 1, 3])) if data else 0):
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.integers(0, 2))
        if change == 0:
            data[at] = draw(st.integers(0, 255))
        else:
            data = data[:at] + data[at if change == 1 else at + 1 :] + data[at:]
    return path, bytes(data)


@seed(chosen)
@settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(asked())
def fuzz(one):
    """Ask, and note the code."""
    path, data = one
    try:
        channel.unary_unary(path)(data, timeout=20)
        seen["OK"] += 1
    except grpc.RpcError as error:
        name, words = error.code().name, error.details() or ""
        is_model = name == "INTERNAL" and "The notebook's predictor" in words
        seen["INTERNAL by the notebook" if is_model else name] += 1
        assert is_model or name in ("INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"), (path, data, name, words)


fuzz()
print(json.dumps(seen))
