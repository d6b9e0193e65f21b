"""The app's process: the Flask skeleton under waitress, started when needed and restarted when it ends."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterable

from nb_service.backends.pool_process import PoolProcess
from nb_service.log import Log
from nb_service.pool import Pool


class AppProcess(PoolProcess):
    """Runs `python -m nb_service app` with two inherited sockets: one that accepts, and its end of the pool's socket.

    The first stays with the front, so connections that wait on it outlive the app, and the next one accepts them. The
    app gets `facts()` over the pool's socket. While it is in a crash loop, requests for it are refused at once.
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
        # With waitress alone: clients themselves wait on the listening socket, and nobody else answers them.
        self.is_alone = False
        # Receives the requests of the app, and its reports on responses and feedback.
        self.on_question: Callable[[dict], dict | None] = lambda news: None
        self._listener = listener
        title = "The app, which serves everything except plain predictions,"
        super().__init__(loop, pool, title, ("nb_service", "app"), environ, facts, log)

    def on_news(self, news: dict) -> dict | None:
        """Return what the app asks for."""
        return self.on_question(news)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return that of the socket that accepts."""
        return (self._listener.fileno(),)

    @property
    def held_back(self) -> Iterable[signal.Signals]:
        """Return SIGTERM for an app that is alone, until it can answer its clients first."""
        return (signal.SIGTERM,) if self.is_alone else ()
