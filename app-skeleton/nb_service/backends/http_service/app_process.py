"""The app's process: the Flask skeleton under waitress, started when it is needed and again when it ends."""

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

# So many ends without an answer between them, and nobody should wait for it.
CRASH_LOOP = 3
LONGEST_PAUSE = 10.0
# One that ran for so long is in no crash loop.
STEADY_SECONDS = 60.0


class AppProcess:
    """Runs `python -m nb_service app` on a listening socket that is ours, and its end of the pool's socket.

    What waits on the listening socket outlives the app, and the next one takes it. The app learns `facts()` and
    `secret` over the pool's socket: who connects and does not say it is none of ours.
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
        # With waitress alone: what waits on the listening socket is clients, whom nobody else answers.
        self.is_alone = False
        self.secret = secrets.token_hex(16)
        self.on_down = lambda: None  # called where it keeps ending
        self._loop = loop
        self._pool = pool
        self._listener = listener
        self._environ = environ
        self._facts = facts
        self._say = say
        self._process: subprocess.Popen | None = None
        self._server: PoolServer | None = None
        self._ends = 0
        self._began = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._over = False

    @property
    def pid(self) -> int | None:
        """Return the process id of the app while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def is_down(self) -> bool:
        """Return whether the app keeps ending, so that nobody should wait for it."""
        return self._ends >= CRASH_LOOP and self._process is None

    def start(self) -> None:
        """Start the app unless it runs, or is to be started in a moment."""
        if self._process is not None or self._pause is not None or self._over:
            return
        try:
            self._start()
        except OSError as error:
            self._ends += 1
            if self._ends == 1:
                self._say(f"The app can't be started: {error.strerror or error}; trying again.")
            self._start_later()
            if self.is_down:
                self.on_down()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        fds = [self._listener.fileno(), theirs.fileno()]
        # The app inherits it, and lets SIGTERM come when it can answer its clients first.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if self.is_alone else ())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "nb_service", "app", *map(str, fds)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                env=self._environ,
                cwd="/",
                # Ctrl-C in a terminal is for the front, which ends the app when it has answered.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self._began = self._loop.time()
        try:
            self._server = PoolServer(self._loop, self._pool, ours, self._all_facts, lambda: None)
        except OSError:
            # Nobody would answer it; its end is noticed as any other.
            ours.close()
            self._process.kill()

    def _all_facts(self) -> dict:
        return {**self._facts(), "secret": self.secret}

    def works(self) -> None:
        """Hear that the app has answered."""
        self._ends = 0

    def reap(self) -> None:
        """Collect the exit status of the app if it ended, and start another."""
        if self._process is None or self._process.poll() is None:
            return
        code, self._process = self._process.returncode, None
        self._close_server()
        if self._over:
            return
        if self._loop.time() - self._began > STEADY_SECONDS:
            self._ends = 0
        self._ends += 1
        ending = phrases.ending(code)
        self._say(f"The app, which serves all but plain predictions, {ending}; starting another.")
        self._start_later()
        if self.is_down:
            self.on_down()

    def _start_later(self) -> None:
        self._pause = self._loop.call_later(min(LONGEST_PAUSE, 0.1 * 2 ** min(self._ends, 10)), self._start_now)

    def _start_now(self) -> None:
        self._pause = None
        self.start()

    def finish(self) -> None:
        """Have the app answer what it has, and end; `pid` is None when it has."""
        self._over = True
        if self._pause is not None:
            self._pause.cancel()
        if self._process is not None:
            self._process.terminate()

    def close(self, seconds: float = 1.0) -> None:
        """End the app within `seconds`."""
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
