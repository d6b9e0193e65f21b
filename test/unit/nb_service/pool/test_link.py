import asyncio
import json
import os
import socket

import pytest
from nb_scorer.protocol import frames
from nb_scorer.protocol.shared_counters import SharedCounters
from nb_service.pool.answer import DIED, OK, Answer, Job
from nb_service.pool.link import MAX_IN_FLIGHT, MAX_UNSENT, Link
from nb_service.pool.memory import shared_memory

from unit.nb_service.pool.fakes import FarEnd, turn


class Owner:
    """Records its messages."""

    def __init__(self):
        self.told = []
        self.turns = 0
        self.at_empty = lambda link: None

    def link_ready(self, link, pid):
        self.told.append(("ready", pid))

    def link_problem(self, link, facts):
        self.told.append(("problem", facts))

    def link_first_answer(self, link):
        self.told.append("first answer")

    def link_quota_reached(self, link):
        self.told.append(("tired", link.answers))

    def link_handed_back(self, job):
        self.told.append(("handed back", job.body))

    def link_empty(self, link):
        self.at_empty(link)

    def link_room(self, link):
        self.turns += 1

    def link_strange(self, link):
        self.told.append("strange")
        assert link.pid == 7 or link.pid is None

    def link_gone(self, link, unanswered):
        self.told.append(("gone", [job.body for job in unanswered]))


@pytest.fixture
def ends():
    """Return (loop, link, the scorer's end, the scorer's counters, owner, answers)."""
    loop, owner, answers = asyncio.new_event_loop(), Owner(), []
    ours, theirs = socket.socketpair()
    with shared_memory() as memory:
        link = Link(1, ours, SharedCounters(memory.fileno()), owner, loop)
        counters = SharedCounters(memory.fileno())
    link.pid = 7
    yield loop, link, FarEnd(theirs), counters, owner, answers
    link.drop()
    theirs.close()
    loop.close()


def job(body: bytes, answers: list) -> Job:
    """Return a job that leaves its body and answer in `answers`."""
    return Job(body, lambda answer: answers.append((body, answer)))


def send(link, answers, *bodies):
    """Give the link these samples, whose answers are noted in `answers`, and let them go out."""
    for body in bodies:
        link.give(job(body, answers))
    link.flush()


def test_its_owner_may_give_it_more_before_its_answers_are_handed_out(ends):
    loop, link, theirs, _, owner, answers = ends
    send(link, answers, b"1", b"2")
    theirs.sock.recv(1000)
    # What is in flight, and who has an answer, at that moment.
    seen = []
    owner.at_empty = lambda link: seen.append((len(link.in_flight), list(answers)))
    theirs.say(OK, b"10", 0.5)
    theirs.say(OK, b"20", 0.5)
    turn(loop)
    assert seen == [(0, [])]
    assert [body for body, _ in answers] == [b"1", b"2"]


def test_answers_reach_their_jobs_in_order(ends):
    loop, link, theirs, _, owner, answers = ends
    send(link, answers, b"1", b"2")
    requests = frames.take_requests(bytearray(theirs.sock.recv(1000)))
    assert requests == [(frames.SAMPLE, 0, b"1"), (frames.SAMPLE, 1, b"2")]
    theirs.say(OK, b"10", 0.5)
    theirs.say(frames.FAILED, b"{}", 0.5)
    turn(loop)
    assert answers == [(b"1", Answer(OK, b"10", 0.5)), (b"2", Answer(frames.FAILED, b"{}", 0.5))]
    assert owner.told == ["first answer"]


def test_the_answers_of_a_turn_are_observed_together_and_a_fault_in_that_costs_no_one(ends, capsys):
    loop, link, theirs, _, _, answers = ends
    observed = []
    link.observe = lambda received: observed.append([(job.body, answer.payload) for job, answer in received]) or 1 / 0
    send(link, answers, b"1", b"2")
    theirs.say(OK, b"10")
    theirs.say(OK, b"20")
    turn(loop)
    assert observed == [[(b"1", b"10"), (b"2", b"20")]]
    assert len(answers) == 2 and link.alive
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "payload", "told"),
    [
        (frames.HELLO, {"pid": 8}, [("ready", 8)]),
        (frames.PROBLEM, {"what": "x"}, [("problem", {"what": "x"})]),
        (frames.OK, {}, ["strange", ("gone", [])]),
    ],
)
def test_the_first_word_of_a_scorer_is_reported(ends, status, payload, told):
    loop, link, theirs, _, owner, _ = ends
    link.pid = None
    theirs.say(status, json.dumps(payload).encode())
    turn(loop)
    assert owner.told == told


@pytest.mark.parametrize(
    ("status", "number"), [(OK, 1), (OK, 3), (OK, 0xFFFFFFFF), (99, 2), (frames.HELLO, 2), (frames.PROBLEM, 2)]
)
def test_an_answer_that_was_not_asked_for_ends_the_scorer_and_is_no_one_s(ends, status, number):
    loop, link, theirs, counters, owner, answers = ends
    send(link, answers, b"1", b"2", b"3", b"4")
    counters.start(2)
    theirs.say(OK, b"10")
    theirs.say(OK, b"20")
    theirs.number = number
    theirs.say(status, b"0")
    turn(loop)
    assert owner.told == ["first answer", "strange", ("gone", [b"3", b"4"])]
    assert [answer.payload for _, answer in answers] == [b"10", b"20"]


def test_an_answer_when_nothing_was_asked_ends_the_scorer(ends):
    loop, link, theirs, _, owner, _ = ends
    theirs.say(OK, b"1")
    turn(loop)
    assert (owner.told, link.alive) == (["strange", ("gone", [])], False)


def test_numbers_start_again_after_the_last(ends):
    loop, link, theirs, _, _, answers = ends
    link.answers = theirs.number = frames.NUMBERS
    send(link, answers, b"1", b"2")
    requests = frames.take_requests(bytearray(theirs.sock.recv(1000)))
    assert [number for _, number, _ in requests] == [frames.NUMBERS, 0]
    theirs.say(OK, b"10")
    theirs.number = 0
    theirs.say(OK, b"20")
    turn(loop)
    assert len(answers) == 2


def test_what_is_no_frame_costs_the_scorer_and_nothing_else(ends, capsys):
    loop, link, theirs, _, owner, _ = ends
    link.pid = None
    theirs.say(frames.HELLO, b"no JSON")
    turn(loop)
    assert (owner.told, link.alive) == ([("gone", [])], False)
    assert "JSONDecodeError" in capsys.readouterr().err


def test_an_asker_that_raises_costs_no_one_else_its_answer(ends, capsys):
    loop, link, theirs, _, _, answers = ends
    link.give(Job(b"1", lambda answer: 1 / 0))
    send(link, answers, b"2")
    theirs.say(OK, b"10")
    theirs.say(OK, b"20")
    turn(loop)
    assert [answer.payload for _, answer in answers] == [b"20"]
    assert link.alive
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_link_that_still_has_much_to_send_takes_no_more(ends):
    _, link, _, _, _, answers = ends
    link._ahead = 64
    send(link, answers, b"x" * (2 * MAX_UNSENT))
    assert link.room() == 0


def test_a_link_starts_with_one_sample_and_takes_more_only_where_they_are_fast(ends):
    loop, link, theirs, _, _, answers = ends
    assert link.room() == 1
    for _ in range(100):
        link.give(job(b"1", answers))
        theirs.say(OK, b"1", 0.00002)
        turn(loop)
    assert link.room() > 16
    assert link.room() <= MAX_IN_FLIGHT
    link.give(job(b"1", answers))
    theirs.say(OK, b"1", 0.2)
    turn(loop)
    assert link.room() == 1


@pytest.mark.parametrize(("ahead", "in_flight", "low"), [(1, 0, True), (1, 1, False), (8, 4, True), (8, 5, False)])
def test_a_link_is_low_when_half_of_what_it_may_take_is_done(ends, ahead, in_flight, low):
    _, link, _, _, _, answers = ends
    link._ahead = ahead
    send(link, answers, *[b"1"] * in_flight)
    assert link.is_low() is low


def test_a_dead_scorer_s_last_answers_count_and_the_started_one_is_what_it_died_of(ends):
    loop, link, theirs, counters, owner, answers = ends
    send(link, answers, b"1", b"2", b"3")
    counters.start()
    theirs.say(OK, b"1")
    counters.start()
    theirs.close()
    while link.alive:
        turn(loop)
    assert [(body, answer.outcome) for body, answer in answers] == [(b"1", OK), (b"2", DIED)]
    assert owner.told == ["first answer", ("gone", [b"3"])]


def test_a_scorer_that_died_before_it_started_one_is_blamed_on_none(ends):
    loop, link, theirs, _, owner, answers = ends
    link.give(job(b"1", answers))
    link.flush()
    theirs.close()
    while link.alive:
        turn(loop)
    assert answers == []
    assert owner.told == [("gone", [b"1"])]


def test_a_sample_larger_than_the_socket_takes_goes_in_parts(ends):
    loop, link, theirs, _, _, answers = ends
    body = os.urandom(3_000_000)
    link.give(job(body, answers))
    link.flush()
    assert link._writing
    received = bytearray()
    theirs.sock.setblocking(False)
    while not (taken := frames.take_requests(received)):
        try:
            received += theirs.sock.recv(1 << 20)
        except BlockingIOError:
            turn(loop)
    assert taken == [(frames.SAMPLE, 0, body)]
    assert not link._writing


def test_a_scorer_that_goes_while_it_is_sent_to_is_just_gone(ends, capsys):
    loop, link, theirs, _, owner, answers = ends
    link.give(job(b"x" * 3_000_000, answers))
    link.flush()
    theirs.close()
    while link.alive:
        turn(loop)
    assert [told[0] for told in owner.told] == ["gone"]
    assert capsys.readouterr().err == ""


@pytest.fixture
def batching():
    """Return (loop, a link that may batch 8 samples, the scorer's end, the scorer's counters, owner)."""
    loop, owner = asyncio.new_event_loop(), Owner()
    ours, theirs = socket.socketpair()
    with shared_memory() as memory:
        link = Link(1, ours, SharedCounters(memory.fileno()), owner, loop, batch=8, limit=4.0)
        counters = SharedCounters(memory.fileno())
    link.pid = 7
    yield loop, link, FarEnd(theirs), counters, owner
    link.drop()
    theirs.close()
    loop.close()


def test_an_idle_scorer_takes_a_batch_however_slow_samples_are_and_then_no_more(batching):
    loop, link, theirs, _, _ = batching
    link.give(Job(b"1", [].append, frames.TOGETHER))
    assert link.room() == 7
    link.flush()
    assert link.room() == 0
    theirs.say(OK, b"1", 0.05)
    turn(loop)
    assert link.room() == 8


def test_a_batch_is_no_larger_than_the_time_limit_bears(batching):
    loop, link, theirs, _, _ = batching
    for _ in range(60):
        link.give(Job(b"1", [].append, frames.TOGETHER))
        link.flush()
        theirs.say(OK, b"1", 0.25)
        turn(loop)
    assert link.room() == 2


def test_of_a_batch_that_kills_each_is_asked_again_alone(batching):
    loop, link, theirs, counters, owner = batching
    answers = []
    jobs = [Job(body, lambda answer: answers.append(answer.outcome), frames.TOGETHER) for body in (b"1", b"2", b"3")]
    for job in jobs:
        link.give(job)
    link.flush()
    counters.start(2)
    theirs.close()
    while link.alive:
        turn(loop)
    assert owner.told == [("gone", [b"1", b"2", b"3"])]
    assert [job.kind for job in jobs] == [frames.SAMPLE, frames.SAMPLE, frames.TOGETHER]
    assert answers == []


def test_a_scorer_that_has_done_its_share_is_reported_of_after_each_answer(ends):
    loop, link, theirs, _, owner, answers = ends
    link.quota = 1.5
    for _ in range(3):
        link.give(job(b"1", answers))
    link.flush()
    for _ in range(3):
        theirs.say(OK, b"1")
    turn(loop)
    assert owner.told == ["first answer", ("tired", 2), ("tired", 3)]
    assert len(answers) == 3


def back(counters: SharedCounters, theirs, samples: int) -> int:
    """Let the scorer start that number of samples and hand back those called back; return the number of these."""
    called_back = counters.start(samples)
    for _ in range(called_back):
        theirs.say(frames.BACK)
    return called_back


def test_what_was_not_started_is_taken_back_and_answered_elsewhere(ends):
    loop, link, theirs, counters, owner, answers = ends
    send(link, answers, b"1", b"2", b"3", b"4")
    counters.start()
    assert link.ahead == 3
    assert [job.body for job in link.take_back(2)] == [b"2", b"3"]
    assert [job.body for job in link.take_back(9)] == [b"4"]
    assert (link.take_back(9), link.ahead) == ([], 0)
    link.give(job(b"5", answers))
    theirs.say(OK, b"10")
    assert back(counters, theirs, 1) == 1
    assert back(counters, theirs, 2) == 2
    assert back(counters, theirs, 1) == 0
    theirs.say(OK, b"50")
    turn(loop)
    assert [(body, answer.payload) for body, answer in answers] == [(b"1", b"10"), (b"5", b"50")]
    assert owner.told == ["first answer"]
    assert (list(link.in_flight), link.ahead) == ([], -1)


def test_a_scorer_that_counts_backwards_has_no_sample_taken_back_twice(ends):
    loop, link, theirs, counters, _, answers = ends
    send(link, answers, b"1", b"2", b"3", b"4")
    counters.start(2)
    theirs.say(OK, b"10")
    theirs.say(OK, b"20")
    turn(loop)
    counters._memory[0] = 0
    assert [job.body for job in link.take_back(9)] == [b"3", b"4"]


def test_a_sample_that_is_started_while_it_is_called_back_is_not_given_to_two(ends):
    loop, link, theirs, counters, owner, answers = ends
    send(link, answers, b"1", b"2", b"3")
    counters.start()
    call_back = link._counters.call_back

    def race(end):
        counters.start()
        return call_back(end)

    link._counters.call_back = race
    assert [job.body for job in link.take_back(9)] == [b"3"]
    # It saw the call back in the last moment, and says so.
    theirs.say(OK, b"10")
    theirs.say(frames.BACK)
    turn(loop)
    assert owner.told == ["first answer", ("handed back", b"2")]


def test_what_was_taken_back_is_neither_asked_again_nor_blamed_where_the_scorer_dies(ends):
    loop, link, theirs, counters, owner, answers = ends
    send(link, answers, b"1", b"2", b"3")
    counters.start()
    link.take_back(1)
    theirs.say(OK, b"10")
    counters.start()
    theirs.close()
    while link.alive:
        turn(loop)
    assert owner.told == ["first answer", ("gone", [b"3"])]
    assert [body for body, _ in answers] == [b"1"]


def test_a_scorer_that_has_done_its_share_is_reported_of_until_nothing_is_left(ends):
    loop, link, theirs, counters, owner, answers = ends
    link.quota = 1
    send(link, answers, b"1", b"2")
    counters.start()
    link.take_back(1)
    theirs.say(OK, b"10")
    theirs.say(frames.BACK)
    turn(loop)
    assert owner.told == ["first answer", ("tired", 1), ("tired", 2)]
    assert not link.in_flight


def test_after_answers_the_right_ones_are_taken_back(ends):
    loop, link, theirs, counters, _, answers = ends
    send(link, answers, b"1", b"2")
    assert back(counters, theirs, 2) == 0
    theirs.say(OK, b"10")
    theirs.say(OK, b"20")
    turn(loop)
    send(link, answers, b"3", b"4", b"5")
    counters.start()
    assert [one.body for one in link.take_back(1)] == [b"4"]
    assert back(counters, theirs, 2) == 1


def test_what_a_full_socket_does_not_take_leaves_later(ends):
    loop, link, theirs, _, _, answers = ends
    filled = 0
    while True:
        try:
            filled += link._sock.send(bytes(1 << 16))
        except BlockingIOError:
            break
    send(link, answers, b"1", b"2")
    while filled:
        filled -= len(theirs.sock.recv(min(filled, 1 << 16)))
    turn(loop)
    requests = frames.take_requests(bytearray(theirs.sock.recv(1000)))
    assert requests == [(frames.SAMPLE, 0, b"1"), (frames.SAMPLE, 1, b"2")]


def test_a_scorer_that_announces_more_than_an_answer_may_have_is_strange_at_once(ends):
    """Nothing of what it sends after that is held."""
    loop, link, far, _, owner, answers = ends
    link.largest = 1000
    link.give(job(b"1", answers))
    turn(loop)
    far.sock.sendall(frames.ANSWER.pack(0xFFFFFFFF, 0, 0, 0, 1) + b"x" * 10)
    turn(loop)
    assert "strange" in owner.told and ("gone", [b"1"]) in owner.told
    assert not link.alive and not answers
