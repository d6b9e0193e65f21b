"""The back end `http` put together: the front or waitress alone, the app, readiness, and a graceful shutdown.

Shutdown goes from the outside in, so that no client is reset, and every request that was accepted gets its answer:

1. `/readyz` turns to 503 and answers say `Connection: close`, while new connections are still served (S2I_LINGER):
   balancers need that long to notice.
2. The listening socket is closed, after the connections that the kernel has already completed are accepted; gRPC's
   clients get GOAWAY. The bus, which has no balancer, takes nothing new from the signal on.
3. What is in flight is answered, by scorers and app that are still whole, until S2I_GRACE is over.
4. The scorers end; what they still had gets 503, which needs the loop and the connections for a moment more.
5. Connections are closed, then the app ends, which until then could still ask the pool and get 503.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING, Protocol

from nb_service import drift, gpus, identity, problems
from nb_service.backends import allocator, grpc_service
from nb_service.backends.http_service.app_process import AppProcess
from nb_service.feedback import Feedback
from nb_service.http.access import Access
from nb_service.http.health import Health
from nb_service.http.listening import CONNECTIONS, SPARE_DESCRIPTORS, allow_descriptors, listen
from nb_service.http.metrics import Requests, Samples
from nb_service.log import FLUSH_SECONDS, Log
from nb_service.pool import Pool, orphans
from nb_service.pool.plan import BATCH_PREDICTOR
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.backends.http_service.plain_front import PlainFront
    from nb_service.front.server import Front
    from nb_service.http.auth import Gate
    from nb_service.http.tracing import Spans

# The app starts this long after the service is ready: its start must not slow down the first predictions.
IDLE_SECONDS = 1.0
# How often shutdown checks whether all is answered, and how long the last answers, 503, may take to leave.
TURN_SECONDS = 0.02
LAST_ANSWERS_SECONDS = 2.0
# Signals that end a process by default, other than those for its own faults. Without a handler they would end
# the service in the middle of its answers; or, as process 1 of a container, have no effect at all (pid_namespaces(7)).
ENDINGS = tuple(
    getattr(signal, f"SIG{name}")
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU")
    if hasattr(signal, f"SIG{name}")
)


class Companion(Protocol):
    """What gets samples alongside HTTP, in a process of its own: a PoolProcess, which says how it is."""

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""

    @property
    def title(self) -> str:
        """Return what messages call it."""

    @property
    def is_ready(self) -> bool:
        """Return whether samples get to it."""

    def start(self) -> None:
        """Start it."""

    def numbers(self) -> dict:
        """Return its numbers under names of their own, for those of the service."""

    def reap(self) -> None:
        """Collect its exit status if it has ended, and start another."""

    @property
    def has_balancer(self) -> bool:
        """Return whether a balancer sends it requests, which has to notice first that it ends."""

    def finish(self) -> None:
        """Tell it to answer what it has and end; `pid` is None once it has ended."""

    def close(self) -> None:
        """End it."""


class HttpService:
    """Serves `pool` over HTTP until a signal ends it; `environ` is the app's.

    Beside it are `companion`, and the process of gRPC where there is to be one.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        log: Log,
        settings: Settings,
        environ: dict,
        companion: Companion | None = None,
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._log = log
        self._settings = settings
        self._environ = environ
        self._draining = False
        self._ended = False
        self._announced = False
        self._problem: problems.Problem | None = None
        self._health = Health(self._is_ready, settings.aip_health_route, self._why_not_ready)
        self._requests = Requests()
        self._baseline = drift.baseline_of(pool.model)
        # Feedback is about predictor alone.
        answers = [row["answer"] for row in pool.plan.golden if not row.get("predictor")]
        self._feedback = Feedback(settings.feedback_memory, answers)
        self._samples = Samples(pool, drift.present_of(self._baseline, settings), self._feedback.kept)
        self._identity = identity.of(pool.model, settings.model_name)
        self._spans = self._make_spans()
        self._companions = [companion] if companion is not None else []
        self._address: tuple = ()
        # Made by `run`.
        self._app: AppProcess
        self._edge: Front | PlainFront  # what speaks HTTP
        self._started_at = time.monotonic()

    def run(self) -> int:
        """Serve; return 0 after a signal's graceful end, raise the Problem that makes serving useless."""
        descriptors = allow_descriptors(CONNECTIONS + SPARE_DESCRIPTORS)
        # asyncio's logger warns of clients that hang up; exceptions that nobody handles come to _on_error.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        self._loop.set_exception_handler(_on_error)
        # Before the model loads: a key file that can't be read or a port that is taken must show at once.
        gate = self._make_gate()
        try:
            listener = listen(self._settings.host, self._settings.port)
        except problems.PortTaken:
            # Whoever has started this service and chosen the port can choose another.
            self._log.fact(port_taken=True)
            raise
        self._address = listener.getsockname()[:2]
        grpc = grpc_service.companion(
            self._loop, self._pool, self._log, self._settings, self._environ, self._is_ready, self._spans
        )
        self._companions += [grpc] if grpc is not None else []
        self._pool.manager.on_change = self._announce_once
        self._pool.manager.on_fatal = self._fail
        self._pool.manager.on_unfit = lambda message: self._log.fact(unfit=message)
        self._pool.manager.on_answer = self._samples.answered
        # Before there is a child whose end could be missed, or a model whose loading could be cut off.
        self._catch_signals()
        # Before the edge: the model loads while the edge's modules are imported.
        self._pool.start()
        for companion in self._companions:
            # They connect while the model loads.
            companion.start()
        self._edge = self._make_edge(listener, gate, descriptors)
        self._flush_log()
        # The present objects stay. Looking through them for garbage would hold up every connection for 10 ms.
        gc.freeze()
        try:
            self._loop.run_forever()
        finally:
            # From the outside in, also after an error: nobody can send requests, then nothing uses the pool, then the
            # pool ends. Spans come last: they note requests to the very end.
            self._edge.close()
            for companion in self._companions:
                companion.close()
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
        from nb_service.front.app_link import AppLink
        from nb_service.front.connection import Connection
        from nb_service.front.server import Front
        from nb_service.http import handing

        channel, acceptor = handing.pair()
        self._app = self._make_app(acceptor)
        link = AppLink(self._loop, channel, self._app, self._settings.predict_timeout)
        access = Access(self._log, self._requests, self._health.paths, self._spans)
        front = Front(self._loop, self._pool, link, self._health, gate, access, self._settings)
        front.open(listener, descriptors, Connection)
        return front

    def _make_app(self, listener: socket.socket) -> AppProcess:
        app = AppProcess(self._loop, self._pool, listener, self._environ, self._state, self._log)
        app.on_question = self._answer_app
        return app

    def _answer_app(self, news: dict) -> dict | None:
        """Return what the app asks for: all numbers, or what comes of feedback."""
        if "numbers" in news:
            return self._numbers()
        if "look" in news:
            # Answers are kept in bulk: feedback may be about one that has just left.
            self._samples.count()
        return self._feedback.handle(news)

    def _state(self) -> dict:
        """Return what the app gets when it asks for facts: it does so for each check of readiness."""
        why = self._why_not_ready()
        return {"ready": not why, "why_not_ready": why, "answers": self._pool.ready, "pid": os.getpid()}

    def _numbers(self) -> dict:
        """Return the state and all numbers, for metrics and pages."""
        numbers = {**self._state(), **self._requests.numbers(), **self._samples.numbers()}
        for companion in self._companions:
            numbers |= companion.numbers()
        return {**numbers, "feedback": self._feedback.numbers()}

    def _make_gate(self) -> "Gate | None":
        settings = self._settings
        if not (settings.api_key_file or settings.cors_origins or settings.allowed_hosts):
            return None
        # Imported here: what few services use must not delay the start of the others.
        from nb_service.http.auth import make_gate

        return make_gate(settings, frozenset(self._health.paths))

    def _make_spans(self) -> "Spans | None":
        if not self._settings.otel_exporter_otlp_endpoint:
            return None
        from nb_service.http.tracing import make_spans

        return make_spans(self._identity, self._log.say)

    def _is_ready(self) -> bool:
        return self._pool.ready and not self._draining and all(companion.is_ready for companion in self._companions)

    def _why_not_ready(self) -> str:
        """Return why the service is not ready, as a sentence; "" where it is."""
        if self._draining:
            return "The service is stopping."
        waiting = [companion.title for companion in self._companions if not companion.is_ready]
        return self._pool.why_not_ready or (f"{waiting[0]} is not connected or does not listen yet." if waiting else "")

    @property
    def _has_running_companion(self) -> bool:
        return any(companion.pid is not None for companion in self._companions)

    def _flush_log(self) -> None:
        self._loop.call_later(FLUSH_SECONDS, self._flush_log)
        self._log.flush()
        self._samples.count()
        self._samples.inputs.refill()
        if self._spans:
            self._spans.flush()

    def _announce_once(self) -> None:
        if not self._pool.ready or self._announced:
            return
        self._announced = True
        host, port = self._address
        pool = self._pool
        self._log.fact(port=port)
        self._log.say(
            f"Serving on http://{f'[{host}]' if ':' in host else host}:{port} with {pool.manager.planned} "
            f"scorer{'s' if pool.manager.planned > 1 else ''} by {pool.manager.mode} "
            f"({pool.manager.reason}), {pool.plan.threads} native thread{'s' if pool.plan.threads > 1 else ''} "
            f"each, {on_gpus(pool)}"
            f"{batches(pool)}{verified(pool)}, ready after {time.monotonic() - self._started_at:.1f} s."
        )
        if pool.plan.gpus.missing and gpus.has_libraries(pool.model.python):
            self._log.say(
                f"No GPU: the model runs on CPUs, though libraries for GPUs are installed ({pool.plan.gpus.missing}). "
                "To give a container one: 'docker run --gpus all', or a limit for nvidia.com/gpu on Kubernetes."
            )
        if self._baseline is not None:
            self._log.say(drift.words(self._baseline, self._settings))
        self._loop.call_later(IDLE_SECONDS, self._app.start)
        # Not earlier: it takes as long as everything that has to be done before the first health check is answered.
        self._loop.call_soon(allocator.give_back_large_blocks)

    def _fail(self, problem: problems.Problem) -> None:
        if not self._draining:
            # A signal to all processes of a container ends the zygote too: that is not the model's fault.
            self._problem = problem
        self._loop.stop()

    # --- signals and the end ---

    def _catch_signals(self) -> None:
        for number in ENDINGS:
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def _on_signal(self, number: int) -> None:
        if self._draining:
            # A second signal: its sender does not want to wait.
            self._end()
        else:
            self._draining = True
            # SIGINT is a person's Ctrl-C: there is no balancer that has to notice first.
            self._drain(0.0 if number == signal.SIGINT else self._settings.linger)

    def _drain(self, linger: float) -> None:
        """Let balancers notice for `linger` seconds, then accept no more connections, then end when all are answered.

        The order keeps clients from being reset: until the listening socket is closed, every client that connects is
        answered, and told to close; after that clients are refused, and a proxy may try elsewhere. `linger` is part of
        S2I_GRACE, which counts from the signal; by default that is as long as `docker stop` waits.
        """
        self._log.say("Stopping: no longer ready, finishing requests in flight.")
        self._edge.closing = True
        for companion in self._companions:
            if not companion.has_balancer:
                companion.finish()
        if not self._pool.ready:
            # No balancer sends requests here, so none has to notice.
            linger = 0.0
        grace = self._settings.grace
        latest = self._loop.time() + grace
        self._loop.call_later(min(linger, grace), self._end_accepting, latest)

    def _end_accepting(self, latest: float) -> None:
        self._edge.end_accepting()
        self._end_behind_balancers()
        self._end_when_idle(latest)

    def _end_behind_balancers(self) -> None:
        for companion in self._companions:
            if companion.has_balancer:
                companion.finish()

    def _end_when_idle(self, latest: float) -> None:
        if self._loop.time() >= latest or not (self._pool.busy or self._edge.is_busy or self._has_running_companion):
            self._end(latest - self._loop.time())
        else:
            # Again and again: connections become idle as their answers leave, and clients would keep them open.
            self._edge.close_idle()
            self._loop.call_later(TURN_SECONDS, self._end_when_idle, latest)

    def _end(self, seconds: float = 0.0) -> None:
        """End the scorers; what they still had gets 503. Stop the loop once these answers have left.

        `seconds` is the rest of S2I_GRACE, which the notebook's teardown may use.
        Comes at the latest after S2I_GRACE, or at once with a second signal, so the listening socket may still be open.
        """
        if self._ended:
            return
        self._ended = True
        self._edge.end_accepting()
        self._end_behind_balancers()
        self._pool.stop(seconds)
        self._stop_when_sent(self._loop.time() + LAST_ANSWERS_SECONDS)

    def _stop_when_sent(self, latest: float) -> None:
        if self._loop.time() >= latest or not (self._edge.is_busy or self._has_running_companion):
            self._loop.stop()
        else:
            self._loop.call_later(TURN_SECONDS, self._stop_when_sent, latest)

    def _reap(self) -> None:
        """Collect children that have ended; as process 1, also orphans, which nobody else would collect."""
        self._pool.manager.reap()
        self._app.reap()
        for companion in self._companions:
            companion.reap()
        companion_pids = [companion.pid for companion in self._companions]
        orphans.reap((*self._pool.manager.child_pids, self._app.pid, *companion_pids))


def _on_error(_loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """Print an exception that a callback raised, a bug of ours; the service goes on."""
    error = context.get("exception")
    if isinstance(error, OSError) and ("transport" in context or "protocol" in context):
        # A network error, which the connection's protocol is told.
        return
    if error is not None:
        traceback.print_exception(error)


def verified(pool: Pool) -> str:
    """Return what the log says of the model's signature at the start."""
    return "signature not checked" if pool.model.digests is None else "model verified by its signature"


def on_gpus(pool: Pool) -> str:
    """Return what the log says of GPUs at the start, with a comma; nothing where there are none."""
    products = pool.plan.gpus.products
    if not products:
        return ""
    shown = ", ".join(f"{products.count(name)} of {name}" for name in dict.fromkeys(products))
    if pool.manager.uses_gpus:
        return f"on GPUs ({shown}), "
    return f"on CPUs, because the model uses none of the GPUs ({shown}), "


def batches(pool: Pool) -> str:
    """Return what the log says of batches at the start, with a comma; nothing where there are none to expect."""
    if pool.plan.batch > 1:
        called = "batch_predictor" if pool.plan.form == BATCH_PREDICTOR else "predictor's batch form"
        return f"up to {pool.plan.batch} waiting samples per call of {called}, "
    if pool.model.manifest.get("batch_predictor"):
        return "batch_predictor not used, "
    return ""
