"""Runs a child process that uses the pool: starts it with an end of the pool's socket, and restarts it on exit."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable

from nb_scorer.common import phrases

from nb_service.log import Log
from nb_service.pool import Pool
from nb_service.pool.socket_server import PoolServer

# After this many deaths in a row without a sign of life, requests no longer wait for the process.
CRASH_LOOP = 3
MAX_PAUSE = 10.0
# If a process ran for this long, its exit is not part of a crash loop.
STEADY_SECONDS = 60.0


class PoolProcess:
    """Runs `python -m MODULE DESCRIPTOR…`; the last descriptor is its end of the pool's socket.

    `title` is its name in the log. The process can request `facts()`. Of its reports, {"say": sentence} and {"lines":
    of the access log} go to `log`, all others to `on_message`.
    """

    # Whether a load balancer sends it requests and needs time to notice a shutdown.
    has_balancer = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        title: str,
        module: tuple[str, ...],
        environ: dict,
        facts: Callable[[], dict],
        log: Log,
    ) -> None:
        self.on_down = lambda: None  # called when a crash loop is detected
        self._loop = loop
        self._pool = pool
        self.title = title
        self._module = module
        self._environ = environ
        self._facts = facts
        self._log = log
        self._say = log.say
        self._process: subprocess.Popen | None = None
        self._server: PoolServer | None = None
        self._deaths = 0
        self._started_at = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def is_down(self) -> bool:
        """Return whether it is in a crash loop, so that requests should not wait for it."""
        return self._deaths >= CRASH_LOOP and self._process is None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that it inherits in addition to the pool's socket."""
        return ()

    @property
    def held_back(self) -> Iterable[signal.Signals]:
        """Return the signals that are blocked until the process unblocks them, in addition to those already blocked."""
        return ()

    def on_message(self, message: dict) -> dict | None:
        """Handle a report of the process, or return the response to its request; nothing by default."""
        return None

    def handle(self, message: dict) -> dict | None:
        """Log messages that are for the log; return the response of `on_message` to all others."""
        if "say" in message:
            self._say(message.pop("say"))
        for line in message.pop("lines", ()):
            self._log.request(line)
        return self.on_message(message) if message else {}

    def start(self) -> None:
        """Start the process unless it is running or a start is scheduled; if that fails, schedule another attempt."""
        if self._process is not None or self._pause is not None or self._ending:
            return
        try:
            self._start()
        except OSError as error:
            self._deaths += 1
            if self._deaths == 1:
                self._say(f"{self.title} can't be started: {error.strerror or error}; trying again.")
            self._start_later()
            if self.is_down:
                self.on_down()

    def _start(self) -> None:
        front_socket, its_socket = socket.socketpair()
        fds = [*self.descriptors, its_socket.fileno()]
        # Blocked from the start, because a signal would kill the process before Python has installed a handler.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.held_back)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", *self._module, *map(str, fds)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                env=self._environ,
                cwd="/",
                # A terminal sends Ctrl-C to every process of its session. Only the front should get it, because it
                # stops this process after its requests are finished.
                start_new_session=True,
            )
        except OSError:
            front_socket.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            # If a copy stayed open here, the other end would never see an end of file.
            its_socket.close()
        self._started_at = self._loop.time()
        try:
            self._server = PoolServer(self._loop, self._pool, front_socket, self._facts, lambda: None, self.handle)
        except OSError:
            # Without the pool's server, nothing would respond to it, so it is reaped and restarted as if it had exited.
            front_socket.close()
            self._process.kill()

    @property
    def has_jobs(self) -> bool:
        """Return whether it waits for scorers."""
        return self._server is not None and self._server.has_jobs

    @property
    def received_at(self) -> float:
        """Return the loop's time at which it was started or last sent anything."""
        return max(self._started_at, self._server.received_at if self._server is not None else 0.0)

    def kill(self, why: str) -> None:
        """Kill it, and log the reason `why`; `reap` then starts another."""
        if self._process is not None:
            self._say(f"{self.title} is killed: {why}.")
            self._process.kill()

    def works(self) -> None:
        """Record a sign of life: it is not in a crash loop."""
        self._deaths = 0

    def reap(self) -> None:
        """Reap the process if it has exited, and start another."""
        if self._process is None or self._process.poll() is None:
            return
        status, self._process = self._process.returncode, None
        self._close_server()
        if self._ending:
            return
        if self._loop.time() - self._started_at > STEADY_SECONDS:
            self._deaths = 0
        self._deaths += 1
        self._say(f"{self.title} {phrases.ending(status)}; starting another.")
        self._start_later()
        if self.is_down:
            self.on_down()

    def _start_later(self) -> None:
        self._pause = self._loop.call_later(min(MAX_PAUSE, 0.1 * 2 ** min(self._deaths, 10)), self._start_now)

    def _start_now(self) -> None:
        self._pause = None
        self.start()

    def finish(self) -> None:
        """Make it finish its requests and exit; `pid` is None once it has exited."""
        self._ending = True
        if self._pause is not None:
            self._pause.cancel()
        if self._process is not None:
            self._process.terminate()

    def close(self, seconds: float = 1.0) -> None:
        """Stop it; kill it if that takes longer than `seconds`."""
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
