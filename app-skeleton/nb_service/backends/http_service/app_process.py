"""The app's process: the Flask skeleton under waitress, started when needed and restarted when it ends."""

import asyncio
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from nb_scorer.common import phrases

from nb_service.pool import Pool
from nb_service.pool.socket_server import PoolServer

# After this many deaths without an answer between them, requests for the app are refused at once.
CRASH_LOOP = 3
LONGEST_PAUSE = 10.0
# The end of an app that ran for this long is not part of a crash loop.
STEADY_SECONDS = 60.0


class AppProcess:
    """Runs `python -m nb_service app` with two inherited sockets: a listening one, and its end of the pool's socket.

    The listening socket stays with the front, so connections that wait on it outlive the app, and the next one accepts
    them. The app gets `facts()` and `secret` over the pool's socket, and refuses requests without the secret.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        listener: socket.socket,
        environ: dict,
        facts: Callable[[], dict],
        say: Callable[[str], object],
    ) -> None:
        # With waitress alone: clients themselves wait on the listening socket, and nobody else answers them.
        self.is_alone = False
        self.secret = secrets.token_hex(16)
        self.on_down = lambda: None  # called when it is in a crash loop
        self._loop = loop
        self._pool = pool
        self._listener = listener
        self._environ = environ
        self._facts = facts
        self._say = say
        self._process: subprocess.Popen | None = None
        self._server: PoolServer | None = None
        self._deaths = 0
        self._started_at = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        """Return the process id of the app while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def is_down(self) -> bool:
        """Return whether the app is in a crash loop, so that nobody should wait for it."""
        return self._deaths >= CRASH_LOOP and self._process is None

    def start(self) -> None:
        """Start the app unless it runs, or a start is scheduled; after a failure schedule one."""
        if self._process is not None or self._pause is not None or self._ending:
            return
        try:
            self._start()
        except OSError as error:
            self._deaths += 1
            if self._deaths == 1:
                self._say(f"The app can't be started: {error.strerror or error}; trying again.")
            self._start_later()
            if self.is_down:
                self.on_down()

    def _start(self) -> None:
        front_socket, app_socket = socket.socketpair()
        fds = [self._listener.fileno(), app_socket.fileno()]
        # An app that is alone inherits a mask that holds back SIGTERM until it can answer its clients first. It has
        # to be there at its start: a signal that comes before Python has installed a handler would end it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if self.is_alone else ())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "nb_service", "app", *map(str, fds)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                env=self._environ,
                cwd="/",
                # A terminal's Ctrl-C goes to every process of its session: only the front may get it, which ends the
                # app when it has answered.
                start_new_session=True,
            )
        except OSError:
            front_socket.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            # With a copy of it here, the app's end would never show as end of file.
            app_socket.close()
        self._started_at = self._loop.time()
        try:
            self._server = PoolServer(self._loop, self._pool, front_socket, self._all_facts, lambda: None)
        except OSError:
            # Without a server nobody would answer it. It is reaped and restarted like one that ended by itself.
            front_socket.close()
            self._process.kill()

    def _all_facts(self) -> dict:
        return {**self._facts(), "secret": self.secret}

    def works(self) -> None:
        """Note that the app has answered: it is not in a crash loop."""
        self._deaths = 0

    def reap(self) -> None:
        """Collect the exit status of the app if it has ended, and start another."""
        if self._process is None or self._process.poll() is None:
            return
        status, self._process = self._process.returncode, None
        self._close_server()
        if self._ending:
            return
        if self._loop.time() - self._started_at > STEADY_SECONDS:
            self._deaths = 0
        self._deaths += 1
        ending = phrases.ending(status)
        self._say(f"The app, which serves all but plain predictions, {ending}; starting another.")
        self._start_later()
        if self.is_down:
            self.on_down()

    def _start_later(self) -> None:
        self._pause = self._loop.call_later(min(LONGEST_PAUSE, 0.1 * 2 ** min(self._deaths, 10)), self._start_now)

    def _start_now(self) -> None:
        self._pause = None
        self.start()

    def finish(self) -> None:
        """Tell the app to answer what it has and end; `pid` is None once it has ended."""
        self._ending = True
        if self._pause is not None:
            self._pause.cancel()
        if self._process is not None:
            self._process.terminate()

    def close(self, seconds: float = 1.0) -> None:
        """End the app; kill it if it takes longer than `seconds`."""
        self.finish()
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_server()

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
