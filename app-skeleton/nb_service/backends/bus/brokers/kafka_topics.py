"""Kafka: predictions, errors and the group's offsets are one transaction, so read_committed readers get each one once.

A sample is done when a transaction with its prediction and the offset after it is committed. The transaction includes
the group's generation, so a service that the group has removed can't commit, and publishes nothing. So a prediction and
its sample's offset are either both written or not at all, whichever process is killed.

librdkafka works in its own threads. Calls of the consumer block in one thread here, and those of the producer in
another, so that neither is closed while in use; rebalances are reported in the first.
"""

import asyncio
import contextlib
import os
import re
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from nb_service.backends.bus.brokers import Away, Delivery, Lag, Outcome
from nb_service.backends.bus.place import Place

# Timeout of a broker's response, and of committing a transaction.
ANSWER_SECONDS = 5.0
COMMIT_SECONDS = 30.0
# Longer calls are made in steps, so that shutdown can be checked between them.
STEP_SECONDS = 1.0
# How long `take` waits for a first message.
IDLE_SECONDS = 0.5
# After this many seconds without a `take`, fetching pauses; the group is then polled at this interval.
PAUSE_SECONDS, SERVE_SECONDS = 1.0, 0.2
# The member's timeout: brokers reject shorter ones (group.min.session.timeout.ms), and librdkafka waits no longer for a
# response.
MIN_SESSION_SECONDS, MAX_SESSION_SECONDS = 6.0, 300.0
# How long the first `take` waits to join the group, which takes longer if a member has died.
JOIN_SECONDS = 5.0
# After this long without polling, a member no longer blocks the others in its group.
MAX_POLL_SECONDS = 60.0
# A broker's default for message.max.bytes, and the overhead of a message, including its key.
USUAL_LARGEST, FRAME = 1_000_000, 4096
# Prefixes of CloudEvents attributes in Kafka, and in all other brokers.
PREFIX, COMMON_PREFIX = "ce_", "ce-"
_REBALANCED = (KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS)
_TRANSPORT = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE)  # noqa: SLF001 - these are its names
_NO_CONFIGS = (KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED)


class _Share:
    """A partition assigned to this service: its unsettled deliveries in order, and the next offset."""

    __slots__ = ("next", "taken")

    def __init__(self) -> None:
        self.next: int | None = None
        self.taken: deque[int] = deque()


class _Claim(NamedTuple):
    """A delivery's position, its original key, and the share that it belongs to."""

    partition: int
    offset: int
    key: bytes | None
    share: _Share


class KafkaTopics:
    """Consumes the topic `source` in a group; see Broker."""

    keeps_claims = False
    blocked = ""

    def __init__(self, place: Place) -> None:
        self.largest = USUAL_LARGEST - FRAME
        self._place = place
        self._reader = ThreadPoolExecutor(1, "kafka-reader")
        self._writer = ThreadPoolExecutor(1, "kafka-writer")
        self._session = min(MAX_SESSION_SECONDS, max(MIN_SESSION_SECONDS, place.reclaim))
        # Unique to this process: another process that starts with the same id would abort this one's open transaction.
        self._transactional_id = f"{place.group}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None
        self._keeping: asyncio.Task | None = None
        self._closing = threading.Event()
        self._said = ""  # the library's latest error
        self._reset()

    def _reset(self) -> None:
        self._gone = ""  # the reason why no more messages will arrive
        self._shares: dict[int, _Share] = {}
        self._paused: set[int] = set()
        self._left: deque[Message] = deque()  # messages that arrived although none were requested
        self._taken_at = time.monotonic()
        self._joined = False

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Check the topics, initialise transactions, and join the group."""
        self._reset()
        self._closing.clear()
        await self._in(self._reader, self._connect, most)
        await self._in(self._writer, self._begin)
        await self._in(self._reader, self._subscribe)
        self._keeping = asyncio.create_task(self._keep())

    async def take(self, most: int) -> list[Delivery]:
        """Return messages that have been prefetched."""
        until = time.monotonic() + JOIN_SECONDS
        while True:
            deliveries = await self._in(self._reader, self._take, most)
            if deliveries or self._joined or time.monotonic() > until:
                self._joined = True
                return deliveries

    async def stop(self) -> None:
        """Stop fetching; prefetched messages that were not taken stay, because their offsets are not committed."""
        self._taken_at = 0.0

    async def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Publish the outcomes that still belong to this service, with the offsets after them, in one transaction."""
        return await self._in(self._writer, self._settle, outcomes)

    async def hold(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: the library sends the group's heartbeats."""

    async def lag(self) -> Lag | None:
        """Return the lag of this service's partitions; the group's lag is the sum over its members."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, self._lag)
        except KafkaException:
            # A partition without a leader reports no lag; taking and settling recover by themselves.
            return None

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: their offsets are not committed, so the partitions' next consumer starts there."""

    async def close(self) -> None:
        """Abort the transaction and leave the group; its partitions are reassigned at once."""
        self._closing.set()
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._end_producer)
        await loop.run_in_executor(self._reader, self._end_consumer)

    # --- in the event loop ---

    async def _in(self, thread: Executor, call: Callable[..., Any], *arguments: object) -> Any:
        """Return the result of `call` in `thread`; convert the library's errors to Away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, call, *arguments)
        except KafkaException as error:
            raise Away(self._reason(error.args[0])) from error

    async def _keep(self) -> None:
        """Poll the group while no messages are taken, because a silent member blocks all others."""
        while True:
            await asyncio.sleep(SERVE_SECONDS)
            if time.monotonic() - self._taken_at > PAUSE_SECONDS:
                await asyncio.get_running_loop().run_in_executor(self._reader, self._serve)

    # --- in the reader's thread ---

    def _connect(self, most: int) -> None:
        place = self._place
        session = self._session
        consumer = self._consumer = Consumer(
            {
                **self._common(),
                "group.id": place.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                # A rebalance revokes only partitions that move to another member.
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": int(session * 1000),
                # The timeout of requests if the network was cut without closing connections.
                "socket.timeout.ms": int(session * 1000),
                "heartbeat.interval.ms": int(min(3.0, session / 3) * 1000),
                "max.poll.interval.ms": int(max(MAX_POLL_SECONDS, session) * 1000),
                # Prefetched messages are in memory twice, and other members can't get them.
                "queued.min.messages": max(1000, most),
                "queued.max.messages.kbytes": 32 << 10,
                "fetch.queue.backoff.ms": 20,
            }
        )
        counts = {name: self._partitions(consumer, name) for name in (place.source, place.target, place.errors)}
        if place.create and not all(counts.values()):
            self._create([name for name, count in counts.items() if not count])
            counts = {name: self._partitions(consumer, name) for name in counts}
        missing = [name for name, count in counts.items() if not count]
        if missing:
            raise Away(f"there is no topic {missing[0]} (S2I_BUS_CREATE=1 creates it)")
        self._counts = counts
        self.largest = self._largest_of((place.target, place.errors)) - FRAME

    def _subscribe(self) -> None:
        self._taken_at = time.monotonic()
        # Earlier errors no longer apply.
        self._gone = ""
        self._here.subscribe(
            [self._place.source], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def _take(self, most: int) -> list[Delivery]:
        consumer = self._here
        if self._paused:
            consumer.resume([TopicPartition(self._place.source, partition) for partition in self._paused])
            self._paused.clear()
        deliveries: list[Delivery] = []
        until = time.monotonic() + IDLE_SECONDS
        # One message at a time: `poll` assigns and revokes partitions, and each message belongs to the share of that
        # moment.
        while len(deliveries) < most and not self._closing.is_set():
            wait = 0.0 if deliveries else max(0.0, until - time.monotonic())
            message = self._left.popleft() if self._left else consumer.poll(wait)
            if self._gone:
                raise Away(self._gone)
            if message is None:
                if wait == 0.0:
                    break
                continue
            error = message.error()
            if error is not None:
                raise Away(self._reason(error))
            delivery = self._delivery(message)
            if delivery is not None:
                deliveries.append(delivery)
        self._taken_at = time.monotonic()
        return deliveries

    def _serve(self) -> None:
        """Process the group's events without taking messages."""
        consumer = self._consumer
        if consumer is None or time.monotonic() - self._taken_at <= PAUSE_SECONDS:
            return
        fetching = self._shares.keys() - self._paused
        try:
            if fetching:
                consumer.pause([TopicPartition(self._place.source, partition) for partition in fetching])
                self._paused |= fetching
            message = consumer.poll(0)
        except KafkaException as error:
            self._gone = self._gone or self._reason(error.args[0])
            return
        if message is not None:
            self._left.append(message)

    def _lag(self) -> Lag:
        """Return the lag known from fetching; if fetching is paused, query the broker."""
        consumer, source, waiting = self._here, self._place.source, 0
        for partition, share in list(self._shares.items()):
            place = TopicPartition(source, partition)
            first, end = consumer.get_watermark_offsets(
                place, timeout=ANSWER_SECONDS, cached=partition not in self._paused
            )
            if share.next is None and end > 0:
                (committed,) = consumer.committed([place], timeout=ANSWER_SECONDS)
                position = committed.offset if committed.offset >= 0 else first
                if share.next is None:
                    share.next = max(0, position)
            waiting += max(0, end - (share.next or 0)) if end > 0 else 0
        return Lag(waiting)

    def _end_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaException):
                consumer.close()
        self._reset()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined = True
        for partition in partitions:
            self._shares[partition.partition] = _Share()

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._shares.pop(partition.partition, None)
            self._paused.discard(partition.partition)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop all claims: the group has continued without this member, which must join again."""
        self._revoked(consumer, partitions)
        self._gone = "the group has received nothing from this member for too long"

    def _delivery(self, message: Message) -> Delivery | None:
        """Return the message as a delivery; None if its partition was revoked."""
        # A message without an error has both.
        partition, offset = message.partition() or 0, message.offset() or 0
        share = self._shares.get(partition)
        if share is None:
            return None
        if share.taken and offset <= share.taken[-1]:
            raise Away(f"partition {partition} came out of order")
        share.next = offset + 1
        share.taken.append(offset)
        raw = message.key()
        milliseconds = message.timestamp()[1]
        return Delivery(
            message.value() or b"",
            f"{message.topic()}.{partition}.{offset}",
            {_common_name(name): _text(value) for name, value in _headers(message)},
            None if raw is None else _text(raw),
            # A committed offset is one past the last settled message.
            partition,
            1,
            milliseconds / 1000 if milliseconds > 0 else 0.0,
            _Claim(partition, offset, raw, share),
        )

    # --- in the writer's thread ---

    def _begin(self) -> None:
        self._producer = Producer(
            {
                **self._common(),
                "transactional.id": self._transactional_id,
                # An open transaction of a killed service blocks its readers and the next owner of its partitions.
                "transaction.timeout.ms": int(self._session * 1000),
                "message.max.bytes": self.largest + FRAME,
                "linger.ms": 1,
                # A transaction can start only when the markers of the previous one are written, which takes
                # milliseconds; with the default of 100 ms, each would wait that long. Retries back off up to the
                # default.
                "retry.backoff.ms": 3,
                # Like Kafka's own client; librdkafka's default assigns the same key to a different partition.
                "partitioner": "murmur2_random",
            }
        )
        self._patiently(self._producer.init_transactions, ANSWER_SECONDS)

    def _settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        until = time.monotonic() + COMMIT_SECONDS
        while True:
            consumer = self._here
            # The order matters, because partitions are revoked before the group's generation changes: with this
            # generation, either all of `ours` still belong to this service, or the broker rejects it.
            generation = consumer.consumer_group_metadata()
            if not consumer.memberid():
                # The broker does not check an empty generation.
                raise Away("the group no longer contains this member")
            ours = [outcome for outcome in outcomes if self._is_ours(outcome.delivery.claim)]
            if not ours:
                return list(outcomes)
            self._look_at_order(ours)
            try:
                self._transact(ours, generation)
            except KafkaException as error:
                if error.args[0].code() not in _REBALANCED or time.monotonic() > until:
                    raise
                # The remaining partitions will be known soon.
                self._closing.wait(SERVE_SECONDS / 2)
                if self._closing.is_set():
                    raise
                continue
            for outcome in ours:
                outcome.delivery.claim.share.taken.popleft()
            kept = {id(outcome) for outcome in ours}
            return [outcome for outcome in outcomes if id(outcome) not in kept]

    def _is_ours(self, claim: _Claim) -> bool:
        return self._shares.get(claim.partition) is claim.share

    @staticmethod
    def _look_at_order(ours: Sequence[Outcome]) -> None:
        """Raise Away if an offset would skip a sample without a prediction, which would then be lost."""
        number: dict[int, int] = {}
        for outcome in ours:
            claim = outcome.delivery.claim
            at = number.get(claim.partition, 0)
            if at >= len(claim.share.taken) or claim.share.taken[at] != claim.offset:
                raise Away(f"partition {claim.partition} was revoked and assigned again")
            number[claim.partition] = at + 1

    def _transact(self, ours: Sequence[Outcome], generation: object) -> None:
        producer, place = self._producer, self._place
        if producer is None:
            raise Away("the connection is closed")
        positions: dict[int, int] = {}
        producer.begin_transaction()
        try:
            for outcome in ours:
                claim = outcome.delivery.claim
                positions[claim.partition] = claim.offset + 1
                self._produce(producer, place.errors if outcome.is_error else place.target, outcome)
            offsets = [TopicPartition(place.source, partition, offset) for partition, offset in positions.items()]
            self._patiently(producer.send_offsets_to_transaction, COMMIT_SECONDS, offsets, generation)
            self._patiently(producer.commit_transaction, COMMIT_SECONDS)
        except KafkaException as error:
            if error.args[0].txn_requires_abort():
                self._patiently(producer.abort_transaction, ANSWER_SECONDS)
            raise

    def _produce(self, producer: Producer, topic: str, outcome: Outcome) -> None:
        """Queue a message in the library, for the sample's partition; by key if the numbers of partitions differ."""
        claim = outcome.delivery.claim
        same = self._counts[topic] == self._counts[self._place.source]
        headers: list[tuple[str, str | bytes | None]] = [
            (_kafka_name(name), value.encode()) for name, value in outcome.headers.items()
        ]
        while True:
            with contextlib.suppress(BufferError):
                producer.produce(
                    topic,
                    outcome.body,
                    claim.key,
                    claim.partition if same and claim.partition < self._counts[topic] else -1,
                    headers=headers,
                )
                return
            # The library's queue is full; delivering messages makes room.
            producer.poll(SERVE_SECONDS)
            if self._closing.is_set():
                raise Away("the connection is closed")

    def _patiently(self, call: Callable[..., Any], seconds: float, *arguments: object) -> None:
        """Retry a transaction call for as long as its error is retriable."""
        until = time.monotonic() + seconds
        while True:
            try:
                call(*arguments, STEP_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable() or self._closing.is_set() or time.monotonic() > until:
                    raise
            else:
                return

    def _end_producer(self) -> None:
        """Drop the producer; the next one with this id aborts its open transaction."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaException):
                producer.purge()

    # --- topics ---

    def _partitions(self, consumer: Consumer, topic: str) -> int:
        """Return the number of a topic's partitions; 0 if it does not exist."""
        try:
            found = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            # The library reports errors only from `poll`.
            consumer.poll(0)
            raise Away(self._reason(error.args[0])) from error
        if found.error is not None and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise Away(self._reason(found.error))
        return len(found.partitions)

    def _create(self, topics: list[str]) -> None:
        """Create topics with the cluster's default numbers of partitions and replicas."""
        # Stored in a variable, because a temporary object would be destroyed before the response arrives.
        admin = AdminClient(self._common())
        made = admin.create_topics([NewTopic(topic) for topic in topics])
        for future in made.values():
            try:
                future.result(ANSWER_SECONDS * 2)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _largest_of(self, topics: Sequence[str]) -> int:
        """Return the largest message size that all `topics` accept; the default without permission to query it."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        admin = AdminClient(self._common())
        asked = admin.describe_configs(resources, request_timeout=ANSWER_SECONDS)
        try:
            return min(int(future.result(ANSWER_SECONDS * 2)["max.message.bytes"].value) for future in asked.values())
        except KafkaException as error:
            if error.args[0].code() not in _NO_CONFIGS:
                raise
            return USUAL_LARGEST

    # --- its parts ---

    @property
    def _here(self) -> Consumer:
        if self._consumer is None:
            raise Away("the connection is closed")
        return self._consumer

    def _common(self) -> dict[str, Any]:
        """Return the settings of all clients."""
        place = self._place
        tls = place.tls() is not None
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(f"{_host(url.hostname)}:{url.port or 9092}" for url in place.urls),
            "client.id": f"nb-service {place.group}",
            "security.protocol": ("SASL_" if place.user else "") + ("SSL" if tls else "PLAINTEXT"),
            # This also applies until a new leader is known, and while a broker is unavailable.
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.fast.interval.ms": 100,
            # So deleted topics and new partitions are noticed within seconds instead of minutes.
            "topic.metadata.refresh.interval.ms": 10_000,
            "topic.metadata.propagation.max.ms": 5000,
            "allow.auto.create.topics": False,
            # The consumer logs the same errors as reasons.
            "log_level": 0,
            "error_cb": self._complained,
        }
        if place.user:
            settings |= {"sasl.mechanism": place.sasl, "sasl.username": place.user, "sasl.password": place.password}
        files = {
            "ssl.ca.location": place.ca_file,
            "ssl.certificate.location": place.cert_file,
            "ssl.key.location": place.cert_file and (place.key_file or place.cert_file),
        }
        return settings | {name: path for name, path in files.items() if path}

    def _complained(self, error: KafkaError) -> None:
        """Record an error from one of the library's threads, where an exception would be lost."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its name
            self._gone = self._gone or self._said or "no broker responds"
        else:
            self._said = _describe_error(error)
            if error.fatal():
                self._gone = self._gone or self._said

    def _reason(self, error: KafkaError) -> str:
        """Return the reason as part of a sentence; the library's earlier error is closer to the cause."""
        said, self._said = self._said, ""
        return (said if error.code() in _TRANSPORT else "") or _describe_error(error)


def _describe_error(error: KafkaError) -> str:
    """Return the library's text without addresses and times, which would make every message unique."""
    text = re.sub(r" \((after|while) .*\)?$", "", error.str())
    text = re.sub(r"^(Broker|Local|\S+:\d+/\S+|\S+:\d+): ", "", re.sub(r"^\S+://\S+: ", "", text))
    rejected = re.search(r"Connect to .* failed: (.*)", text)
    text = rejected[1] if rejected else text
    broken = re.search(r"error:[0-9A-F]+:SSL routines:[^:]*:([^:]+)", text)
    text = (
        f"TLS failed ({broken[1].strip()})" if broken else text if text[:2].isupper() else text[:1].lower() + text[1:]
    )
    return text.rstrip(".: ") or "no answer"


def _host(name: str | None) -> str:
    return f"[{name}]" if name and ":" in name else name or ""


def _common_name(name: str) -> str:
    name = name.lower()
    return COMMON_PREFIX + name.removeprefix(PREFIX) if name.startswith(PREFIX) else name


def _kafka_name(name: str) -> str:
    return PREFIX + name.removeprefix(COMMON_PREFIX) if name.startswith(COMMON_PREFIX) else name


def _headers(message: Message) -> list[tuple[str, bytes | str | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value or ""
