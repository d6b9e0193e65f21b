"""Runs the app process: Flask under waitress, started when needed and restarted when it exits."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterable

from nb_service.backends.pool_process import PoolProcess
from nb_service.log import Log
from nb_service.pool import Pool


class AppProcess(PoolProcess):
    """Runs `python -m nb_service app` with two inherited sockets: a listening one, and its end of the pool's socket.

    The front keeps the listening socket open, so connections waiting on it survive a restart of the app. The app
    receives `facts()` over the pool's socket. While it is in a crash loop, requests for it are rejected at once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        listener: socket.socket,
        environ: dict,
        facts: Callable[[], dict],
        log: Log,
    ) -> None:
        # Whether waitress serves clients directly, so that nothing else responds to them.
        self.is_alone = False
        # Handles the app's requests, and its reports about responses and feedback.
        self.on_question: Callable[[dict], dict | None] = lambda message: None
        # Returns whether a request of the app may take longer, for example a reload.
        self.is_awaited: Callable[[], bool] = lambda: False
        self._listener = listener
        title = "The app, which serves everything except plain predictions,"
        super().__init__(loop, pool, title, ("nb_service", "app"), environ, facts, log)

    def on_message(self, message: dict) -> dict | None:
        """Return the response to a request of the app."""
        return self.on_question(message)

    @property
    def has_jobs(self) -> bool:
        """Return whether it waits for scorers."""
        return super().has_jobs or self.is_awaited()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor of the listening socket."""
        return (self._listener.fileno(),)

    @property
    def held_back(self) -> Iterable[signal.Signals]:
        """Return SIGTERM for an app without a front, so that it can finish its requests first."""
        return (signal.SIGTERM,) if self.is_alone else ()
