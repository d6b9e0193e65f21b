import time

import pytest
from nb_service.pool.turns import TurnLoop

from unit.nb_service.pool.fakes import turn


@pytest.fixture
def loop():
    """Return an event loop with ends of turns."""
    loop = TurnLoop()
    yield loop
    loop.close()


def test_the_end_of_a_turn_comes_after_all_that_the_turn_was_to_do(loop):
    order = []
    loop.call_soon(loop.at_end, lambda: order.append("end"))
    for name in ("first", "second"):
        loop.call_soon(order.append, name)
    turn(loop)
    assert order == ["first", "second", "end"]


def test_it_comes_once(loop):
    calls = []
    loop.at_end(lambda: calls.append(1))
    turn(loop, times=5)
    assert calls == [1]


@pytest.mark.parametrize("later", ["call_soon", "call_later"])
def test_what_it_gives_the_loop_does_not_wait_for_news_from_the_kernel(loop, later):
    def end():
        if later == "call_soon":
            loop.call_soon(loop.stop)
        else:
            loop.call_later(0.01, loop.stop)
        return True

    loop.at_end(end)
    # Without the word of `end` this timer is what asyncio would wait for.
    slow = loop.call_later(20, loop.stop)
    began = time.monotonic()
    loop.run_forever()
    slow.cancel()
    assert time.monotonic() - began < 10


def test_what_the_end_of_a_turn_leaves_for_such_an_end_is_done_in_the_next_without_a_wait(loop):
    loop.at_end(lambda: loop.at_end(lambda: loop.call_soon(loop.stop) is not None))
    slow = loop.call_later(20, loop.stop)
    began = time.monotonic()
    loop.run_forever()
    slow.cancel()
    assert time.monotonic() - began < 10


def test_one_that_has_nothing_for_the_loop_does_not_keep_the_next_from_saying_so(loop):
    loop.at_end(lambda: loop.call_soon(loop.stop) is not None)
    loop.at_end(lambda: False)
    slow = loop.call_later(20, loop.stop)
    began = time.monotonic()
    loop.run_forever()
    slow.cancel()
    assert time.monotonic() - began < 10
