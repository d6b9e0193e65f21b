"""Checks that gRPC's libraries work in a slim image."""

import asyncio
import importlib

from nb_service.backends import grpc_service

SECONDS = 10.0


def broken() -> list[str]:
    """Return a sentence if the installed libraries don't load, or if their server does not respond."""
    if not grpc_service.is_here():
        return []
    try:
        # Imports everything that the gRPC process needs.
        importlib.import_module("nb_service.backends.grpc_service.server")
        asyncio.run(asyncio.wait_for(_asked(), SECONDS))
    except (ImportError, OSError, RuntimeError, TimeoutError) as error:
        return [f"gRPC does not work: {type(error).__name__}: {error}"]
    return []


async def _asked() -> None:
    """Send a health check to a server on loopback; raise RuntimeError if it fails."""
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    reflection.enable_server_reflection((health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    except grpc.RpcError as error:
        raise RuntimeError(error.details()) from error
    finally:
        await server.stop(None)
