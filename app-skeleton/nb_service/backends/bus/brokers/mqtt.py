"""MQTT 5: a shared subscription in a persistent session; acknowledges samples after their predictions are published.

MQTT doesn't store topics. A message that was sent to a session and not acknowledged belongs to that session, and is
redelivered when a client with the same name connects. So a service must keep its name across restarts (S2I_BUS_CLIENT),
and its session never expires, unless the broker overrides that. MQTT has neither a delivery count nor message ids,
except for the producer's user property `message-id`, or an event's source and id.
"""

import asyncio
import contextlib
import itertools
import secrets
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome, describe_error, producers_id
from nb_service.backends.bus.brokers.links import Link, Linked
from nb_service.backends.bus.place import Place

ANSWER_SECONDS = 5.0
CONFIRM_SECONDS = 30.0
KEEPALIVE_SECONDS = 10
# The interval at which the library checks whether to send a ping.
LOOK_SECONDS = 1.0
GOODBYE_SECONDS = 1.0
# An expired session would lose its samples.
NEVER = 0xFFFFFFFF
AT_LEAST_ONCE = 1
TAKEN_OVER = 0x8E
# If a connection was shorter than this, wait before the next, for an increasing time: another client may be using our
# name, or the broker may reject what we publish.
SHORT_SECONDS = 10.0
FIRST_PAUSE, MAX_PAUSE = 0.5, 5.0
# Not all brokers send this reason.
OUR_NAME = "another client uses its name; each service needs its own, permanent name (S2I_BUS_CLIENT)"
# MQTT's limits for the length of a message and for the number in flight.
MAX_SIZE = (1 << 28) - 1
MAX_ON_THE_WAY = 0xFFFF
MESSAGE_ID = "message-id"
KEYS = ("key", "partitionkey", "ce-partitionkey")
# The required attributes of a CloudEvent; in MQTT, attributes have no prefix.
EVENT = ("specversion", "id", "source", "type")


@dataclass(slots=True, eq=False)
class Came:
    """A message as received, the name assigned to it, and whether it can be acknowledged."""

    message: paho.MQTTMessage
    name: str
    is_settled: bool = False


class _Link(Link[Came]):
    """A connection, run by the event loop; `ours` names messages that earlier connections did not acknowledge."""

    def __init__(self, client: paho.Client, ours: dict[int, str]) -> None:
        super().__init__()
        self.client = client
        self.ours = ours
        self.unsettled: deque[Came] = deque()  # in order of arrival, in which they must be acknowledged
        self.is_hung_up = False  # whether the broker closed the connection without a reason
        self.loss_counted = False
        self.began = time.monotonic()
        self.on_the_way: set[int] = set()  # published messages that have not been confirmed
        self.window = MAX_ON_THE_WAY
        self.largest = MAX_SIZE
        self._progress = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._socket: Any = None
        self._is_connected = False
        self._granted: int | None = None
        self._numbers = itertools.count()
        self._own = secrets.token_hex(6)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._came
        # If these callbacks are set, the library leaves writing to us.
        client.on_socket_register_write = lambda *_: self._write(True)
        client.on_socket_unregister_write = lambda *_: self._write(False)
        client.on_socket_close = lambda *_: self._detach()

    async def open(self, host: str, port: int, most: int) -> None:
        """Connect; `most` is how many messages may arrive before one is acknowledged."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = NEVER
        properties.ReceiveMaximum = max(1, min(most, MAX_ON_THE_WAY))
        # Blocks during name resolution, connecting, and the TLS handshake.
        await asyncio.to_thread(
            self.client.connect, host, port, KEEPALIVE_SECONDS, clean_start=False, properties=properties
        )
        opened: Any = self.client.socket()
        if opened is None:
            raise Away("the connection is lost")
        # Otherwise, each small message waits 40 ms for the TCP acknowledgement of the previous one.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        self._loop.add_reader(opened, self._read)
        self._write(self.client.want_write())
        self._look()
        await self.until(lambda: self._is_connected, ANSWER_SECONDS)

    async def subscribe(self, topic: str) -> None:
        """Subscribe to `topic` at QoS 1."""
        self.client.subscribe(topic, options=SubscribeOptions(qos=AT_LEAST_ONCE))
        await self.until(lambda: self._granted is not None, ANSWER_SECONDS)
        if self._granted != AT_LEAST_ONCE:
            self.lose("it gives each message at most once (QoS 0), so some would be lost")
            raise Away(self.gone)

    async def until(self, is_so: Any, seconds: float) -> None:
        """Wait until `is_so()`; raise Away if the connection closes first or nothing happens for `seconds`."""
        while not is_so():
            if self.gone:
                raise Away(self.gone)
            self._progress.clear()
            try:
                await asyncio.wait_for(self._progress.wait(), seconds)
            except asyncio.TimeoutError as error:
                raise Away("no answer") from error
        if self.gone:
            raise Away(self.gone)

    async def publish(self, topic: str, body: bytes, properties: Properties) -> None:
        """Publish as soon as the limit of messages in flight allows it."""
        await self.until(lambda: len(self.on_the_way) < self.window, CONFIRM_SECONDS)
        self.on_the_way.add(self.client.publish(topic, body, AT_LEAST_ONCE, properties=properties).mid)

    def acknowledge(self) -> None:
        """Acknowledge settled messages in order of arrival, as MQTT requires: up to the first unsettled one."""
        while self.unsettled and self.unsettled[0].is_settled:
            message = self.unsettled.popleft().message
            self.ours.pop(message.mid, None)
            self.client.ack(message.mid, message.qos)

    def lose(self, reason: str) -> None:
        """Wake all waiting callers, because nothing more will arrive."""
        super().lose(reason)
        self._progress.set()

    async def close(self) -> None:
        """Disconnect after everything written was sent; the broker keeps the session."""
        was_lost = bool(self.gone)
        self.lose("the connection is closed")
        if self._socket is not None and not was_lost:
            self.client.disconnect()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ended.wait(), GOODBYE_SECONDS)
        opened = self._socket
        if opened is not None:
            self._detach()
            opened.close()

    # --- the socket ---

    def _read(self) -> None:
        self.client.loop_read()
        # Data that TLS has buffered doesn't make the socket readable.
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self.client.loop_read()

    def _write(self, is_wanted: bool) -> None:
        if self._socket is None:
            # A thread is still connecting.
            return
        if is_wanted:
            self._loop.add_writer(self._socket, self.client.loop_write)
        else:
            self._loop.remove_writer(self._socket)

    def _detach(self) -> None:
        opened, self._socket = self._socket, None
        if opened is not None:
            self._loop.remove_reader(opened)
            self._loop.remove_writer(opened)

    def _look(self) -> None:
        if not self.ended.is_set() and self._socket is not None:
            self.client.loop_misc()
            self._loop.call_later(LOOK_SECONDS, self._look)

    # --- callbacks of the library ---

    def _connected(self, _client: object, _data: object, _flags: object, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.lose(f"it rejects the connection: {reason}")
            return
        if getattr(properties, "SharedSubscriptionAvailable", 1) == 0:
            self.lose("it has no shared subscriptions")
        self.window = getattr(properties, "ReceiveMaximum", MAX_ON_THE_WAY)
        self.largest = min(MAX_SIZE, getattr(properties, "MaximumPacketSize", MAX_SIZE))
        self._is_connected = True
        self._progress.set()

    def _disconnected(self, _client: object, _data: object, flags: Any, reason: Any, _properties: object) -> None:
        if reason.value == TAKEN_OVER:
            self.lose(OUR_NAME)
        self.is_hung_up = not self.gone and not flags.is_disconnect_packet_from_server
        self.lose("the connection is lost" if self.is_hung_up else f"it says {reason}")
        self.ended.set()

    def _subscribed(self, _client: object, _data: object, _mid: int, reasons: Any, _properties: object) -> None:
        if reasons[0].is_failure:
            self.lose(f"it rejects the subscription: {reasons[0]}")
        self._granted = reasons[0].value
        self._progress.set()

    def _published(self, _client: object, _data: object, mid: int, reason: Any, _properties: object) -> None:
        self.on_the_way.discard(mid)
        if reason.is_failure:
            self.lose(f"it rejects a published message: {reason}")
        self._progress.set()

    def _came(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        name = self.ours.get(message.mid) if message.dup else None
        if name is None:
            name = producers_id(headers_of(message)) or f"{self._own}.{next(self._numbers)}"
        came = Came(message, name)
        if message.qos:
            self.ours[message.mid] = name
            self.unsettled.append(came)
        self.arrive(came)


class Mqtt(Linked[_Link]):
    """Subscribes to the topic `source`, which may have wildcards; publishes to `target` and `errors`; see Broker."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, MAX_SIZE)
        self._pause = 0.0
        self._ours: dict[int, str] = {}  # names of unacknowledged messages, by the session's packet id
        self._taken: set[str] = set()
        # Characters with a meaning in MQTT topics can't be part of a group's name.
        self._group = "".join("_" if character in "/+#" else character for character in place.group)

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Connect to the session with our name, creating it if needed, and subscribe."""
        await asyncio.sleep(self._pause)
        place = self._place
        if set("+#") & set(place.target + place.errors):
            raise Away("nothing can be published to a topic with a wildcard (S2I_BUS_OUT, S2I_BUS_ERRORS)")
        url, tls = self._url, place.tls()
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=place.client or place.group,
            protocol=paho.MQTTv5,
            manual_ack=True,
            # The consumer reconnects, and logs it.
            reconnect_on_failure=False,
        )
        client.connect_timeout = ANSWER_SECONDS
        # The broker's limit is part of its response and can't be changed after that, so `publish` enforces it.
        client.max_inflight_messages = 0
        if tls is not None:
            client.tls_set_context(tls)
        if place.user:
            client.username_pw_set(place.user, place.password or None)
        link = self._link = _Link(client, self._ours)
        self._taken = set()
        try:
            await link.open(url.hostname or "", url.port or (1883 if tls is None else 8883), most)
            await link.subscribe(f"$share/{self._group}/{place.source}")
        except OSError as error:
            self._address += 1
            raise Away(describe_error(error)) from error
        except Away:
            self._address += 1
            raise self._away(link) from None
        self.largest = link.largest

    async def take(self, most: int) -> list[Delivery]:
        """Return messages that have arrived."""
        link = self._here
        await link.wait()
        if link.gone:
            raise self._away(link)
        return [self._delivery(came) for came in link.pop(most)]

    async def stop(self) -> None:
        """Do nothing: the session keeps messages until we reconnect."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish all outcomes, wait for the broker's confirmations, then acknowledge their deliveries."""
        link, place = self._here, self._place
        try:
            for outcome in outcomes:
                topic = place.errors if outcome.is_error else place.target
                await link.publish(topic, outcome.body, properties_of(outcome))
            await link.until(lambda: not link.on_the_way, CONFIRM_SECONDS)
        except Away:
            raise self._away(link) from None
        for outcome in outcomes:
            outcome.delivery.claim.is_settled = True
            self._taken.discard(outcome.delivery.id)
        link.acknowledge()
        return []

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: messages belong to the session, so no other client gets them."""

    async def lag(self) -> Lag | None:
        """Return None: MQTT doesn't report it."""
        return None

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: unacknowledged messages are redelivered to the next client that connects with our name."""

    # --- its parts ---

    def _away(self, link: _Link) -> Away:
        """Return the reason; first wait if connecting again at once would fail in the same way."""
        lived = time.monotonic() - link.began
        if not link.loss_counted and lived < SHORT_SECONDS:
            if self._pause and link.is_hung_up:
                link.gone = f"the connection is lost as soon as it is made; perhaps {OUR_NAME}"
            self._pause = min(MAX_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        elif not link.loss_counted:
            self._pause = 0.0
        # `take` and `settle` may both notice the loss.
        link.loss_counted = True
        return Away(link.gone or "no answer")

    def _delivery(self, came: Came) -> Delivery:
        message = came.message
        headers = headers_of(message)
        key = next((headers[name] for name in KEYS if headers.get(name)), None)
        if key is None and message.topic != self._place.source:
            # With wildcards in the subscription, this is the actual topic.
            key = message.topic
        # If a producer sends a message twice, each gets a prediction, and both have the same id.
        name = came.name if came.name not in self._taken else f"{came.name}.{message.mid}"
        self._taken.add(name)
        return Delivery(bytes(message.payload), name, headers, key, key, 1 + message.dup, 0.0, came)


def _user_properties(message: paho.MQTTMessage) -> dict[str, str]:
    return {name.lower(): value for name, value in getattr(message.properties, "UserProperty", ())}


def headers_of(message: paho.MQTTMessage) -> dict[str, str]:
    """Return a message's properties as headers."""
    headers = _user_properties(message)
    if all(name in headers for name in EVENT):
        # All attributes of an event, including extensions, whose names are alphanumeric.
        headers = {f"ce-{name}" if name.isalnum() else name: value for name, value in headers.items()}
    properties = message.properties
    own = {
        "content-type": getattr(properties, "ContentType", ""),
        "correlation-id": getattr(properties, "CorrelationData", b"").decode("utf-8", "backslashreplace"),
        "reply-to": getattr(properties, "ResponseTopic", ""),
    }
    return headers | {name: value for name, value in own.items() if value}


def properties_of(outcome: Outcome) -> Properties:
    """Return the properties of a prediction or error message."""
    came: Came = outcome.delivery.claim
    headers = {MESSAGE_ID: came.name, **outcome.headers}
    properties = Properties(PacketTypes.PUBLISH)
    content_type = headers.pop("content-type", "")
    if content_type:
        properties.ContentType = content_type
    # Copied unchanged rather than converted to header text.
    for ours, name in (("CorrelationData", "correlation-id"), ("ResponseTopic", "reply-to")):
        value = getattr(came.message.properties, ours, None)
        if value:
            setattr(properties, ours, value)
            headers.pop(name, None)
    properties.UserProperty = [(name.removeprefix("ce-"), value) for name, value in headers.items()]
    return properties
