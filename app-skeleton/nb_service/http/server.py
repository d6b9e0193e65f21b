"""The HTTP front: sockets, waitress's server around our loop, readiness, and a graceful end."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from functools import partial

from waitress.server import create_server

from nb_service import identity, problems
from nb_service.http import replies
from nb_service.http.access import Access
from nb_service.http.asking import Asker
from nb_service.http.channel import LaneChannel
from nb_service.http.heads import Heads
from nb_service.http.lane import Lane
from nb_service.http.listening import CONNECTIONS, SPARE_DESCRIPTORS, allow_descriptors, connections_for, listen
from nb_service.http.metrics import Metrics
from nb_service.http.parser import LaneParser
from nb_service.log import Log
from nb_service.loop import Loop
from nb_service.scoring import Pool

# Below this a thread that waits for the interpreter waits 5 ms a hand-over, and many connections
# turn that into a standstill.
SWITCH_SECONDS = 0.00005
# Each may wait for a slow predictor.
THREADS = 16
# After SIGTERM a balancer needs a moment to see /readyz turn before the address goes away.
LINGER_SECONDS = 1.0
FLUSH_SECONDS = 0.2


class HttpServer:
    """One front: serves `pool` over HTTP until a signal ends it."""

    def __init__(self, loop: Loop, pool: Pool, log: Log, got: dict) -> None:
        self._loop = loop
        self._pool = pool
        self._log = log
        self._got = got
        self._draining = False
        self._announced = False
        self._problem: problems.Problem | None = None
        self._health = self._checks()
        self._gate = self._make_gate()
        self._metrics = Metrics(got["S2I_APP_METRICS_PREFIX"], pool)
        self._identity = identity.of(pool.model, got["S2I_MODEL_NAME"])
        self._spans = self._make_spans()
        self._lane: Lane | None = None
        self._server = None
        self._connections = CONNECTIONS
        self._began = time.monotonic()

    def run(self) -> int:
        """Serve; return 0 after a signal's graceful end, raise the Problem that makes serving useless."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._connections = connections_for(allow_descriptors(CONNECTIONS + SPARE_DESCRIPTORS))
        logging.getLogger("waitress.queue").disabled = True
        listener = listen(self._got["S2I_HOST"], self._got["PORT"])
        self._pool.staff.on_change = self._changed
        self._pool.staff.on_fatal = self._fail
        self._pool.staff.on_answer = self._metrics.answered
        self._catch_signals()
        self._pool.start()
        self._open(listener)
        self._flush_log()
        self._expire()
        try:
            self._loop.run()
        finally:
            self._pool.stop()
            self._lane.shutdown(timeout=0.1)
            self._server.close()
            if self._spans:
                self._spans.close()
        if self._problem is not None:
            raise self._problem
        return 0

    def _open(self, listener: socket.socket) -> None:
        got = self._got
        self._lane = Lane(self._loop, self._pool, self._health, THREADS, got, self._gate)
        # waitress spools what is over its overflow limits to disk, which may be read-only.
        never = 1 << 40
        server = create_server(
            _LazyApp(self._make_app),
            map=self._loop.map,
            _dispatcher=self._lane,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            connection_limit=self._connections,
            backlog=CONNECTIONS,
            recv_bytes=65536,
            channel_timeout=max(1, int(got["S2I_RECEIVE_TIMEOUT"])),
            cleanup_interval=max(1, min(30, int(got["S2I_RECEIVE_TIMEOUT"] / 4))),
            max_request_body_size=got["S2I_MAX_BODY"] + 1,
            inbuf_overflow=never,
            outbuf_overflow=never,
            outbuf_high_watermark=never,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
        )
        server.channel_class = LaneChannel
        server.heads = Heads(LaneParser, server.adj)
        server.closing = False
        server.identity = self._identity.header_bytes
        server.access = Access(self._loop, self._log, self._metrics, frozenset(self._health), self._spans)
        server.later = self._loop.later
        server.look_at = self._loop.look_at
        server.pull_trigger = self._wake
        self._server = server

    def _make_gate(self):
        if not (self._got["S2I_API_KEY_FILE"] or self._got["S2I_CORS_ORIGINS"]):
            return None
        # Here and not above, as the application: what few services use shall not delay the others' start.
        from nb_service.http.gate import make_gate

        return make_gate(self._got, frozenset(self._health))

    def _make_spans(self):
        if not self._got["OTEL_EXPORTER_OTLP_ENDPOINT"]:
            return None
        from nb_service.http.tracing import make_spans

        return make_spans(self._identity, self._log.say)

    def _make_app(self):
        from nb_service.http.app import make_app
        from nb_service.http.door import Door

        asker = Asker(self._loop, self._pool)
        of_model = (self._pool.model, self._identity)
        return make_app(Door(asker, *of_model, self._health, self._got, self._metrics_text, self._gate))

    def _metrics_text(self) -> bytes:
        # Here and not above: it takes a while to import, and many services are never asked.
        from nb_service.http import exposition

        return exposition.text_of(self._metrics)

    def _checks(self) -> dict:
        """Return every health check by its path; all are answered on the loop."""
        checks = {
            "/healthz": lambda: replies.HEALTHY,
            "/readyz": self._readyz,
            "/ping": partial(self._ready_as, replies.PONG),
            "/health": partial(self._ready_as, replies.PONG),
            "/v2/health/live": lambda: replies.V2_LIVE,
            "/v2/health/ready": partial(self._ready_as, replies.V2_READY),
        }
        vertex = self._got["AIP_HEALTH_ROUTE"]
        return {**checks, vertex: self._readyz} if vertex else checks

    def _wake(self) -> None:
        # From the loop's own thread there is nobody to wake, and each pull is a system call.
        if not self._loop.on_own_thread():
            self._loop.wake()

    def _readyz(self) -> replies.Reply:
        return self._ready_as(replies.READY)

    def _ready_as(self, word: replies.Reply) -> replies.Reply:
        return word if self._pool.ready and not self._draining else replies.UNREADY

    def _flush_log(self) -> None:
        self._log.flush()
        self._metrics.inputs.refill()
        if self._spans:
            self._spans.flush()
        self._loop.later(FLUSH_SECONDS, self._flush_log)

    def _expire(self) -> None:
        """Let go of who takes too long to send a request, or takes nothing of an answer: it must not keep a place.

        waitress marks who is idle, and does not tell.
        """
        limit = self._got["S2I_RECEIVE_TIMEOUT"]
        for fd, channel in list(self._server.active_channels.items()):
            channel.expire(limit)
            self._loop.look_at(fd)
        self._loop.later(min(5.0, limit / 4), self._expire)

    def _changed(self) -> None:
        if not self._pool.ready or self._announced:
            return
        self._announced = True
        host, port = self._server.effective_host, self._server.effective_port
        self._log.say(
            f"Serving on http://{f'[{host}]' if ':' in host else host}:{port} with {self._pool.plan.scorers} "
            f"scorer{'s' if self._pool.plan.scorers > 1 else ''} by {self._pool.staff.mode} "
            f"({self._pool.staff.reason}), {self._pool.plan.threads} native thread(s) each, "
            f"{batches(self._pool)}ready after {time.monotonic() - self._began:.1f} s."
        )

    def _fail(self, problem: problems.Problem) -> None:
        self._problem = problem
        self._loop.stop()

    # --- signals and the end ---

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._loop.waker_fd, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: self._loop.from_thread(self._reap))

    def _on_signal(self, number: int, _frame) -> None:
        if self._draining:
            # The second one: whoever sends it does not want to wait.
            self._loop.from_thread(self._loop.stop)
        else:
            self._draining = True
            self._loop.from_thread(partial(self._drain, LINGER_SECONDS if number == signal.SIGTERM else 0.0))

    def _drain(self, linger: float) -> None:
        self._log.say("Ending: not ready any more, answering what is in flight.")
        now = time.monotonic()
        self._server.closing = True
        if not self._pool.ready:
            # No balancer sends anything here, so none has to notice.
            linger = 0.0
        self._end_when_idle(now + min(linger, self._got["S2I_GRACE"]), now + self._got["S2I_GRACE"])

    def _end_when_idle(self, earliest: float, latest: float) -> None:
        now = time.monotonic()
        if now >= latest or (now >= earliest and not self._busy()):
            self._loop.stop()
        else:
            self._loop.later(0.02, partial(self._end_when_idle, earliest, latest))

    def _busy(self) -> bool:
        return self._pool.busy or any(
            channel.requests or channel.request is not None or channel.total_outbufs_len
            for channel in list(self._server.active_channels.values())
        )

    def _reap(self) -> None:
        """Collect children that ended: as process 1 also those that lost their parents."""
        self._pool.staff.reap()
        while os.getpid() == 1:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid == self._pool.staff.zygote_pid:
                return
            os.waitpid(ended.si_pid, 0)


class _LazyApp:
    """The WSGI application, made when the first request that is not for the lane comes."""

    def __init__(self, make) -> None:
        self._make = make
        self._app = None
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self._lock:
            if self._app is None:
                self._app = self._make()
        return self._app(environ, start_response)


def batches(pool: Pool) -> str:
    """Return what the log says of batch_predictor at the start, with a comma; nothing where there is none."""
    if pool.plan.batch > 1:
        return f"up to {pool.plan.batch} waiting samples a call of batch_predictor, "
    if pool.model.manifest.get("batch_predictor"):
        return "batch_predictor not used, "
    return ""
