"""Assembles the back end `http`: the front or waitress alone, the app, readiness, and graceful shutdown.

Shutdown goes from the outside in, so that no connection is reset and every accepted request gets its response:

1. `/readyz` turns to 503 and responses say `Connection: close`, while new connections are still served (S2I_LINGER):
   load balancers need that long to notice.
2. The listening socket is closed after accepting the connections that the kernel has already completed; gRPC clients
   get GOAWAY. The bus, which has no load balancer, takes nothing new from the signal on.
3. Requests in flight are finished by the scorers and the app, which still run, until S2I_GRACE is over.
4. The scorers stop; their remaining samples get 503, for which the loop and the connections run a moment longer.
5. Connections are closed. Then the app stops, which until then could still call the pool and get 503.
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

# The app starts this long after the service is ready, so that it doesn't slow down the first predictions.
IDLE_SECONDS = 1.0
# How often shutdown checks whether all requests are done, and how long sending the last responses (503) may take.
TURN_SECONDS = 0.02
LAST_ANSWERS_SECONDS = 2.0
# Signals that terminate a process by default, except those for its own errors. Without a handler, they would kill the
# service while it sends responses or, in process 1 of a container, have no effect at all (pid_namespaces(7)).
ENDINGS = tuple(
    getattr(signal, f"SIG{name}")
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU")
    if hasattr(signal, f"SIG{name}")
)


class Companion(Protocol):
    """A process that receives samples in another way than HTTP: a PoolProcess that reports its state."""

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""

    @property
    def title(self) -> str:
        """Return its name in messages."""

    @property
    def is_ready(self) -> bool:
        """Return whether it receives samples."""

    def start(self) -> None:
        """Start it."""

    def numbers(self) -> dict:
        """Return its numbers under its own names, to be merged into those of the service."""

    def reap(self) -> None:
        """Reap the process if it has exited, and start another."""

    @property
    def has_balancer(self) -> bool:
        """Return whether a load balancer sends it requests and needs time to notice a shutdown."""

    def finish(self) -> None:
        """Make it finish its requests and exit; `pid` is then None."""

    def close(self) -> None:
        """Stop it."""


class HttpService:
    """Serves `pool` over HTTP until a signal; `environ` is the app's.

    `companion` and, if enabled, the gRPC process run at the same time.
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
        self._baseline = drift.read_baseline(pool.model)
        # Feedback is for the default predictor only.
        answers = [row["answer"] for row in pool.plan.golden if not row.get("predictor")]
        self._feedback = Feedback(settings.feedback_memory, answers)
        self._samples = Samples(pool, drift.present_of(self._baseline, settings), self._feedback.kept)
        self._identity = identity.read_identity(pool.model, settings.model_name)
        self._spans = self._make_spans()
        self._companions = [companion] if companion is not None else []
        self._address: tuple = ()
        # Created by `run`.
        self._app: AppProcess
        self._edge: Front | PlainFront  # the HTTP server
        self._started_at = time.monotonic()

    def run(self) -> int:
        """Serve until a signal; return 0 after a graceful shutdown, or raise the Problem that stopped the service."""
        descriptors = allow_descriptors(CONNECTIONS + SPARE_DESCRIPTORS)
        # asyncio warns about clients that disconnect; unhandled exceptions reach _on_error anyway.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        self._loop.set_exception_handler(_on_error)
        # Done before the model is loaded, to report an unreadable key file or a port in use at once.
        gate = self._make_gate()
        try:
            listener = listen(self._settings.host, self._settings.port)
        except problems.PortTaken:
            # The process that started this service and chose the port can choose another one.
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
        # Installed before there is a child whose exit could be missed, or a model whose loading could be interrupted.
        self._catch_signals()
        # Started before the edge, so that the model loads while the edge's modules are imported.
        self._pool.start()
        for companion in self._companions:
            # It connects while the model is loading.
            companion.start()
        self._edge = self._make_edge(listener, gate, descriptors)
        self._flush_log()
        # The existing objects are permanent, and scanning them for garbage would delay every connection by 10 ms.
        gc.freeze()
        try:
            self._loop.run_forever()
        finally:
            # From the outside in, also after an error: first the clients, then the users of the pool, then the pool.
            # Spans are last, because they record requests until the end.
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
        app.is_awaited = lambda: self._pool.is_reloading
        return app

    def _answer_app(self, message: dict) -> dict | None:
        """Return the response to a request of the app: all numbers, or the outcome of feedback."""
        if "numbers" in message:
            return self._numbers()
        if "startup" in message:
            return self._startup()
        if "load" in message:
            return self._pool.reload().as_json() if self._pool.ready else {}
        if "reload" in message:
            return self._pool.reload_state(message["reload"])
        if "look" in message:
            # Predictions are recorded in batches: feedback may concern one that has just been sent.
            self._samples.count()
        return self._feedback.handle(message)

    def _state(self) -> dict:
        """Return the state for the app, which requests it for each readiness check."""
        why = self._why_not_ready()
        return {"ready": not why, "why_not_ready": why, "answers": self._pool.ready, "pid": os.getpid()}

    def _startup(self) -> dict:
        """Return the state of the service and of its startup, in the form that Cog defines."""
        manager = self._pool.manager
        if self._draining or manager.is_defunct:
            status = "DEFUNCT"
        elif manager.is_setup_failing:
            status = "SETUP_FAILED"
        elif not self._is_ready():
            status = "STARTING"
        else:
            status = "READY" if self._pool.has_idle_scorer else "BUSY"
        setup = manager.startup.as_json(shows_errors=self._settings.debug)
        return {"status": status, **({"setup": setup} if setup else {})}

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
        # Imported here, because few services use it, and it would delay the start of the others.
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
        """Return why the service is not ready, as a sentence; "" if it is."""
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
        if pool.model.manifest.get("setup_in_build") is False:
            self._log.say(
                "No prediction of this model was verified: the build did not call setup (S2I_SETUP_IN_BUILD=0)."
            )
        if pool.plan.why_not_concurrent:
            self._log.say(f"S2I_CONCURRENCY is ignored: {pool.plan.why_not_concurrent}.")
        if pool.plan.gpus.missing and gpus.has_libraries(pool.model.python):
            self._log.say(
                "No GPU is available, so the model runs on CPUs, although GPU libraries are installed "
                f"({pool.plan.gpus.missing}). To give a container one: 'docker run --gpus all', or a limit for "
                "nvidia.com/gpu on Kubernetes."
            )
        if self._baseline is not None:
            self._log.say(drift.describe(self._baseline, self._settings))
        self._loop.call_later(IDLE_SECONDS, self._app.start)
        # Imported this late, because it takes as long as everything else before the first health check.
        self._loop.call_soon(allocator.give_back_large_blocks)

    def _fail(self, problem: problems.Problem) -> None:
        if not self._draining:
            # A signal to all processes of a container kills the zygote, too, which is not the model's fault.
            self._problem = problem
        self._loop.stop()

    # --- signals and shutdown ---

    def _catch_signals(self) -> None:
        for number in ENDINGS:
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def _on_signal(self, number: int) -> None:
        if self._draining:
            # The second signal stops the service without waiting.
            self._end()
        else:
            self._draining = True
            # SIGINT is usually Ctrl-C, so no load balancer needs time to notice.
            self._drain(0.0 if number == signal.SIGINT else self._settings.linger)

    def _drain(self, linger: float) -> None:
        """Give load balancers `linger` seconds to notice, then close the port, then stop when all requests are done.

        This order avoids connection resets: until the listening socket is closed, every client gets a response that
        closes its connection; after that, connections are refused, and a proxy may try another server. `linger` is part
        of S2I_GRACE, which counts from the signal; its default is the time that `docker stop` waits.
        """
        self._log.say("Stopping: no longer ready, finishing requests in flight.")
        self._edge.closing = True
        # The new scorers would have nothing to do, and the request for them would delay the shutdown.
        self._pool.end_reload()
        for companion in self._companions:
            if not companion.has_balancer:
                companion.finish()
        if not self._pool.ready:
            # No load balancer sends requests, so none has to notice.
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
            # Repeated, because connections become idle when their responses are sent, and clients would keep them open.
            self._edge.close_idle()
            self._loop.call_later(TURN_SECONDS, self._end_when_idle, latest)

    def _end(self, seconds: float = 0.0) -> None:
        """Stop the scorers; their remaining samples get 503. Stop the loop when these responses are sent.

        `seconds` is the rest of S2I_GRACE, which the notebook's teardown may use. Called after S2I_GRACE at the latest,
        or at once on a second signal, so the listening socket may still be open.
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
        """Reap exited children; as process 1, also orphans."""
        self._pool.reap()
        self._app.reap()
        for companion in self._companions:
            companion.reap()
        companion_pids = [companion.pid for companion in self._companions]
        orphans.reap((*self._pool.child_pids, self._app.pid, *companion_pids))


def _on_error(_loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """Print an exception that a callback raised, which is a bug; the service continues."""
    error = context.get("exception")
    if isinstance(error, OSError) and ("transport" in context or "protocol" in context):
        # A network error, which the connection's protocol handles, too.
        return
    if error is not None:
        traceback.print_exception(error)


def verified(pool: Pool) -> str:
    """Return the text about the model's signature for the log's start message."""
    return "signature not checked" if pool.model.digests is None else "model verified by its signature"


def on_gpus(pool: Pool) -> str:
    """Return the text about GPUs for the log's start message, with a comma; "" if there are none."""
    products = pool.plan.gpus.products
    if not products:
        return ""
    shown = ", ".join(f"{products.count(name)} of {name}" for name in dict.fromkeys(products))
    if pool.manager.uses_gpus:
        return f"on GPUs ({shown}), "
    return f"on CPUs, because the model uses none of the GPUs ({shown}), "


def batches(pool: Pool) -> str:
    """Return the text about batches or concurrency for the log's start message, with a comma; "" if there are none."""
    if pool.plan.concurrency > 1:
        return f"up to {pool.plan.concurrency} requests at a time in each, "
    if pool.plan.batch > 1:
        called = "batch_predictor" if pool.plan.form == BATCH_PREDICTOR else "predictor's batch form"
        return f"up to {pool.plan.batch} waiting samples per call of {called}, "
    if pool.model.manifest.get("batch_predictor"):
        return "batch_predictor not used, "
    return ""
