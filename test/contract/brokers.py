"""Real brokers on loopback, started by the tests on ports of their own, and killed by them; and what they hold.

Each class has the same names, so that every broker can be asked the same: start, kill, put, counts, everything.
"""

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import confluent_kafka
import nats
import pika
import redis
from confluent_kafka.admin import AdminClient, NewTopic
from nats.js.errors import NotFoundError
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pika.adapters.asyncio_connection import AsyncioConnection

from contract.services import EVERY_BROKER, SOON, children, free_port, wait_until
from engine import kafka, provide

# How long a JVM may take to start where all cores are busy.
JVM_SECONDS = 90.0
# Of 16 bytes, by the alphabet for URLs.
CLUSTER_ID = "bmItYnVpbGRlciB0ZXN0cw"
SOURCE, TARGET, ERRORS = "samples", "predictions", "predictions.errors"


class Message(NamedTuple):
    """A message that was published: whether as an error, its headers by their names in lower case, and its body."""

    is_error: bool
    headers: dict[str, str]
    body: bytes


class Server:
    """A broker's process; `folder` has what survives it.

    `tells_lag` is whether it says how many samples wait, `once` whether each leads to one message and never two.
    """

    tells_lag = once = True

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

    def _accepts(self, port: str = "") -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port or self.port)), 1):
            return True
        return False

    def kill(self) -> None:
        """Kill it, as a loss of power would, except that the kernel keeps its buffers."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Make sure that nothing is left."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def known_by(self, port: str) -> None:
        """Have clients use another port, which the server itself announces."""


class NatsServer(Server):
    """nats-server with JetStream on the disk."""

    def command(self) -> list[str]:
        """Return the command."""
        words = ["-a", "127.0.0.1", "-p", self.port, "-js", "-sd", str(self.folder)]
        return [provide.program("nats-server", "nats-server"), *words]

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
        # With the default, everysec, Redis delays writes for up to two seconds while the disk is busy, and a kill
        # loses them.
        words = ["--bind", "127.0.0.1", "--port", self.port, "--appendonly", "yes", "--appendfsync", "no", "--save", ""]
        return [provide.program("redis-server", "redis-server"), *words, "--dir", str(self.folder)]

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


def _end(process: subprocess.Popen, is_group: bool = False) -> None:
    """Kill a process, or all of its group, unless it has exited."""
    if process.poll() is None:
        if is_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


class RabbitServer(Server):
    """rabbitmq-server with quorum queues, a node of its own without any other's names and ports.

    One takes ten seconds to start. So who closes one leaves it, without its queues, to the next who needs one.
    """

    once = False
    _spare: ClassVar[list["RabbitServer"]] = []
    kind = "quorum"

    def __init__(self, folder: Path) -> None:
        if self._spare and type(self) is RabbitServer:
            vars(self).update(vars(self._spare.pop()))
        else:
            super().__init__(Path(tempfile.mkdtemp(prefix="nb-rabbit-")))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
            self.dist, self.names = free_port(), free_port()
            self.epmd: subprocess.Popen | None = None
        self.read: dict[str, list[Message]] = {TARGET: [], ERRORS: []}

    def environ(self) -> dict[str, str]:
        """Return where its programs find each other."""
        folder = str(self.folder)
        return {
            **os.environ,
            "HOME": folder,
            "RABBITMQ_NODENAME": f"nb{self.port}@localhost",
            "RABBITMQ_DIST_PORT": self.dist,
            "ERL_EPMD_PORT": self.names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
        }

    def lines(self) -> list[str]:
        """Return the lines of its configuration."""
        return [f"listeners.tcp.1 = 127.0.0.1:{self.port}"]

    def command(self) -> list[str]:
        """Return the command: the server's own, as Debian's needs a user for it."""
        provide.program("rabbitmq-server", "rabbitmq-server")
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        url = f"amqp://127.0.0.1:{self.port}"
        return {"S2I_BACKEND": "bus", "S2I_BUS_URL": url, "S2I_BUS_IN": SOURCE, "S2I_BUS_OUT": TARGET}

    def start(self) -> "RabbitServer":
        """Start it; return itself once clients can log in."""
        if self.process is not None and self.process.poll() is None:
            return self
        (self.folder / "rabbitmq.conf").write_text("\n".join(self.lines()) + "\n")
        if self.epmd is None:
            words = [provide.program("epmd", "rabbitmq-server"), "-port", self.names, "-address", "127.0.0.1"]
            self.epmd = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            atexit.register(_end, self.epmd)
            # Else the server starts one that is never stopped.
            assert wait_until(lambda: self._accepts(self.names))
        with open(self.folder / "broker.log", "ab") as log:
            # A group of its own: the command is a shell's, and waits for the server.
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=self.environ(), start_new_session=True
            )
        # Claims that are left to the next may end up with no owner.
        atexit.register(_end, self.process, is_group=True)

        def answers():
            assert self.process.poll() is None, (self.folder / "broker.log").read_text()[-2000:]
            # The library logs each that is refused.
            if self._accepts():
                with contextlib.suppress(OSError, pika.exceptions.AMQPError), self.connection():
                    return True
            return False

        assert wait_until(answers, 120), (self.folder / "broker.log").read_text()[-2000:]
        return self

    def kill(self) -> None:
        """Kill it and its children."""
        _end(self.process, is_group=True)

    def close(self) -> None:
        """Leave it to the next, where it runs and is like all."""
        if type(self) is RabbitServer and self.process is not None and self.process.poll() is None:
            with self.connection() as client:
                for queue in (SOURCE, TARGET, ERRORS):
                    client.channel().queue_delete(queue)
            self._spare.append(self)
        else:
            super().close()

    def parameters(self) -> pika.ConnectionParameters:
        """Return how the tests log in."""
        return pika.ConnectionParameters("127.0.0.1", int(self.port), heartbeat=0, blocked_connection_timeout=SOON)

    @contextlib.contextmanager
    def connection(self):
        """Return a connection, closed at the end of `with`."""
        client = pika.BlockingConnection(self.parameters())
        try:
            yield client
        finally:
            if client.is_open:
                client.close()

    def control(self, *words: str) -> str:
        """Return the output of rabbitmqctl."""
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environ(), check=True)
        return done.stdout

    def make(self, *queues: str) -> None:
        """Make a queue for each name; for all that a service uses, where none is named."""
        with self.connection() as client:
            for queue in queues or (SOURCE, TARGET, ERRORS):
                client.channel().queue_declare(queue, durable=True, arguments={"x-queue-type": self.kind})

    def put(self, messages) -> None:
        """Publish (body, headers) as samples; come back when the server has confirmed all."""

        async def published():
            loop = asyncio.get_running_loop()
            left, over = set(), loop.create_future()

            def confirmed(frame):
                assert isinstance(frame.method, pika.spec.Basic.Ack)
                tag, multiple = frame.method.delivery_tag, frame.method.multiple
                left.difference_update([number for number in left if number <= tag] if multiple else [tag])
                if not left:
                    over.set_result(None)

            def publish(channel):
                channel.confirm_delivery(confirmed, lambda _: None)
                for number, (body, headers) in enumerate(messages, 1):
                    own = {name.replace("-", "_"): headers.get(name) for name in ("content-type", "correlation-id")}
                    others = {
                        name.replace("ce-", "cloudEvents:"): value
                        for name, value in headers.items()
                        if name.replace("-", "_") not in own
                    }
                    name = others.pop("message-id", None)
                    properties = pika.BasicProperties(headers=others, message_id=name, delivery_mode=2, **own)
                    left.add(number)
                    channel.basic_publish("", SOURCE, body, properties)

            def opened(connection):
                connection.channel(on_open_callback=publish)

            closed = asyncio.Event()
            connection = AsyncioConnection(
                self.parameters(), opened, lambda *_: closed.set(), lambda *_: closed.set(), loop
            )
            await asyncio.wait_for(over, 60)
            connection.close()
            await closed.wait()

        asyncio.run(published())

    def counts(self) -> tuple[int, int]:
        """Return how many answers and errors there are."""
        with self.connection() as client:
            channel = client.channel()
            ready = [channel.queue_declare(queue, passive=True).method.message_count for queue in self.read]
            return tuple(count + len(read) for count, read in zip(ready, self.read.values(), strict=True))

    def everything(self) -> list[Message]:
        """Return all answers and errors, in the order of their places; they are taken from these and kept here."""
        with self.connection() as client:
            channel = client.channel()
            for queue, read in self.read.items():
                while True:
                    method, properties, body = channel.basic_get(queue, auto_ack=True)
                    if method is None:
                        break
                    headers = {
                        name.replace("cloudEvents:", "ce-"): value for name, value in (properties.headers or {}).items()
                    }
                    own = {
                        name.replace("_", "-"): getattr(properties, name)
                        for name in ("content_type", "correlation_id", "message_id", "reply_to")
                        if getattr(properties, name)
                    }
                    read.append(Message(queue == ERRORS, {**headers, **own}, body))
        return [message for read in self.read.values() for message in read]

    def unsettled(self) -> int:
        """Return how many samples were taken or wait, and are not acknowledged."""
        with self.connection() as client:
            method = client.channel().queue_declare(SOURCE, passive=True).method
        if not method.consumer_count:
            return method.message_count
        # Up to five seconds old.
        rows = dict(line.split("\t") for line in self.control("list_queues", "name", "messages").splitlines()[1:])
        return max(int(rows[SOURCE]), method.message_count)


class MqttServer(Server):
    """mosquitto, and a reader whose session has all answers and errors from the start."""

    tells_lag = once = False
    CLIENT = "scorer"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.messages: list[Message] = []
        self.sent = 0
        self.reader: paho.Client | None = None
        self._subscribed = threading.Event()

    def lines(self) -> list[str]:
        """Return the lines of its configuration."""
        return [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            # It would drop what waits beyond a thousand.
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            "log_dest stderr",
            "user root",
        ]

    def command(self) -> list[str]:
        """Return the command."""
        (self.folder / "mosquitto.conf").write_text("\n".join(self.lines()) + "\n")
        return [provide.program("mosquitto", "mosquitto"), "-c", str(self.folder / "mosquitto.conf")]

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it."""
        return {
            "S2I_BACKEND": "bus",
            "S2I_BUS_URL": f"mqtt://127.0.0.1:{self.port}",
            "S2I_BUS_IN": SOURCE,
            "S2I_BUS_OUT": TARGET,
            "S2I_BUS_CLIENT": self.CLIENT,
        }

    def client(self, name: str, **options) -> paho.Client:
        """Return a client that is not connected."""
        return paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5, **options)

    def connect(self, client: paho.Client) -> None:
        """Connect a client to its session, and run it in a thread."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0xFFFFFFFF
        properties.ReceiveMaximum = 0xFFFF
        client.connect("127.0.0.1", int(self.port), clean_start=False, properties=properties)
        client.loop_start()

    def start(self) -> "MqttServer":
        """Start it; return itself once the reader has subscribed."""
        # The reader may be faster than what follows.
        self._subscribed.clear()
        super().start()
        if self.reader is None:
            self.reader = self.client("reader")
            self.reader.reconnect_delay_set(1, 1)
            self.reader.on_connect = lambda client, *_: client.subscribe([(TARGET, 1), (ERRORS, 1)])
            self.reader.on_subscribe = lambda *_: self._subscribed.set()
            self.reader.on_message = lambda *said: self.messages.append(_message_of(said[-1]))
            self.connect(self.reader)
        assert self._subscribed.wait(SOON)
        return self

    def kill(self) -> None:
        """Stop it: it writes its messages only on shutdown, so that a kill loses all of them."""
        self.process.terminate()
        self.process.wait()

    def close(self) -> None:
        """End the reader, too."""
        if self.reader is not None:
            self.reader.disconnect()
            self.reader.loop_stop()
        super().close()

    def make(self, *topics: str) -> None:
        """Do nothing: topics are made by those who subscribe."""

    def put(self, messages) -> None:
        """Publish (body, headers) as samples; come back when the server has confirmed all."""
        client = self.client("")
        client.max_inflight_messages = 20
        client.connect("127.0.0.1", int(self.port), clean_start=True)
        client.loop_start()
        sent = []
        for body, headers in messages:
            own = dict(headers)
            properties = Properties(PacketTypes.PUBLISH)
            if "content-type" in own:
                properties.ContentType = own.pop("content-type")
            if "correlation-id" in own:
                properties.CorrelationData = own.pop("correlation-id").encode()
            properties.UserProperty = [(name.removeprefix("ce-"), value) for name, value in own.items()]
            sent.append(client.publish(SOURCE, body, 1, properties=properties))
        for one in sent:
            one.wait_for_publish(SOON)
            assert one.is_published()
        client.disconnect()
        client.loop_stop()
        self.sent += len(sent)

    def counts(self) -> tuple[int, int]:
        """Return how many answers and errors there are."""
        errors = sum(message.is_error for message in self.messages)
        return len(self.messages) - errors, errors

    def everything(self) -> list[Message]:
        """Return all answers and errors, in the order of their places."""
        return sorted(self.messages, key=lambda message: message.is_error)

    def is_connected(self) -> bool:
        """Return whether the service is connected, according to the broker's log."""
        log = (self.folder / "broker.log").read_text()
        return log.rfind(f" as {self.CLIENT} (") > log.rfind(f"Client {self.CLIENT} ")

    def unsettled(self) -> int:
        """Return how many samples the service's session still has; while it is connected, how many lack an answer."""
        if self.is_connected():
            return self.sent - len({message.headers["x-sample-id"] for message in self.messages})
        bodies, end = [], threading.Event()

        def take(client, _, message):
            if message.payload == b"the last":
                client.ack(message.mid, message.qos)
                end.set()
            else:
                bodies.append(message.payload)

        client = self.client(self.CLIENT, manual_ack=True)
        client.on_message = take
        self.connect(client)
        # Comes after all that waits.
        client.publish(SOURCE, b"the last", 1)
        assert end.wait(SOON), bodies
        client.disconnect()
        client.loop_stop()
        return len(bodies)


def _message_of(message: paho.MQTTMessage) -> Message:
    headers = dict(getattr(message.properties, "UserProperty", ()))
    if "specversion" in headers:
        headers = {f"ce-{name}" if name.isalnum() else name: value for name, value in headers.items()}
    if hasattr(message.properties, "ContentType"):
        headers["content-type"] = message.properties.ContentType
    if hasattr(message.properties, "CorrelationData"):
        headers["correlation-id"] = message.properties.CorrelationData.decode()
    if hasattr(message.properties, "ResponseTopic"):
        headers["reply-to"] = message.properties.ResponseTopic
    return Message(message.topic == ERRORS, headers, message.payload)


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
        """Return a client's settings for the connection."""
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
        """Start again as a single node that announces this port to clients."""
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
        """Read the messages that have arrived; return their number."""
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


EVERY = {
    "nats": NatsServer,
    "redis": RedisServer,
    "rabbitmq": RabbitServer,
    "mqtt": MqttServer,
    "kafka": KafkaServer,
}
QUICK = ("nats", "redis")
SERVERS = EVERY if EVERY_BROKER else {name: EVERY[name] for name in QUICK}


@contextlib.asynccontextmanager
async def connected(broker) -> AsyncIterator:
    """Connect a broker of the back end; close it at the end of `async with`."""
    try:
        await broker.connect(16)
        yield broker
    finally:
        await broker.close()


async def taken(broker, number: int = 1) -> list:
    """Return `number` deliveries; each call of `take` waits for half a second."""
    deliveries = []
    for _ in range(40):
        deliveries += await broker.take(16)
        if len(deliveries) >= number:
            break
    return deliveries


def count_until(server: Server, number: int, seconds: float) -> tuple[int, int]:
    """Return the counts once they are `number` together, or after `seconds` without any news; it may be away."""
    best, until = (0, 0), time.monotonic() + seconds
    while sum(best) < number and time.monotonic() < until:
        with contextlib.suppress(
            OSError, nats.errors.Error, redis.RedisError, pika.exceptions.AMQPError, asyncio.TimeoutError
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
