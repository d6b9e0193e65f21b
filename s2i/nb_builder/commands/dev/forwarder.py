"""Forwards connections on PORT to the service of the newest build, so that clients lose no request when it changes.

Bytes are forwarded unchanged. They are parsed only to detect when a connection is between two requests, because only
then can it move from a stopping service to the new one. Otherwise, a request could reach a connection just as the old
service closes it.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from functools import partial

import httptools

LOOPBACK = "127.0.0.1"
# The seconds that a rejected client has to read the response; its input is discarded meanwhile.
REFUSED_SECONDS = 1.0
_NO_SERVICE = json.dumps(
    {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "No service is running; the terminal of `nb-builder dev` shows why.",
    }
).encode("ascii")
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_NO_SERVICE), _NO_SERVICE)
)


class Forwarder:
    """Listens for clients, and connects each to the current service's port on loopback."""

    def __init__(self) -> None:
        """Start without a service; clients get 503."""
        self.target: int | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def listen(self, sock: socket.socket) -> None:
        """Accept clients on a listening socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), sock=sock)

    @property
    def port(self) -> int:
        """Return the listening port."""
        if self._server is None:
            raise RuntimeError("not listening")
        return self._server.sockets[0].getsockname()[1]

    def point_at(self, target: int | None) -> None:
        """Send new requests to `target`; requests in flight stay with their service."""
        self.target = target
        for client in tuple(self._clients):
            client.leave_if_idle()

    def enter(self, client: "_Client") -> None:
        """Register a connected client."""
        self._clients.add(client)

    def leave(self, client: "_Client") -> None:
        """Remove a disconnected client."""
        self._clients.discard(client)

    def stop_accepting(self) -> None:
        """Refuse new connections; existing ones continue."""
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        """Close all connections."""
        for client in tuple(self._clients):
            client.abort()


class _Messages:
    """Counts the HTTP messages of one direction, with the callbacks of an httptools parser."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.begun = 0
        self._on_end = on_end

    def on_message_begin(self) -> None:
        """Count a message at its first byte."""
        self.begun += 1

    def on_message_complete(self) -> None:
        """Report that a message is complete."""
        self._on_end()


class _Client(asyncio.Protocol):
    """A client's connection, paired with one to the service that currently serves it."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._transport: asyncio.Transport
        self._service: _Service | None = None
        self._connecting: asyncio.Task | None = None
        self._waiting: list[bytes] = []  # waiting for the connection to the service
        self._at_end = False  # the client has closed its sending side
        self._rejected = False
        # The stream can't be parsed any more. Message boundaries are unknown, so the connection stays with its service.
        self._opaque = False
        self._requests = _Messages(self._on_request)
        self._complete = 0
        self._answered = 0
        self._parser = httptools.HttpRequestParser(self._requests)

    # --- the client ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the connection."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        self._forwarder.enter(self)

    def data_received(self, data: bytes) -> None:
        """Forward request bytes; the first bytes of a request select the service."""
        if self._rejected:
            return
        self._parse(data)
        if self._service is not None:
            self._service.write(data)
            return
        self._waiting.append(data)
        if self._connecting is None:
            self._transport.pause_reading()
            self._connecting = asyncio.ensure_future(self._connect())

    def eof_received(self) -> bool:
        """Forward the client's EOF; responses may still arrive."""
        self._at_end = True
        if self._service is not None:
            self._service.write_eof()
        # No response is pending, and no request can follow.
        return bool(self._service or self._connecting)

    def connection_lost(self, _error: Exception | None) -> None:
        """Disconnect from the service."""
        self._forwarder.leave(self)
        if self._connecting is not None:
            self._connecting.cancel()
        self._detach()

    def pause_writing(self) -> None:
        """Pause reading responses while the client is slow."""
        if self._service is not None:
            self._service.transport.pause_reading()

    def resume_writing(self) -> None:
        """Resume reading responses."""
        if self._service is not None:
            self._service.transport.resume_reading()

    def pause_reading(self) -> None:
        """Pause reading requests while the service is slow."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading requests."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close the connection immediately."""
        self._transport.abort()

    # --- the service ---

    async def _connect(self) -> None:
        try:
            while self._service is None:
                target = self._forwarder.target
                if target is None:
                    raise ConnectionRefusedError
                await asyncio.get_running_loop().create_connection(partial(_Service, self, target), LOOPBACK, target)
        except OSError:
            self._reject()
        finally:
            self._waiting.clear()
            self._connecting = None
            self._transport.resume_reading()

    def connected(self, service: "_Service") -> None:
        """Send buffered requests, unless another service has been selected meanwhile."""
        if service.port != self._forwarder.target:
            # Nothing was sent to it yet, and it may close the connection at any time.
            service.transport.close()
            return
        self._service = service
        for data in self._waiting:
            service.write(data)
        if self._at_end:
            service.write_eof()

    def _reject(self) -> None:
        self._rejected = True
        self._transport.write(REFUSAL)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        # Delayed: closing with unread request bytes would make the kernel send RST, and the client lose the response.
        asyncio.get_running_loop().call_later(REFUSED_SECONDS, self._transport.abort)

    def answer(self, data: bytes) -> None:
        """Forward response bytes to the client."""
        self._transport.write(data)

    def answered(self, *, keeps: bool) -> None:
        """Count a complete response; `keeps` is whether the connection stays open after it."""
        self._answered += 1
        if not keeps:
            # The service will close the connection, which signals this to the client.
            self._opaque = True
        self.leave_if_idle()

    def give_up_parsing(self) -> None:
        """Stop parsing the service's bytes: they are no longer HTTP."""
        self._opaque = True

    def service_gone(self, service: "_Service") -> None:
        """Close the connection, as the service did."""
        if service is self._service:
            self._service = None
            self._transport.close()

    def leave_if_idle(self) -> None:
        """Leave an outdated service if this client has no request in flight there."""
        if (
            self._service is not None
            and self._service.port != self._forwarder.target
            and not self._opaque
            and not self._at_end
            and self._requests.begun == self._complete == self._answered
        ):
            self._detach()

    def _detach(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            service.transport.close()

    # --- request boundaries ---

    def _parse(self, data: bytes) -> None:
        if self._opaque:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # The service also responds to invalid HTTP and to protocol upgrades.
            self._opaque = True

    def _on_request(self) -> None:
        # A response to HEAD never counts as complete, because the parser waits for the body that Content-Length
        # announces: such a connection stays with its service.
        self._complete += 1


class _Service(asyncio.Protocol):
    """A client's connection to a service."""

    def __init__(self, client: _Client, port: int) -> None:
        self._client = client
        self.port = port
        self.transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(_Messages(self._on_answer))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the connection."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self.transport = transport
        self._client.connected(self)

    def write(self, data: bytes) -> None:
        """Send request bytes."""
        self.transport.write(data)

    def write_eof(self) -> None:
        """Signal that no more requests follow."""
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Forward response bytes to the client, before the client can move to another service."""
        self._client.answer(data)
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = None
            self._client.give_up_parsing()

    def connection_lost(self, _error: Exception | None) -> None:
        """Notify the client."""
        self._client.service_gone(self)

    def pause_writing(self) -> None:
        """Pause the client."""
        self._client.pause_reading()

    def resume_writing(self) -> None:
        """Resume the client."""
        self._client.resume_reading()

    def _on_answer(self) -> None:
        # Interim responses, such as 100 Continue, don't count.
        if self._parser is not None and self._parser.get_status_code() >= 200:
            self._client.answered(keeps=self._parser.should_keep_alive())
