import socket
import threading

import pytest
from nb_service.loop import Loop
from waitress import wasyncore


@pytest.fixture
def loop():
    """Return a loop whose sockets are closed after the test."""
    made = Loop()
    yield made
    made.close()


def test_calls_come_in_their_order_on_the_next_turn(loop):
    seen = []
    loop.soon(lambda: seen.append(1))
    loop.soon(lambda: loop.soon(lambda: seen.append(3)))
    loop.soon(lambda: seen.append(2))
    loop.turn()
    assert seen == [1, 2]
    loop.turn()
    assert seen == [1, 2, 3]


def test_timers_come_by_their_time_and_not_when_cancelled(loop):
    seen = []
    loop.later(0.02, lambda: seen.append("late"))
    loop.later(0.01, lambda: seen.append("early"))
    loop.later(0.015, lambda: seen.append("never")).cancel()
    loop.later(0.03, loop.stop)
    loop.run()
    assert seen == ["early", "late"]


def test_a_call_from_a_thread_ends_the_wait(loop):
    thread = threading.Thread(target=lambda: loop.from_thread(loop.stop))
    thread.start()
    loop.run()
    thread.join()


def test_a_call_that_raises_is_shown_and_the_loop_goes_on(loop, capsys):
    loop.soon(lambda: 1 / 0)
    loop.soon(loop.stop)
    loop.run()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_event_of_a_closed_socket_never_reaches_the_one_that_got_its_number(loop):
    seen = []

    class Closer(wasyncore.dispatcher):
        def writable(self):
            return False

        def handle_read_event(self):
            # The other's event is already known; a new connection takes its descriptor.
            if other.socket.fileno() != -1:
                other.close()
                theirs[2] = socket.socketpair()
                newcomer.append(Newcomer(theirs[2][0], map=loop.map))

    class Newcomer(Closer):
        def handle_read_event(self):
            seen.append("newcomer")

    newcomer, theirs = [], [socket.socketpair(), socket.socketpair(), None]
    Closer(theirs[0][0], map=loop.map)
    other = Closer(theirs[1][0], map=loop.map)
    for pair in theirs[:2]:
        pair[1].send(b"x")
    number = other._fileno
    loop.turn()
    assert newcomer[0]._fileno == number
    assert seen == []
    for pair in theirs:
        pair[1].close()
