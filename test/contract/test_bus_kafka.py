"""The back end `bus` with Kafka: what no other broker has. Leaders, generations of a group, committed reads, SASL."""

import json
import os
import signal
import subprocess

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from contract.brokers import ERRORS, JVM_SECONDS, SOURCE, TARGET, KafkaServer, bus_process, count_until
from contract.services import free_port, wait_until
from engine import kafka

DOUBLES = """
    import os, time

    def predictor(x):
        time.sleep(0.004)
        while "gate" in x and not os.path.exists(x["gate"]):
            time.sleep(0.01)
        return {"id": x["id"], "double": 2 * x["id"]}

    examples = [{"id": 1}]
"""
# The group of a service that is gone has waited so long, and its transactions.
GONE_SECONDS = 30


@pytest.fixture
def server(tmp_path):
    """Return Kafka with one node, and all topics."""
    running = KafkaServer(tmp_path).start()
    running.make()
    yield running
    running.close()


def _taking(service):
    service.ready()
    service.wait_for("taking samples", JVM_SECONDS)
    return service


def _samples(numbers, **headers):
    return [(json.dumps({"id": number}).encode(), headers) for number in numbers]


def _assert_each_once(server, number):
    """Assert that there is one right answer to each of `number` samples, and nothing else."""
    assert wait_until(lambda: server.unsettled() == 0, GONE_SECONDS)
    answers = [json.loads(message.body) for message in server.everything()]
    assert sorted(answer["id"] for answer in answers) == list(range(number))
    assert all(answer["double"] == 2 * answer["id"] for answer in answers)


def _leaders(server):
    """Return which nodes lead partitions of the samples and of the answers."""
    topics = AdminClient(server.client).list_topics(timeout=20).topics
    return {partition.leader - 1 for name in (SOURCE, TARGET) for partition in topics[name].partitions.values()}


@pytest.mark.timeout(300)
def test_leaders_that_change_in_the_middle_lose_and_double_nothing(start, tmp_path):
    server = KafkaServer(tmp_path, nodes=2).start()
    try:
        server.make()
        _taking(start(DOUBLES, **server.settings))
        assert _leaders(server) == {0, 1}
        server.put(_samples(range(1200)))
        count_until(server, 200, GONE_SECONDS)
        server.kill_node(1)
        assert wait_until(lambda: _leaders(server) == {0}, GONE_SECONDS)
        count_until(server, 700, GONE_SECONDS)
        # It comes back while there is still something to do, and then the other one goes, with the controller.
        server.start()
        server.kill_node(0)
        server.start()
        assert count_until(server, 1200, GONE_SECONDS * 2) == (1200, 0)
        _assert_each_once(server, 1200)
    finally:
        server.close()


@pytest.mark.timeout(180)
def test_services_that_come_and_go_in_the_middle_lose_and_double_nothing(start, server):
    first = _taking(start(DOUBLES, **server.settings))
    server.put(_samples(range(1500)))
    count_until(server, 100, GONE_SECONDS)
    second = _taking(start(DOUBLES, **server.settings))
    count_until(server, 400, GONE_SECONDS)
    assert first.stop() == 0
    count_until(server, 800, GONE_SECONDS)
    third = _taking(start(DOUBLES, **server.settings))
    assert count_until(server, 1500, GONE_SECONDS) == (1500, 0)
    assert (second.stop(), third.stop()) == (0, 0)
    _assert_each_once(server, 1500)


@pytest.mark.timeout(180)
def test_a_service_that_was_thought_dead_publishes_nothing_of_what_it_held(start, server):
    stopped = _taking(start(DOUBLES, **server.settings))
    server.put(_samples(range(1000)))
    count_until(server, 100, GONE_SECONDS)
    process = bus_process(stopped)
    os.kill(process, signal.SIGSTOP)
    try:
        # It holds what it has taken, and perhaps a transaction.
        other = _taking(start(DOUBLES, **server.settings))
        assert count_until(server, 1000, GONE_SECONDS) == (1000, 0)
    finally:
        os.kill(process, signal.SIGCONT)
    stopped.wait_for(r"can't be used: .*; not ready")
    stopped.wait_for("is available again after", GONE_SECONDS)
    assert bus_process(stopped) == process
    server.put(_samples(range(1000, 1100)))
    assert count_until(server, 1100, GONE_SECONDS) == (1100, 0)
    assert (stopped.stop(), other.stop()) == (0, 0)
    _assert_each_once(server, 1100)


def _gated(gate, numbers):
    return [(json.dumps({"id": number, "gate": str(gate)}).encode(), {}) for number in numbers]


def _in_flight(service, number):
    """Return whether a service has that number of samples; wait for as long as a group may wait for a dead member."""
    words = f"nb_bus_in_flight_samples {number}.0"
    return wait_until(lambda: words in service.ask(None, "/metrics", "GET", {})[1], GONE_SECONDS)


@pytest.mark.timeout(120)
def test_answers_to_what_was_given_to_another_service_meanwhile_are_not_published(start, server, tmp_path):
    first = _taking(start(DOUBLES, **server.settings))
    server.put(_gated(tmp_path / "gate", range(4)))
    assert _in_flight(first, 4)
    second = _taking(start(DOUBLES, **server.settings))
    # Of two of the four partitions, which the first one has not answered.
    assert _in_flight(second, 2)
    (tmp_path / "gate").touch()
    assert _in_flight(first, 0)
    assert _in_flight(second, 0)
    _assert_each_once(server, 4)


@pytest.mark.timeout(120)
def test_a_service_that_was_thought_dead_can_not_commit_what_it_has_answered_since(start, server, tmp_path):
    stopped = _taking(start(DOUBLES, **server.settings))
    server.put(_gated(tmp_path / "gate", range(4)))
    assert _in_flight(stopped, 4)
    process = bus_process(stopped)
    os.kill(process, signal.SIGSTOP)
    try:
        other = _taking(start(DOUBLES, **server.settings))
        assert _in_flight(other, 4)
        (tmp_path / "gate").touch()
        assert count_until(server, 4, GONE_SECONDS) == (4, 0)
    finally:
        # It finds the answers of its own scorers, and has no transaction that the broker could have ended.
        os.kill(process, signal.SIGCONT)
    stopped.wait_for(r"can't be used: .*; not ready", GONE_SECONDS)
    stopped.wait_for("is available again after", GONE_SECONDS)
    assert bus_process(stopped) == process
    _assert_each_once(server, 4)


def test_keys_are_kept_byte_for_byte_and_partitions_where_there_are_as_many(start, server):
    _taking(start(DOUBLES, **server.settings))
    producer = confluent_kafka.Producer(server.client)
    for number in range(20):
        # Not where any partitioner would put it.
        producer.produce(SOURCE, json.dumps({"id": number}), b"\xff\x00key", number % 4)
    assert producer.flush(20) == 0
    assert count_until(server, 20, GONE_SECONDS) == (20, 0)
    for partition, key, answers in server.partitions(TARGET):
        assert key == b"\xff\x00key"
        assert [json.loads(answer)["id"] for answer in answers] == list(range(partition, 20, 4))


def test_kafka_s_own_tools_read_what_we_write_and_find_the_same_partitions(start, server):
    # Fewer than of samples: so the key says where an answer goes.
    admin = AdminClient(server.client)
    for future in admin.create_topics([NewTopic("three", 3)]).values():
        future.result(20)
    event = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "/s", "ce-type": "t"}
    server.put(_samples(range(5), key="customer 7", **event, **{"content-type": "application/json"}))
    _taking(start(DOUBLES, **{**server.settings, "S2I_BUS_OUT": "three", "S2I_BUS_ERRORS": ERRORS}))
    assert wait_until(lambda: server.unsettled() == 0)
    reported = subprocess.run(
        kafka.command("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", f"127.0.0.1:{server.port}",
                      "--topic", "three", "--property", "parse.key=true", "--property", "key.separator=|"),
        input="customer 7|of Java\n", text=True, capture_output=True,
    )  # fmt: skip
    assert reported.returncode == 0, reported.stdout + reported.stderr
    shown = ("partition", "key", "headers")
    read = subprocess.run(
        kafka.command("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                      f"127.0.0.1:{server.port}", "--topic", "three", "--from-beginning", "--max-messages", "6",
                      "--timeout-ms", "60000", "--isolation-level", "read_committed",
                      *(word for name in shown for word in ("--property", f"print.{name}=true"))),
        text=True, capture_output=True,
    )  # fmt: skip
    lines = [line.split("\t") for line in read.stdout.splitlines() if line.startswith("Partition:")]
    assert [line[-1] for line in lines] == [*(f'{{"id": {number}, "double": {2 * number}}}' for number in range(5)),
                                            "of Java"], read.stdout + read.stderr  # fmt: skip
    assert len({line[0] for line in lines}) == 1
    headers = dict(pair.split(":", 1) for pair in lines[0][1].split(","))
    assert (headers["ce_causationid"], headers["x-sample-id"], headers["x-model-name"]) == ("e1", "e1", "model")
    assert {line[2] for line in lines} == {"customer 7"}


def test_topics_that_are_not_there_are_waited_for_or_made_and_one_that_is_deleted_again(start, tmp_path):
    server = KafkaServer(tmp_path).start()
    try:
        waiting = start(DOUBLES, **server.settings).ready()
        waiting.wait_for(r"can't be used: there is no topic samples \(S2I_BUS_CREATE=1 creates it\); not ready")
        assert waiting.status("/readyz") == 503
        making = _taking(start(DOUBLES, S2I_BUS_CREATE="1", **server.settings))
        assert making.stop() == 0
        waiting.wait_for("is available again", GONE_SECONDS)
        server.put(_samples(range(10)))
        assert count_until(server, 10, GONE_SECONDS) == (10, 0)
        admin = AdminClient(server.client)
        admin.delete_topics([SOURCE])[SOURCE].result(20)
        assert wait_until(lambda: waiting.status("/readyz") == 503, GONE_SECONDS)
        server.make(SOURCE)
        assert wait_until(lambda: waiting.status("/readyz") == 200, GONE_SECONDS)
        server.put(_samples(range(10, 20)))
        assert count_until(server, 20, GONE_SECONDS) == (20, 0)
    finally:
        server.close()


class GuardedKafka(KafkaServer):
    """Kafka that, next to its own listener, has one with TLS for clients with a certificate, users and passwords."""

    def __init__(self, folder):
        super().__init__(folder)
        self.guarded = free_port()
        self.pem, self.certificate = folder / "server.pem", folder / "server.crt"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kafka"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.pem, "-out", self.certificate]
        subprocess.run(command, check=True, capture_output=True)
        self.pem.write_text(self.pem.read_text() + self.certificate.read_text())

    def properties(self, node):
        common = super().properties(node)
        login = "org.apache.kafka.common.security"
        return {
            **common,
            "listeners": f"{common['listeners']},SASL_SSL://127.0.0.1:{self.guarded}",
            "advertised.listeners": f"{common['advertised.listeners']},SASL_SSL://127.0.0.1:{self.guarded}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.pem,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.certificate,
            "listener.name.sasl_ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required "
            'user_rich="p@ss/1" user_poor="p";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The tests have no user at the other listener.
            "super.users": "User:ANONYMOUS;User:rich",
        }

    def format(self, properties, *words):
        super().format(properties, "--add-scram", "SCRAM-SHA-512=[name=rich,password=p@ss/1]", *words)

    def settings_of(self, user):
        """Return the settings of a service that comes as `user`, a name and a quoted password."""
        return {
            **self.settings,
            "S2I_BUS_URL": f"kafkas://{user}@127.0.0.1:{self.guarded}",
            "S2I_BUS_CA_FILE": str(self.certificate),
            "S2I_BUS_CERT_FILE": str(self.pem),
        }


@pytest.mark.timeout(180)
def test_tls_certificates_passwords_and_permissions(start, tmp_path):
    server = GuardedKafka(tmp_path).start()
    try:
        server.make()
        rich = server.settings_of("rich:p%40ss%2F1")
        for number, more in enumerate(({}, {"S2I_BUS_SASL": "PLAIN"})):
            service = _taking(start(DOUBLES, **rich, **more))
            server.put(_samples([number]))
            assert count_until(server, number + 1, GONE_SECONDS) == (number + 1, 0)
            assert service.stop() == 0
            assert "p@ss" not in service.log
            assert "p%40ss" not in service.log
        for settings, words in (
            (server.settings_of("rich:wr0ng"), "SASL authentication error: .*invalid credentials.*"),
            ({**server.settings_of("poor:p"), "S2I_BUS_SASL": "PLAIN"}, "topic authorization failed"),
            ({**rich, "S2I_BUS_CA_FILE": ""}, r"TLS failed \(certificate verify failed\)"),
            ({**rich, "S2I_BUS_CERT_FILE": ""}, r"TLS failed \(.*certificate.*\)"),
        ):
            service = start(DOUBLES, **settings).ready()
            service.wait_for(f"can't be used: {words}; not ready", GONE_SECONDS)
            assert service.status("/readyz") == 503
            assert "wr0ng" not in service.log
            service.close()
    finally:
        server.close()
