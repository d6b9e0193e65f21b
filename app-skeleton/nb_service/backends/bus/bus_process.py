"""Runs the bus process from the front: starts it with the service, and sums its counts over restarts."""

import asyncio

from nb_service.backends.bus import brokers
from nb_service.backends.bus.place import Place
from nb_service.backends.pool_process import PoolProcess
from nb_service.log import Log
from nb_service.pool import Pool


class BusProcess(PoolProcess):
    """Runs `python -m nb_service.backends.bus`, which holds the broker's connections and sends samples to the pool.

    Clients of brokers are third-party code with their own threads and buffers, which must stay out of process 1.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        place: Place,
        environ: dict,
        log: Log,
    ) -> None:
        self._place = place
        self._state: dict = {}
        self._sums = {"taken": 0, "redelivered": 0, "answered": 0, "lost": 0}
        self._errors: dict[str, int] = {}
        super().__init__(
            loop, pool, "The bus's process", ("nb_service.backends.bus",), environ, lambda: {"answers": pool.ready}, log
        )

    @property
    def is_ready(self) -> bool:
        """Return whether the process takes samples from the broker."""
        return self.pid is not None and bool(self._state.get("connected"))

    def start(self) -> None:
        """Start the process, and log which brokers are available."""
        self._say(
            f"The bus: {brokers.KINDS[self._place.scheme].title} at {self._place}, from {self._place.source} to "
            f"{self._place.target}, errors to {self._place.errors}, group {self._place.group}. "
            f"This image has clients for: {', '.join(brokers.here())}."
        )
        super().start()

    def on_message(self, message: dict) -> None:
        """Record the numbers that the process reports."""
        counts = message.pop("counts")
        for reason, count in counts.pop("errors").items():
            self._errors[reason] = self._errors.get(reason, 0) + count
        for name, count in counts.items():
            self._sums[name] += count
        self._state = message
        if message["connected"]:
            self.works()

    def reap(self) -> None:
        """Reap the process if it has exited, and start another."""
        super().reap()
        if self.pid is None:
            # The broker redelivers the messages that were in flight.
            self._state = {"waiting": self._state.get("waiting")}

    def numbers(self) -> dict:
        """Return {"bus": its numbers}, also while the process is not running."""
        state = {"connected": False, "in_flight": 0, "waiting": None, "oldest_seconds": 0.0, **self._state}
        return {
            "bus": {
                **state,
                **self._sums,
                "errors": self._errors,
                "broker": brokers.KINDS[self._place.scheme].title,
                "places": [self._place.source, self._place.target, self._place.errors],
            }
        }
