"""Real brokers on loopback, started by the tests on ports of their own, and killed by them; and what they hold.

Each class has the same names, so that every broker can be asked the same: start, kill, put, counts, everything.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import confluent_kafka
import nats
import pytest
import redis
from confluent_kafka.admin import AdminClient, NewTopic
from nats.js.errors import NotFoundError

from contract.services import SOON, children, free_port, wait_until
from engine import kafka, provide

# How long a JVM may take to start where all cores are busy.
JVM_SECONDS = 90.0
# Of 16 bytes, by the alphabet for URLs.
CLUSTER_ID = "bmItYnVpbGRlciB0ZXN0cw"
SOURCE, TARGET, ERRORS = "samples", "predictions", "predictions.errors"


def program(name: str, package: str) -> str:
    """Return the path of a broker's program; install Debian's under CI, else fail with the line that does."""
    if shutil.which(name) is None and provide.required():
        with contextlib.suppress(provide.Missing):
            provide.apt(package)
    path = shutil.which(name) or shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.fail(f"no {name} here; on Debian: apt-get install {package}")
    return path


class Message(NamedTuple):
    """A message that was published: whether as an error, its headers by their names in lower case, and its body."""

    is_error: bool
    headers: dict[str, str]
    body: bytes


class Server:
    """A broker's process; `folder` has what survives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        raise NotImplementedError

    def start(self) -> "Server":
        """Start it; return itself once it accepts connections."""
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        assert wait_until(self._accepts), (self.folder / "broker.log").read_text()
        return self

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(self.port)), 1):
            return True
        return False

    def kill(self) -> None:
        """Kill it, as a machine that loses its power does, but for what the kernel has."""
        self.process.kill()
        self.process.wait()

    def known_by(self, port: str) -> None:
        """Have clients come by another port, where the server itself tells them by which."""

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


class NatsServer(Server):
    """nats-server with JetStream on the disk."""

    def command(self) -> list[str]:
        """Return the command."""
        words = ["-a", "127.0.0.1", "-p", self.port, "-js", "-sd", str(self.folder)]
        return [program("nats-server", "nats-server"), *words]

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        url = f"nats://127.0.0.1:{self.port}"
        return {"S2I_BACKEND": "bus", "S2I_BUS_URL": url, "S2I_BUS_IN": SOURCE, "S2I_BUS_OUT": TARGET}

    def ask(self, use, **options):
        """Return what `await use(a connection, its JetStream)` does."""

        async def asked():
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", allow_reconnect=False, **options)
            try:
                return await use(client, client.jetstream(timeout=SOON))
            finally:
                await client.close()

        return asyncio.run(asked())

    def make(self, *subjects: str) -> None:
        """Make a stream for each subject; for all that a service uses, where none is named."""

        async def use(client, js):
            for subject in subjects or (SOURCE, TARGET, ERRORS):
                await js.add_stream(name=subject.replace(".", "_"), subjects=[subject])

        self.ask(use)

    def put(self, messages) -> None:
        """Publish (body, headers) as samples; come back when the server has confirmed all."""

        async def use(client, js):
            waiting = [await js.publish_async(SOURCE, body, headers=headers or None) for body, headers in messages]
            await asyncio.gather(*waiting)

        self.ask(use)

    def counts(self) -> tuple[int, int]:
        """Return how many answers and errors there are."""

        async def use(client, js):
            return [(await js.stream_info(name)).state.messages for name in ("predictions", "predictions_errors")]

        with contextlib.suppress(NotFoundError):
            return tuple(self.ask(use))
        return 0, 0

    def everything(self) -> list[Message]:
        """Return all answers and errors, in the order of their places."""

        async def use(client, js):
            messages = []
            for subject in (TARGET, ERRORS):
                name = subject.replace(".", "_")
                left = (await js.stream_info(name)).state.messages
                reader = await js.subscribe(subject, stream=name, ordered_consumer=True)
                while left:
                    message = await reader.next_msg(timeout=SOON)
                    headers = {name.lower(): value for name, value in (message.headers or {}).items()}
                    messages.append(Message(subject == ERRORS, headers, message.data))
                    left -= 1
                await reader.unsubscribe()
            return messages

        return self.ask(use)

    def unsettled(self) -> int:
        """Return how many samples were taken or wait, and are not acknowledged."""

        async def use(client, js):
            info = await js.consumer_info(SOURCE, "model")
            return info.num_ack_pending + info.num_pending

        return self.ask(use)


class RedisServer(Server):
    """redis-server with an append-only file."""

    def command(self) -> list[str]:
        """Return the command."""
        words = ["--bind", "127.0.0.1", "--port", self.port, "--appendonly", "yes", "--save", ""]
        return [program("redis-server", "redis-server"), *words, "--dir", str(self.folder)]

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        url = f"redis://127.0.0.1:{self.port}"
        return {"S2I_BACKEND": "bus", "S2I_BUS_URL": url, "S2I_BUS_IN": SOURCE, "S2I_BUS_OUT": TARGET}

    def client(self, **options) -> redis.Redis:
        """Return a client."""
        return redis.Redis(port=int(self.port), protocol=2, **options)

    def start(self) -> "RedisServer":
        """Start it; return itself once it has read its file."""
        super().start()

        def answers():
            with contextlib.suppress(redis.RedisError), self.client() as client:
                return client.ping()
            return False

        assert wait_until(answers)
        return self

    def make(self, *streams: str) -> None:
        """Do nothing: a stream is there with its first entry."""

    def put(self, messages) -> None:
        """Add (body, headers) as samples."""
        with self.client() as client:
            pipeline = client.pipeline(transaction=False)
            for body, headers in messages:
                pipeline.xadd(SOURCE, {"data": body, **headers})
            pipeline.execute()

    def counts(self) -> tuple[int, int]:
        """Return how many answers and errors there are."""
        with self.client() as client:
            return client.xlen(TARGET), client.xlen(ERRORS)

    def everything(self) -> list[Message]:
        """Return all answers and errors, in the order of their places."""
        messages = []
        with self.client() as client:
            for stream in (TARGET, ERRORS):
                for _, fields in client.xrange(stream):
                    body = fields.pop(b"data")
                    headers = {name.decode(): value.decode() for name, value in fields.items()}
                    messages.append(Message(stream == ERRORS, headers, body))
        return messages

    def unsettled(self) -> int:
        """Return how many samples were taken or wait, and are not acknowledged."""
        with self.client() as client:
            (group,) = client.xinfo_groups(SOURCE)
            return group["pending"] + group["lag"]


class KafkaServer(Server):
    """Kafka in KRaft mode: one node that is also the controller, and any number of others; see Server."""

    PARTITIONS = 4

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        super().__init__(folder)
        self.ports = [self.port, *(free_port() for _ in range(nodes - 1))]
        self.nodes: list[subprocess.Popen | None] = [None] * nodes
        self._controller = free_port()
        self._reader: confluent_kafka.Consumer | None = None
        self._read: list[Message] = []

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        url = ",".join(f"kafka://127.0.0.1:{port}" for port in self.ports)
        return {"S2I_BACKEND": "bus", "S2I_BUS_URL": url, "S2I_BUS_IN": SOURCE, "S2I_BUS_OUT": TARGET}

    @property
    def client(self) -> dict:
        """Return what a client needs to connect."""
        servers = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return {"bootstrap.servers": servers, "log_level": 0, "reconnect.backoff.max.ms": 500}

    def properties(self, node: int) -> dict[str, object]:
        """Return the properties of a node."""
        replicas = min(2, len(self.ports))
        listener = f"PLAINTEXT://127.0.0.1:{self.ports[node]}"
        return {
            "process.roles": "broker" if node else "broker,controller",
            "node.id": node + 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": listener if node else f"{listener},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": listener,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / f"node-{node}",
            "num.partitions": self.PARTITIONS,
            "default.replication.factor": replicas,
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 2,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": 2,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": 1,
            # What else makes tests wait: for more members, for dead nodes, and for transactions of dead services.
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
        }

    def start(self) -> "KafkaServer":
        """Start the nodes that do not run; return itself once all partitions have leaders."""
        for node in range(len(self.nodes)):
            self.start_node(node)
        assert wait_until(self._has_leaders, JVM_SECONDS), self._log(0)
        return self

    def start_node(self, node: int) -> None:
        """Start a node where it does not run."""
        running = self.nodes[node]
        if running is not None and running.poll() is None:
            return
        path = self.folder / f"node-{node}.properties"
        if not path.exists():
            path.write_text("".join(f"{name}={value}\n" for name, value in self.properties(node).items()))
            self.format(path)
        with open(self.folder / f"node-{node}.log", "ab") as log:
            self.nodes[node] = subprocess.Popen(kafka.command("kafka.Kafka", str(path)), stdout=log, stderr=log)

    def format(self, properties: Path, *words: str) -> None:
        """Make the folder of a node."""
        done = subprocess.run(
            kafka.command("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties), *words),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def known_by(self, port: str) -> None:
        """Start anew as a single node that tells clients this port."""
        self.kill()
        path = self.folder / "node-0.properties"
        path.write_text(f"{path.read_text()}advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n")
        self.start()

    def kill_node(self, node: int) -> None:
        """Kill one node."""
        process = self.nodes[node]
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill all nodes."""
        for node in range(len(self.nodes)):
            self.kill_node(node)

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self._reader is not None:
            self._reader.close()
        self.kill()

    def _log(self, node: int) -> str:
        return (self.folder / f"node-{node}.log").read_text()[-4000:]

    def _has_leaders(self) -> bool:
        with contextlib.suppress(confluent_kafka.KafkaException):
            found = AdminClient(self.client).list_topics(timeout=SOON)
            partitions = [partition for topic in found.topics.values() for partition in topic.partitions.values()]
            return len(found.brokers) == len(self.nodes) and all(partition.leader >= 0 for partition in partitions)
        return False

    def make(self, *topics: str) -> None:
        """Make topics; all that a service uses, where none is named."""
        admin = AdminClient(self.client)
        for future in admin.create_topics([NewTopic(name) for name in topics or (SOURCE, TARGET, ERRORS)]).values():
            future.result(SOON)
        assert wait_until(self._has_leaders)

    def put(self, messages) -> None:
        """Publish (body, headers) as samples: with a header `key` as the key, others in turn; wait until all are in."""
        producer = confluent_kafka.Producer(
            {**self.client, "enable.idempotence": True, "partitioner": "murmur2_random"}
        )
        failures = []
        for number, (body, headers) in enumerate(messages):
            key = headers.get("key")
            producer.produce(
                SOURCE,
                body,
                key,
                number % self.PARTITIONS if key is None else -1,
                headers={
                    name.replace("ce-", "ce_", 1) if name.startswith("ce-") else name: value
                    for name, value in headers.items()
                },
                on_delivery=lambda error, message: failures.append(error) if error else None,
            )
        assert producer.flush(SOON * 3) == 0
        assert not failures

    def counts(self) -> tuple[int, int]:
        """Return how many answers and errors there are for those who read what is committed."""
        self._read_on(0.2)
        errors = sum(message.is_error for message in self._read)
        return len(self._read) - errors, errors

    def everything(self) -> list[Message]:
        """Return all answers and errors, in the order of their partitions."""
        while self._read_on(1.0):
            pass
        return sorted(self._read, key=lambda message: message.is_error)

    def partitions(self, topic: str) -> Iterator[tuple[int, bytes | None, list[bytes]]]:
        """Yield the number of each partition, the key of its first message, and the bodies that are committed."""
        for partition in range(self.PARTITIONS):
            reader = confluent_kafka.Consumer({**self.client, "group.id": "nobody", "enable.partition.eof": True})
            reader.assign([confluent_kafka.TopicPartition(topic, partition, 0)])
            messages = list(iter(lambda reader=reader: _until_the_end(reader), None))
            reader.close()
            yield partition, messages[0].key(), [message.value() for message in messages]

    def _read_on(self, seconds: float) -> int:
        """Read what has come; return how many."""
        if self._reader is None:
            reader = confluent_kafka.Consumer(
                {**self.client, "group.id": "nobody", "isolation.level": "read_committed", "enable.auto.commit": False}
            )
            places = [
                confluent_kafka.TopicPartition(topic, partition, 0)
                for topic in (TARGET, ERRORS)
                for partition in range(self.PARTITIONS)
            ]
            reader.assign(places)
            self._reader = reader
        came = [message for message in self._reader.consume(2000, seconds) if message.error() is None]
        for message in came:
            headers = {
                name.lower().replace("ce_", "ce-", 1) if name.startswith("ce_") else name.lower(): value.decode()
                for name, value in message.headers() or ()
            }
            if message.key() is not None:
                headers["key"] = message.key().decode("utf-8", "backslashreplace")
            self._read.append(Message(message.topic() == ERRORS, headers, message.value() or b""))
        return len(came)

    def unsettled(self) -> int:
        """Return how many samples were taken or wait, and have no position behind them."""
        looker = confluent_kafka.Consumer({**self.client, "group.id": "model", "isolation.level": "read_uncommitted"})
        try:
            places = [confluent_kafka.TopicPartition(SOURCE, partition) for partition in range(self.PARTITIONS)]
            ends = sum(looker.get_watermark_offsets(place, timeout=SOON)[1] for place in places)
            return ends - sum(max(0, place.offset) for place in looker.committed(places, timeout=SOON))
        finally:
            looker.close()


def _until_the_end(reader: confluent_kafka.Consumer) -> confluent_kafka.Message | None:
    """Return the next message; None at the end."""
    message = reader.poll(SOON)
    assert message is not None
    return None if message.error() else message


SERVERS = {"nats": NatsServer, "redis": RedisServer, "kafka": KafkaServer}


def count_until(server: Server, number: int, seconds: float) -> tuple[int, int]:
    """Return the counts once they are `number` together, or after `seconds` without any news; it may be away."""
    best, until = (0, 0), time.monotonic() + seconds
    while sum(best) < number and time.monotonic() < until:
        with contextlib.suppress(
            OSError, nats.errors.Error, redis.RedisError, confluent_kafka.KafkaException, asyncio.TimeoutError
        ):
            counts = server.counts()
            if sum(counts) > sum(best):
                best, until = counts, time.monotonic() + seconds
        time.sleep(0.05)
    return best


def bus_process(service) -> int | None:
    """Return the id of the bus's process: the child whose command names it; None while there is none."""
    for child in children(service.process.pid):
        try:
            with open(f"/proc/{child}/cmdline", "rb") as file:
                if b"nb_service.backends.bus" in file.read():
                    return child
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def kill_bus(service) -> None:
    """Kill the bus's process of a service, as soon as it has one."""
    assert wait_until(lambda: bus_process(service) is not None)
    os.kill(bus_process(service), signal.SIGKILL)
