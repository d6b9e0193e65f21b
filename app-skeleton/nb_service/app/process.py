"""The app's process: Flask under an unpatched waitress, on one inherited socket; another one leads to the pool.

Behind the front, which checks key and limits, counts and logs, connections arrive through the first socket (see
handing). With S2I_FRONT=waitress, that is the listening socket of PORT, and `Alone` does the front's work.
"""

import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import waitress
from flask import Flask, Response, g, has_request_context, request

from nb_service import drift, identity, model_folder
from nb_service.app.factory import make_app
from nb_service.app.front_log import FrontLog
from nb_service.app.route_context import RouteContext, response_of
from nb_service.http import auth, handing, hops, request_id, routes
from nb_service.http.access import Access
from nb_service.http.health import Health
from nb_service.http.metrics import Requests
from nb_service.http.tracing import make_spans
from nb_service.log import FLUSH_SECONDS
from nb_service.pool.client import PoolClient
from nb_service.settings import Settings

# Enough for these threads, whose calls don't nest deeply; each would take the default from S2I_APP_MEMORY.
STACK_BYTES = 1 << 20
# waitress writes data beyond its overflow limits to temporary files, and the disk may be read-only.
NEVER = 1 << 40
# The number of bytes of a response in parts that may wait for its client.
AHEAD = 1 << 18
# waitress's timeout exceeds the front's by this much, so that the front is the one that closes idle connections.
BEHIND_SECONDS = 60
# During shutdown, an app without a front checks at this interval whether all requests are done. It exits after this
# many checks in a row without a request: by then, requests that clients have just sent were read. This signal notifies
# its main thread.
LOOK_SECONDS = 0.02
IDLE_LOOKS = 15
FINISHED = signal.SIGUSR1


def main(args: list[str], environ: dict) -> int:
    """Serve on the inherited sockets whose numbers are in `args` (connections, the pool) until the front stops it."""
    settings = Settings(environ)
    is_alone = settings.front == "waitress"
    listener = (socket.socket if is_alone else handing.Acceptor)(fileno=int(args[0]))
    link = socket.socket(fileno=int(args[1]))
    _limit_memory(settings.app_memory)
    threading.stack_size(STACK_BYTES)
    client = PoolClient(link, gone=_exit, is_given_up=_client_is_gone)
    model = model_folder.read(Path(settings.app_root).absolute(), settings.trust)
    served = identity.read_identity(model, settings.model_name)
    health = Health(
        lambda: client.facts()["ready"],
        settings.aip_health_route,
        lambda: client.facts().get("why_not_ready", ""),
    )
    requests = Requests()

    def numbers() -> dict:
        return {**client.ask_front({"numbers": True}), **(requests.numbers() if is_alone else {})}

    baseline = None if settings.drift == drift.OFF else drift.read_baseline(model)
    context = RouteContext(client, model, served, health, settings, numbers, baseline)
    alone = Alone(served, health, settings, requests, client) if is_alone else None
    if alone is not None:
        app = make_app(context, alone.join)
        signal.signal(signal.SIGTERM, lambda *_: alone.finish())
        signal.signal(FINISHED, lambda *_: sys.exit())
    else:
        app = make_app(context, behind_front)
    # The parent has blocked it until the handlers above are installed.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    logging.getLogger("waitress.queue").disabled = True
    waitress.serve(
        app,
        sockets=[listener],
        threads=hops.THREADS,
        ident=None,
        connection_limit=4096 if is_alone else 2 * (hops.THREADS + hops.MAX_DRAINING),
        channel_timeout=max(1, int(settings.receive_timeout)) + (0 if is_alone else BEHIND_SECONDS),
        max_request_header_size=hops.MAX_HEAD,
        max_request_body_size=settings.max_body + 1,
        inbuf_overflow=NEVER,
        outbuf_overflow=NEVER,
        # Only a response in several parts, a stream or an archive, waits for its client.
        outbuf_high_watermark=AHEAD,
        # Lets waitress notice a disconnect while scorers work, so that the client's other samples are not scored.
        channel_request_lookahead=1,
        log_socket_errors=False,
        clear_untrusted_proxy_headers=True,
    )
    if alone is not None:
        alone.close()
    return 0


def _limit_memory(limit: int) -> None:
    """Limit this process to `limit` bytes of memory, or to the hard limit if that is lower."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(hard, limit)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _exit() -> None:
    """Exit at once: the front has exited, and all clients are disconnected."""
    os._exit(0)


def _client_is_gone() -> bool:
    """Return whether the client of the current request has disconnected (waitress's channel_request_lookahead)."""
    client_disconnected = request.environ.get("waitress.client_disconnected") if has_request_context() else None
    return client_disconnected is not None and client_disconnected()


def behind_front(app: Flask) -> None:
    """Make `app` use the front's request ids, and report to the front the route that each path matched."""

    @app.before_request
    def note_the_id() -> None:
        g.request_id = request.headers.get("X-Request-ID", "")

    @app.after_request
    def add_route_header(response: Response) -> Response:
        route = _route()
        if route:
            response.headers[hops.ROUTE_FIELD.decode("ascii")] = route.encode("utf-8").decode("latin-1")
        return response


def _route() -> str | None:
    return g.get("route") or (request.url_rule.rule if request.url_rule else None)


class Alone:
    """Does the front's work on every request: API key, CORS, counting, log."""

    def __init__(
        self, served: identity.Identity, health: Health, settings: Settings, requests: Requests, client: PoolClient
    ) -> None:
        self._log = FrontLog(client, as_json=settings.log_format == "json")
        self._gate = auth.make_gate(settings, frozenset(health.paths))
        self._spans = make_spans(served, self._log.say) if settings.otel_exporter_otlp_endpoint else None
        self._access = Access(self._log, requests, health.paths, self._spans)
        self._lock = threading.Lock()
        self._under_way = 0
        threading.Thread(target=self._flush, name="flush", daemon=True).start()

    def join(self, app: Flask) -> None:
        """Run before everything else in each request to `app`, and after everything else in its response."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def finish(self) -> None:
        """Send FINISHED to this process once no request is in progress; return at once.

        waitress itself waits at most 5 s for its threads, and a prediction may take longer.
        """
        threading.Thread(target=self._finish, name="finish", daemon=True).start()

    def _finish(self) -> None:
        idle = 0
        while idle < IDLE_LOOKS:
            time.sleep(LOOK_SECONDS)
            idle = 0 if self._under_way else idle + 1
        os.kill(os.getpid(), FINISHED)

    def close(self) -> None:
        """Flush the log, and send the pending spans."""
        self._log.close()
        with self._lock:
            if self._spans is not None:
                self._spans.close()

    def _begin(self) -> Response | None:
        visit = g.visit = Visit()
        g.request_id = visit.request_id
        with self._lock:
            self._under_way += 1
        rejection = self._gate.rejection(visit)
        return response_of(rejection) if rejection else None

    def _end(self, response: Response) -> Response:
        visit = g.visit
        visit.route = _route()
        response.headers.extend(visit.origin_headers)
        response.headers["X-Request-ID"] = visit.request_id
        if response.is_streamed:
            # The response may end much later.
            response.call_on_close(partial(self._record, visit, response.status_code))
        else:
            self._record(visit, response.status_code)
        response.call_on_close(self._left)
        return response

    def _record(self, visit: Any, status: int) -> None:
        with self._lock:
            self._access(visit, status)

    def _left(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _flush(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            self._log.flush()
            with self._lock:
                if self._spans is not None:
                    self._spans.flush()


class Visit:
    """The interface of Flask's current request for the gate and the access log."""

    def __init__(self) -> None:
        self.command = request.method
        self.path = routes.decoded(request.environ.get("REQUEST_URI", request.path).partition("?")[0])
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.request_id = request_id.choose(self.headers)
        self.asked_at = time.monotonic()
        self.origin_headers: tuple = ()
        self.route: str | None = None
