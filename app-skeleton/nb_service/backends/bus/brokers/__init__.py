"""What every broker must do for the back end `bus`, and how one is found: by the scheme of S2I_BUS_URL.

A broker is a module of this folder with a class that has the names of Broker, a row in KINDS, and an extra of its own
in pyproject.toml (`bus-<name>`). It knows no samples and no scorers: consumer.py decides what is scored, when, how
often and in which order, and how long to pause while the broker is away. Every call runs in one event loop; one that
must wait in a library gets a thread (asyncio.to_thread).
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
    """The broker can't be used now. The text is part of a sentence, such as "connection refused", without secrets.

    Whoever raises it is asked to `close`, and after a pause to `connect` again.
    """


@dataclass(slots=True, eq=False)
class Delivery:
    """A message that was taken and not yet settled.

    `headers` have names in lower case; those of CloudEvents in binary mode begin with `ce-`, and `content-type` is one
    of them, however the broker says these. `id` is the same in each delivery of this message, and no other's.
    Deliveries with the same `lane` are settled in the order in which they were taken; None has no order to keep.
    `deliveries` counts this one too. `since` is when the broker got it (seconds since 1970; 0.0 where it does not say).
    `claim` is the broker's own.
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
    """What a delivery leads to: one message, for the place of answers or that of errors, and its acknowledgement.

    `headers` have names as in Delivery and printable ASCII as values. The message gets the delivery's key, and the
    delivery's id wherever the broker has a place for one by which it, or who reads it, finds what came twice.
    """

    delivery: Delivery
    is_error: bool
    body: bytes
    headers: dict[str, str]


class Lag(NamedTuple):
    """How many messages wait in the broker and were not delivered, and since when the oldest does (0.0: unknown)."""

    waiting: int
    since: float = 0.0


def words_of(error: OSError) -> str:
    """Return what an error of the network is, as part of a sentence: asyncio's own words have addresses in them."""
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS failed ({error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason})"
        )
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__


def producers_id(headers: dict[str, str]) -> str:
    """Return the name that its producer gave a message and no other, where the broker has none; "" without one."""
    if headers.get("message-id"):
        return headers["message-id"]
    source, name = headers.get("ce-source"), headers.get("ce-id")
    # Together these are one event's, and no other's.
    return f"{source}#{name}" if source and name else ""


class Broker(Protocol):
    """One broker; made with its Place, which has been looked at already.

    Each call may raise Away. An exception of the library that says something about the broker, the network or
    permissions is to become one; all others are bugs, and end the process.
    """

    keeps_claims: bool
    """Whether deliveries can still be settled after a new `connect`; else the broker delivers them again."""
    largest: int
    """The most bytes that one message may have, with its headers; known once connected."""

    @property
    def blocked(self) -> str:
        """Return why `settle` waits although the connection is well, as part of a sentence; "" where it does not."""

    async def connect(self, most: int) -> None:
        """Connect and make ready to take; see that all places are there, where that can be seen.

        `most` is how many deliveries there will ever be at a time, for brokers that push. Cancelled at the end.
        """

    async def take(self, most: int) -> Sequence[Delivery]:
        """Return deliveries as soon as there are any, at most `most`; none after about half a second without.

        What an earlier consumer took and never settled comes here, too, after S2I_BUS_RECLAIM. Never cancelled.
        """

    async def stop(self) -> None:
        """Have the broker send nothing more, and deliver to others what it has sent already: no `take` follows.

        What was taken is still settled.
        """

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Publish and acknowledge; come back when the broker has all of it for good.

        Return those that were no longer ours to settle, because the broker gave them to somebody else: they must not
        be published. After Away nobody knows what was done: where `keeps_claims`, the same is settled once more, and
        must not be published twice if the broker can prevent that. One call at a time.
        """

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these are still being worked on, so that it gives them to nobody else.

        Called every third of S2I_BUS_RECLAIM with all there are, also with none.
        """

    async def lag(self) -> Lag | None:
        """Return what waits in the broker; None where it does not say."""

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Have the broker deliver these again soon: they were not answered, and this process ends."""

    async def close(self) -> None:
        """Hang up. Does not raise; may be called at any time, also twice."""


class Kind(NamedTuple):
    """A kind of broker: what people call it, the module here, its class, and the library that it needs.

    `extra` is what BUS=… says to have it, and after `bus-` an extra of pyproject.toml.
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
    """Return whether this service was built with the library of `kind`."""
    return importlib.util.find_spec(kind.library) is not None


def here() -> list[str]:
    """Return the schemes whose brokers this service was built with."""
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
    """Raise BusUrl or BusNeedsMore where there is no broker for `scheme` here."""
    kind = KINDS.get(scheme)
    if kind is None:
        raise problems.BusUrl(f"the scheme {scheme or '(none)'} is not a broker's; valid ones: {', '.join(KINDS)}")
    if not is_here(kind):
        raise problems.BusNeedsMore(kind.title, kind.library, kind.extra, here())


def make(place: Place) -> Broker:
    """Return the broker at `place`, not yet connected."""
    kind = KINDS[place.scheme]
    return getattr(importlib.import_module(f"{__name__}.{kind.module}"), kind.broker)(place)
