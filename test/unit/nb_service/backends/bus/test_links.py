import asyncio
from urllib.parse import urlsplit

import pytest
from nb_service.backends.bus.brokers import Away, links
from nb_service.backends.bus.place import Place

PLACE = Place(tuple(urlsplit(f"amqp://host-{number}") for number in range(2)), "in", "out", "errors", "g")


class Noted(links.Link[str]):
    """A link that notes that it was closed, and can be blocked."""

    closes = 0
    blocked = ""

    async def close(self):
        self.closes += 1


class Broker(links.Linked[Noted]):
    """A broker whose link is given to it."""

    def __init__(self):
        super().__init__(PLACE, 100)

    def connect(self):
        self._link = Noted()
        return self._link


def test_what_arrives_is_waited_for_and_had_once_and_in_order(monkeypatch):
    async def had():
        link = links.Link()
        waiting = asyncio.create_task(link.wait())
        await asyncio.sleep(0)
        for message in "abc":
            link.arrive(message)
        await asyncio.wait_for(waiting, 5)
        return link.pop(2), link.pop(2), link.pop(2)

    monkeypatch.setattr(links, "IDLE_SECONDS", 60)
    assert asyncio.run(had()) == (["a", "b"], ["c"], [])


def test_nothing_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr(links, "IDLE_SECONDS", 0.01)

    async def waited():
        await asyncio.wait_for(links.Link().wait(), 5)

    asyncio.run(waited())


def test_the_first_reason_is_the_one_and_wakes_who_waits(monkeypatch):
    async def lost():
        link = links.Link()
        waiting = asyncio.create_task(link.wait())
        await asyncio.sleep(0)
        link.lose("refused")
        link.lose("closed")
        await asyncio.wait_for(waiting, 5)
        return link.gone

    monkeypatch.setattr(links, "IDLE_SECONDS", 60)
    assert asyncio.run(lost()) == "refused"


def test_a_broker_has_its_link_until_it_is_closed_and_says_what_blocks_it():
    async def closed():
        broker = Broker()
        assert broker.blocked == ""
        await broker.close()
        link = broker.connect()
        link.blocked = "full"
        assert (broker._here, broker.blocked) == (link, "full")
        await broker.close()
        await broker.close()
        with pytest.raises(Away, match="the connection is closed"):
            _ = broker._here
        return link.closes, broker.blocked

    assert asyncio.run(closed()) == (1, "")


def test_addresses_are_tried_in_turn():
    broker, names = Broker(), []
    for _ in range(3):
        names.append(broker._url.hostname)
        broker._address += 1
    assert names == ["host-0", "host-1", "host-0"]
