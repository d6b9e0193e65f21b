"""The interface that brokers implement for the back end `bus`; the scheme of S2I_BUS_URL selects one.

A broker is a module of this folder with a class that implements Broker, a row in KINDS, and its own extra in
pyproject.toml (`bus-<name>`). It handles only messages: consumer.py decides what is scored, when, how often and in
which order, and how long to pause while the broker is unavailable. All calls run in one event loop; a blocking library
call gets a thread (asyncio.to_thread).
"""

import importlib
import importlib.util
import os
import socket
import ssl
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from nb_service import problems
from nb_service.backends.bus.place import Place


class Away(Exception):
    """The broker is unavailable. The text is part of a sentence, such as "connection refused", and contains no secrets.

    After a broker raises this, the consumer calls `close`, pauses, and calls `connect` again.
    """


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that was taken but not settled yet.

    `headers` have lower-case names, the same for every broker: CloudEvents attributes in binary mode start with `ce-`,
    and `content-type` is included. `id` is unique to this message and the same for each delivery of it. Deliveries with
    the same `lane` are settled in the order in which they were taken; None means in any order. `deliveries` counts
    deliveries, including this one. `since` is when the broker received the message (seconds since 1970; 0.0 if
    unknown). `claim` is for the broker's own use.
    """

    body: bytes
    id: str
    headers: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    lane: Hashable | None = None
    deliveries: int = 1
    since: float = 0.0
    claim: Any = None


class Outcome(NamedTuple):
    """The result of a delivery: a message for the target or for errors, and the acknowledgement of the delivery.

    `headers` have names as in Delivery and printable ASCII values. The message gets the delivery's key, and also its id
    if the broker has a field for it, so that the broker or the reader can detect duplicates.
    """

    delivery: Delivery
    is_error: bool
    body: bytes
    headers: dict[str, str]


class Lag(NamedTuple):
    """The number of undelivered messages in the broker, and when the oldest arrived (0.0: unknown)."""

    waiting: int
    since: float = 0.0


def describe_error(error: OSError) -> str:
    """Return a network error as part of a sentence; asyncio's own texts contain addresses."""
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS failed ({error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason})"
        )
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__


def producers_id(headers: dict[str, str]) -> str:
    """Return the unique name that the producer gave a message, for brokers without message ids; "" if there is none."""
    if headers.get("message-id"):
        return headers["message-id"]
    source, name = headers.get("ce-source"), headers.get("ce-id")
    # Together, these two identify an event.
    return f"{source}#{name}" if source and name else ""


class Broker(Protocol):
    """The interface of a broker, created with its validated Place.

    Every call may raise Away. Exceptions of the library about the broker, the network or permissions must be converted
    to Away; any other exception is a bug and stops the process.
    """

    keeps_claims: bool
    """Whether deliveries can still be settled after a new `connect`; else the broker delivers them again."""
    largest: int
    """The most bytes that one message may have, with its headers; known once connected."""

    @property
    def blocked(self) -> str:
        """Return why `settle` waits although the connection works, as part of a sentence; "" if it doesn't."""

    async def connect(self, most: int) -> None:
        """Connect and prepare to take messages; check that all places exist, if that can be checked.

        `most` is the maximum number of deliveries at a time, for brokers that push. May be cancelled during shutdown.
        """

    async def take(self, most: int) -> Sequence[Delivery]:
        """Return deliveries as soon as there are any, at most `most`; none after about half a second.

        Includes messages that an earlier consumer took and didn't settle within S2I_BUS_RECLAIM. Never cancelled.
        """

    async def stop(self) -> None:
        """Stop deliveries, and let the broker deliver untaken messages to other consumers; no `take` follows.

        Deliveries that were taken are still settled.
        """

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Publish and acknowledge the outcomes; return when the broker has stored all of them.

        Returns those that were not settled, because the broker has given them to another consumer: they must not be
        published. After Away, it is unknown which ones were settled: if `keeps_claims`, the same ones are settled again
        and must not be published twice if the broker can prevent it. Calls never overlap.
        """

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Extend the claim on these deliveries, so that the broker doesn't give them to another consumer.

        Called every third of S2I_BUS_RECLAIM with all current deliveries, even if there are none.
        """

    async def lag(self) -> Lag | None:
        """Return the messages waiting in the broker; None if unknown."""

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Have the broker redeliver these soon: they were not scored, and this process is exiting."""

    async def close(self) -> None:
        """Disconnect. Never raises; may be called at any time and repeatedly."""


class Kind(NamedTuple):
    """A kind of broker: its product name, module, class, and the library that it needs.

    `extra` is the value of BUS=… that installs the library, and, after `bus-`, the extra of pyproject.toml.
    """

    title: str
    module: str
    broker: str
    library: str
    extra: str


# By the scheme of S2I_BUS_URL.
KINDS = {
    "nats": Kind("NATS JetStream", "nats_jetstream", "NatsJetStream", "nats", "nats"),
    "tls": Kind("NATS JetStream", "nats_jetstream", "NatsJetStream", "nats", "nats"),
    "redis": Kind("Redis Streams", "redis_streams", "RedisStreams", "redis", "redis"),
    "rediss": Kind("Redis Streams", "redis_streams", "RedisStreams", "redis", "redis"),
    "amqp": Kind("RabbitMQ", "rabbitmq", "RabbitMQ", "pika", "rabbitmq"),
    "amqps": Kind("RabbitMQ", "rabbitmq", "RabbitMQ", "pika", "rabbitmq"),
    "mqtt": Kind("MQTT 5", "mqtt", "Mqtt", "paho", "mqtt"),
    "mqtts": Kind("MQTT 5", "mqtt", "Mqtt", "paho", "mqtt"),
    "kafka": Kind("Kafka", "kafka_topics", "KafkaTopics", "confluent_kafka", "kafka"),
    "kafkas": Kind("Kafka", "kafka_topics", "KafkaTopics", "confluent_kafka", "kafka"),
}


def is_here(kind: Kind) -> bool:
    """Return whether this service was built with the library for `kind`."""
    return importlib.util.find_spec(kind.library) is not None


def here() -> list[str]:
    """Return the schemes of the brokers that this service was built with."""
    return [scheme for scheme, kind in KINDS.items() if is_here(kind)]


def broken() -> list[str]:
    """Return a sentence for each installed library that can't be loaded, for example in a slim image."""
    sentences = []
    for kind in dict.fromkeys(KINDS.values()):
        if is_here(kind):
            try:
                importlib.import_module(f"{__name__}.{kind.module}")
            except (ImportError, OSError) as error:
                sentences.append(f"The client of {kind.title} can't be loaded: {error}")
    return sentences


def check(scheme: str) -> None:
    """Raise BusUrl or BusNeedsMore if this service has no broker for `scheme`."""
    kind = KINDS.get(scheme)
    if kind is None:
        raise problems.BusUrl(f"the scheme {scheme or '(none)'} is not a broker's; valid ones: {', '.join(KINDS)}")
    if not is_here(kind):
        raise problems.BusNeedsMore(kind.title, kind.library, kind.extra, here())


def make(place: Place) -> Broker:
    """Return the broker at `place`, not connected yet."""
    kind = KINDS[place.scheme]
    return getattr(importlib.import_module(f"{__name__}.{kind.module}"), kind.broker)(place)
