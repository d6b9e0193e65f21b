"""grpc.health.v1: whether the service is ready, as a single check or a watch.

The servicer of grpcio-health-checking holds a lock while it writes, so one client that watches without reading would
block state changes for all clients. So this module uses only its messages.
"""

import asyncio
from collections.abc import AsyncIterator, Collection

import grpc
from grpc_health.v1 import health_pb2 as messages

from nb_service.backends.grpc_service.calls import Method, Updates
from nb_service.backends.grpc_service.refusals import Refusal, Refused

SERVICE = "grpc.health.v1.Health"
_States = messages.HealthCheckResponse
UNKNOWN = Refusal(grpc.StatusCode.NOT_FOUND, "There is no such service; the empty name stands for all.")


class HealthChecks:
    """Reports whether `services`, and "" for all of them, are serving; they share one state."""

    def __init__(self, services: Collection[str]) -> None:
        self._services = frozenset(("", *services))
        self._status = _States.NOT_SERVING
        self._is_ending = False
        self._turned = asyncio.Event()

    @property
    def methods(self) -> dict[str, Method | Updates]:
        """Return all calls by their names."""
        return {
            "Check": Method(messages.HealthCheckRequest, self._check, is_check=True),
            "Watch": Updates(messages.HealthCheckRequest, self._watch, is_check=True),
        }

    def turn(self, *, is_ready: bool) -> None:
        """Set whether the services are ready, and notify the watchers of a change."""
        self._status = _States.SERVING if is_ready and not self._is_ending else _States.NOT_SERVING
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    def end(self) -> None:
        """Report all services as not serving from now on; notify the watchers and end their calls."""
        self._is_ending = True
        self.turn(is_ready=False)

    async def _check(self, request: messages.HealthCheckRequest) -> messages.HealthCheckResponse:
        if request.service not in self._services:
            raise Refused(UNKNOWN)
        return messages.HealthCheckResponse(status=self._status)

    async def _watch(self, request: messages.HealthCheckRequest) -> AsyncIterator[messages.HealthCheckResponse]:
        is_known, last = request.service in self._services, None
        while True:
            turned = self._turned
            # The protocol allows watching an unknown service.
            status = self._status if is_known else _States.SERVICE_UNKNOWN
            if status != last:
                yield messages.HealthCheckResponse(status=status)
            last = status
            if self._is_ending:
                return
            await turned.wait()
