"""Configures grpcio's asyncio server: its services, limits and shutdown."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from nb_service import files, identity, request_calls
from nb_service.backends.grpc_service import health_checks, open_inference, reflected, refusals, tensorflow_serving
from nb_service.backends.grpc_service.asker import Asker
from nb_service.backends.grpc_service.calls import Calls, Method, Stream, Updates
from nb_service.backends.grpc_service.health_checks import HealthChecks
from nb_service.backends.grpc_service.open_inference import OpenInference
from nb_service.backends.grpc_service.served_model import ServedModel
from nb_service.backends.grpc_service.tensorflow_serving import TensorFlowServing
from nb_service.backends.grpc_service.tls_files import TlsFiles
from nb_service.backends.grpc_service.transfers import Transfers
from nb_service.http import replies
from nb_service.http.auth import Keys
from nb_service.log import FLUSH_SECONDS
from nb_service.model_folder import ModelFolder
from nb_service.pool.async_client import AsyncPoolClient
from nb_service.protocols import Limits, inference
from nb_service.protocols import open_inference as rest
from nb_service.protocols.rows import Rows
from nb_service.settings import Settings

# A call with one response per request.
Call = TypeVar("Call", Method, Method | Stream)
# How often the front is asked for readiness, which is the maximum delay of a health check.
LOOK_SECONDS = 0.1
# Maximum number of calls in progress; further ones are rejected before they are read.
MAX_CALLS = 4096
# By default, memory for this many messages of maximum size.
MAX_MESSAGES = 16
# Time in addition to the front's own limit: the front kills this process if it hangs.
BEHIND_SECONDS = 5.0
SERVICES = (open_inference.SERVICE, tensorflow_serving.PREDICTION_SERVICE, tensorflow_serving.MODEL_SERVICE)
# Calls that need no key, like HTTP's health checks, because container probes have none.
CHECKS = frozenset(
    {
        f"/{health_checks.SERVICE}/Check",
        f"/{health_checks.SERVICE}/Watch",
        f"/{open_inference.SERVICE}/ServerLive",
        f"/{open_inference.SERVICE}/ServerReady",
    }
)


def run(addresses: Sequence[str], link: socket.socket, model: ModelFolder, settings: Settings) -> None:
    """Serve `model` on `addresses` until SIGTERM, then finish the calls in progress; `link` leads to the pool."""
    asyncio.run(_serve(addresses, link, model, settings))


async def _serve(addresses: Sequence[str], link: socket.socket, model: ModelFolder, settings: Settings) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    pool = await AsyncPoolClient.on(link, gone=_exit)
    served = identity.read_identity(model, settings.model_name)
    most_bytes = settings.max_held or MAX_MESSAGES * settings.max_body
    # One half for messages in progress, the other for arriving ones.
    transfers = Transfers(2 * most_bytes, settings.receive_timeout)
    calls = Calls(
        served,
        transfers,
        most_bytes,
        log_as_json=settings.log_format == "json",
        with_spans=bool(settings.otel_exporter_otlp_endpoint),
    )
    checks = HealthChecks(SERVICES)
    server = _made(pool, model, served, settings, calls, checks)
    tls = TlsFiles.read(settings)
    for address in addresses:
        _listen(server, address, tls)
    await server.start()
    how = "" if tls is None else " with TLS" if tls.authorities is None else " with TLS and clients' certificates"
    pool.notify({"listening": True, "how": how})
    background = [asyncio.create_task(work) for work in (_turn(checks, pool), _report(calls, pool))]
    await ended.wait()
    checks.end()
    transfers.end()
    # Sends GOAWAY to every client, and finishes the calls in progress; the front enforces the time limit.
    await server.stop(settings.grace + BEHIND_SECONDS)
    for task in background:
        task.cancel()
    _report_calls(calls, pool)
    pool.close()


def _made(
    pool: AsyncPoolClient,
    model: ModelFolder,
    served: identity.Identity,
    settings: Settings,
    calls: Calls,
    checks: HealthChecks,
) -> grpc.aio.Server:
    """Return the complete server, not listening yet."""
    keys = [Gate(Keys(settings.api_key_file), calls)] if settings.api_key_file else []
    server = grpc.aio.server(options=_options(settings), interceptors=keys, maximum_concurrent_rpcs=MAX_CALLS)
    limits = Limits(settings.max_samples, settings.max_body)
    asker = Asker(pool, limits, replies.disclosure(settings))

    async def is_ready() -> bool:
        return bool((await pool.facts()).get("ready"))

    def described(own: ModelFolder, name: str) -> ServedModel:
        return ServedModel(
            asker,
            served._replace(name=name),
            Rows(own.manifest.get("sample_schema") or own.sample_schema, files.from_manifest(own.manifest)),
            rest.described(own.sample_schema, inference.INPUT),
            rest.described(own.answer_schema, inference.OUTPUT),
            limits,
            request_calls.Calls(own.manifest, settings.pass_headers, own.predictor),
            is_ready,
            own.has_default,
            bool(own.manifest.get("streams")),
        )

    # By name; requests without a model's name go to the service's own model.
    models = {name: described(own, name) for name, own in {served.name: model, **model.predictors}.items()}
    tensorflow = {name: TensorFlowServing(each) for name, each in models.items()}
    predictions = {name: each.predictions for name, each in tensorflow.items()}
    status = {name: each.models for name, each in tensorflow.items()}
    inferences = {name: OpenInference(each).methods for name, each in models.items()}
    offered: dict[str, Mapping[str, Method | Stream | Updates]] = {
        open_inference.SERVICE: by_name(inferences, served.name, open_inference.model_of),
        tensorflow_serving.PREDICTION_SERVICE: by_name(predictions, served.name, tensorflow_serving.model_of),
        tensorflow_serving.MODEL_SERVICE: by_name(status, served.name, tensorflow_serving.model_of),
        health_checks.SERVICE: checks.methods,
        reflected.SERVICE: reflected.methods((*SERVICES, health_checks.SERVICE)),
    }
    for service, methods in offered.items():
        server.add_generic_rpc_handlers((calls.handlers(service, methods),))
    return server


def by_name(methods: Mapping[str, Mapping[str, Call]], default: str, model_of: Callable[[Any], str]) -> dict[str, Call]:
    """Return methods that dispatch to the model named in the request, or to `default` for other names."""
    if len(methods) == 1:
        return dict(methods[default])

    def named(request: Any, name: str) -> Call:
        return methods.get(model_of(request), methods[default])[name]

    def dispatching(name: str, method: Call) -> Call:
        async def answer(request: Any) -> Message:
            return await named(request, name).answer(request)

        def items(request: Any) -> AsyncGenerator[Message, None] | None:
            chosen = named(request, name)
            return chosen.items(request) if isinstance(chosen, Stream) else None

        if isinstance(method, Method):
            return method._replace(answer=answer)
        return method._replace(answer=answer, items=items)

    return {name: dispatching(name, method) for name, method in methods[default].items()}


def _options(settings: Settings) -> list[tuple[str, int]]:
    patience = int(settings.receive_timeout * 1000)
    # GOAWAY is sent well before the connection is closed, so that calls that arrive before the client has read it are
    # still handled, unlike when a server stops. grpcio varies each age by up to 10%, so that clients don't reconnect
    # all at once.
    age = [("grpc.max_connection_age_ms", int(settings.grpc_connection_age * 1000))]
    return [
        *(age if settings.grpc_connection_age else ()),
        ("grpc.max_receive_message_length", settings.max_body),
        # A response may be larger than its request.
        ("grpc.max_send_message_length", -1),
        # The front holds the port, and a previous gRPC process may still be exiting.
        ("grpc.so_reuseport", 1),
        # For connections that never start HTTP/2, and those without a call.
        ("grpc.server_handshake_timeout_ms", patience),
        ("grpc.max_connection_idle_ms", patience),
        # Clients may ping to check whether the service is alive; the service's pings detect dead clients.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]


def _listen(server: grpc.aio.Server, address: str, tls: TlsFiles | None) -> None:
    if tls is None:
        server.add_insecure_port(address)
        return
    pairs = ((tls.key, tls.certificate),)
    credentials = grpc.ssl_server_credentials(pairs, tls.authorities, require_client_auth=tls.authorities is not None)
    server.add_secure_port(address, credentials)


async def _turn(checks: HealthChecks, pool: AsyncPoolClient) -> None:
    """Keep the state in grpc.health.v1 equal to that of /readyz."""
    was: object = None
    while True:
        is_ready = bool((await pool.facts()).get("ready"))
        if is_ready is not was:
            was = is_ready
            checks.turn(is_ready=is_ready)
        await asyncio.sleep(LOOK_SECONDS)


async def _report(calls: Calls, pool: AsyncPoolClient) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        _report_calls(calls, pool)


def _report_calls(calls: Calls, pool: AsyncPoolClient) -> None:
    facts = calls.taken()
    if facts:
        pool.notify(facts)


class Gate(grpc.aio.ServerInterceptor):
    """Rejects calls without a key; the metadata have the same names as the HTTP headers."""

    def __init__(self, keys: Keys, calls: Calls) -> None:
        self._keys = keys
        self._calls = calls

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Return the handler of the call, or one that rejects it if it is not a health check and has no valid key."""
        metadata = dict(handler_call_details.invocation_metadata or ())
        if handler_call_details.method in CHECKS or self._keys.allows(
            metadata.get("authorization"), metadata.get("x-api-key")
        ):
            return await continuation(handler_call_details)
        return self._calls.rejecting(handler_call_details.method, refusals.NO_KEY)


def _exit() -> None:
    """Exit at once: the front has exited, and the scorers with it."""
    os._exit(0)
