"""What we write is read by clients of other languages: in Go, in C, and redis-cli. Kafka's own is in test_bus_kafka."""

import json
import subprocess

import pytest

from contract.brokers import TARGET, MqttServer, NatsServer, RabbitServer, RedisServer, count_until
from contract.services import SOON, wait_until
from engine import go_tool, provide

DOUBLE = """
    def predictor(x):
        return {"double": 2 * x, "é": "ü"}

    examples = [1]
"""
NUMBER = 5
SAMPLES = [(b"%d" % number, {"x-sample-id": f"s{number}", "traceparent": "00-1"}) for number in range(NUMBER)]
EVENT = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t", "subject": "who"}
ANSWERS = [{"double": 2 * number, "é": "ü"} for number in range(NUMBER)]


class MqttByWords(MqttServer):
    """One whose log has every packet."""

    def lines(self):
        return [*super().lines(), "log_type all"]


@pytest.fixture
def begin(start, tmp_path):
    """Return what starts a broker of a kind, does what comes `before`, and has a service get SAMPLES and an event."""
    servers = []

    def begun(kind, before=lambda server: None):
        servers.append(kind(tmp_path))
        server = servers[-1].start()
        server.make()
        before(server)
        # One scorer: in the order of the samples.
        start(DOUBLE, **server.settings, WEB_CONCURRENCY="1").ready().wait_for("taking samples")
        for message in SAMPLES:
            server.put([message])
        server.put([(b"7", {f"ce-{name}": value for name, value in EVENT.items()})])
        return server

    yield begun
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """Return what reads by a client in Go: (kind, address, place) gives [(body, headers)]."""
    built = go_tool.build(provide.ROOT / "test/readers", tmp_path_factory.mktemp("readers") / "readers")

    def read(kind, address, place):
        done = subprocess.run([built, kind, address, place, str(NUMBER + 1)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return sorted(((line["body"], line["headers"]) for line in lines), key=lambda pair: pair[1]["x-sample-id"])

    return read


def _assert_right(read, prefix, answers=ANSWERS):
    """Assert that what was read, sorted by the samples' ids, are the answers: of the event, and of the samples."""
    assert [json.loads(body) for body, _ in read] == [{"double": 14, "é": "ü"}, *answers]
    event, first = read[0][1], read[1][1]
    assert (event[f"{prefix}causationid"], event[f"{prefix}subject"]) == ("e", "who")
    assert (first["x-sample-id"], first["x-model-name"], first["traceparent"]) == ("s0", "model", "00-1")


def test_nats_in_go(begin, reader):
    server = begin(NatsServer)
    _assert_right(reader("nats", f"nats://127.0.0.1:{server.port}", TARGET), "ce-")


def test_rabbitmq_in_go(begin, reader):
    server = begin(RabbitServer)
    read = reader("amqp", f"amqp://guest:guest@127.0.0.1:{server.port}", TARGET)
    _assert_right(read, "cloudEvents:")
    assert read[0][1]["content-type"] == "application/json"


def test_redis_by_its_own_command_line(begin):
    server = begin(RedisServer)
    assert count_until(server, NUMBER + 1, SOON) == (NUMBER + 1, 0)
    command = [provide.program("redis-cli", "redis-tools"), "-p", server.port, "--json", "XRANGE", TARGET, "-", "+"]
    entries = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    read = []
    for _, words in entries:
        fields = dict(zip(words[::2], words[1::2], strict=True))
        read.append((fields.pop("data"), fields))
    _assert_right(sorted(read, key=lambda pair: pair[1]["x-sample-id"]), "ce-")


def test_mqtt_by_mosquitto_s_own_command_line(begin, tmp_path):
    subscribers = []

    def subscribe(server):
        command = [provide.program("mosquitto_sub", "mosquitto-clients"), "-p", server.port, "-V", "mqttv5", "-q", "1"]
        command += ["-i", "in-c", "-t", TARGET, "-F", "%j", "-C", str(NUMBER + 1), "-W", "60"]
        subscribers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        # A topic has nothing of what was before.
        assert wait_until(lambda: "Sending SUBACK to in-c" in (server.folder / "broker.log").read_text())

    begin(MqttByWords, subscribe)
    reported = [json.loads(line) for line in subscribers[0].communicate()[0].splitlines()]
    assert subscribers[0].returncode == 0
    read = []
    for message in reported:
        properties = message["properties"]
        pairs = properties["user-properties"]
        user = {name: value for pair in ([pairs] if isinstance(pairs, dict) else pairs) for name, value in pair.items()}
        read.append((message["payload"], {**user, "content-type": properties["content-type"]}))
    _assert_right(sorted(read, key=lambda pair: pair[1]["x-sample-id"]), "")
