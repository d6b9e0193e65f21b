"""Open Inference V2 over gRPC, and Triton's stream of inferences: converts messages to tensors and back."""

import contextlib
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from nb_service.backends.grpc_service.calls import Method, Stream, aside
from nb_service.backends.grpc_service.refusals import Refusal
from nb_service.backends.grpc_service.served_model import ServedModel
from nb_service.backends.grpc_service.stubs import open_inference_pb2 as messages
from nb_service.files import Files
from nb_service.protocols import Malformed, Series, inference, open_inference, tensors
from nb_service.protocols.inference import Column
from nb_service.protocols.tensors import Tensor

SERVICE = "inference.GRPCInferenceService"
# Triton's parameters: for a request, that an empty last response is wanted; for a response, that it is the last.
ASKS_FOR_FINAL, FINAL = "triton_enable_empty_final_response", "triton_final_response"
# The field of the typed contents for each datatype; FP16 is only sent as raw bytes.
FIELDS = {
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
    "BYTES": "bytes_contents",
}


def model_of(request: Any) -> str:
    """Return the name of the model in a request, "" if it has none."""
    return getattr(request, "model_name", "") or getattr(request, "name", "")


class OpenInference:
    """Serves the calls of `inference.GRPCInferenceService` for one model."""

    def __init__(self, served: ServedModel) -> None:
        self._served = served

    @property
    def methods(self) -> dict[str, Method | Stream]:
        """Return all calls by their names."""
        return {
            "ServerLive": Method(messages.ServerLiveRequest, self._live, is_check=True),
            "ServerReady": Method(messages.ServerReadyRequest, self._ready, is_check=True),
            "ModelReady": Method(messages.ModelReadyRequest, self._model_ready, is_check=True),
            "ServerMetadata": Method(messages.ServerMetadataRequest, self._server),
            "ModelMetadata": Method(messages.ModelMetadataRequest, self._model),
            "ModelInfer": Method(messages.ModelInferRequest, self._infer),
            "ModelStreamInfer": Stream(messages.ModelInferRequest, self._stream, _failed, items=self._items),
        }

    async def _live(self, request: messages.ServerLiveRequest) -> messages.ServerLiveResponse:
        return messages.ServerLiveResponse(live=True)

    async def _ready(self, request: messages.ServerReadyRequest) -> messages.ServerReadyResponse:
        return messages.ServerReadyResponse(ready=await self._served.is_ready())

    async def _model_ready(self, request: messages.ModelReadyRequest) -> messages.ModelReadyResponse:
        open_inference.check(request.name, request.version or None, self._served.named)
        return messages.ModelReadyResponse(ready=await self._served.is_ready())

    async def _server(self, request: messages.ServerMetadataRequest) -> messages.ServerMetadataResponse:
        return messages.ServerMetadataResponse(name=open_inference.PLATFORM, version=str(self._served.identity.version))

    async def _model(self, request: messages.ModelMetadataRequest) -> messages.ModelMetadataResponse:
        open_inference.check(request.name, request.version or None, self._served.named)
        return messages.ModelMetadataResponse(
            name=self._served.identity.name,
            versions=[str(self._served.identity.version)],
            platform=open_inference.PLATFORM,
            inputs=[messages.ModelMetadataResponse.TensorMetadata(**tensor) for tensor in self._served.inputs],
            outputs=[messages.ModelMetadataResponse.TensorMetadata(**tensor) for tensor in self._served.outputs],
        )

    async def _infer(self, request: messages.ModelInferRequest) -> messages.ModelInferResponse:
        open_inference.check(request.model_name, request.model_version or None, self._served.named)
        size = request.ByteSize()
        answers = await self._served.asker.answers(await aside(size, self._samples, request), self._call(request))
        return await aside(size, self._response, request, answers)

    def _call(self, request: messages.ModelInferRequest) -> bytes:
        calls = self._served.calls
        return calls.made(open_inference.parameters(_given(request.parameters), calls.parameters))

    def _items(
        self, request: messages.ModelInferRequest
    ) -> AsyncGenerator[messages.ModelStreamInferResponse, None] | None:
        return self._responses_to_items(request) if self._served.streams else None

    async def _responses_to_items(
        self, request: messages.ModelInferRequest
    ) -> AsyncGenerator[messages.ModelStreamInferResponse, None]:
        """Yield a response for each item of the prediction, as one of Triton's decoupled models does."""
        open_inference.check(request.model_name, request.model_version or None, self._served.named)
        samples = await aside(request.ByteSize(), self._samples, request)
        async with contextlib.aclosing(self._served.asker.items(samples, self._call(request))) as items:
            async for item in items:
                response = await aside(len(item), self._response, request, Series([item]))
                yield _decoupled(response, is_final=False)
        # Only now is it known which item was the last one.
        if ASKS_FOR_FINAL in request.parameters and request.parameters[ASKS_FOR_FINAL].bool_param:
            yield _decoupled(self._empty_response(request), is_final=True)

    async def _stream(self, request: messages.ModelInferRequest) -> messages.ModelStreamInferResponse:
        return messages.ModelStreamInferResponse(infer_response=await self._infer(request))

    def _samples(self, request: messages.ModelInferRequest) -> Series:
        """Return the samples of an inference request; raise Malformed."""
        raw = request.raw_input_contents
        if not request.inputs:
            raise Malformed("inputs is not a list of tensors.")
        if raw and len(raw) != len(request.inputs):
            raise Malformed(f"raw_input_contents has {len(raw)} tensors, but there are {len(request.inputs)} inputs.")
        columns = {
            tensor.name: self._column(tensor, raw[at] if raw else None) for at, tensor in enumerate(request.inputs)
        }
        if len(columns) != len(request.inputs):
            raise Malformed("Two inputs have the same name.")
        return inference.samples(columns, self._served.rows, _is_frame(request), self._served.limits)

    def _column(self, tensor: messages.ModelInferRequest.InferInputTensor, raw: bytes | None) -> Column:
        """Return the values of an input, from raw bytes or from the field of its datatype."""
        name, datatype, shape = tensor.name, tensor.datatype, list(tensor.shape)
        count = inference.check(name, datatype, shape, self._served.limits)
        if raw is not None and tensor.HasField("contents"):
            raise Malformed(f"The input {name!r} has both contents and raw_input_contents.")
        content_type = _content_type(tensor.parameters)
        files = inference.files_in(self._served.rows.files, content_type)
        flat = _typed(tensor, files) if raw is None else inference.from_bytes(name, datatype, raw, files)
        if content_type == inference.FRAME_JSON:
            flat = inference.from_json_texts(name, flat)
        return inference.column(name, flat, shape, count)

    def _empty_response(self, request: messages.ModelInferRequest) -> messages.ModelInferResponse:
        served = self._served.identity
        return messages.ModelInferResponse(model_name=served.name, model_version=str(served.version), id=request.id)

    def _response(self, request: messages.ModelInferRequest, answers: Series) -> messages.ModelInferResponse:
        """Return the predictions as raw bytes if the request used them, otherwise in typed fields."""
        response = self._empty_response(request)
        is_raw, as_frame = bool(request.raw_input_contents), _is_frame(request)
        if as_frame:
            response.parameters["content_type"].string_param = inference.FRAME
        requested = [tensor.name for tensor in request.outputs]
        if any("classification" in tensor.parameters for tensor in request.outputs):
            raise Malformed("The classification extension is not supported.")
        for answer in inference.outputs(answers, requested, self._served.outputs, as_columns=as_frame):
            tensor = answer.tensor
            output = response.outputs.add(name=answer.name, datatype=tensor.datatype, shape=tensor.shape)
            if content_type := answer.content_type(as_frame=as_frame):
                output.parameters["content_type"].string_param = content_type
            if is_raw:
                response.raw_output_contents.append(inference.to_bytes(tensor))
            else:
                getattr(output.contents, FIELDS[tensor.datatype]).extend(_values(tensor))
        return response


def _decoupled(response: messages.ModelInferResponse, *, is_final: bool) -> messages.ModelStreamInferResponse:
    response.parameters[FINAL].bool_param = is_final
    return messages.ModelStreamInferResponse(infer_response=response)


def _given(parameters: Mapping[str, messages.InferParameter]) -> dict[str, object]:
    """Return the parameters of a request; raise Malformed for one without a value."""
    given: dict[str, object] = {}
    for name, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        if kind is None:
            raise Malformed(f"The parameter {name!r} has no value.")
        given[name] = getattr(parameter, kind)
    return given


def _is_frame(request: messages.ModelInferRequest) -> bool:
    """Return whether inputs and outputs are the columns of a data frame."""
    return _content_type(request.parameters) == inference.FRAME


def _content_type(parameters: Mapping[str, messages.InferParameter]) -> str:
    # Looking up a missing key would add it.
    return parameters["content_type"].string_param if "content_type" in parameters else ""


def _typed(tensor: messages.ModelInferRequest.InferInputTensor, files: Files) -> Sequence:
    """Return the values in the field of the tensor's datatype; raise Malformed if another field has values, too."""
    name, datatype = tensor.name, tensor.datatype
    field = FIELDS.get(datatype)
    if field is None:
        raise Malformed(f"The input {name!r} must come in raw_input_contents: {datatype} has no contents.")
    filled = [descriptor.name for descriptor, _ in tensor.contents.ListFields()]
    if any(other != field for other in filled):
        raise Malformed(f"The input {name!r} is {datatype}, and has values in {', '.join(filled)}.")
    values = getattr(tensor.contents, field)
    if datatype == "BYTES":
        return [inference.text(name, value, files) for value in values]
    inference.check_range(name, datatype, values)
    return tensors.packed(datatype, values)


def _values(tensor: Tensor) -> Sequence:
    """Return an output's values in the form that its field requires."""
    if tensor.datatype == "BYTES":
        return inference.text_bytes(tensor)
    return (
        [math.nan if value is None else value for value in tensor.flat] if tensor.datatype[:2] == "FP" else tensor.flat
    )


def _failed(request: messages.ModelInferRequest, rejection: Refusal) -> messages.ModelStreamInferResponse:
    """Return the response to a failed request of a stream, which continues."""
    about = messages.ModelInferResponse(
        id=request.id, model_name=request.model_name, model_version=request.model_version
    )
    return messages.ModelStreamInferResponse(error_message=rejection.detail, infer_response=about)
