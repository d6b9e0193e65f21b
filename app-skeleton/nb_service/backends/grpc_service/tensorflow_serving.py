"""TensorFlow Serving over gRPC: converts its messages to tensors and examples, and back."""

import itertools
import math
import struct
from collections.abc import Sequence
from typing import Any

from nb_service.backends.grpc_service.calls import Method, aside
from nb_service.backends.grpc_service.served_model import ServedModel
from nb_service.backends.grpc_service.stubs import tensorflow_pb2 as tensorflow
from nb_service.backends.grpc_service.stubs import tensorflow_serving_pb2 as messages
from nb_service.files import Files
from nb_service.protocols import Malformed, Series, inference, tf_serving
from nb_service.protocols.inference import Column
from nb_service.protocols.tensors import Tensor

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
SIGNATURE = "serving_default"
METADATA = "signature_def"
# Open Inference's name of each type, and the field that contains its values.
_TYPES = {
    tensorflow.DT_FLOAT: ("FP32", "float_val"),
    tensorflow.DT_DOUBLE: ("FP64", "double_val"),
    tensorflow.DT_HALF: ("FP16", "half_val"),
    tensorflow.DT_INT8: ("INT8", "int_val"),
    tensorflow.DT_INT16: ("INT16", "int_val"),
    tensorflow.DT_INT32: ("INT32", "int_val"),
    tensorflow.DT_INT64: ("INT64", "int64_val"),
    tensorflow.DT_UINT8: ("UINT8", "int_val"),
    tensorflow.DT_UINT16: ("UINT16", "int_val"),
    tensorflow.DT_UINT32: ("UINT32", "uint32_val"),
    tensorflow.DT_UINT64: ("UINT64", "uint64_val"),
    tensorflow.DT_BOOL: ("BOOL", "bool_val"),
    tensorflow.DT_STRING: ("BYTES", "string_val"),
}
_FIELDS = {datatype: (number, field) for number, (datatype, field) in _TYPES.items()}
# The shortest JSON of a value, including its separator.
_MIN_BYTES = 2


def model_of(request: Any) -> str:
    """Return the name of the model in a request."""
    return request.model_spec.name


class TensorFlowServing:
    """Serves the calls of PredictionService and ModelService for one model."""

    def __init__(self, served: ServedModel) -> None:
        self._served = served
        # If samples are not objects, the only input's value is the sample.
        self._input_name = inference.INPUT if [tensor["name"] for tensor in served.inputs] == [inference.INPUT] else ""

    @property
    def predictions(self) -> dict[str, Method]:
        """Return the calls of PredictionService by name."""
        return {
            "Predict": Method(messages.PredictRequest, self._predict),
            "Classify": Method(messages.ClassificationRequest, self._classify),
            "Regress": Method(messages.RegressionRequest, self._regress),
            "GetModelMetadata": Method(messages.GetModelMetadataRequest, self._metadata),
        }

    @property
    def models(self) -> dict[str, Method]:
        """Return the calls of ModelService by name."""
        return {"GetModelStatus": Method(messages.GetModelStatusRequest, self._status, is_check=True)}

    # --- calls ---

    async def _predict(self, request: messages.PredictRequest) -> messages.PredictResponse:
        self._check(request.model_spec, "predict")
        size = request.ByteSize()
        answers = await self._served.asker.answers(await aside(size, self._samples, request), self._served.calls.made())
        return await aside(size, self._predicted, request, answers)

    async def _classify(self, request: messages.ClassificationRequest) -> messages.ClassificationResponse:
        self._check(request.model_spec, "classify")
        size = request.ByteSize()
        answers = await self._served.asker.answers(
            await aside(size, self._examples, request.input), self._served.calls.made()
        )
        response = messages.ClassificationResponse(model_spec=self._spec())
        for answer in answers.values:
            classes = [messages.Class(label=label, score=score) for label, score in tf_serving.classes(answer)]
            response.result.classifications.add(classes=classes)
        return response

    async def _regress(self, request: messages.RegressionRequest) -> messages.RegressionResponse:
        self._check(request.model_spec, "regress")
        size = request.ByteSize()
        answers = await self._served.asker.answers(
            await aside(size, self._examples, request.input), self._served.calls.made()
        )
        response = messages.RegressionResponse(model_spec=self._spec())
        for answer in answers.values:
            response.result.regressions.add(value=tf_serving.number(answer))
        return response

    async def _metadata(self, request: messages.GetModelMetadataRequest) -> messages.GetModelMetadataResponse:
        self._check(request.model_spec, "predict")
        if not request.metadata_field:
            raise Malformed("metadata_field is empty; the only field is signature_def.")
        for field in request.metadata_field:
            if field != METADATA:
                raise Malformed(f"There is no metadata_field {field!r}; the only field is signature_def.")
        signature = tensorflow.SignatureDef(method_name=tf_serving.METHOD_NAME.format("predict"))
        for tensors, described in ((signature.inputs, self._served.inputs), (signature.outputs, self._served.outputs)):
            for tensor in described:
                dims = [tensorflow.TensorShapeProto.Dim(size=size) for size in tensor["shape"]]
                number = tensorflow.DataType.Value(tf_serving.DTYPES[tensor["datatype"]])
                tensors[tensor["name"]].CopyFrom(
                    tensorflow.TensorInfo(
                        name=tensor["name"], dtype=number, tensor_shape=tensorflow.TensorShapeProto(dim=dims)
                    )
                )
        response = messages.GetModelMetadataResponse(model_spec=self._spec(signature=""))
        response.metadata[METADATA].Pack(messages.SignatureDefMap(signature_def={SIGNATURE: signature}))
        return response

    async def _status(self, request: messages.GetModelStatusRequest) -> messages.GetModelStatusResponse:
        self._check(request.model_spec, "predict")
        state = (
            messages.ModelVersionStatus.AVAILABLE
            if await self._served.is_ready()
            else messages.ModelVersionStatus.LOADING
        )
        status = messages.ModelVersionStatus(
            version=self._served.identity.version, state=state, status=messages.StatusProto(error_code=0)
        )
        return messages.GetModelStatusResponse(model_version_status=[status])

    # --- messages ---

    def _check(self, spec: messages.ModelSpec, method: str) -> None:
        """Raise Malformed unless the service has this model, version and signature."""
        version = spec.version.value if spec.HasField("version") else None
        label = spec.version_label if spec.HasField("version_label") else None
        tf_serving.check(tf_serving.Target(spec.name, version, label, method), self._served.named)
        tf_serving.check_signature(spec.signature_name, method)

    def _spec(self, signature: str = SIGNATURE) -> messages.ModelSpec:
        spec = messages.ModelSpec(name=self._served.identity.name, signature_name=signature)
        spec.version.value = self._served.identity.version
        return spec

    def _samples(self, request: messages.PredictRequest) -> Series:
        """Return the samples of a predict request; raise Malformed."""
        if not request.inputs:
            raise Malformed("inputs contains no tensor.")
        # A map has no order, so the columns are sorted by name.
        columns = {name: self._column(name, request.inputs[name]) for name in sorted(request.inputs)}
        return inference.samples(columns, self._served.rows, False, self._served.limits)

    def _column(self, name: str, tensor: tensorflow.TensorProto) -> Column:
        """Return the values of an input, from raw bytes or from the field of its type."""
        datatype, field = _TYPES.get(tensor.dtype, ("", ""))
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        count = inference.check(name, datatype, shape, self._served.limits)
        raw = tensor.tensor_content
        if raw and datatype == "BYTES":
            raise Malformed(f"The input {name!r} has strings in tensor_content; send them in string_val.")
        if raw:
            return inference.column(name, inference.from_bytes(name, datatype, raw), shape, count)
        values = getattr(tensor, field)
        flat = _typed(name, datatype, values, self._served.rows.files)
        if 0 < len(flat) < count:
            # As in TensorFlow, the last value stands for all missing ones.
            self._served.limits.check_built(count * max(_MIN_BYTES, len(str(flat[-1]))))
            flat = [*flat, *itertools.repeat(flat[-1], count - len(flat))]
        return inference.column(name, flat, shape, count)

    def _predicted(self, request: messages.PredictRequest, answers: Series) -> messages.PredictResponse:
        response = messages.PredictResponse(model_spec=self._spec())
        for name, tensor, _ in inference.outputs(answers, list(request.output_filter), self._served.outputs):
            number, field = _FIELDS[tensor.datatype]
            output = response.outputs[name]
            output.dtype = number
            for size in tensor.shape:
                output.tensor_shape.dim.add(size=size)
            getattr(output, field).extend(_values(tensor))
        return response

    def _examples(self, given: messages.Input) -> Series:
        """Return the samples in a list of examples, with or without a context; raise Malformed."""
        kind = given.WhichOneof("kind")
        if kind is None:
            raise Malformed("input contains no example.")
        listed = getattr(given, kind)
        files = self._served.rows.files
        context = _features(listed.context, files) if kind == "example_list_with_context" else {}
        self._served.limits.check_samples(len(listed.examples))
        if not listed.examples:
            raise Malformed("input contains no example.")
        return tf_serving.examples(
            [_features(one, files) for one in listed.examples], context, self._input_name, self._served.limits
        )


def _typed(name: str, datatype: str, values: Sequence, files: Files) -> list:
    """Return the values in a tensor's field; None for those that are not numbers."""
    if datatype == "BYTES":
        return [inference.text(name, value, files) for value in values]
    if datatype == "FP16":
        values = [_half(name, bits) for bits in values]
    if datatype[:2] == "FP":
        return [value if math.isfinite(value) else None for value in values]
    inference.check_range(name, datatype, values)
    return list(values)


def _half(name: str, bits: int) -> float:
    """Return the half-precision number encoded in a field's lower 16 bits."""
    if not 0 <= bits < 1 << 16:
        raise Malformed(f"The input {name!r} has a value that is not FP16.")
    return struct.unpack("<e", bits.to_bytes(2, "little"))[0]


def _values(tensor: Tensor) -> Sequence:
    """Return an output's values in the form that its field requires."""
    if tensor.datatype == "BYTES":
        return inference.text_bytes(tensor)
    if tensor.datatype == "FP64":
        return [math.nan if value is None else value for value in tensor.flat]
    return tensor.flat


def _features(example: tensorflow.Example, files: Files) -> dict:
    """Return an example as an object: a feature with one value is that value, one with several is a list."""
    return {name: _feature(name, feature, files) for name, feature in sorted(example.features.feature.items())}


def _feature(name: str, feature: tensorflow.Feature, files: Files) -> object:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    values = list(getattr(feature, kind).value)
    if kind == "bytes_list":
        values = [inference.text(name, value, files) for value in values]
    elif kind == "float_list":
        values = [value if math.isfinite(value) else None for value in values]
    return values[0] if len(values) == 1 else values
