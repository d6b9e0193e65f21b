import socket

import pytest
from nb_scorer.protocol import frames, untaken_items
from nb_scorer.protocol.shared_counters import SharedCounters
from nb_service.pool.answer import ITEM, OK, Job
from nb_service.pool.link import Link
from nb_service.pool.memory import shared_memory
from nb_service.pool.turns import TurnLoop

from unit.nb_service.pool.fakes import turn_until
from unit.nb_service.pool.test_link import Owner


class Streamed:
    """A link that a stream was given to, and the other end of its socket."""

    def __init__(self, loop):
        self.loop = loop
        self.owner = Owner()
        ours, self.far = socket.socketpair()
        with shared_memory() as memory:
            self.link = Link(1, ours, SharedCounters(memory.fileno()), self.owner, loop)
        self.link.pid = 7
        self.got = []
        self.job = Job(b"1", lambda answer: self.got.append((answer.outcome, answer.payload)), 65)
        self.link.give(self.job)
        self.link.flush()
        self.far.recv(100)

    def say(self, status, payload, number=0):
        self.far.sendall(frames.answer(status, payload, number, 0.001))

    def received(self):
        """Return the requests that have come."""
        return frames.take_requests(bytearray(self.far.recv(1000)))


@pytest.fixture
def streamed():
    loop = TurnLoop()
    made = Streamed(loop)
    yield made
    made.link.drop()
    made.far.close()
    loop.close()


def test_items_and_the_answer_come_by_one_callback_and_only_then_is_there_room(streamed):
    assert streamed.link.room() == 0
    streamed.say(ITEM, b"1")
    streamed.say(ITEM, b"2")
    assert turn_until(streamed.loop, lambda: len(streamed.got) == 2)
    assert (streamed.link.room(), streamed.job.has_begun) == (0, True)
    streamed.say(OK, b"")
    assert turn_until(streamed.loop, lambda: len(streamed.got) == 3)
    assert streamed.got == [(ITEM, b"1"), (ITEM, b"2"), (OK, b"")]
    assert streamed.link.room() > 0


def test_the_scorer_learns_of_several_taken_items_at_once_and_is_held_until_then(streamed):
    for number in range(untaken_items.MAX_ITEMS):
        streamed.say(ITEM, b"%d" % number)
    assert turn_until(streamed.loop, lambda: streamed.link.is_held)
    streamed.far.setblocking(False)
    for _ in range(3):
        streamed.link.take_items(streamed.job, 1)
    with pytest.raises(BlockingIOError):
        streamed.far.recv(10)
    streamed.link.take_items(streamed.job, 1)
    ((kind, number, payload),) = streamed.received()
    assert (kind, number, frames.count_taken(payload)) == (frames.TAKEN, 0, 4)
    assert not streamed.link.is_held


def test_one_large_item_is_enough_to_hold_the_scorer(streamed, monkeypatch):
    monkeypatch.setattr(untaken_items, "MAX_BYTES", 1000)
    streamed.say(ITEM, b"x" * 1000)
    assert turn_until(streamed.loop, lambda: streamed.link.is_held)
    streamed.link.take_items(streamed.job, 1)
    assert not streamed.link.is_held
    assert [kind for kind, _, _ in streamed.received()] == [frames.TAKEN]


def test_a_scorer_that_sends_more_than_it_may_is_gone(streamed):
    for _ in range(untaken_items.MAX_ITEMS + 1):
        streamed.say(ITEM, b"1")
    assert turn_until(streamed.loop, lambda: not streamed.link.alive)
    assert "strange" in str(streamed.owner.told)


def test_a_stream_is_cancelled_by_its_number(streamed):
    streamed.link.cancel(streamed.job)
    assert streamed.received() == [(frames.CANCEL, 0, b"")]
    streamed.say(OK, b"")
    assert turn_until(streamed.loop, lambda: streamed.got)
    assert not streamed.link.interrupt(streamed.job)


def test_only_a_sample_that_was_abandoned_is_withdrawn(streamed):
    counters = streamed.link._counters
    counters.start()
    streamed.link.withdraw()
    assert not counters.is_withdrawn()
    streamed.job.abandoned = True
    streamed.link.withdraw()
    assert counters.is_withdrawn()
