"""gRPC in addition to HTTP: Open Inference and TensorFlow Serving, in a separate process that uses the pool.

It is available if the image includes the extra `grpc`. The front, which is process 1, loads none of its libraries: it
holds the ports, starts the process, and sums up the counts that it reports.
"""

from importlib import util
from typing import TYPE_CHECKING

from nb_service import problems
from nb_service.backends.grpc_service.grpc_process import GrpcProcess
from nb_service.backends.grpc_service.ports import Ports
from nb_service.backends.grpc_service.tls_files import TlsFiles

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from nb_service.http.tracing import Spans
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.settings import Settings

DEFAULT_PORT = 8081
_PARTS = ("google.protobuf", "grpc", "grpc_health", "grpc_reflection")


def is_here() -> bool:
    """Return whether the extra `grpc` is installed, without importing it."""
    try:
        return all(util.find_spec(part) for part in _PARTS)
    except ModuleNotFoundError:
        return False


def companion(
    loop: "asyncio.AbstractEventLoop",
    pool: "Pool",
    log: "Log",
    settings: "Settings",
    environ: dict,
    is_ready: "Callable[[], bool]",
    spans: "Spans | None",
) -> GrpcProcess | None:
    """Return the gRPC process, not started yet, or None if the settings or the image disable it.

    Raise GrpcMissing, PortTaken or GrpcFile before the model is loaded.
    """
    if settings.grpc_port == () or (settings.grpc_port is None and not is_here()):
        return None
    if not is_here():
        raise problems.GrpcMissing
    TlsFiles.read(settings)
    ports = Ports(settings.host, (DEFAULT_PORT,) if settings.grpc_port is None else settings.grpc_port)
    return GrpcProcess(loop, pool, ports, environ, is_ready, log, spans)
