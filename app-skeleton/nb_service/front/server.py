"""The front's parts put together: what is answered here, what goes to the pool, and what to the app."""

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from nb_service import identity
from nb_service.front.app_link import AppLink
from nb_service.front.budget import Budget
from nb_service.front.connection import Connection
from nb_service.front.head import Head, Request
from nb_service.front.listener import Listener
from nb_service.http import listening, replies
from nb_service.http.health import Health
from nb_service.pool import Pool
from nb_service.pool.guard import guarded
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.http.access import Access
    from nb_service.http.auth import Gate

# What one read brings at most, and how much where there is hardly any room.
BUFFER = 1 << 16
SMALL_BUFFER = 1 << 12
# An array of samples that is not larger goes to a scorer as it is; larger ones are read and divided by the app.
MOST_ARRAY_BYTES = 1 << 18
MOST_COMMAS = 10_000
# As many bytes as so many bodies of the largest size are held at a time.
LARGEST_BODIES = 16
ALLOW = ("GET", "HEAD", "POST", "OPTIONS")


class Front:
    """Speaks HTTP for one pool; everything is for the loop's thread."""

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
        self.budget = Budget(settings.max_held or LARGEST_BODIES * settings.max_body)
        self.shown = replies.shown(settings)
        self.max_body = settings.max_body
        self.closing = False
        self.buffer = memoryview(bytearray(BUFFER))
        self.small_buffer = self.buffer[:SMALL_BUFFER]
        self.last_fields = identity.of(pool.model, settings.model_name).header_bytes + b"\r\n"
        self.access = access
        self._health = health
        self._gate = gate
        self._limit = settings.receive_timeout
        self._most_commas = min(MOST_COMMAS, settings.max_samples)
        # Where Vertex AI was told to ask, its bodies come, perhaps beside others.
        self._sample_path = b"/predict" if settings.aip_predict_route != "/predict" else None
        self._array_path = self.ARRAY_PATH if settings.aip_predict_route != "/predict/batch" else None
        self._connections: set[Connection] = set()
        self._listener: Listener  # made by `open`

    def open(self, sock: socket.socket, descriptors: int) -> None:
        """Serve on the listening socket `sock`, where this process may have so many descriptors."""
        self._listener = Listener(self.loop, sock, lambda: Connection(self), listening.connections_for(descriptors))
        self._listener.start()
        self._expire()

    @property
    def is_busy(self) -> bool:
        """Return whether any client is to be answered still, or may just be sending what is."""
        now = time.monotonic()
        return self._listener.is_making or any(one.is_busy or one.is_fresh(now) for one in self._connections)

    def end_accepting(self) -> None:
        """Take what was accepted, and close the listening socket."""
        self._listener.close()

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        now = time.monotonic()
        for connection in list(self._connections):
            if not (connection.is_busy or connection.is_fresh(now)):
                connection.close()

    def close(self) -> None:
        """Close what is left."""
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

    def came(self, connection: Connection) -> None:
        """Hear of a new connection."""
        self._connections.add(connection)

    def went(self, connection: Connection) -> None:
        """Hear that it is closed."""
        self._connections.discard(connection)
        self._listener.left()

    def reply_to(self, request: Request) -> replies.Reply | None:
        """Return what `request` gets by its head alone; None where it has to be asked."""
        if self._gate is not None:
            refusal = self._gate.refusal(request)
            if refusal is not None:
                return refusal
        head = request.head
        if head.length is not None and head.length > self.max_body:
            return replies.TOO_LARGE
        if head.is_for_pool is None:
            head.is_for_pool = self._is_for_pool(head)
        if head.is_for_pool:
            request.route = head.path
            return None
        if head.command in ("GET", "HEAD"):
            reply = self._health.reply(head.path)
            if reply is not None:
                request.route = head.path
                return reply
        if head.raw_path == b"*":
            return _of_the_server(request)
        return None

    def _is_for_pool(self, head: Head) -> bool:
        """Return whether a scorer can take the body as it is."""
        if head.command != "POST" or b"content-encoding" in head.fields:
            return False
        kind = head.fields.get(b"content-type")
        if head.raw_path == self._sample_path:
            return kind is None or replies.is_json(kind.decode("latin-1"))
        return head.raw_path == self._array_path and self._is_array(head, kind)

    def _is_array(self, head: Head, kind: bytes | None) -> bool:
        return (
            self.pool.plan.batch > 1
            and kind == b"application/json"
            and head.fields.get(b"accept", b"*/*") in (b"*/*", b"application/json")
            and (head.length is None or 0 < head.length <= MOST_ARRAY_BYTES)
        )

    def is_one_call(self, body: bytes) -> bool:
        """Return whether one scorer may have all of an array of samples."""
        return 0 < len(body) <= MOST_ARRAY_BYTES and body.count(b",") < self._most_commas


def _of_the_server(request: Request) -> replies.Reply:
    """Return the answer to what asks for the server as a whole, `OPTIONS *`."""
    if request.command == "OPTIONS":
        return replies.Reply(204, b"", headers=(("Allow", ", ".join(ALLOW)),))
    return replies.problem(400, f"{request.command} asks for a path.")
