import asyncio
import socket

from nb_scorer.protocol import frames
from nb_service.pool import wire
from nb_service.pool.answer import ITEM, NOT_READY, OK, Answer
from nb_service.pool.async_client import AsyncPoolClient

HELLO = {"together": True, "max_queue": 9, "at_once": 4}


def served(use, gone=lambda: None):
    """Run `use(client, the other end)` on a client that was greeted."""

    async def all_of_it():
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        theirs.send(wire.json_frame(wire.HELLO, 0, HELLO))
        client = await AsyncPoolClient.on(ours, gone)
        try:
            return await asyncio.wait_for(use(client, theirs), 10)
        finally:
            client.close()
            theirs.close()

    return asyncio.run(all_of_it())


async def frames_of(theirs, number):
    buffer, frames = bytearray(), []
    while len(frames) < number:
        buffer += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
        frames += wire.take(buffer)
    return frames


def test_it_knows_the_pool_by_its_hello():
    async def use(client, theirs):
        return client.together, client.max_queue, client.at_once

    assert served(use) == (True, 9, 4)


def test_it_learns_that_batching_has_ended():
    async def use(client, theirs):
        theirs.send(wire.json_frame(wire.HELLO, 0, {**HELLO, "together": False, "at_once": 1}))
        asked = asyncio.ensure_future(client.ask(b"1"))
        ((_, number, _),) = await frames_of(theirs, 1)
        theirs.send(wire.answer_frame(number, Answer(OK)))
        await asked
        return client.together, client.at_once

    assert served(use) == (False, 1)


def test_answers_come_in_any_order_to_who_asked():
    async def use(client, theirs):
        asked = [asyncio.ensure_future(client.ask(b"%d" % number)) for number in range(3)]
        asked.append(asyncio.ensure_future(client.ask_array(b"[1]")))
        asked.append(asyncio.ensure_future(client.ask_block(b"d")))
        frames = await frames_of(theirs, 5)
        assert [(kind, body) for kind, _, body in frames] == [(2, b"0"), (2, b"1"), (2, b"2"), (3, b"[1]"), (8, b"d")]
        for _, number, body in reversed(frames):
            theirs.send(wire.answer_frame(number, Answer(OK, b"a" + body)))
        return [answer.payload for answer in await asyncio.gather(*asked)]

    assert served(use) == [b"a0", b"a1", b"a2", b"a[1]", b"ad"]


def test_what_one_turn_asks_leaves_in_one_piece():
    async def use(client, theirs):
        asked = [asyncio.ensure_future(client.ask(b"%d" % number)) for number in range(50)]
        await asyncio.sleep(0)
        client.notify({"a": 1})
        await asyncio.sleep(0)
        data = theirs.recv(1 << 16)
        for one in asked:
            one.cancel()
        return [kind for kind, _, _ in wire.take(bytearray(data))]

    assert served(use) == [wire.SAMPLE] * 50 + [wire.TELL]


def test_facts_are_what_the_front_says():
    async def use(client, theirs):
        facts = asyncio.ensure_future(client.facts())
        ((kind, number, _),) = await frames_of(theirs, 1)
        theirs.send(wire.json_frame(wire.FACTS, number, {"answers": True}))
        return kind, await facts

    assert served(use) == (wire.FACTS, {"answers": True})


def test_a_front_that_is_gone_leaves_no_one_waiting():
    ends = []

    async def use(client, theirs):
        waiting = asyncio.ensure_future(client.ask(b"1"))
        await frames_of(theirs, 1)
        theirs.close()
        early, late = await waiting, await client.ask(b"2")
        return early.outcome, late.outcome, await client.facts()

    assert served(use, lambda: ends.append(1)) == (NOT_READY, NOT_READY, {})
    assert ends == [1]


def test_who_does_not_wait_any_more_costs_nothing():
    async def use(client, theirs):
        given_up = asyncio.ensure_future(client.ask(b"1"))
        ((_, number, _),) = await frames_of(theirs, 1)
        given_up.cancel()
        theirs.send(wire.answer_frame(number, Answer(OK, b"1")))
        other = asyncio.ensure_future(client.ask(b"2"))
        ((_, number, body),) = await frames_of(theirs, 1)
        theirs.send(wire.answer_frame(number, Answer(OK, body)))
        return (await other).payload

    assert served(use) == b"2"


def test_what_is_abandoned_is_withdrawn_and_its_answer_is_dropped():
    async def use(client, theirs):
        kept, left, answered = (client.ask(b"%d" % number) for number in range(3))
        numbers = [number for _, number, _ in await frames_of(theirs, 3)]
        theirs.send(wire.answer_frame(numbers[2], Answer(OK, b"a2")))
        await answered
        client.abandon([left, answered])
        assert await frames_of(theirs, 1) == [(wire.ABANDON, numbers[1], b"")]
        for number in numbers[:2]:
            theirs.send(wire.answer_frame(number, Answer(OK, b"a")))
        return (await kept).payload, left.cancelled(), answered.result().payload

    assert served(use) == (b"a", True, b"a2")


def test_a_stream_s_items_are_acknowledged_one_by_one():
    async def use(client, theirs):
        seen = []
        stream = client.ask_stream(b"1", b"call")
        first = asyncio.create_task(anext(stream))
        ((kind, number, payload),) = await frames_of(theirs, 1)
        theirs.send(b"".join(wire.answer_frame(number, Answer(ITEM, body)) for body in (b"0", b"1")))
        seen.append((await first).payload)
        theirs.send(wire.answer_frame(number, Answer(OK, b"")))
        seen += [answer.payload async for answer in stream]
        return (kind, payload[-1:]), seen, [frame[:2] for frame in await frames_of(theirs, 2)], number

    asked, seen, acknowledged, number = served(use)
    assert asked == (wire.SAMPLE | frames.STREAMED | frames.WITH_CALL, b"1")
    assert seen == [b"0", b"1", b""]
    assert acknowledged == [(wire.TAKEN, number)] * 2


def test_a_stream_that_is_closed_is_abandoned():
    async def use(client, theirs):
        stream = client.ask_stream(b"1")
        first = asyncio.create_task(anext(stream))
        ((_, number, _),) = await frames_of(theirs, 1)
        theirs.send(wire.answer_frame(number, Answer(ITEM, b"0")))
        await first
        await stream.aclose()
        # Items on their way are ignored.
        theirs.send(wire.answer_frame(number, Answer(ITEM, b"1")))
        return await frames_of(theirs, 1), number

    found, number = served(use)
    assert found == [(wire.ABANDON, number, b"")]


def test_streams_end_when_the_front_is_gone():
    async def use(client, theirs):
        stream = client.ask_stream(b"1")
        first = asyncio.create_task(anext(stream))
        await frames_of(theirs, 1)
        theirs.close()
        return [await first, await anext(client.ask_stream(b"2"))]

    assert served(use) == [Answer(NOT_READY)] * 2
