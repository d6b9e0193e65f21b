"""RabbitMQ: consumes a queue. Predictions are persistent and confirmed before their samples are acknowledged.

If a service is killed between confirmation and acknowledgement, the sample is redelivered and its prediction is
published twice, with the same message id if the producer set one. Quorum queues count deliveries. Classic queues only
report that there was an earlier one: a redelivered sample is appended to the queue again with our own count, so that a
sample that kills its service isn't redelivered for ever.
"""

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote

import pika
from pika import spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AMQPHeartbeatTimeout,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome, describe_error, producers_id
from nb_service.backends.bus.brokers.links import Link, Linked
from nb_service.backends.bus.place import Place

ANSWER_SECONDS = 5.0
# A quorum queue confirms when most of its servers have written a message to disk; heartbeats detect a dead server.
CONFIRM_SECONDS = 30.0
HEARTBEAT_SECONDS = 10
# How long to wait for the server's closing handshake; it has read all acknowledgements by then.
GOODBYE_SECONDS = 1.0
# Backoff for publishing to a queue that is full and rejects messages.
FIRST_PAUSE, MAX_PAUSE = 0.05, 1.0
# The server's default limits for a message: before major version 4, and since.
MAX_BEFORE_4, MAX_SIZE = 128 << 20, 16 << 20
# All headers of a message must fit into one frame: 128 KiB by default.
MAX_HEADERS = 64 << 10
# The maximum length of an AMQP short string.
MAX_SHORT = 255
MAX_NAME = 200
PERSISTENT = 2
NOT_FOUND = 404
KEYS = ("key", "partitionkey", "ce-partitionkey")
# Prefixes of CloudEvents attributes in binary mode; we write the first one.
EVENT_PREFIXES = ("cloudEvents:", "cloudEvents_")
# The server's delivery count for quorum queues, and our own for other queues.
COUNT, ACQUIRED, OWN_COUNT = "x-delivery-count", "x-acquired-count", "x-bus-deliveries"
# Headers that the server adds, which are not copied from a sample to its prediction.
OWN = (COUNT, ACQUIRED, OWN_COUNT, "x-death", "x-first-death-", "x-last-death-")
# AMQP properties that are headers in other brokers.
PROPERTIES = {
    "content_type": "content-type",
    "content_encoding": "content-encoding",
    "correlation_id": "correlation-id",
    "message_id": "message-id",
    "reply_to": "reply-to",
}


class Came(NamedTuple):
    """A message as received: its delivery tag, whether it was redelivered, properties and body."""

    tag: int
    again: bool
    properties: Any
    body: bytes


class _Batch:
    """Messages that were published together; `rejected` has the indexes of those that the server rejected."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.rejected: list[int] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def confirmed(self, place: int, is_taken: bool) -> None:
        """Record the server's confirmation or rejection of the message at `place`."""
        self.left -= 1
        if not is_taken:
            self.rejected.append(place)
        if not self.left and not self.over.done():
            self.over.set_result(None)


class _Link(Link[Came]):
    """A connection and its channel; the library's callbacks belong to this connection only."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: AsyncioConnection | None = None
        self.channel: Channel | None = None
        self.code = 0  # the server's status for closing the connection
        self.unread = ""  # why the server reads no published messages
        self.rejecting_queue = ""  # the queue that currently rejects messages
        self.prefetch = 0
        self._waiting: set[asyncio.Future] = set()
        self._numbers = itertools.count(1)
        self._unconfirmed: dict[int, tuple[_Batch, int]] = {}

    @property
    def blocked(self) -> str:
        """Return why publishing is blocked although the connection works; "" if it isn't."""
        return self.unread or (f"the queue {self.rejecting_queue} is full" if self.rejecting_queue else "")

    async def answer(self, ask: Callable[[Callable[..., None]], object], seconds: float = ANSWER_SECONDS) -> Any:
        """Call `ask` with a callback, and return the server's response; raise Away if it does not arrive."""
        future: asyncio.Future = asyncio.get_running_loop().create_future()
        try:
            ask(lambda *said: None if future.done() else future.set_result(said[-1]))
            return await self._waited(future, seconds)
        except AMQPError as error:
            raise Away(self.gone or reason_of(error)) from error

    async def _waited(self, future: asyncio.Future, seconds: float) -> Any:
        if self.gone:
            raise Away(self.gone)
        self._waiting.add(future)
        try:
            return await asyncio.wait_for(asyncio.shield(future), seconds)
        except asyncio.TimeoutError as error:
            raise Away(self.unread or "no answer") from error
        finally:
            self._waiting.discard(future)

    async def open(self, parameters: pika.ConnectionParameters) -> None:
        """Connect and open the channel."""

        def begin(opened: Callable[..., None]) -> None:
            self.connection = AsyncioConnection(
                parameters,
                on_open_callback=opened,
                on_open_error_callback=self._closed,
                on_close_callback=self._closed,
                custom_ioloop=asyncio.get_running_loop(),
            )
            self.connection.add_on_connection_blocked_callback(self._is_blocked)
            self.connection.add_on_connection_unblocked_callback(self._is_unblocked)

        # Name resolution, TCP and TLS each have a timeout.
        await self.answer(begin, 3 * ANSWER_SECONDS)
        await self.open_channel()

    async def open_channel(self) -> None:
        """Open a channel, initially or after the server has closed one."""
        self.gone, self.code = "", 0
        connection = self.connection
        if connection is None or not connection.is_open:
            raise Away("the connection is lost")
        channel = self.channel = await self.answer(lambda opened: connection.channel(on_open_callback=opened))
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(
            lambda _: self.lose("the server has cancelled the consumer: its queue was deleted")
        )
        channel.add_on_return_callback(lambda _, said, *__: self.lose(f"there is no queue {said.routing_key}"))
        await self.answer(lambda done: channel.confirm_delivery(self._confirmed, done))

    @property
    def open_one(self) -> Channel:
        """Return the channel; raise Away if it is closed."""
        if self.gone or self.channel is None or not self.channel.is_open:
            raise Away(self.gone or "the connection is lost")
        return self.channel

    async def publish(
        self, messages: Sequence[tuple[str, bytes, pika.BasicProperties]], must: bool = True
    ) -> list[int]:
        """Publish (queue, body, properties); return the indexes of those that the server rejected.

        Waits while the server reads nothing because its disk or memory is full; the connection itself works.
        """
        if not messages:
            return []
        batch, channel = _Batch(len(messages)), self.open_one
        try:
            for place, (queue, body, properties) in enumerate(messages):
                self._unconfirmed[next(self._numbers)] = batch, place
                channel.basic_publish("", queue, body, properties, mandatory=must)
        except AMQPError as error:
            raise Away(self.gone or reason_of(error)) from error
        while True:
            try:
                await self._waited(batch.over, CONFIRM_SECONDS if must else ANSWER_SECONDS)
            except Away:
                if self.gone or not self.unread or not must:
                    raise
            else:
                return batch.rejected

    def lose(self, reason: str) -> None:
        """Wake waiting callers, because nothing more will arrive."""
        super().lose(reason)
        for future in [*self._waiting]:
            if not future.done():
                future.set_exception(Away(self.gone))

    def came(self, _: Channel, method: spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes) -> None:
        """Add an incoming message."""
        self.arrive(Came(method.delivery_tag, method.redelivered, properties, body))

    def _confirmed(self, frame: Any) -> None:
        said = frame.method
        is_taken = isinstance(said, spec.Basic.Ack)
        numbers = [said.delivery_tag]
        if said.multiple:
            numbers = list(itertools.takewhile(lambda number: number <= said.delivery_tag, self._unconfirmed))
        for number in numbers:
            batch, place = self._unconfirmed.pop(number)
            batch.confirmed(place, is_taken)

    def _closed(self, _: AsyncioConnection, error: BaseException) -> None:
        self.lose(reason_of(error))
        self.ended.set()

    def _channel_closed(self, _: Channel, error: Exception) -> None:
        self.code = error.reply_code if isinstance(error, ChannelClosedByBroker) else 0
        # The next channel counts from 1 again.
        self._unconfirmed.clear()
        self._numbers = itertools.count(1)
        self.lose(reason_of(error))

    def _is_blocked(self, _: AsyncioConnection, frame: Any) -> None:
        self.unread = f"the server accepts no messages now ({frame.method.reason})"

    def _is_unblocked(self, _: AsyncioConnection, __: object) -> None:
        self.unread = ""

    async def close(self) -> None:
        """Disconnect after everything written was read."""
        connection, self.connection = self.connection, None
        self.lose("the connection is closed")
        if connection is None or self.ended.is_set():
            return
        with contextlib.suppress(AMQPError):
            if not connection.is_closing:
                connection.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ended.wait(), GOODBYE_SECONDS)


class RabbitMQ(Linked[_Link]):
    """Consumes the queue `source`, publishes to the queues `target` and `errors`; see Broker."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, MAX_SIZE)
        self._most = 1
        self._reported_largest = 0  # the limit that the server reported when a message exceeded it
        self._taken: dict[str, Delivery] = {}

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Connect, find or create the queues, and check that publishing works before taking messages."""
        link = self._link = _Link()
        self._most, self._taken = most, {}
        place = self._place
        try:
            await link.open(self._parameters())
            # A message without a queue, which the server drops. Otherwise, a server that is out of disk or memory, or
            # doesn't allow this user to publish, would report that only when a prediction is published, and would count
            # another delivery of each sample. Such a server accepts this message and then stops reading, so the next
            # request gets no response.
            await link.publish([(f"nb-service-{secrets.token_hex(8)}", b"", pika.BasicProperties())], must=False)
            for queue in (place.source, place.target, place.errors):
                await self._find(link, queue)
        except Away:
            # One of several servers may be unavailable.
            self._address += 1
            raise
        # Converted copies, because the library's properties lack type hints.
        version = str((getattr(link.connection, "server_properties", None) or {}).get("version", ""))
        self.largest = self._reported_largest or (MAX_BEFORE_4 if version[:2] in ("2.", "3.") else MAX_SIZE)

    async def take(self, most: int) -> list[Delivery]:
        """Return messages that have arrived."""
        link = self._here
        await self._consume(link, most + len(self._taken))
        await link.wait()
        if link.gone:
            raise self._away(link)
        came = link.pop(most)
        uncounted = [message for message in came if message.again and not _is_counted(message)]
        if uncounted:
            await self._put_back(link, uncounted)
        return [self.delivery_of(message) for message in came if not message.again or _is_counted(message)]

    async def stop(self) -> None:
        """Cancel the consumers, and return untaken messages to the queue."""
        link = self._here
        channel = link.open_one
        for tag in channel.consumer_tags:
            await link.answer(partial(channel.basic_cancel, tag))
        self._give_back(link, [message.tag for message in link.pop(len(link.arrived))])

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish all outcomes, wait for the server's confirmations, then acknowledge their deliveries."""
        link = self._here
        messages = [
            (self._place.errors if outcome.is_error else self._place.target, outcome.body, properties_of(outcome))
            for outcome in outcomes
        ]
        pause = FIRST_PAUSE
        while messages:
            rejected = await self._published(link, messages)
            messages = [messages[place] for place in rejected]
            link.rejecting_queue = messages[0][0] if messages else ""
            if messages:
                # The queue is full and rejects messages. The connection works, and consumers will empty the queue.
                await asyncio.sleep(pause)
                pause = min(MAX_PAUSE, 2 * pause)
        for outcome in outcomes:
            self._taken.pop(outcome.delivery.id, None)
        self._say(link, [outcome.delivery.claim.tag for outcome in outcomes])
        return []

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: deliveries belong to this service while the channel is open."""

    async def lag(self) -> Lag | None:
        """Return the number of messages that were not delivered to a consumer."""
        link = self._here
        channel, queue = link.open_one, self._place.source
        try:
            found = await link.answer(lambda done: channel.queue_declare(queue, passive=True, callback=done))
        except Away:
            if link.unread and not link.gone:
                return None
            raise self._away(link) from None
        return Lag(found.method.message_count)

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Make the server redeliver them now."""
        self._give_back(self._here, [delivery.claim.tag for delivery in deliveries])

    # --- its parts ---

    def _away(self, link: _Link) -> Away:
        """Return the reason, and store the size limit if a message exceeded it."""
        larger = re.search(r"larger than configured max size (\d+)", link.gone)
        if larger:
            self._reported_largest = int(larger[1])
        return Away(link.gone or link.unread or "no answer")

    def _parameters(self) -> pika.ConnectionParameters:
        place = self._place
        url, tls = self._url, place.tls()
        user = pika.PlainCredentials(place.user or "guest", place.password or "guest")
        return pika.ConnectionParameters(
            host=url.hostname,
            port=url.port or (5672 if tls is None else 5671),
            virtual_host=unquote(url.path.removeprefix("/")) or "/",
            # A server that identifies users by certificate needs no password.
            credentials=pika.credentials.ExternalCredentials() if place.cert_file and not place.user else user,
            ssl_options=None if tls is None else pika.SSLOptions(tls, url.hostname),
            heartbeat=HEARTBEAT_SECONDS,
            connection_attempts=1,
            socket_timeout=ANSWER_SECONDS,
            stack_timeout=2 * ANSWER_SECONDS,
            client_properties={"connection_name": f"nb-service {place.group} {socket.gethostname()}"},
        )

    async def _find(self, link: _Link, queue: str) -> None:
        """Check that a queue exists; create it if the settings require that."""
        try:
            await link.answer(lambda done: link.open_one.queue_declare(queue, passive=True, callback=done))
        except Away:
            if link.code != NOT_FOUND:
                raise
            if not self._place.create:
                raise Away(f"there is no queue {queue} (S2I_BUS_CREATE=1 creates one)") from None
            await link.open_channel()
            kind = {"x-queue-type": "quorum"}
            await link.answer(
                lambda done: link.open_one.queue_declare(queue, durable=True, arguments=kind, callback=done)
            )

    async def _consume(self, link: _Link, window: int) -> None:
        """Prefetch at least `window` messages, and less than twice as many.

        Prefetch is set per consumer, a channel may have several consumers, and cancelling one would requeue its
        messages. So consumers are added when more messages are needed, and the service of a slow model holds few
        messages that others could score.
        """
        if window <= link.prefetch or link.prefetch >= self._most or (link.unread and link.prefetch):
            return
        wanted = min(self._most, 1 << (window - 1).bit_length())
        channel, source = link.open_one, self._place.source
        more = wanted - link.prefetch
        await link.answer(lambda done: channel.basic_qos(prefetch_count=more, callback=done))
        await link.answer(lambda done: channel.basic_consume(source, link.came, callback=done))
        link.prefetch = wanted

    async def _published(self, link: _Link, messages: Sequence[tuple[str, bytes, pika.BasicProperties]]) -> list[int]:
        try:
            return await link.publish(messages)
        except Away:
            if link.gone:
                raise self._away(link) from None
            raise

    async def _put_back(self, link: _Link, messages: Sequence[Came]) -> None:
        """Publish messages to their own queue again with an increased delivery count, and acknowledge them."""
        copies = []
        for message in messages:
            headers = {**(message.properties.headers or {}), OWN_COUNT: _own_count(message) + 1}
            message.properties.headers = headers
            copies.append((self._place.source, message.body, message.properties))
        rejected = set(await self._published(link, copies))
        # A message that was rejected is processed now: it has been delivered and will be settled.
        self._say(link, [message.tag for place, message in enumerate(messages) if place not in rejected])
        link.arrived.extend(messages[place]._replace(again=False) for place in rejected)

    @staticmethod
    def _say(link: _Link, tags: Sequence[int]) -> None:
        """Acknowledge the delivery tags."""
        channel = link.open_one
        try:
            for tag in tags:
                channel.basic_ack(tag)
        except AMQPError as error:
            raise Away(link.gone or reason_of(error)) from error

    @staticmethod
    def _give_back(link: _Link, tags: Sequence[int]) -> None:
        channel = link.open_one
        try:
            for tag in tags:
                channel.basic_nack(tag, requeue=True)
        except AMQPError as error:
            raise Away(link.gone or reason_of(error)) from error

    def delivery_of(self, message: Came) -> Delivery:
        """Return a received message as a delivery."""
        headers = headers_of(message.properties)
        key = next((headers[name] for name in KEYS if headers.get(name)), None)
        name = producers_id(headers)
        if not 0 < len(name.encode()) <= MAX_SHORT:
            name = f"{self._place.source[:MAX_NAME]}.{secrets.token_hex(8)}"
        message.properties.message_id = name
        if name in self._taken:
            # If a producer sends a message twice, each gets a prediction, and both have the same id.
            name = f"{name}.{message.tag}"
        raw = message.properties.headers or {}
        counted = raw.get(COUNT)
        deliveries = counted + 1 if isinstance(counted, int) else _own_count(message)
        since = message.properties.timestamp
        delivery = Delivery(
            message.body, name, headers, key, key, deliveries, float(since) if isinstance(since, int) else 0.0, message
        )
        self._taken[name] = delivery
        return delivery


def _is_counted(message: Came) -> bool:
    """Return whether the message's queue counts deliveries."""
    raw = message.properties.headers or {}
    return COUNT in raw or ACQUIRED in raw


def _own_count(message: Came) -> int:
    counted = (message.properties.headers or {}).get(OWN_COUNT)
    return counted if isinstance(counted, int) and counted > 0 else 1


def headers_of(properties: Any) -> dict[str, str]:
    """Return a message's properties and headers as headers, without those that the server added."""
    headers = {}
    for given, value in (properties.headers or {}).items():
        # The library returns text that is not UTF-8 as bytes.
        name = _text(given).lower()
        prefix = next((prefix for prefix in EVENT_PREFIXES if name.startswith(prefix.lower())), None)
        if prefix is not None:
            name = f"ce-{name[len(prefix) :]}"
        if not name.startswith(OWN):
            headers[name] = _text(value)
    for own, name in PROPERTIES.items():
        value = getattr(properties, own)
        if value:
            headers[name] = _text(value)
    return headers


def _text(value: Any) -> str:
    """Return an AMQP value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return json.dumps(value, default=str)


def properties_of(outcome: Outcome) -> pika.BasicProperties:
    """Return the properties of a prediction or error message."""
    headers = dict(outcome.headers)
    came = outcome.delivery.claim.properties
    # Copied unchanged rather than converted to header text.
    own: dict[str, str | None] = {name: getattr(came, name) for name in ("correlation_id", "reply_to", "message_id")}
    for name in ("content_type", "content_encoding"):
        value = headers.get(PROPERTIES[name], "")
        own[name] = value if 0 < len(value) <= MAX_SHORT else None
    for name, value_or_none in own.items():
        if value_or_none:
            headers.pop(PROPERTIES[name], None)
    while sum(len(name) + len(value) + 16 for name, value in headers.items()) > MAX_HEADERS:
        del headers[max(headers, key=lambda name: len(headers[name]))]
    written = {
        EVENT_PREFIXES[0] + name.removeprefix("ce-") if name.startswith("ce-") else name: value
        for name, value in headers.items()
    }
    # The prefix or lower case may have made names longer.
    table = {name: value for name, value in written.items() if len(name.encode()) <= MAX_SHORT}
    return pika.BasicProperties(headers=table, delivery_mode=PERSISTENT, timestamp=int(time.time()), **own)


def reason_of(error: BaseException) -> str:
    """Return the reason as part of a sentence."""
    if isinstance(error, ProbableAuthenticationError):
        return "it rejects the user or the password"
    if isinstance(error, ProbableAccessDeniedError):
        return "this user may not access the virtual host, or it does not exist"
    if isinstance(error, (AMQPHeartbeatTimeout, StreamLostError)):
        return "the connection is lost"
    if isinstance(error, (ChannelClosedByBroker, ConnectionClosedByBroker)):
        return f"it says {error.reply_text}"
    cause: Any = error
    for _ in range(8):
        if isinstance(cause, OSError):
            return describe_error(cause)
        # The library puts the cause into an error's first argument; several attempts are a list, of which the last one
        # counts.
        inner = getattr(cause, "exceptions", None) or getattr(cause, "args", None)
        inner = getattr(cause, "exception", None) or (inner[-1] if inner else None) or cause.__cause__
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return str(cause).strip() or ("no answer" if isinstance(error, AMQPConnectionError) else type(error).__name__)
