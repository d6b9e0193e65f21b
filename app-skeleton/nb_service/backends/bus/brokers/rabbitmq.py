"""RabbitMQ: consumes a queue; answers are persistent, and confirmed by the server before a sample is acknowledged.

Between confirmation and acknowledgement a service may be killed: the sample then comes again, and its answer twice,
with the same message id where the producer gave the sample one. Quorum queues count deliveries. Classic queues only say
that there was one before: a sample that comes again from such a queue is put behind the others with a count of ours, so
that one that kills its service does not come for ever.
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

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome, producers_id, words_of
from nb_service.backends.bus.brokers.links import Link, Linked
from nb_service.backends.bus.place import Place

ANSWER_SECONDS = 5.0
# A quorum queue confirms once most of its servers have a message on their disks; a dead server is found by heartbeats.
CONFIRM_SECONDS = 30.0
HEARTBEAT_SECONDS = 10
# How long the server may take to say goodbye; it has read all acknowledgements then.
GOODBYE_SECONDS = 1.0
# A queue that is full and refuses is asked again after so long.
FIRST_PAUSE, MAX_PAUSE = 0.05, 1.0
# The server's own limits of a message, where nobody set another: by its major version, before and since 4.
MAX_BEFORE_4, MAX_SIZE = 128 << 20, 16 << 20
# All headers of a message must fit into one frame, which is 128 KiB unless somebody made it smaller.
MAX_HEADERS = 64 << 10
# What AMQP has one byte for the length of.
MAX_SHORT = 255
MAX_NAME = 200
PERSISTENT = 2
NOT_FOUND = 404
KEYS = ("key", "partitionkey", "ce-partitionkey")
# Attributes of CloudEvents in binary mode are headers with one of these before them; the first is the one we write.
EVENT_PREFIXES = ("cloudEvents:", "cloudEvents_")
# The server's count of deliveries, for quorum queues; and ours, for others.
COUNT, ACQUIRED, OWN_COUNT = "x-delivery-count", "x-acquired-count", "x-bus-deliveries"
# What the server adds on the way, which an answer must not take over from its sample.
OWN = (COUNT, ACQUIRED, OWN_COUNT, "x-death", "x-first-death-", "x-last-death-")
# Properties that are headers elsewhere.
PROPERTIES = {
    "content_type": "content-type",
    "content_encoding": "content-encoding",
    "correlation_id": "correlation-id",
    "message_id": "message-id",
    "reply_to": "reply-to",
}


class Came(NamedTuple):
    """A message as it came: its tag on the channel, whether it came before, properties and body."""

    tag: int
    again: bool
    properties: Any
    body: bytes


class _Batch:
    """Messages that were published together; `refused` has the places of those that the server did not take."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.refused: list[int] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def confirmed(self, place: int, is_taken: bool) -> None:
        """Note that the server has said whether it took the one at `place`."""
        self.left -= 1
        if not is_taken:
            self.refused.append(place)
        if not self.left and not self.over.done():
            self.over.set_result(None)


class _Link(Link[Came]):
    """One connection and its channel, from connecting to the end; what the library calls back is only for this one."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: AsyncioConnection | None = None
        self.channel: Channel | None = None
        self.code = 0  # the server's code for why it is gone
        self.unread = ""  # why the server reads nothing that is published
        self.refusing = ""  # the queue that refuses what is published
        self.prefetch = 0
        self._waiting: set[asyncio.Future] = set()
        self._numbers = itertools.count(1)
        self._unconfirmed: dict[int, tuple[_Batch, int]] = {}

    @property
    def blocked(self) -> str:
        """Return why nothing that is published is taken, although the connection is well; "" where it is."""
        return self.unread or (f"the queue {self.refusing} is full" if self.refusing else "")

    async def answer(self, ask: Callable[[Callable[..., None]], object], seconds: float = ANSWER_SECONDS) -> Any:
        """Return what the server answers to `ask`, which gets the function that takes the answer; raise Away."""
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
        """Connect, and open the channel."""

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

        # Name, TCP and TLS have their own time each.
        await self.answer(begin, 3 * ANSWER_SECONDS)
        await self.open_channel()

    async def open_channel(self) -> None:
        """Open a channel, also after the server has closed one."""
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
        """Return the channel; raise Away where it is closed."""
        if self.gone or self.channel is None or not self.channel.is_open:
            raise Away(self.gone or "the connection is lost")
        return self.channel

    async def publish(
        self, messages: Sequence[tuple[str, bytes, pika.BasicProperties]], must: bool = True
    ) -> list[int]:
        """Publish (queue, body, properties); return the places of those that the server did not take.

        While the server takes nothing, because its disk or memory is full, this waits: the connection is well.
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
                return batch.refused

    def lose(self, reason: str) -> None:
        """Tell waiting callers that nothing will come any more."""
        super().lose(reason)
        for future in [*self._waiting]:
            if not future.done():
                future.set_exception(Away(self.gone))

    def came(self, _: Channel, method: spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes) -> None:
        """Take a message."""
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
        # Numbers begin again with the next channel.
        self._unconfirmed.clear()
        self._numbers = itertools.count(1)
        self.lose(reason_of(error))

    def _is_blocked(self, _: AsyncioConnection, frame: Any) -> None:
        self.unread = f"the server accepts no messages now ({frame.method.reason})"

    def _is_unblocked(self, _: AsyncioConnection, __: object) -> None:
        self.unread = ""

    async def close(self) -> None:
        """Hang up, after all that was written was read."""
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
    """Takes from the queue `source`, publishes to the queues `target` and `errors`; see Broker."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, MAX_SIZE)
        self._most = 1
        self._reported_largest = 0  # what the server said when a message was larger
        self._taken: dict[str, Delivery] = {}

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Connect, find the queues or make them, and see that messages can be published before any is taken."""
        link = self._link = _Link()
        self._most, self._taken = most, {}
        place = self._place
        try:
            await link.open(self._parameters())
            # To no queue, so that nobody gets it. A server without disk or memory, or that lets this user publish
            # nothing, would otherwise say so only of an answer, and count one more delivery of each sample. It takes
            # this one, and then reads nothing more: what is asked next has no answer.
            await link.publish([(f"nb-service-{secrets.token_hex(8)}", b"", pika.BasicProperties())], must=False)
            for queue in (place.source, place.target, place.errors):
                await self._find(link, queue)
        except Away:
            # One of several may be gone.
            self._address += 1
            raise
        # Copies, as the library's are not hinted.
        version = str((getattr(link.connection, "server_properties", None) or {}).get("version", ""))
        self.largest = self._reported_largest or (MAX_BEFORE_4 if version[:2] in ("2.", "3.") else MAX_SIZE)

    async def take(self, most: int) -> list[Delivery]:
        """Return what has come."""
        link = self._here
        await self._consume(link, most + len(self._taken))
        await link.news()
        if link.gone:
            raise self._away(link)
        came = link.pop(most)
        uncounted = [message for message in came if message.again and not _is_counted(message)]
        if uncounted:
            await self._put_back(link, uncounted)
        return [self.delivery_of(message) for message in came if not message.again or _is_counted(message)]

    async def stop(self) -> None:
        """End the consumers, and give back what they were sent and was not taken."""
        link = self._here
        channel = link.open_one
        for tag in channel.consumer_tags:
            await link.answer(partial(channel.basic_cancel, tag))
        self._give_back(link, [message.tag for message in link.pop(len(link.arrived))])

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish all, wait until the server has confirmed all, acknowledge all."""
        link = self._here
        messages = [
            (self._place.errors if outcome.is_error else self._place.target, outcome.body, properties_of(outcome))
            for outcome in outcomes
        ]
        pause = FIRST_PAUSE
        while messages:
            refused = await self._published(link, messages)
            messages = [messages[place] for place in refused]
            link.refusing = messages[0][0] if messages else ""
            if messages:
                # A queue that is full and says so: the connection is well, and others read from that queue.
                await asyncio.sleep(pause)
                pause = min(MAX_PAUSE, 2 * pause)
        for outcome in outcomes:
            self._taken.pop(outcome.delivery.id, None)
        self._say(link, [outcome.delivery.claim.tag for outcome in outcomes])
        return []

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: what was taken is ours as long as the channel is open."""

    async def lag(self) -> Lag | None:
        """Return how many messages no consumer has."""
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
        """Have the server deliver them again now."""
        self._give_back(self._here, [delivery.claim.tag for delivery in deliveries])

    # --- its parts ---

    def _away(self, link: _Link) -> Away:
        """Return why, and remember how large a message may be where one was larger."""
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
            # A certificate is all that a server needs that knows users by theirs.
            credentials=pika.credentials.ExternalCredentials() if place.cert_file and not place.user else user,
            ssl_options=None if tls is None else pika.SSLOptions(tls, url.hostname),
            heartbeat=HEARTBEAT_SECONDS,
            connection_attempts=1,
            socket_timeout=ANSWER_SECONDS,
            stack_timeout=2 * ANSWER_SECONDS,
            client_properties={"connection_name": f"nb-service {place.group} {socket.gethostname()}"},
        )

    async def _find(self, link: _Link, queue: str) -> None:
        """See that a queue is there; make one where that was asked for."""
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
        """Have the server send so many ahead; at least, and less than twice as many.

        A channel may have several consumers, each with its own number, and ending one would give back what it has. So
        there is one more whenever there must be more, and a slow model's service holds few that others could work on.
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
        """Publish these to their own queue with one more delivery counted, and acknowledge them."""
        copies = []
        for message in messages:
            headers = {**(message.properties.headers or {}), OWN_COUNT: _own_count(message) + 1}
            message.properties.headers = headers
            copies.append((self._place.source, message.body, message.properties))
        refused = set(await self._published(link, copies))
        # One that was refused goes on as it is: it has been delivered, and will be answered.
        self._say(link, [message.tag for place, message in enumerate(messages) if place not in refused])
        link.arrived.extend(messages[place]._replace(again=False) for place in refused)

    @staticmethod
    def _say(link: _Link, tags: Sequence[int]) -> None:
        """Acknowledge."""
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
        """Return what has come as a delivery that is being worked on."""
        headers = headers_of(message.properties)
        key = next((headers[name] for name in KEYS if headers.get(name)), None)
        name = producers_id(headers)
        if not 0 < len(name.encode()) <= MAX_SHORT:
            name = f"{self._place.source[:MAX_NAME]}.{secrets.token_hex(8)}"
        message.properties.message_id = name
        if name in self._taken:
            # A producer has sent the same twice: each has its answer, and both answers have one id.
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
    """Return properties and headers of a message as headers, but for what the server has added."""
    headers = {}
    for given, value in (properties.headers or {}).items():
        # The library leaves what is not UTF-8 as bytes.
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
    """Return a value of AMQP, which has types, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return json.dumps(value, default=str)


def properties_of(outcome: Outcome) -> pika.BasicProperties:
    """Return what an answer or error has next to its body."""
    headers = dict(outcome.headers)
    came = outcome.delivery.claim.properties
    # As they came, and not as a header's text.
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
    # Some have grown: by the prefix, or in lower case.
    table = {name: value for name, value in written.items() if len(name.encode()) <= MAX_SHORT}
    return pika.BasicProperties(headers=table, delivery_mode=PERSISTENT, timestamp=int(time.time()), **own)


def reason_of(error: BaseException) -> str:
    """Return what happened, as part of a sentence."""
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
            return words_of(cause)
        # What failed is in the library's errors as their first argument, and its last attempt in a list.
        inner = getattr(cause, "exceptions", None) or getattr(cause, "args", None)
        inner = getattr(cause, "exception", None) or (inner[-1] if inner else None) or cause.__cause__
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return str(cause).strip() or ("no answer" if isinstance(error, AMQPConnectionError) else type(error).__name__)
