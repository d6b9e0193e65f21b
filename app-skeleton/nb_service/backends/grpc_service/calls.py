"""Code for all calls of all protocols: size, errors, deadlines, ids, log and metrics."""

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

import grpc
from google.protobuf.message import DecodeError, Message

from nb_service.backends.grpc_service import refusals
from nb_service.backends.grpc_service.refusals import Refusal, Refused
from nb_service.backends.grpc_service.transfers import Transfers, is_late
from nb_service.http import request_id
from nb_service.http.access import as_json
from nb_service.http.tracing import context_of
from nb_service.identity import Identity
from nb_service.log import stamp
from nb_service.protocols import Malformed

# Larger messages are encoded or decoded in a thread, so that no other call waits.
SMALL_BYTES = 1 << 16
# Health checks and stream errors up to this size don't count as held memory.
UNCOUNTED_BYTES = 1 << 10
# How many requests of a stream are processed at a time.
MAX_OF_A_STREAM = 64
# Statuses of health checks that are not logged: a watch is cancelled when its client leaves.
_QUIET = (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED)
# Stands for a method that this service doesn't have: clients without a key choose any, of any length.
UNKNOWN_PATH = "(unknown)"
# Streams may be idle for as long as their clients like, so they must leave room for other calls. Health checks, which
# need no key, have a separate limit.
MAX_STREAMS = 2048
MAX_WATCHES = 1024


class Method(NamedTuple):
    """A unary call: the request type and the function that responds to it.

    A health check that succeeds is not logged.
    """

    request: Callable[[], Message]
    answer: Callable[[Any], Awaitable[Message]]
    is_check: bool = False


class Stream(NamedTuple):
    """A call with one response per request, in order; `failed` returns the response to a failed request.

    For some requests, `items` returns an iterator of any number of responses instead, which are sent as they are
    yielded.
    """

    request: Callable[[], Message]
    answer: Callable[[Any], Awaitable[Message]]
    failed: Callable[[Any, Refusal], Message]
    is_check: bool = False
    items: Callable[[Any], AsyncGenerator[Message, None] | None] = lambda request: None


class Updates(NamedTuple):
    """A call with a single request, which gets every response that `messages` yields while the client is connected."""

    request: Callable[[], Message]
    messages: Callable[[Any], AsyncIterator[Message]]
    is_check: bool = False


class _Response(NamedTuple):
    """A response to be sent; `held` of its bytes count as held memory until then."""

    message: bytes
    held: int = 0


class Calls:
    """Creates grpcio handlers from methods; records finished calls until `taken` is called.

    `most_bytes` limits the memory of requests in progress and unsent responses; if there are none, one request of any
    size is accepted. `transfers` receives and sends the messages.
    """

    def __init__(
        self, served: Identity, transfers: Transfers, most_bytes: int, *, log_as_json: bool, with_spans: bool
    ) -> None:
        self._model = tuple((name.lower(), value) for name, value in served.headers)
        self._transfers = transfers
        self._most = most_bytes
        self._held = 0
        self._streams = {True: 0, False: 0}  # number of open streams, by whether they are health checks
        self._paths: set[str] = set()
        self._line = _json_line if log_as_json else _text_line
        self._seen: list[tuple[str, str, float]] = []
        self._lines: list[str] = []
        self._with_spans = with_spans
        self._spans: list[tuple] = []

    def taken(self) -> dict:
        """Return the calls since the last time, in the form that GrpcProcess reads; {} if there were none."""
        calls, lines, spans = self._seen, self._lines, self._spans
        self._seen, self._lines, self._spans = [], [], []
        return {"calls": calls, "lines": lines, "spans": spans} if calls else {}

    def handlers(self, service: str, methods: Mapping[str, "Method | Stream | Updates"]) -> grpc.GenericRpcHandler:
        """Return the handlers of a service."""
        handlers = {name: self._handler(f"/{service}/{name}", method) for name, method in methods.items()}
        self._paths.update(f"/{service}/{name}" for name in methods)
        return grpc.method_handlers_generic_handler(service, handlers)

    def rejecting(self, path: str, rejection: Refusal) -> grpc.RpcMethodHandler:
        """Return a handler that rejects every call to `path`."""
        known = path if path in self._paths else UNKNOWN_PATH

        async def reject(_requests: object, context: grpc.aio.ServicerContext) -> None:
            call = _Call(known, context)
            await self._reject(call, context, rejection)

        return grpc.stream_stream_rpc_method_handler(reject)

    # Handlers receive bytes, so that an invalid message gets INVALID_ARGUMENT with a sentence, and a thread can decode
    # it. All calls are streams to grpcio, because it would otherwise receive a complete message before calling us.

    def _handler(self, path: str, method: Method | Stream | Updates) -> grpc.RpcMethodHandler:
        async def handle(_requests: object, context: grpc.aio.ServicerContext) -> None:
            call = _Call(path, context)
            rejection: Refusal | None
            try:
                await self._respond(method, context)
            except Refused as error:
                rejection = error.rejection
            except asyncio.CancelledError:
                rejection = self._transfers.why_rejected()
                if rejection is None:
                    # The client has left, or the deadline has passed.
                    self._ended(call, context, _why_cancelled(context), is_check=method.is_check)
                    raise
            else:
                self._ended(call, context, grpc.StatusCode.OK, is_check=method.is_check)
                return
            # Not in the except clause: aborting the call would keep the error, and the message in it, alive.
            await self._reject(call, context, rejection)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _respond(self, method: Method | Stream | Updates, context: grpc.aio.ServicerContext) -> None:
        """Read the requests and write all responses; raise Refused."""
        if isinstance(method, Method):
            await self._send(context, await self._answered(method, await self._transfers.only(context)))
            return
        if self._streams[method.is_check] == (MAX_WATCHES if method.is_check else MAX_STREAMS):
            raise Refused(refusals.STREAMS)
        self._streams[method.is_check] += 1
        try:
            async with contextlib.aclosing(self._responses(method, context)) as responses:
                async for response in responses:
                    await self._send(context, response)
        finally:
            self._streams[method.is_check] -= 1

    async def _send(self, context: grpc.aio.ServicerContext, response: _Response) -> None:
        try:
            await self._transfers.send(context, response.message)
        finally:
            self._held -= response.held

    def _responses(
        self, method: Stream | Updates, context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[_Response, None]:
        return self._streamed(method, context) if isinstance(method, Stream) else self._updated(method, context)

    async def _updated(self, method: Updates, context: grpc.aio.ServicerContext) -> AsyncGenerator[_Response, None]:
        """Yield the responses to a single request."""
        try:
            request = _parsed(method.request, await self._transfers.only(context))
        except Malformed as error:
            raise Refused(refusals.convert_error(error)) from error
        async for message in method.messages(request):
            yield _Response(message.SerializeToString())

    async def _answered(self, method: Method | Stream, data: bytes) -> _Response:
        """Return the only response, counted as held memory; raise Refused."""
        async with self._requested(method, data) as request:
            message = await _encoded(await method.answer(request))
        return self._counted(method, message)

    async def _answered_in_stream(
        self, method: Stream, data: bytes, responses: "asyncio.Queue[_Response | None]"
    ) -> _Response | None:
        """Return the response, or None if the request has many, which are all in `responses` then; raise Refused."""
        async with self._requested(method, data) as request:
            items = method.items(request)
            if items is not None:
                await self._put_items(method, items, responses)
                return None
            message = await _encoded(await method.answer(request))
        return self._counted(method, message)

    async def _put_items(
        self, method: Stream, items: AsyncGenerator[Message, None], responses: "asyncio.Queue[_Response | None]"
    ) -> None:
        async with contextlib.aclosing(items):
            async for item in items:
                response = self._counted(method, await _encoded(item))
                try:
                    await responses.put(response)
                except asyncio.CancelledError:
                    self._let_go_of(response)
                    raise

    def _counted(self, method: Method | Stream, message: bytes) -> _Response:
        return _Response(message, self._hold(len(message), is_urgent=method.is_check))

    def _failed(self, method: Stream, data: bytes, rejection: Refusal) -> _Response:
        """Return the response to a failed request of a stream, counted as held memory."""
        message = method.failed(_identified(method, data), rejection).SerializeToString()
        try:
            return _Response(message, self._hold(len(message), is_urgent=True))
        except Refused as error:
            # The id that identifies the request to its client is too large to keep.
            return _Response(method.failed(method.request(), error.rejection).SerializeToString())

    @contextlib.asynccontextmanager
    async def _requested(self, method: Method | Stream, data: bytes) -> AsyncGenerator[Any, None]:
        """Yield the decoded request, with its memory held during the block; raise Refused for every error there."""
        held = self._hold(len(data), is_urgent=method.is_check)
        try:
            yield await aside(len(data), _parsed, method.request, data)
        except Malformed as error:
            raise Refused(refusals.convert_error(error)) from error
        except Refused:
            raise
        except Exception as error:
            traceback.print_exc()
            raise Refused(refusals.BROKEN) from error
        finally:
            self._held -= held

    def _hold(self, size: int, *, is_urgent: bool) -> int:
        """Count `size` bytes as held, and return them; raise Refused if there is no room.

        Urgent messages must be handled even if memory is short, and count only if they are large.
        """
        if is_urgent and size <= UNCOUNTED_BYTES:
            return 0
        if self._held and self._held + size > self._most:
            raise Refused(refusals.HELD)
        self._held += size
        return size

    async def _streamed(self, method: Stream, context: grpc.aio.ServicerContext) -> AsyncGenerator[_Response, None]:
        """Yield the responses, while processing several requests at a time.

        Responses to requests with a single response are in the order of the requests.
        """
        # One more request is read, and waits.
        room = asyncio.Semaphore(MAX_OF_A_STREAM - 1)
        tasks: asyncio.Queue[asyncio.Task[_Response | None] | None] = asyncio.Queue()
        # Tasks whose responses were not sent yet, and may never be.
        unsent: set[asyncio.Task[_Response | None]] = set()
        # Only one response waits here, so that a slow client slows down the generators of its requests.
        responses: asyncio.Queue[_Response | None] = asyncio.Queue(1)

        async def begin(data: bytes) -> None:
            task = asyncio.create_task(self._one_of_stream(method, data, responses))
            unsent.add(task)
            tasks.put_nowait(task)
            await room.acquire()

        async def pass_on() -> None:
            try:
                while (task := await tasks.get()) is not None:
                    response = await task
                    if response is not None:
                        await responses.put(response)
                    unsent.discard(task)
                    room.release()
            finally:
                await responses.put(None)

        reading = asyncio.create_task(self._read(context, cast("asyncio.Task", asyncio.current_task()), begin))
        reading.add_done_callback(lambda _: tasks.put_nowait(None))
        passing = asyncio.create_task(pass_on())
        try:
            while (response := await responses.get()) is not None:
                yield response
            await passing
            rejection = await reading
            if rejection is not None:
                raise Refused(rejection)
        finally:
            reading.cancel()
            passing.cancel()
            self._drop(unsent, responses)

    async def _one_of_stream(
        self, method: Stream, data: bytes, responses: "asyncio.Queue[_Response | None]"
    ) -> _Response | None:
        try:
            return await self._answered_in_stream(method, data, responses)
        except Refused as error:
            return self._failed(method, data, error.rejection)

    def _drop(
        self, tasks: "Iterable[asyncio.Task[_Response | None]]", responses: "asyncio.Queue[_Response | None]"
    ) -> None:
        """Cancel these tasks, and release the memory of responses that will not be sent."""
        for task in tasks:
            task.cancel()
            task.add_done_callback(self._let_go)
        while not responses.empty():
            self._let_go_of(responses.get_nowait())

    async def _read(
        self, context: grpc.aio.ServicerContext, stream: asyncio.Task, begin: Callable[[bytes], Awaitable[None]]
    ) -> Refusal | None:
        """Pass each incoming message to `begin`; return why the stream was rejected, or None at its end."""
        try:
            while (data := await self._transfers.next(context)) is not None:
                await begin(data)
        except Refused as error:
            # Only a service that is shutting down responds to the pending requests first: while a call is open, grpcio
            # receives more and more bytes, whether they are read or not.
            if error.rejection is not refusals.ENDING:
                self._transfers.reject(stream, error.rejection)
            return error.rejection
        else:
            return None

    def _let_go(self, task: "asyncio.Task[_Response | None]") -> None:
        """Release the memory of a response that will not be sent."""
        if not task.cancelled() and task.exception() is None:
            self._let_go_of(task.result())

    def _let_go_of(self, response: _Response | None) -> None:
        if response is not None:
            self._held -= response.held

    async def _reject(self, call: "_Call", context: grpc.aio.ServicerContext, rejection: Refusal) -> None:
        self._ended(call, context, rejection.code)
        await context.abort(rejection.code, rejection.detail)

    def _ended(
        self, call: "_Call", context: grpc.aio.ServicerContext, code: grpc.StatusCode, *, is_check: bool = False
    ) -> None:
        took = time.monotonic() - call.began
        context.set_trailing_metadata((*self._model, ("x-request-id", call.request_id)))
        self._seen.append((call.path, code.name, took))
        if not (is_check and code in _QUIET):
            if self._with_spans:
                facts = (call.path, code.value[0], code.name, call.request_id, context_of(call.metadata))
                self._spans.append((time.time_ns(), took, *facts))
            self._lines.append(self._line(call, code.name, took))


class _Call:
    """The facts about a call for the log."""

    __slots__ = ("began", "metadata", "path", "request_id", "trace")

    def __init__(self, path: str, context: grpc.aio.ServicerContext) -> None:
        self.began = time.monotonic()
        self.path = path
        self.metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        self.request_id = request_id.choose(self.metadata)
        self.trace = request_id.trace_of(self.metadata)


def _parsed(request: Callable[[], Message], data: bytes) -> Message:
    message = request()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Malformed(f"The request can't be parsed as {message.DESCRIPTOR.full_name}.") from error
    return message


def _identified(method: Stream, data: bytes) -> Message:
    """Parse as much as possible of a failed request of a stream, to get the id that identifies it to the client."""
    try:
        return _parsed(method.request, data)
    except Malformed:
        return method.request()


async def _encoded(message: Message) -> bytes:
    return await aside(message.ByteSize(), message.SerializeToString)


async def aside(size: int, work: Callable, *parts: Any) -> Any:
    """Return the result of `work`, which runs in a thread if it processes many bytes."""
    return work(*parts) if size <= SMALL_BYTES else await asyncio.to_thread(work, *parts)


def _why_cancelled(context: grpc.aio.ServicerContext) -> grpc.StatusCode:
    return grpc.StatusCode.DEADLINE_EXCEEDED if is_late(context) else grpc.StatusCode.CANCELLED


def _text_line(call: _Call, code: str, took: float) -> str:
    line = f"{stamp()} GRPC {call.path} {code} {took * 1000:.1f}ms id={call.request_id}"
    return f"{line} trace={call.trace}" if call.trace else line


def _json_line(call: _Call, code: str, took: float) -> str:
    traced = f', "traceparent": "{call.trace}"' if call.trace else ""
    return (
        f'{{"time": "{stamp()}", "protocol": "grpc", "path": {as_json(call.path)}, "status": "{code}", '
        f'"ms": {took * 1000:.1f}, "request_id": "{call.request_id}"{traced}}}'
    )
