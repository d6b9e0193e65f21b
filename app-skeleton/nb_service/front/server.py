"""Assembles the front, and decides whether it, the pool or the app handles a request."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from nb_service import files, identity, request_calls
from nb_service.front.app_link import AppLink
from nb_service.front.budget import Budget
from nb_service.front.head import Head, Request
from nb_service.front.listener import Listener
from nb_service.http import listening, replies, routes, streaming
from nb_service.http.health import Health
from nb_service.malformed import Malformed
from nb_service.model_folder import ModelFolder
from nb_service.pool import Pool
from nb_service.pool.guard import guarded
from nb_service.request_calls import Calls, Parameters
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.http.access import Access
    from nb_service.http.auth import Gate

# The maximum size of a read. If the budget is full, reads are small, because each may exceed it by its own size.
BUFFER = 1 << 16
LARGE_BUFFER = 1 << 18
SMALL_BUFFER = 1 << 12
# An array of samples up to this size goes to one scorer unchanged; the app divides larger ones.
MAX_ARRAY_BYTES = 1 << 18
# The front decodes no body, so it limits an array's samples by counting commas: n commas mean at most n + 1 samples.
MAX_COMMAS = 10_000
# By default, the budget is this many bodies of the largest size.
MAX_BODIES = 16
ALLOW = ("GET", "HEAD", "POST", "OPTIONS")
# The paths of routes that take a body, in addition to Vertex AI's.
TAKE_BODIES = routes.taking_bodies()


class Client(Protocol):
    """The interface of a client's connection for the front."""

    @property
    def is_busy(self) -> bool:
        """Return whether a request has no complete response yet."""

    def is_fresh(self, now: float) -> bool:
        """Return whether a request may be on its way."""

    def close(self) -> None:
        """Close it."""

    def abort(self) -> None:
        """Close it at once."""

    def expire(self, now: float, limit: float) -> None:
        """Close it if it has waited for the client for longer than `limit`."""


class Front:
    """Serves one pool over HTTP; for the loop's thread only."""

    ARRAY_PATH = b"/predict/batch"

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Pool,
        app: AppLink,
        health: Health,
        gate: "Gate | None",
        access: "Access",
        settings: Settings,
    ) -> None:
        self.loop = loop
        self.pool = pool
        self.app = app
        self.budget = Budget(settings.max_held or MAX_BODIES * settings.max_body)
        self.disclosure = replies.disclosure(settings)
        self.max_body = settings.max_body
        self.closing = False
        # All views share one buffer.
        self.large_buffer = memoryview(bytearray(LARGE_BUFFER))
        self.buffer = self.large_buffer[:BUFFER]
        self.small_buffer = self.large_buffer[:SMALL_BUFFER]
        self.identity_fields = identity.read_identity(pool.model, settings.model_name).header_bytes
        self.last_fields = self.identity_fields + b"\r\n"
        self.access = access
        self._calls = Calls(pool.model.manifest, settings.pass_headers)
        self._health = health
        self._gate = gate
        self._limit = settings.receive_timeout
        self._most_commas = min(MAX_COMMAS, settings.max_samples)
        # Vertex AI's path may receive its bodies as well as plain ones, which only the app can distinguish.
        has_default = pool.model.has_default
        self._sample_path = b"/predict" if has_default and settings.aip_predict_route != "/predict" else None
        self._vertex_path = settings.aip_predict_route
        is_ours = has_default and settings.aip_predict_route != "/predict/batch"
        self._array_path = self.ARRAY_PATH if is_ours else None
        self._files = files.from_manifest(pool.model.manifest)
        self._streams = _streams(pool.model, self._sample_path, settings.pass_headers)
        # Whether predictor is a generator, which may yield items without end.
        self.yields_items = bool(pool.model.manifest.get("streams"))
        self._may_fetch = bool(settings.fetch_hosts)
        self._fetches = self._may_fetch and bool(self._files.arguments)
        self._connections: set[Client] = set()
        self._listener: Listener  # made by `open`

    def open(
        self, sock: socket.socket, descriptors: int, connect: Callable[["Front"], asyncio.BufferedProtocol]
    ) -> None:
        """Serve on the listening socket `sock`; this process may open up to `descriptors` files.

        `connect` makes the protocol for a new client.
        """
        self._listener = Listener(self.loop, sock, lambda: connect(self), listening.connections_for(descriptors))
        self._listener.start()
        self._expire()

    @property
    def is_busy(self) -> bool:
        """Return whether a request has no complete response yet, or may be arriving."""
        now = time.monotonic()
        return self._listener.is_connecting or any(
            connection.is_busy or connection.is_fresh(now) for connection in self._connections
        )

    def end_accepting(self) -> None:
        """Accept the connections that the kernel has completed, then close the listening socket."""
        self._listener.close()

    def close_idle(self) -> None:
        """Close the connections without a request, except those that became idle only a moment ago."""
        now = time.monotonic()
        for connection in list(self._connections):
            if not (connection.is_busy or connection.is_fresh(now)):
                connection.close()

    def close(self) -> None:
        """Abort all remaining connections."""
        self._listener.close()
        self.app.close()
        for connection in list(self._connections):
            connection.abort()

    def _expire(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            guarded(connection.expire, now, self._limit)
        guarded(self.app.expire, self.loop.time())
        self.loop.call_later(min(5.0, self._limit / 4), self._expire)

    # --- called by connections ---

    def takes_bodies(self, path: str) -> bool:
        """Return whether the client should send the body of a request to `path`, because a route reads it."""
        return path == self._vertex_path or TAKE_BODIES.fullmatch(path) is not None

    def connection_opened(self, connection: Client) -> None:
        """Record a new connection."""
        self._connections.add(connection)

    def connection_closed(self, connection: Client) -> None:
        """Remove a closed connection."""
        self._connections.discard(connection)
        self._listener.connection_closed()

    def reply_to(self, request: Request) -> replies.Reply | None:
        """Return the reply that the head of `request` determines; None if the pool or the app has to handle it."""
        if self._gate is not None:
            rejection = self._gate.rejection(request)
            if rejection is not None:
                return rejection
        head = request.head
        if head.length is not None and head.length > self.max_body:
            return replies.TOO_LARGE
        if head.is_for_pool is None:
            head.is_for_pool = self._is_for_pool(head)
        if head.is_for_pool:
            request.route = head.route or head.path
            return None
        if head.command in ("GET", "HEAD"):
            reply = self._health.reply(head.path)
            if reply is not None:
                request.route = head.path
                return reply
        if head.raw_path == b"*":
            return _reply_for_server(request)
        return None

    def _is_for_pool(self, head: Head) -> bool:
        """Return whether a scorer can take the bodies of requests with this head unchanged."""
        if head.command != "POST" or b"content-encoding" in head.fields:
            return False
        accept = head.headers.get("accept")
        if head.raw_path in self._streams and (stream := streaming.wanted(accept)) is not None:
            return self._is_stream(head, stream)
        is_ours = head.raw_path in (self._sample_path, self._array_path) and not streaming.wants_only_events(accept)
        content_type = head.fields.get(b"content-type")
        if not is_ours or not self._has_call(head, self._calls, self._files):
            return False
        if head.raw_path == self._sample_path:
            if content_type is None or replies.is_json(content_type.decode("latin-1")):
                head.file_prefix = self._files.prefix_of_json(accept)
                # The app determines whether a body without a type is a file.
                return content_type is not None or not self._files.arguments
            return bool(head.file_prefix)
        return head.raw_path == self._array_path and self._is_array(head, content_type)

    def _is_stream(self, head: Head, stream: streaming.Form) -> bool:
        """Return whether a scorer can take the body of a request for a stream unchanged."""
        streamed = self._streams[head.raw_path]
        content_type = head.headers.get("content-type")
        if not self._has_call(head, streamed.calls, streamed.files):
            return False
        if content_type is None and streamed.files.arguments:
            # The app determines whether it is a file.
            return False
        if content_type is not None and not replies.is_json(content_type) and not head.file_prefix:
            return False
        head.stream, head.route = stream, streamed.route
        return True

    def _has_call(self, head: Head, calls: Calls, accepted: files.Files) -> bool:
        """Record the parameters, headers and file in the head; return False if the app must report an error in them."""
        content_type = head.headers.get("content-type")
        try:
            query, names = self._parameters(head), accepted.arguments_in_query(content_type)
            parameters, texts = request_calls.split(query, names, calls.parameters)
            head.call = calls.made(parameters, head.headers)
        except Malformed:
            return False
        head.file_prefix = accepted.prefix(content_type, head.headers.get("accept"), texts=texts)
        return True

    @staticmethod
    def _parameters(head: Head) -> Parameters:
        query = head.target.partition(b"?")[2]
        return request_calls.in_query(query.decode("latin-1")) if query else request_calls.NONE

    def is_for_app(self, head: Head, body: bytes) -> bool:
        """Return whether the app has to inspect the body of one sample: it may contain parameters, or URLs."""
        calls, fetches = self._calls, self._fetches
        if head.stream is not None:
            streamed = self._streams[head.raw_path]
            calls, fetches = streamed.calls, self._may_fetch and bool(streamed.files.arguments)
        if fetches and body[:1] in files.BEGINS_OF_JSON and b'"http' in body:
            return True
        return bool(calls.parameters) and request_calls.may_hold_parameters(body)

    def _is_array(self, head: Head, content_type: bytes | None) -> bool:
        return (
            self.pool.together
            and not self._fetches
            and content_type == b"application/json"
            and head.fields.get(b"accept", b"*/*") in (b"*/*", b"application/json")
            and (head.length is None or 0 < head.length <= MAX_ARRAY_BYTES)
        )

    def is_one_call(self, body: bytes) -> bool:
        """Return whether one scorer may receive the whole array of samples in `body`."""
        return 0 < len(body) <= MAX_ARRAY_BYTES and body.count(b",") < self._most_commas


class _Streamed(NamedTuple):
    """The front's facts about a predictor that is a generator."""

    calls: Calls
    files: files.Files
    route: str


def _streams(model: ModelFolder, default: bytes | None, passed: Iterable[str]) -> dict[bytes, _Streamed]:
    """Return the predictors that stream by their paths; `default` is that of predictor, None if the app has it."""
    paths = {name: f"/predict/{name}".encode("ascii") for name in model.predictors}
    models = [(paths[name], each, "/predict/<name>") for name, each in model.predictors.items()]
    if default is not None:
        models.append((default, model, "/predict"))
    return {
        path: _Streamed(Calls(each.manifest, passed, each.predictor), files.from_manifest(each.manifest), route)
        for path, each, route in models
        if each.manifest.get("streams")
    }


def _reply_for_server(request: Request) -> replies.Reply:
    """Return the reply to a request for the server as a whole (`*`), which only OPTIONS can be."""
    if request.command == "OPTIONS":
        return replies.Reply(204, b"", headers=(("Allow", ", ".join(ALLOW)),))
    return replies.problem(400, f"{request.command} requires a path.")
