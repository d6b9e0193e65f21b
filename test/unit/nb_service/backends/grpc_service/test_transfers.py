"""How much memory messages that arrive may take, with a process whose memory is made up."""

import asyncio
import importlib
import sys
from unittest import mock

import pytest

MAX_COUNT = 1 << 20
MODULES = ("refusals", "transfers")


class Context:
    """A call whose messages come when the test says so."""

    def __init__(self):
        self.messages = asyncio.Queue()

    async def read(self):
        return await self.messages.get()


@pytest.fixture
def transfers(monkeypatch):
    """Return the module on a stand-in for grpcio, which the environment of unit tests does not have."""
    monkeypatch.setitem(sys.modules, "grpc", mock.MagicMock())
    names = [f"nb_service.backends.grpc_service.{name}" for name in MODULES]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield [importlib.import_module(name) for name in names][-1]
    for name in names:
        del sys.modules[name]


@pytest.fixture
def memory(monkeypatch, transfers):
    """Return a list of one number, the memory of this process; and a list with an item for each look at it."""
    made, looks = [10 * MAX_COUNT], []
    monkeypatch.setattr(transfers.allocator, "resident", lambda: looks.append(1) or made[0])
    monkeypatch.setattr(transfers.allocator, "give_back", lambda: None)
    monkeypatch.setattr(transfers, "GIVE_BACK_SECONDS", (0.01, 0.1))
    return made, looks


def reading(them, context):
    return asyncio.ensure_future(them.next(context))


def test_what_arrives_beyond_the_limit_is_rejected(memory, transfers):
    made, _ = memory

    async def scenario():
        them, context = transfers.Transfers(MAX_COUNT, 60), Context()
        call = reading(them, context)
        await asyncio.sleep(0.03)
        made[0] += MAX_COUNT + 1
        with pytest.raises(transfers.Refused, match="are arriving"):
            await asyncio.wait_for(call, 5)

    asyncio.run(scenario())


def test_growth_that_refusing_does_not_give_back_was_not_arriving_and_costs_no_calls_for_ever(memory, transfers):
    made, _ = memory

    async def scenario():
        them, stream = transfers.Transfers(MAX_COUNT, 60), Context()
        first = reading(them, stream)
        await asyncio.sleep(0.03)
        made[0] += 2 * MAX_COUNT
        with pytest.raises(transfers.Refused):
            await asyncio.wait_for(first, 5)
        # Another stream is open all the time, as clients connect again.
        for _ in range(100):
            again = reading(them, stream)
            done, _ = await asyncio.wait([again], timeout=0.1)
            if not done:
                break
            with pytest.raises(transfers.Refused):
                again.result()
        assert not done
        stream.messages.put_nowait(b"x")
        assert await asyncio.wait_for(again, 5) == b"x"
        # What arrives on top of that is refused as before.
        later = reading(them, stream)
        await asyncio.sleep(0.03)
        made[0] += MAX_COUNT + 1
        with pytest.raises(transfers.Refused):
            await asyncio.wait_for(later, 5)

    asyncio.run(scenario())


def test_streams_on_which_nothing_happens_are_looked_at_less_often(memory, transfers, monkeypatch):
    monkeypatch.setattr(transfers, "STILL_SECONDS", 0.1)
    monkeypatch.setattr(transfers, "IDLE_LOOK_SECONDS", 30.0)
    _, looks = memory

    async def scenario():
        them = transfers.Transfers(MAX_COUNT, 60)
        call = reading(them, Context())
        await asyncio.sleep(0.5)
        before = len(looks)
        await asyncio.sleep(0.2)
        assert len(looks) == before
        # With a call that is under way each look counts again.
        other = asyncio.ensure_future(them.only(Context()))
        await asyncio.sleep(0.2)
        assert len(looks) > before + 1
        for one in (call, other):
            one.cancel()
        await asyncio.gather(call, other, return_exceptions=True)

    asyncio.run(scenario())
