import socket
import threading

import pytest
from nb_service.loop import READ, Loop
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


class Client(wasyncore.dispatcher):
    """A client's connection, which says what it wants to know when it is asked."""

    def __init__(self, sock, loop):
        super().__init__(sock, map=loop.map)
        self.wanted, self.asked, self.heard = READ, 0, b""

    def wants(self):
        self.asked += 1
        return self.wanted

    def handle_read_event(self):
        self.heard += self.socket.recv(100)


@pytest.fixture
def client(loop):
    """Return a client's connection, and the client's own end of it."""
    ours, theirs = socket.socketpair()
    with theirs:
        made = Client(ours, loop)
        yield made, theirs


def turn(loop, times=3):
    """Let the loop turn, without waiting for anything."""
    for _ in range(times):
        loop.soon(lambda: None)
        loop.turn()


def test_a_client_that_says_nothing_costs_no_turn_anything(loop, client):
    ours, theirs = client
    turn(loop)
    asked = ours.asked
    turn(loop, 100)
    assert ours.asked == asked
    theirs.send(b"hello")
    turn(loop)
    assert ours.heard == b"hello"


def test_what_comes_while_nobody_wants_it_waits_and_wakes_nobody(loop, client):
    ours, theirs = client
    turn(loop)
    ours.wanted = 0
    theirs.send(b"hello")
    turn(loop)
    asked = ours.asked
    turn(loop, 100)
    assert (ours.asked, ours.heard) == (asked, b"")
    ours.wanted = READ
    loop.look_at(ours._fileno)
    turn(loop)
    assert ours.heard == b"hello"


def test_a_thread_may_have_a_client_looked_at(loop, client):
    ours, theirs = client
    ours.wanted = 0
    theirs.send(b"hello")
    turn(loop)
    ours.wanted = READ
    thread = threading.Thread(target=loop.look_at, args=[ours._fileno])
    thread.start()
    thread.join()
    turn(loop)
    assert ours.heard == b"hello"


def test_a_client_that_is_gone_is_asked_nothing_any_more(loop, client):
    ours, theirs = client
    turn(loop)
    number = ours._fileno
    loop.look_at(number)
    ours.close()
    asked = ours.asked
    loop.look_at(number)
    theirs.close()
    turn(loop)
    assert ours.asked == asked


def test_the_number_of_a_client_that_is_gone_may_be_anybody_s(loop, client):
    ours, _ = client
    number = ours._fileno
    ours.close()
    pair = socket.socketpair()
    assert pair[0].fileno() == number
    wasyncore.dispatcher(pair[0], map=loop.map)
    loop.look_at(number)
    turn(loop)
    pair[1].close()
