"""Runs the gRPC process from the front: starts it with the service, and counts and logs its calls."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from nb_service.backends.grpc_service.ports import Ports
from nb_service.backends.pool_process import PoolProcess
from nb_service.http.metrics import Requests
from nb_service.http.tracing import CallFacts, Spans
from nb_service.pool import Pool

if TYPE_CHECKING:
    from nb_service.log import Log


class GrpcProcess(PoolProcess):
    """Runs `python -m nb_service.backends.grpc_service`, which serves gRPC and sends samples to the pool.

    gRPC's core is compiled code with its own threads, which must stay out of process 1.
    """

    has_balancer = True

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        ports: Ports,
        environ: dict,
        is_ready: Callable[[], bool],
        log: "Log",
        spans: "Spans | None",
    ) -> None:
        self._ports = ports
        self._spans = spans
        self._listening = False
        self._announced = False
        self._calls = Requests()
        module = ("nb_service.backends.grpc_service", ",".join(ports.addresses))
        super().__init__(loop, pool, "gRPC's process", module, environ, lambda: {"ready": is_ready()}, log)

    @property
    def is_ready(self) -> bool:
        """Return whether it is listening."""
        return self.pid is not None and self._listening

    def on_message(self, message: dict) -> None:
        """Record that it is listening, or its finished calls: [path, code, seconds], and CallFacts."""
        if message.get("listening"):
            self._listening = True
            self.works()
            self._log.fact(grpc_ports=self._ports.numbers)
            if not self._announced:
                self._announced = True
                self._say(f"gRPC: listening on {', '.join(self._ports.addresses)}{message['how']}.")
        for path, code, seconds in message.get("calls", ()):
            self._calls.asked(path, code, seconds)
        if self._spans is not None:
            for facts in message.get("spans", ()):
                self._spans.note(CallFacts(*facts))

    def reap(self) -> None:
        """Reap the process if it has exited, and start another."""
        super().reap()
        if self.pid is None:
            self._listening = False

    def numbers(self) -> dict:
        """Return {"grpc": finished calls as `Requests.numbers`}; codes are gRPC's names."""
        return {"grpc": self._calls.numbers()}

    def close(self, seconds: float = 1.0) -> None:
        """Stop the process, and close its ports."""
        super().close(seconds)
        self._ports.close()
