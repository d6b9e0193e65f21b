import asyncio
from types import SimpleNamespace

import pytest
from nb_service.backends.bus import place
from nb_service.backends.bus.bus_process import BusProcess
from nb_service.settings import Settings

COUNTS = {"taken": 3, "redelivered": 1, "answered": 2, "lost": 0, "errors": {"refused": 1}}


@pytest.fixture
def process():
    """Return (a bus's process that was not started, what it said)."""
    said = []
    env = {"S2I_BUS_URL": "nats://u:secret@h:1", "S2I_BUS_IN": "a", "S2I_BUS_OUT": "b"}
    pool = SimpleNamespace(ready=True)
    loop = asyncio.new_event_loop()
    yield BusProcess(loop, pool, place.read_place(Settings(env), "m"), {}, SimpleNamespace(say=said.append)), said
    loop.close()


def news(**more):
    return {"connected": True, "in_flight": 1, "waiting": 7, "oldest_seconds": 0.5, "counts": COUNTS, **more}


def test_what_it_says_is_for_the_log(process):
    process, said = process
    process.handle({"say": "The bus: hello."})
    assert said == ["The bus: hello."]


def test_what_it_counts_is_summed_up_over_its_lives(process):
    process, _ = process
    for _ in range(2):
        process.on_message(news(counts={**COUNTS, "errors": dict(COUNTS["errors"])}))
    numbers = process.numbers()["bus"]
    assert (numbers["taken"], numbers["answered"], numbers["errors"]) == (6, 4, {"refused": 2})
    assert (numbers["connected"], numbers["waiting"], numbers["places"]) == (True, 7, ["a", "b", "b.errors"])
    assert "secret" not in str(numbers)


def test_without_a_process_nothing_is_connected_and_the_sums_stay(process):
    process, _ = process
    process.on_message(news())
    process.reap()
    assert not process.is_ready
    numbers = process.numbers()["bus"]
    assert (numbers["connected"], numbers["in_flight"], numbers["waiting"], numbers["taken"]) == (False, 0, 7, 3)


def test_its_start_says_where_it_works_without_a_password(process, monkeypatch):
    process, said = process
    monkeypatch.setattr(process, "_start", lambda: None)
    process.start()
    assert said[0].startswith("The bus: NATS JetStream at nats://h:1, from a to b, errors to b.errors, group m. ")
    assert "secret" not in said[0]
