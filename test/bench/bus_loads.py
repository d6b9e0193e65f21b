"""What the bench does with a broker: publish samples, count answers, and measure the way from one to the other."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka
import nats
import pika
import redis
from confluent_kafka.admin import AdminClient, NewTopic
from environments import ROOT

sys.path.insert(0, str(ROOT / "test"))

import shared
from contract.brokers import KafkaServer, NatsServer, RabbitServer, RedisServer, Server

ANSWER_SECONDS = 30
# Samples are published in ticks of this length in seconds.
TICK = 0.001
PARTITIONS = 4
# Which model a message is for, to MLServer; others ignore it.
MODEL = [("mlserver-model", b"kmeans")]


class Load:
    """A client of a broker. Places are called `samples-<name>` and `predictions-<name>`, of each peer its own.

    `kind` is the broker's class of the tests, which starts it.
    """

    kind: type[Server]

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.settings["S2I_BUS_URL"]

    def make(self, *places: str) -> None:
        """Make places, of which samples come to the first."""

    def put(self, place: str, bodies: Sequence[bytes]) -> None:
        """Publish samples; come back when the broker has them."""
        raise NotImplementedError

    def count(self, place: str) -> int:
        """Return how many messages a place has."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""


class OneByOne(Load):
    """A broker by which the way of single samples can be measured."""

    def ways(self, source: str, target: str, body: bytes, rate: float, seconds: float) -> list[float]:
        """Publish `rate` samples a second; return how many seconds later each answer arrived."""
        raise NotImplementedError


class NatsLoad(OneByOne):
    """NATS JetStream; each place is a stream."""

    kind = NatsServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._runner = asyncio.Runner()
        self._client = self._runner.run(nats.connect(self.url))
        self._js = self._client.jetstream(timeout=ANSWER_SECONDS)

    def make(self, *places: str) -> None:
        """Make a stream for each."""
        for place in places:
            self._runner.run(self._js.add_stream(name=place, subjects=[place]))

    def put(self, place: str, bodies: Sequence[bytes]) -> None:
        """Publish; wait for all confirmations."""

        async def publish() -> None:
            waiting = [await self._js.publish_async(place, body) for body in bodies]
            await asyncio.gather(*waiting)

        self._runner.run(publish())

    def count(self, place: str) -> int:
        """Return the stream's own count."""
        return self._runner.run(self._js.stream_info(place)).state.messages

    def ways(self, source: str, target: str, body: bytes, rate: float, seconds: float) -> list[float]:
        """See OneByOne; answers come to a plain subscription."""
        return self._runner.run(self._ways(source, target, body, rate, seconds))

    async def _ways(self, source: str, target: str, body: bytes, rate: float, seconds: float) -> list[float]:
        taken: list[float] = []

        async def came(message: nats.aio.msg.Msg) -> None:
            taken.append(time.monotonic() - float(message.headers["x-sample-id"]))

        listening = await self._client.subscribe(target, cb=came)

        async def publish(number: int) -> None:
            for _ in range(number):
                await self._client.publish(source, body, headers={"x-sample-id": str(time.monotonic())})

        sent = await in_ticks(publish, rate, seconds)
        await until(lambda: len(taken) >= sent)
        await listening.unsubscribe()
        return taken

    def close(self) -> None:
        """Hang up."""
        self._runner.run(self._client.close())
        self._runner.close()


class RedisLoad(OneByOne):
    """Redis Streams."""

    kind = RedisServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._client = redis.Redis.from_url(self.url, protocol=2)

    def make(self, *places: str) -> None:
        """Make FastStream's group of the first: it would begin with what comes after its start."""
        self._client.xgroup_create(places[0], "faststream", id="0", mkstream=True)

    def put(self, place: str, bodies: Sequence[bytes]) -> None:
        """Add entries, by one pipeline."""
        pipeline = self._client.pipeline(transaction=False)
        for body in bodies:
            pipeline.xadd(place, {"data": body})
        pipeline.execute()

    def count(self, place: str) -> int:
        """Return the stream's length."""
        return self._client.xlen(place)

    def ways(self, source: str, target: str, body: bytes, rate: float, seconds: float) -> list[float]:
        """See OneByOne; answers are read as they are added."""
        return asyncio.run(self._ways(source, target, body, rate, seconds))

    async def _ways(self, source: str, target: str, body: bytes, rate: float, seconds: float) -> list[float]:
        taken: list[float] = []
        is_over = asyncio.Event()
        client = redis.asyncio.Redis.from_url(self.url, protocol=2)
        newest = await client.xrevrange(target, count=1)

        async def read(last: bytes | str) -> None:
            # Until all have arrived: this client does not support cancellation.
            while not is_over.is_set():
                for _, entries in await client.xread({target: last}, block=100) or ():
                    now = time.monotonic()
                    taken.extend(now - float(fields[b"x-sample-id"]) for _, fields in entries)
                    last = entries[-1][0]

        async def publish(number: int) -> None:
            pipeline = client.pipeline(transaction=False)
            for _ in range(number):
                pipeline.xadd(source, {"data": body, "x-sample-id": str(time.monotonic())})
            await pipeline.execute()

        reading = asyncio.create_task(read(newest[0][0] if newest else "0"))
        sent = await in_ticks(publish, rate, seconds)
        await until(lambda: len(taken) >= sent or reading.done())
        is_over.set()
        await reading
        await client.aclose()
        return taken

    def close(self) -> None:
        """Hang up."""
        self._client.close()


class RabbitLoad(Load):
    """RabbitMQ with quorum queues, which take longest and keep most."""

    kind = RabbitServer

    def make(self, *places: str) -> None:
        """Make a queue for each."""
        self.server.make(*places)

    def put(self, place: str, bodies: Sequence[bytes]) -> None:
        """Publish; wait until the queue has them."""
        before = self.count(place)
        with self.server.connection() as client:
            channel = client.channel()
            for body in bodies:
                kind = pika.BasicProperties(content_type="application/json", delivery_mode=2)
                channel.basic_publish("", place, body, kind)
        wait_for(lambda: self.count(place) >= before + len(bodies))

    def count(self, place: str) -> int:
        """Return how many messages wait in the queue."""
        with self.server.connection() as client:
            return client.channel().queue_declare(place, passive=True).method.message_count


class KafkaLoad(Load):
    """Kafka; answers are counted by a reader of what is committed."""

    kind = KafkaServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._servers = {"bootstrap.servers": f"127.0.0.1:{server.port}", "log_level": 0}
        self._producer = confluent_kafka.Producer({**self._servers, "linger.ms": 5})
        self._readers: dict[str, confluent_kafka.Consumer] = {}
        self._counts: dict[str, int] = {}

    def make(self, *places: str) -> None:
        """Make a topic for each."""
        # Without a name of its own it would end before it has the answer.
        admin = AdminClient(self._servers)
        for made in admin.create_topics([NewTopic(place, PARTITIONS) for place in places]).values():
            made.result(ANSWER_SECONDS)

    def put(self, place: str, bodies: Sequence[bytes]) -> None:
        """Produce to all partitions in turn."""
        for number, body in enumerate(bodies):
            while True:
                try:
                    self._producer.produce(place, body, partition=number % PARTITIONS, headers=MODEL)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        left = self._producer.flush(ANSWER_SECONDS)
        if left:
            raise RuntimeError(f"Kafka has not taken {left} samples")

    def count(self, place: str) -> int:
        """Return how many were read until now."""
        reader = self._readers.get(place)
        if reader is None:
            reader = self._readers[place] = confluent_kafka.Consumer(
                {**self._servers, "group.id": "bench", "isolation.level": "read_committed", "enable.auto.commit": False}
            )
            reader.assign([confluent_kafka.TopicPartition(place, partition, 0) for partition in range(PARTITIONS)])
        came = reader.consume(10_000, 0.02)
        self._counts[place] = self._counts.get(place, 0) + sum(message.error() is None for message in came)
        return self._counts[place]

    def close(self) -> None:
        """Hang up."""
        for reader in self._readers.values():
            reader.close()


LOADS: dict[str, type[Load]] = {"nats": NatsLoad, "redis": RedisLoad, "kafka": KafkaLoad, "rabbitmq": RabbitLoad}


@contextmanager
def fetching() -> Iterator[None]:
    """Let what the tests fetch of brokers be fetched here, too."""
    shared.claim()
    run = shared.Run(print)
    try:
        yield
    finally:
        run.end()


def started(name: str, folder: Path) -> Load:
    """Return the client of a broker that has just been started."""
    folder.mkdir(parents=True, exist_ok=True)
    return LOADS[name](LOADS[name].kind(folder).start())


def request_of(sample: str) -> bytes:
    """Return what MLServer takes from a topic instead of a sample."""
    value = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": json.loads(sample)}
    return json.dumps({"inputs": [value]}).encode()


async def in_ticks(publish: Callable, rate: float, seconds: float) -> int:
    """Call `publish(how many are due)` at each tick; return how many there were."""
    began, sent = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        due = int(now * rate) - sent
        if due:
            await publish(due)
            sent += due
        await asyncio.sleep(TICK)
    return sent


async def until(is_so: Callable[[], bool]) -> None:
    """Come back when it is so; raise TimeoutError where that takes too long."""
    async with asyncio.timeout(ANSWER_SECONDS):
        # Nobody's event: it is counted in callbacks.
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def wait_for(is_so: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> float:
    """Return when it is so, by the monotonic clock; raise TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.005)
    return time.monotonic()
