"""What RabbitMQ alone has: deliveries counted by kinds of queues, queues that are full or gone, alarms."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from nb_service.backends.bus.brokers import Away, Outcome
from nb_service.backends.bus.brokers.rabbitmq import RabbitMQ
from nb_service.backends.bus.place import Place

from contract.brokers import ERRORS, SOURCE, TARGET, RabbitServer, connected, count_until, taken
from contract.notebooks import DOUBLE
from contract.services import SOON, wait_until

GATED = """
    import os, time

    def predictor(x):
        while isinstance(x, str) and not os.path.exists(x):
            time.sleep(0.01)
        return 2

    examples = [1]
"""


class ClassicRabbit(RabbitServer):
    """One whose queues are classic ones, which do not count deliveries."""

    kind = "classic"


class UnsharedRabbit(RabbitServer):
    """One that no other test has used."""


class NarrowRabbit(RabbitServer):
    """One that takes no message of more than 20,000 bytes."""

    def lines(self):
        return [*super().lines(), "max_message_size = 20000"]


@pytest.fixture
def make(request):
    """Return a function that returns a server of a kind, started, with its queues."""
    servers = []

    def made(kind=RabbitServer):
        servers.append(kind(None))
        servers[-1].start().make()
        return servers[-1]

    yield made
    for server in servers:
        server.close()


def _broker(server):
    return RabbitMQ(Place((urlsplit(f"amqp://127.0.0.1:{server.port}"),), SOURCE, TARGET, ERRORS, "g"))


def _answer(delivery, body=b"answer"):
    return Outcome(delivery, False, body, {"content-type": "application/json"})


@pytest.mark.parametrize("kind", [RabbitServer, ClassicRabbit])
def test_deliveries_are_counted_over_services_that_ended(make, kind):
    server = make(kind)
    server.put([(b"1", {"message-id": "m", "own": "o"})])

    async def told():
        found = []
        for _ in range(3):
            async with connected(_broker(server)) as broker:
                found += [(one.id, one.deliveries, one.body, one.headers) for one in await taken(broker)]
        return found

    headers = {"message-id": "m", "own": "o"}
    assert asyncio.run(told()) == [("m", count, b"1", headers) for count in (1, 2, 3)]


def test_what_a_producer_sent_twice_has_two_answers_with_one_id(make):
    server = make()
    server.put([(b"1", {"message-id": "m"})] * 2)

    async def settled():
        async with connected(_broker(server)) as broker:
            came = await taken(broker, 2)
            await broker.settle([_answer(delivery) for delivery in came])
            return {delivery.id for delivery in came}

    assert len(asyncio.run(settled())) == 2
    assert [message.headers["message-id"] for message in server.everything()] == ["m", "m"]
    assert server.unsettled() == 0


def test_stopping_gives_back_what_was_sent_and_not_taken(make):
    server = make()
    server.put([(b"%d" % number, {}) for number in range(8)])

    async def stopped():
        async with connected(_broker(server)) as broker:
            await broker.take(1)
            await broker.take(8)
            await broker.stop()
            async with connected(_broker(server)) as other:
                return len(await taken(other, 1))

    asyncio.run(stopped())


def _written_queues(server):
    return b"".join(path.read_bytes() for path in server.folder.rglob("names.dets"))


def test_what_was_confirmed_is_on_the_disk_and_acknowledged(make):
    server = make(UnsharedRabbit)
    server.put([(b"1", {"message-id": "m", "correlation-id": "c"})] * 2)

    async def settled():
        async with connected(_broker(server)) as broker:
            await broker.settle([_answer(delivery) for delivery in await taken(broker, 2)])

    asyncio.run(settled())
    with server.connection() as client:
        properties = client.channel().basic_get(TARGET)[1]
    assert (properties.message_id, properties.correlation_id, properties.delivery_mode) == ("m", "c", 2)
    # RabbitMQ writes down twice a second which queues are new, and loses one of which it has not.
    assert wait_until(lambda: all(name.encode() in _written_queues(server) for name in (SOURCE, TARGET, ERRORS)))
    server.kill()
    server.start()
    # Its queues choose their leaders first, and say that they are empty until then.
    assert count_until(server, 2, SOON) == (2, 0)
    assert server.unsettled() == 0


def test_a_message_that_is_too_large_is_known_to_be_so_once_it_was_rejected(make):
    server = make(NarrowRabbit)
    server.put([(b"1", {})])

    async def asked():
        async with connected(_broker(server)) as broker:
            with pytest.raises(Away, match="larger than configured max size 20000"):
                await broker.settle([_answer(delivery, b"x" * 30_000) for delivery in await taken(broker)])
            await broker.close()
            await broker.connect(16)
            return broker.largest

    assert asyncio.run(asked()) == 20_000


def test_a_queue_that_is_not_there_is_waited_for_or_made(start, make):
    server = make()
    with server.connection() as client:
        client.channel().queue_delete(SOURCE)
    waiting = start(DOUBLE, **server.settings).ready()
    waiting.wait_for(r"there is no queue samples \(S2I_BUS_CREATE=1 creates one\); not ready")
    assert waiting.status("/readyz") == 503
    making = start(DOUBLE, **server.settings, S2I_BUS_CREATE="1").ready()
    waiting.wait_for("is available again", 40)
    server.put([(b"1", {})])
    assert count_until(server, 1, SOON) == (1, 0)
    # One that another declares with these arguments is the same: a quorum queue, which keeps what it has.
    server.make(SOURCE)
    assert making.stop() == 0


def test_a_queue_that_is_deleted_is_waited_for(start, make):
    server = make()
    service = start(DOUBLE, **server.settings).ready()
    service.wait_for("taking samples")
    with server.connection() as client:
        client.channel().queue_delete(SOURCE)
    service.wait_for(r"can't be used: (the server has cancelled the consumer|it says NOT_FOUND).*; not ready")
    assert wait_until(lambda: service.status("/readyz") == 503)
    server.make(SOURCE)
    assert wait_until(lambda: service.status("/readyz") == 200, 40)
    server.put([(b"1", {})])
    assert count_until(server, 1, SOON) == (1, 0)


def test_answers_whose_queue_is_gone_wait_for_it(start, make):
    server = make()
    service = start(DOUBLE, **server.settings).ready()
    service.wait_for("taking samples")
    with server.connection() as client:
        client.channel().queue_delete(TARGET)
    server.put([(b"1", {})])
    service.wait_for(r"can't be used: there is no queue predictions.*; not ready")
    server.make(TARGET)
    assert wait_until(lambda: service.status("/readyz") == 200, 40)
    assert wait_until(lambda: server.counts() == (1, 0))
    assert wait_until(lambda: server.unsettled() == 0)


def test_a_full_queue_that_rejects_is_waited_for_and_counts_no_delivery(start, make):
    server = make()
    with server.connection() as client:
        channel = client.channel()
        channel.queue_delete(TARGET)
        full = {"x-queue-type": "quorum", "x-max-length": 5, "x-overflow": "reject-publish"}
        channel.queue_declare(TARGET, durable=True, arguments=full)
    service = start(DOUBLE, **server.settings).ready()
    service.wait_for("taking samples")
    server.put([(b"%d" % number, {"x-sample-id": str(number)}) for number in range(60)])
    service.wait_for("can't be used: the queue predictions is full; not ready")
    assert wait_until(lambda: service.status("/readyz") == 503)
    assert server.counts()[0] >= 5
    # Each reading makes room for some more.
    assert wait_until(lambda: len(server.everything()) >= 60, 60)
    assert wait_until(lambda: server.unsettled() == 0)
    messages = server.everything()
    assert {message.headers["x-sample-id"] for message in messages} == {str(number) for number in range(60)}
    service.wait_for("is available again after")
    assert wait_until(lambda: service.status("/readyz") == 200)
    assert service.metric("nb_bus_redelivered_total") == 0


def test_a_server_without_memory_is_waited_for_and_counts_no_delivery(start, make, tmp_path):
    server, gate = make(), tmp_path / "gate"
    service = start(GATED, **server.settings, S2I_BUS_TRIES="1").ready()
    service.wait_for("taking samples")
    server.put([(json.dumps(str(gate)).encode(), {})])
    assert wait_until(lambda: service.metric("nb_bus_in_flight_samples") == 1)
    server.control("set_vm_memory_high_watermark", "0")
    try:
        other = start(DOUBLE, **server.settings).ready()
        other.wait_for(r"can't be used: the server accepts no messages now \(low on memory\); not ready", 40)
        # Also in the middle, of an answer.
        gate.touch()
        service.wait_for(r"can't be used: the server accepts no messages now \(low on memory\); not ready", 40)
        assert wait_until(lambda: service.status("/readyz") == 503)
    finally:
        server.control("set_vm_memory_high_watermark", "0.4")
    other.wait_for("is available again", 40)
    service.wait_for("is available again", 40)
    assert count_until(server, 1, SOON) == (1, 0)
    server.put([(b"2", {})])
    assert count_until(server, 2, SOON) == (2, 0)
    assert service.metric("nb_bus_redelivered_total") == 0
