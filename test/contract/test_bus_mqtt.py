"""What MQTT alone has: sessions with a name, an order of acknowledging, topics, and messages without an id."""

import asyncio
from urllib.parse import urlsplit

import pytest
from nb_service.backends.bus.brokers import Away, Outcome
from nb_service.backends.bus.brokers.mqtt import Mqtt
from nb_service.backends.bus.place import Place
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.brokers import ERRORS, SOURCE, TARGET, MqttServer, connected, count_until, taken
from contract.notebooks import DOUBLE
from contract.services import SOON, wait_until


class OnceAtMost(MqttServer):
    """One that gives no message more than once."""

    def start(self):
        # The reader would wait for QoS 1.
        return super(MqttServer, self).start()

    def lines(self):
        return [*super().lines(), "max_qos 0"]


@pytest.fixture
def server(tmp_path):
    """Return a broker that runs."""
    running = MqttServer(tmp_path).start()
    yield running
    running.close()


def _broker(server, source=SOURCE, client=MqttServer.CLIENT):
    url = urlsplit(f"mqtt://127.0.0.1:{server.port}")
    return Mqtt(Place((url,), source, TARGET, ERRORS, "g", client=client))


async def _put(server, *messages):
    await asyncio.to_thread(server.put, messages)


def _answers(deliveries):
    return [Outcome(delivery, False, delivery.body, {}) for delivery in deliveries]


def test_what_is_settled_is_acknowledged_when_all_before_it_is(server):
    async def settled():
        left = []
        for order in ([1, 2], [2, 0, 1]):
            async with connected(_broker(server)) as broker:
                if not left:
                    await _put(server, *[(b"%d" % number, {}) for number in range(3)])
                came = await taken(broker, 3)
                for place in order:
                    await broker.settle(_answers([came[place]]))
            assert await asyncio.to_thread(wait_until, lambda: not server.is_connected())
            left.append(await asyncio.to_thread(server.unsettled))
        return left

    # Of the first three, two were settled, and none before the first.
    assert asyncio.run(settled()) == [3, 0]


def test_what_comes_again_has_its_id_again(server):
    async def told():
        async with connected(_broker(server)) as broker:
            await _put(server, (b"1", {}), (b"2", {"message-id": "mine"}))
            first = await taken(broker, 2)
            await broker.close()
            await broker.connect(16)
            again = await taken(broker, 2)
        async with connected(_broker(server)) as other:
            return first, again, await taken(other, 2)

    first, again, third = asyncio.run(told())
    assert [one.deliveries for one in first + again] == [1, 1, 2, 2]
    assert [one.id for one in again] == [one.id for one in first]
    # A process that is started again knows only what the producer said.
    assert (third[0].id != first[0].id, third[1].id) == (True, "mine")


def test_an_event_is_named_by_its_source_and_id(server):
    event = {"ce-specversion": "1.0", "ce-id": "e", "ce-source": "/s", "ce-type": "t", "x-request-id": "r"}

    async def told():
        async with connected(_broker(server)) as broker:
            await _put(server, (b"1", event))
            return await taken(broker)

    (delivery,) = asyncio.run(told())
    assert (delivery.id, delivery.headers) == ("/s#e", event)


def test_who_connects_with_a_name_that_another_has_is_reported_so(server):
    async def told():
        reasons = []
        async with connected(_broker(server)) as broker:
            for _ in range(2):
                async with connected(_broker(server)):
                    with pytest.raises(Away) as reason:
                        await taken(broker)
                    reasons.append(str(reason.value))
                await broker.close()
                await broker.connect(16)
        return reasons

    first, second = asyncio.run(told())
    # Mosquitto does not say so, and a connection may be lost once.
    assert first == "the connection is lost"
    assert second.startswith("the connection is lost as soon as it is made; perhaps another client uses its name")
    assert second.endswith("(S2I_BUS_CLIENT)")


def test_a_topic_of_a_wildcard_is_the_key_and_what_a_conversation_needs_is_kept(server):
    sent = Properties(PacketTypes.PUBLISH)
    sent.CorrelationData, sent.ResponseTopic, sent.ContentType = b"\xff\x00", "replies/1", "application/json"

    async def settled():
        async with connected(_broker(server, source="plants/+/samples")) as broker:
            client = server.client("")
            client.connect("127.0.0.1", int(server.port))
            client.loop_start()
            client.publish("plants/7/samples", b"1", 1, properties=sent).wait_for_publish(SOON)
            client.disconnect()
            client.loop_stop()
            (delivery,) = await taken(broker)
            assert (delivery.key, delivery.lane) == ("plants/7/samples",) * 2
            assert delivery.headers == {
                "content-type": "application/json",
                "correlation-id": "\\xff\x00",
                "reply-to": "replies/1",
            }
            got = []
            server.reader.on_message = lambda *said: got.append(said[-1])
            outcome = Outcome(delivery, False, b"2", {"content-type": "application/json", "x-model-name": "m"})
            await broker.settle([outcome])
            assert await asyncio.to_thread(wait_until, lambda: got)
            return got[0].properties

    told = asyncio.run(settled())
    assert (told.CorrelationData, told.ResponseTopic, told.ContentType) == (
        b"\xff\x00",
        "replies/1",
        "application/json",
    )
    assert ("x-model-name", "m") in told.UserProperty


def test_a_broker_that_gives_each_message_once_at_most_is_not_used(tmp_path):
    server = OnceAtMost(tmp_path)
    try:
        server.start()
        with pytest.raises(Away, match="at most once"):
            asyncio.run(_broker(server).connect(16))
    finally:
        server.close()


def test_a_topic_with_a_wildcard_is_not_published_to():
    broker = Mqtt(Place((urlsplit("mqtt://127.0.0.1:1"),), SOURCE, "out/#", ERRORS, "g"))
    with pytest.raises(Away, match="S2I_BUS_OUT"):
        asyncio.run(broker.connect(16))


def test_samples_that_come_while_no_service_runs_wait_for_the_next(start, server):
    service = start(DOUBLE, **server.settings).ready()
    service.wait_for("taking samples")
    assert service.stop() == 0
    server.put([(b"%d" % number, {}) for number in range(50)])
    start(DOUBLE, **server.settings).ready()
    assert count_until(server, 50, SOON) == (50, 0)
    assert sorted(int(message.body) for message in server.everything()) == [2 * number for number in range(50)]
