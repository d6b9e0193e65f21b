import asyncio
import json
import socket
from types import SimpleNamespace

import pytest
from nb_service.pool import socket_server as module
from nb_service.pool import wire
from nb_service.pool.answer import FAILED, FULL, OK, Answer, Job
from nb_service.pool.socket_server import PoolServer

from unit.nb_service.pool.fakes import turn, turn_until


class Pool:
    """Accepts everything, and answers on request."""

    def __init__(self):
        self.plan = SimpleNamespace(batch=4, max_queue=80, concurrency=1)
        self.manager = SimpleNamespace(planned=2)
        self.together = True
        self.on_one_by_one = []
        self.jobs = []
        self.abandoned = []

    def submit(self, body, done, request_id=None, call=b""):
        self.jobs.append(Job(body, done, call=call))
        return self.jobs[-1]

    def submit_many(self, body, done, request_id, call):
        return self.submit(b"many " + body, done, call=call)

    def submit_block(self, body, done, request_id, call):
        return self.submit(b"block " + body, done, call=call)

    def submit_files(self, body, done, request_id, call):
        return self.submit(b"files " + body, done)

    def abandon(self, job):
        self.abandoned.append(job.body)


class Peer:
    """The other process: its socket, and what came over it."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        self._in = bytearray()

    def frames(self):
        """Return the frames that came since the last time."""
        try:
            while data := self.sock.recv(1 << 20):
                self._in += data
        except BlockingIOError:
            pass
        return list(wire.take(self._in))


@pytest.fixture
def served():
    """Return (loop, pool, server, peer, what was called at its end), after the hello."""
    loop, pool, ends = asyncio.new_event_loop(), Pool(), []
    ours, theirs = socket.socketpair()
    server = PoolServer(loop, pool, ours, lambda: {"ready": True}, lambda: ends.append("gone"))
    peer = Peer(theirs)
    turn(loop)
    ((kind, _, payload),) = peer.frames()
    assert (kind, json.loads(payload)) == (wire.HELLO, {"together": True, "max_queue": 80, "at_once": 8})
    yield loop, pool, server, peer, ends
    server.close()
    theirs.close()
    loop.close()


def test_that_batching_has_ended_is_reported_until_the_peer_is_gone(served):
    loop, pool, server, peer, _ = served
    pool.together = False
    (report,) = pool.on_one_by_one
    report()
    turn(loop)
    ((kind, _, payload),) = peer.frames()
    assert (kind, json.loads(payload)) == (wire.HELLO, {"together": False, "max_queue": 80, "at_once": 2})
    server.close()
    assert pool.on_one_by_one == []


def test_samples_arrays_and_blocks_reach_the_pool_and_answers_carry_their_number_in_any_order(served):
    loop, pool, _, peer, _ = served
    peer.sock.sendall(wire.frame(wire.SAMPLE, 7, b"1") + wire.frame(wire.ARRAY, 9, b"[2]"))
    peer.sock.sendall(wire.frame(wire.BLOCK, 8, b"d"))
    turn(loop)
    assert [job.body for job in pool.jobs] == [b"1", b"many [2]", b"block d"]
    pool.jobs[1].done(Answer(OK, b"[20]", 0.5, 2))
    pool.jobs[0].done(Answer(FAILED))
    turn(loop)
    answers = [(number, wire.answer_of(payload)) for _, number, payload in peer.frames()]
    assert answers == [(9, Answer(OK, b"[20]", 0.5, 2)), (7, Answer(FAILED))]


def test_the_front_s_facts_are_asked_of_it_on_its_loop(served, capsys):
    loop, _, server, peer, _ = served
    peer.sock.sendall(wire.frame(wire.FACTS, 3))
    turn(loop)
    assert peer.frames() == [(wire.FACTS, 3, b'{"ready": true}')]
    server._facts = lambda: 1 / 0
    peer.sock.sendall(wire.frame(wire.FACTS, 4))
    turn(loop)
    assert peer.frames() == [(wire.FACTS, 4, b"{}")]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_of_a_peer_that_is_gone_nothing_is_scored_any_more(served):
    loop, pool, server, peer, ends = served
    peer.sock.sendall(wire.frame(wire.SAMPLE, 1, b"1") + wire.frame(wire.SAMPLE, 2, b"2"))
    turn(loop)
    pool.jobs[0].done(Answer(OK, b"10"))
    peer.sock.close()
    turn(loop)
    assert (pool.abandoned, ends) == ([b"2"], ["gone"])
    # A scorer had it already.
    pool.jobs[1].done(Answer(OK, b"20"))
    turn(loop)
    server.close()
    assert ends == ["gone"]


def test_who_hangs_up_is_not_called(served):
    loop, pool, server, peer, ends = served
    peer.sock.sendall(wire.frame(wire.SAMPLE, 1, b"1"))
    turn(loop)
    server.close()
    assert (pool.abandoned, ends) == ([b"1"], [])
    assert peer.sock.recv(1) == b""


def test_a_peer_that_talks_nonsense_costs_itself_only(served, capsys):
    loop, _, _, peer, ends = served
    peer.sock.sendall(wire.frame(77, 1))
    turn(loop)
    assert ends == ["gone"]
    assert "KeyError" in capsys.readouterr().err


def test_a_peer_that_takes_no_answers_is_not_listened_to_until_it_does(served):
    loop, pool, _, peer, _ = served
    peer.sock.sendall(b"".join(wire.frame(wire.SAMPLE, number, b"1") for number in range(2)))
    turn(loop)
    large = b"x" * (2 * module.MAX_UNSENT)
    pool.jobs[0].done(Answer(OK, large))
    turn(loop)
    pool.jobs[1].done(Answer(OK, large))
    turn(loop)
    peer.sock.sendall(wire.frame(wire.SAMPLE, 2, b"2"))
    turn(loop, times=5)
    assert len(pool.jobs) == 2
    frames = []
    assert turn_until(loop, lambda: frames.extend(peer.frames()) or len(frames) == 2)
    assert [wire.answer_of(payload).payload for _, _, payload in frames] == [large, large]
    assert turn_until(loop, lambda: len(pool.jobs) == 3)


def test_a_large_body_arrives_in_parts(served):
    loop, pool, _, peer, _ = served
    body = b"x" * 3_000_000
    frame = memoryview(wire.frame(wire.SAMPLE, 1, body))
    sent = 0
    while sent < len(frame):
        try:
            sent += peer.sock.send(frame[sent:])
        except BlockingIOError:
            turn(loop)
    assert turn_until(loop, lambda: pool.jobs)
    assert pool.jobs[0].body == body


def test_what_is_let_go_of_is_abandoned_and_gets_no_answer(served):
    loop, pool, _, peer, _ = served
    peer.sock.sendall(wire.frame(wire.SAMPLE, 1, b"1") + wire.frame(wire.SAMPLE, 2, b"2"))
    peer.sock.sendall(wire.frame(wire.ABANDON, 1) + wire.frame(wire.ABANDON, 9))
    turn(loop)
    assert pool.abandoned == [b"1"]
    for job in pool.jobs:
        job.done(Answer(OK, b"10"))
    turn(loop)
    assert [number for _, number, _ in peer.frames()] == [2]


def test_a_peer_that_is_far_behind_is_reported_that_there_was_no_room(served, monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD", 5_000_000)
    loop, pool, _, peer, _ = served
    peer.sock.sendall(b"".join(wire.frame(wire.SAMPLE, number, b"1") for number in range(4)))
    turn(loop)
    # The first is more than may be held, and goes all the same: nothing else is held then.
    for size in (6_000_000, 1, 0, 1):
        pool.jobs.pop(0).done(Answer(OK, size * b"x"))
    frames = []
    assert turn_until(loop, lambda: frames.extend(peer.frames()) or len(frames) == 4)
    answers = [wire.answer_of(payload) for _, _, payload in frames]
    assert [(answer.outcome, len(answer.payload)) for answer in answers] == [(OK, 6_000_000), *[(FULL, 2)] * 3]


def test_many_answers_leave_in_several_calls_and_in_their_order(served):
    loop, pool, _, peer, _ = served
    count = 3 * module.AT_ONCE + 1
    peer.sock.sendall(b"".join(wire.frame(wire.SAMPLE, number, b"1") for number in range(count)))
    turn(loop)
    for job in pool.jobs:
        job.done(Answer(OK, b"10"))
    frames = []
    assert turn_until(loop, lambda: frames.extend(peer.frames()) or len(frames) == count)
    assert [number for _, number, _ in frames] == list(range(count))


def test_a_peer_that_resets_the_connection_is_gone(served):
    loop, pool, _, peer, ends = served
    peer.sock.sendall(wire.frame(wire.SAMPLE, 1, b"1"))
    turn(loop)
    pool.jobs[0].done(Answer(OK, b"x" * 3_000_000))
    turn(loop)
    peer.sock.close()
    assert turn_until(loop, lambda: ends)
    assert (ends, pool.abandoned) == (["gone"], [])


def test_what_the_other_process_reports_is_handed_on_and_a_fault_there_costs_nothing():
    loop, news = asyncio.new_event_loop(), []

    def told(what):
        news.append(what)
        raise KeyError("a fault of the front")

    ours, theirs = socket.socketpair()
    server = PoolServer(loop, Pool(), ours, dict, lambda: None, told)
    peer = Peer(theirs)
    turn(loop)
    peer.sock.send(wire.json_frame(wire.TELL, 0, {"connected": True}) + wire.frame(wire.FACTS, 5))
    turn(loop, 4)
    assert news == [{"connected": True}]
    assert [kind for kind, _, _ in peer.frames()] == [wire.HELLO, wire.FACTS]
    server.close()
    theirs.close()
    loop.close()


def test_what_the_other_process_asks_is_answered_and_a_fault_there_costs_nothing():
    loop = asyncio.new_event_loop()
    ours, theirs = socket.socketpair()
    server = PoolServer(loop, Pool(), ours, dict, lambda: None, lambda question: {"said": 1 / question["by"]})
    peer = Peer(theirs)
    turn(loop)
    for number, by in ((7, 2), (8, 0)):
        peer.sock.send(wire.json_frame(wire.ASK, number, {"by": by}))
        turn(loop, 4)
    assert peer.frames()[1:] == [(wire.FACTS, 7, b'{"said": 0.5}'), (wire.FACTS, 8, b"{}")]
    server.close()
    theirs.close()
    loop.close()
