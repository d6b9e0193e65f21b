"""Kafka's part of the back end `bus` without a broker: names, words, and what must never be committed."""

from collections import deque
from urllib.parse import urlsplit

import confluent_kafka
import pytest
from nb_service.backends.bus.brokers import Away, Delivery, Outcome, kafka_topics
from nb_service.backends.bus.place import Place


class FakeConsumer:
    """The group as librdkafka reports it: a generation, and whether this member belongs to it."""

    def __init__(self, member="me"):
        self.member = member

    def consumer_group_metadata(self):
        return b"generation"

    def memberid(self):
        return self.member


class FakeProducer:
    """Notes what is done with it; `failures` are raised by send_offsets_to_transaction, one a call."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.done = []

    def begin_transaction(self):
        self.done.append("begin")

    def produce(self, topic, value, key, partition, headers):
        self.done.append((topic, value, key, partition, headers))

    def send_offsets_to_transaction(self, offsets, generation, seconds):
        if self.failures:
            raise confluent_kafka.KafkaException(self.failures.pop(0))
        self.done.append((generation, {offset.partition: offset.offset for offset in offsets}))

    def commit_transaction(self, seconds):
        self.done.append("commit")

    def abort_transaction(self, seconds):
        self.done.append("abort")


@pytest.fixture
def broker():
    """Return one that is connected to nothing, has partition 1 with 5 and 7 taken, and publishes to 4 partitions."""
    made = kafka_topics.KafkaTopics(Place((urlsplit("kafka://h"),), "in", "out", "bad", "g"))
    made._consumer, made._producer = FakeConsumer(), FakeProducer()
    made._counts = {"in": 4, "out": 4, "bad": 2}
    share = made._shares[1] = kafka_topics._Share()
    share.taken = deque([5, 7])
    return made


def _outcome(broker, offset, is_error=False, share=None):
    claim = kafka_topics._Claim(1, offset, b"\xffk", share or broker._shares[1])
    return Outcome(
        Delivery(b"", f"in.1.{offset}", lane=1, claim=claim), is_error, b"%d" % offset, {"ce-id": "é", "x": "y"}
    )


def test_answers_errors_and_the_position_behind_them_are_one_transaction(broker):
    assert broker._settle([_outcome(broker, 5), _outcome(broker, 7, is_error=True)]) == []
    headers = [("ce_id", "é".encode()), ("x", b"y")]
    assert broker._producer.done == [
        "begin",
        ("out", b"5", b"\xffk", 1, headers),
        # As many partitions as the samples have: the same one. Else the key's.
        ("bad", b"7", b"\xffk", -1, headers),
        (b"generation", {1: 8}),
        "commit",
    ]
    assert not broker._shares[1].taken


def test_what_was_taken_away_is_returned_and_not_published(broker):
    old, own = _outcome(broker, 3, share=kafka_topics._Share()), _outcome(broker, 5)
    assert broker._settle([old, own]) == [old]
    assert [entry[1] for entry in broker._producer.done if isinstance(entry, tuple)] == [b"5", {1: 6}]
    assert broker._settle([old]) == [old]


def test_no_position_is_behind_a_sample_without_an_answer(broker):
    with pytest.raises(Away, match="partition 1 was revoked and assigned again"):
        broker._settle([_outcome(broker, 7)])
    assert broker._producer.done == []


def test_a_member_that_the_group_does_not_know_publishes_nothing(broker):
    broker._consumer.member = None
    with pytest.raises(Away, match="the group no longer contains this member"):
        broker._settle([_outcome(broker, 5)])
    assert broker._producer.done == []


def test_a_generation_that_is_over_is_looked_at_again(broker):
    over = confluent_kafka.KafkaError(confluent_kafka.KafkaError.ILLEGAL_GENERATION, "over", False, False, True)
    broker._producer.failures = [over]
    assert broker._settle([_outcome(broker, 5)]) == []
    assert [entry for entry in broker._producer.done if isinstance(entry, str)] == ["begin", "abort", "begin", "commit"]


def test_another_failure_is_the_broker_s(broker):
    broker._producer.failures = [confluent_kafka.KafkaError(confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    with pytest.raises(confluent_kafka.KafkaException):
        broker._settle([_outcome(broker, 5)])
    assert "commit" not in broker._producer.done and list(broker._shares[1].taken) == [5, 7]


CLOSED = "h:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 15ms in state CONNECT)"
LOGIN = (
    "h:9092/1: SASL authentication error: No such user (after 5ms in state AUTH_REQ, 2 identical error(s) suppressed)"
)
STRANGE = (
    "h:1/1: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: see the file (after 5ms)"
)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (CLOSED, "connection refused"),
        (LOGIN, "SASL authentication error: No such user"),
        (STRANGE, "TLS failed (certificate verify failed)"),
        ("Broker: Topic authorization failed", "topic authorization failed"),
    ],
)
def test_the_library_s_words_without_addresses_and_times(said, words):
    error = confluent_kafka.KafkaError(confluent_kafka.KafkaError._FAIL, said)
    assert kafka_topics._describe_error(error) == words


def test_addresses_users_and_files_are_what_the_clients_are_made_with():
    place = Place(
        (urlsplit("kafkas://a"), urlsplit("kafkas://[::1]:7")), "in", "out", "bad", "g", "me", "p", sasl="PLAIN"
    )
    made = kafka_topics.KafkaTopics(place)._common()
    assert (made["bootstrap.servers"], made["security.protocol"]) == ("a:9092,[::1]:7", "SASL_SSL")
    assert (made["sasl.mechanism"], made["sasl.username"], made["sasl.password"]) == ("PLAIN", "me", "p")
    plain = kafka_topics.KafkaTopics(Place((urlsplit("kafka://a"),), "in", "out", "bad", "g"))._common()
    assert plain["security.protocol"] == "PLAINTEXT" and "sasl.mechanism" not in plain
