"""Passes connections on PORT to the service of the newest build, so that a switch costs no client a request.

Bytes go through as they are. They are parsed only to know when a connection is between two requests: then it can
leave a service that is about to end, and its next request goes to the new one. Without that, a client's request
could meet the end of a connection that the old service closes at the same moment.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from functools import partial

import httptools

LOOPBACK = "127.0.0.1"
# So long a client that was refused may take to read why; what it sends meanwhile is thrown away.
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
    """Listens for clients, and connects each to the port on loopback that it points at."""

    def __init__(self) -> None:
        """Point at no service yet: clients get 503."""
        self.target: int | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def listen(self, sock: socket.socket) -> None:
        """Accept clients on a listening socket from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), sock=sock)

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        if self._server is None:
            raise RuntimeError("not listening")
        return self._server.sockets[0].getsockname()[1]

    def point_at(self, target: int | None) -> None:
        """Send every request that begins from now on to `target`; requests in flight stay where they are."""
        self.target = target
        for client in tuple(self._clients):
            client.leave_if_idle()

    def enter(self, client: "_Client") -> None:
        """Know a client that has connected."""
        self._clients.add(client)

    def leave(self, client: "_Client") -> None:
        """Forget a client that is gone."""
        self._clients.discard(client)

    def stop_accepting(self) -> None:
        """Refuse connections from now on; those that there are go on."""
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        """Close all connections."""
        for client in tuple(self._clients):
            client.abort()


class _Messages:
    """Counts the HTTP messages of one direction, as callbacks of an httptools parser."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.begun = 0
        self._on_end = on_end

    def on_message_begin(self) -> None:
        """Count a message whose first byte has come."""
        self.begun += 1

    def on_message_complete(self) -> None:
        """Tell that a message is complete."""
        self._on_end()


class _Client(asyncio.Protocol):
    """A client's connection, and the one to a service that answers it at the moment."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._transport: asyncio.Transport
        self._service: _Service | None = None
        self._connecting: asyncio.Task | None = None
        self._waiting: list[bytes] = []  # for the service that is being connected to
        self._at_end = False  # the client sends nothing more
        self._refused = False
        # Nothing is known about the end of messages any more: the connection stays with its service to the end.
        self._opaque = False
        self._requests = _Messages(self._on_request)
        self._complete = 0
        self._answered = 0
        self._parser = httptools.HttpRequestParser(self._requests)

    # --- the client ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        self._forwarder.enter(self)

    def data_received(self, data: bytes) -> None:
        """Pass bytes of requests on, to a service that is chosen with the first of them."""
        if self._refused:
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
        """Pass the client's end on; its answers may still come."""
        self._at_end = True
        if self._service is not None:
            self._service.write_eof()
        # Nothing waits for an answer, and nothing more can come.
        return bool(self._service or self._connecting)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go of the service."""
        self._forwarder.leave(self)
        if self._connecting is not None:
            self._connecting.cancel()
        self._detach()

    def pause_writing(self) -> None:
        """Read no more answers than the client takes."""
        if self._service is not None:
            self._service.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read answers again."""
        if self._service is not None:
            self._service.transport.resume_reading()

    def pause_reading(self) -> None:
        """Read no more requests than the service takes."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read requests again."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close the connection at once."""
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
            self._refuse()
        finally:
            self._waiting.clear()
            self._connecting = None
            self._transport.resume_reading()

    def connected(self, service: "_Service") -> None:
        """Send what has come meanwhile, unless this is no longer the service to send it to."""
        if service.port != self._forwarder.target:
            # Nothing was sent to it yet, and it may close the connection at any moment.
            service.transport.close()
            return
        self._service = service
        for data in self._waiting:
            service.write(data)
        if self._at_end:
            service.write_eof()

    def _refuse(self) -> None:
        self._refused = True
        self._transport.write(REFUSAL)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        # Not at once: with bytes of the request unread, the system would take the answer back (RST).
        asyncio.get_running_loop().call_later(REFUSED_SECONDS, self._transport.abort)

    def answer(self, data: bytes) -> None:
        """Pass bytes of answers to the client."""
        self._transport.write(data)

    def answered(self, *, keeps: bool) -> None:
        """Count an answer that is complete; `keeps` is whether its connection is kept after it."""
        self._answered += 1
        if not keeps:
            # The service will close the connection, which is what tells the client so.
            self._opaque = True
        self.leave_if_idle()

    def give_up_parsing(self) -> None:
        """Take the service's bytes for something other than HTTP from now on."""
        self._opaque = True

    def service_gone(self, service: "_Service") -> None:
        """Close the connection as the service did."""
        if service is self._service:
            self._service = None
            self._transport.close()

    def leave_if_idle(self) -> None:
        """Leave a service that is no longer pointed at, if no request of this client is under way there."""
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

    # --- the ends of requests ---

    def _parse(self, data: bytes) -> None:
        if self._opaque:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # The service answers what is not HTTP, too, and what asks for another protocol.
            self._opaque = True

    def _on_request(self) -> None:
        # The answer to HEAD never counts as complete, as its parser waits for the body that its length announces: such
        # a connection stays with its service.
        self._complete += 1


class _Service(asyncio.Protocol):
    """The connection to a service, for one client."""

    def __init__(self, client: _Client, port: int) -> None:
        self._client = client
        self.port = port
        self.transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(_Messages(self._on_answer))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self.transport = transport
        self._client.connected(self)

    def write(self, data: bytes) -> None:
        """Send bytes of requests."""
        self.transport.write(data)

    def write_eof(self) -> None:
        """Tell that no more requests come."""
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Pass bytes of answers on; the client gets them before it can be led to another service."""
        self._client.answer(data)
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = None
            self._client.give_up_parsing()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the client."""
        self._client.service_gone(self)

    def pause_writing(self) -> None:
        """Have the client wait."""
        self._client.pause_reading()

    def resume_writing(self) -> None:
        """Have the client go on."""
        self._client.resume_reading()

    def _on_answer(self) -> None:
        # What comes before an answer, such as 100 Continue, is none.
        if self._parser is not None and self._parser.get_status_code() >= 200:
            self._client.answered(keeps=self._parser.should_keep_alive())
