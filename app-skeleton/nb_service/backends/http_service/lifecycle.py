"""The back end `http` put together: the front or waitress alone, the app, readiness, and a graceful end."""

import asyncio
import logging
import os
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING

from nb_service import identity, problems
from nb_service.backends.http_service import allocator
from nb_service.backends.http_service.app_process import AppProcess
from nb_service.http.access import Access
from nb_service.http.health import Health
from nb_service.http.listening import CONNECTIONS, SPARE_DESCRIPTORS, allow_descriptors, listen
from nb_service.http.metrics import Requests, Samples
from nb_service.log import FLUSH_SECONDS, Log
from nb_service.pool import Pool
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.backends.http_service.plain_front import PlainFront
    from nb_service.front.server import Front
    from nb_service.http.auth import Gate
    from nb_service.http.tracing import Spans

# The app is made once the service is ready and has had a moment for its first predictions.
IDLE_SECONDS = 1.0
# How often the end looks whether all is said, and how long what is said last may take.
TURN_SECONDS = 0.02
LAST_WORDS_SECONDS = 2.0
# All that would end a process at once, but for faults of its own.
ENDINGS = tuple(
    getattr(signal, f"SIG{name}")
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU")
    if hasattr(signal, f"SIG{name}")
)


class HttpService:
    """Serves `pool` over HTTP until a signal ends it; `environ` is the app's."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pool: Pool, log: Log, settings: Settings, environ: dict
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._log = log
        self._settings = settings
        self._environ = environ
        self._draining = False
        self._over = False
        self._announced = False
        self._problem: problems.Problem | None = None
        self._health = Health(self._is_ready, settings.aip_health_route)
        self._requests = Requests()
        self._samples = Samples(pool)
        self._identity = identity.of(pool.model, settings.model_name)
        self._spans = self._make_spans()
        self._address: tuple = ()
        # Made by `run`.
        self._app: AppProcess
        self._edge: Front | PlainFront  # what speaks HTTP
        self._began = time.monotonic()

    def run(self) -> int:
        """Serve; return 0 after a signal's graceful end, raise the Problem that makes serving useless."""
        descriptors = allow_descriptors(CONNECTIONS + SPARE_DESCRIPTORS)
        # It warns of clients that hang up; what it can't handle comes to _on_error.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        self._loop.set_exception_handler(_on_error)
        gate = self._make_gate()
        listener = listen(self._settings.host, self._settings.port)
        self._address = listener.getsockname()[:2]
        self._pool.staff.on_change = self._changed
        self._pool.staff.on_fatal = self._fail
        self._pool.staff.on_unfit = lambda words: self._log.fact(unfit=words)
        self._pool.staff.on_answer = self._samples.answered
        self._catch_signals()
        self._pool.start()
        self._edge = self._make_edge(listener, gate, descriptors)
        self._flush_log()
        try:
            self._loop.run_forever()
        finally:
            self._edge.close()
            self._app.close()
            self._pool.stop()
            if self._spans:
                self._spans.close()
        if self._problem is not None:
            raise self._problem
        return 0

    def _make_edge(self, listener: socket.socket, gate: "Gate | None", descriptors: int) -> "Front | PlainFront":
        if self._settings.front == "waitress":
            from nb_service.backends.http_service.plain_front import PlainFront

            self._app = self._make_app(listener)
            return PlainFront(self._app, listener)
        from nb_service.front import app_link
        from nb_service.front.server import Front

        behind = app_link.listen()
        self._app = self._make_app(behind)
        link = app_link.AppLink(self._loop, behind, self._app, self._settings.predict_timeout)
        access = Access(self._log, self._requests, self._health.paths, self._spans)
        front = Front(self._loop, self._pool, link, self._health, gate, access, self._settings)
        front.open(listener, descriptors)
        return front

    def _make_app(self, listener: socket.socket) -> AppProcess:
        return AppProcess(self._loop, self._pool, listener, self._environ, self._facts, self._log.say)

    def _facts(self) -> dict:
        """Return what the app is told: readiness, and all numbers."""
        about = {"ready": self._is_ready(), "answers": self._pool.ready, "pid": os.getpid()}
        return {**about, **self._requests.numbers(), **self._samples.numbers()}

    def _make_gate(self) -> "Gate | None":
        if not (self._settings.api_key_file or self._settings.cors_origins):
            return None
        # Here and not above, as the application: what few services use shall not delay the others' start.
        from nb_service.http.auth import make_gate

        return make_gate(self._settings, frozenset(self._health.paths))

    def _make_spans(self) -> "Spans | None":
        if not self._settings.otel_exporter_otlp_endpoint:
            return None
        from nb_service.http.tracing import make_spans

        return make_spans(self._identity, self._log.say)

    def _is_ready(self) -> bool:
        return self._pool.ready and not self._draining

    def _flush_log(self) -> None:
        self._loop.call_later(FLUSH_SECONDS, self._flush_log)
        self._log.flush()
        self._samples.count()
        self._samples.inputs.refill()
        if self._spans:
            self._spans.flush()

    def _changed(self) -> None:
        if not self._pool.ready or self._announced:
            return
        self._announced = True
        host, port = self._address
        pool = self._pool
        self._log.fact(port=port)
        self._log.say(
            f"Serving on http://{f'[{host}]' if ':' in host else host}:{port} with {pool.plan.scorers} "
            f"scorer{'s' if pool.plan.scorers > 1 else ''} by {pool.staff.mode} "
            f"({pool.staff.reason}), {pool.plan.threads} native thread(s) each, "
            f"{batches(pool)}ready after {time.monotonic() - self._began:.1f} s."
        )
        self._loop.call_later(IDLE_SECONDS, self._app.start)
        # Not before: it takes as long as all that a health check needs of us.
        self._loop.call_soon(allocator.give_back_large_blocks)

    def _fail(self, problem: problems.Problem) -> None:
        if not self._draining:
            # Whoever ends all processes at once ends the zygote too: that is no fault of the model's.
            self._problem = problem
        self._loop.stop()

    # --- signals and the end ---

    def _catch_signals(self) -> None:
        for number in ENDINGS:
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def _on_signal(self, number: int) -> None:
        if self._draining:
            # The second one: whoever sends it does not want to wait.
            self._end()
        else:
            self._draining = True
            self._drain(0.0 if number == signal.SIGINT else self._settings.linger)

    def _drain(self, linger: float) -> None:
        """Let balancers notice first, then take no more connections, then end when all are answered.

        The order is what keeps clients from being reset: until the listening socket is closed, whoever comes is
        answered, and told to close; after that they are refused, which a proxy may try elsewhere.
        """
        self._log.say("Ending: not ready any more, answering what is in flight.")
        self._edge.closing = True
        if not self._pool.ready:
            # No balancer sends anything here, so none has to notice.
            linger = 0.0
        grace = self._settings.grace
        latest = self._loop.time() + grace
        self._loop.call_later(min(linger, grace), self._end_accepting, latest)

    def _end_accepting(self, latest: float) -> None:
        self._edge.end_accepting()
        self._end_when_idle(latest)

    def _end_when_idle(self, latest: float) -> None:
        if self._loop.time() >= latest or not (self._pool.busy or self._edge.is_busy):
            self._end()
        else:
            self._edge.close_idle()
            self._loop.call_later(TURN_SECONDS, self._end_when_idle, latest)

    def _end(self) -> None:
        """End the scorers: what they had is answered with 503. Then stop, once these answers have left."""
        if self._over:
            return
        self._over = True
        self._edge.end_accepting()
        self._pool.stop()
        self._stop_when_said(self._loop.time() + LAST_WORDS_SECONDS)

    def _stop_when_said(self, latest: float) -> None:
        if self._loop.time() >= latest or not self._edge.is_busy:
            self._loop.stop()
        else:
            self._loop.call_later(TURN_SECONDS, self._stop_when_said, latest)

    def _reap(self) -> None:
        """Collect children that ended: as process 1 also those that lost their parents."""
        self._pool.staff.reap()
        self._app.reap()
        ours = (self._pool.staff.zygote_pid, self._app.pid)
        while os.getpid() == 1:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in ours:
                return
            os.waitpid(ended.si_pid, 0)


def _on_error(_loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """Show what was raised in a callback, a bug of ours; the service lives on."""
    error = context.get("exception")
    if isinstance(error, OSError) and ("transport" in context or "protocol" in context):
        # A socket's own trouble, of which its connection is told.
        return
    if error is not None:
        traceback.print_exception(error)


def batches(pool: Pool) -> str:
    """Return what the log says of batch_predictor at the start, with a comma; nothing where there is none."""
    if pool.plan.batch > 1:
        return f"up to {pool.plan.batch} waiting samples a call of batch_predictor, "
    if pool.model.manifest.get("batch_predictor"):
        return "batch_predictor not used, "
    return ""
