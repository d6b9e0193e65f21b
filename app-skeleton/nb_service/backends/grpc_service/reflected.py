"""grpc.reflection.v1alpha, using grpcio-reflection's servicer and the limits of all calls."""

from collections.abc import AsyncIterator, Sequence

from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha import reflection_pb2 as messages

from nb_service.backends.grpc_service.calls import Stream
from nb_service.backends.grpc_service.refusals import Refusal

SERVICE = reflection.SERVICE_NAME


def methods(services: Sequence[str]) -> dict[str, Stream]:
    """Return the calls that let clients discover the messages of `services`."""
    servicer = reflection.aio.ReflectionServicer((*services, SERVICE))

    async def answer(request: messages.ServerReflectionRequest) -> messages.ServerReflectionResponse:
        return await anext(servicer.ServerReflectionInfo(_only(request), None))

    return {"ServerReflectionInfo": Stream(messages.ServerReflectionRequest, answer, _failed, is_check=True)}


async def _only(request: messages.ServerReflectionRequest) -> AsyncIterator[messages.ServerReflectionRequest]:
    yield request


def _failed(request: messages.ServerReflectionRequest, rejection: Refusal) -> messages.ServerReflectionResponse:
    error = messages.ErrorResponse(error_code=rejection.code.value[0], error_message=rejection.detail)
    return messages.ServerReflectionResponse(original_request=request, error_response=error)
