import time

import pytest
from nb_service.loop import Loop
from nb_service.model_folder import ModelFolder
from nb_service.scoring.answer import FULL, NOT_READY, OK, Answer, Job
from nb_service.scoring.plan import Plan
from nb_service.scoring.pool import LARGE_BYTES, Pool


class Link:
    """A scorer's link that answers when it is told to."""

    proved = True
    head_since = 0.0

    def __init__(self, room):
        self.in_flight = []
        self._room = room

    @property
    def ahead(self):
        return len(self.in_flight) - 1

    def take_back(self, most):
        taken = self.in_flight[1 : 1 + most]
        del self.in_flight[1 : 1 + most]
        return taken

    def room(self):
        return self._room - len(self.in_flight)

    def give(self, job):
        self.in_flight.append(job)

    def flush(self):
        return


@pytest.fixture
def pool():
    """Return a pool for two waiting samples, warm, without scorers."""
    loop = Loop()
    plan = Plan("fork", True, "", 2, 1, {}, predict_timeout=60, max_queue=2)
    made = Pool(loop, ModelFolder(None, None, None, {}), plan)
    made.staff.warm = True
    yield made
    loop.close()


def given(link) -> list:
    """Return the bodies that a link was given."""
    return [job.body for job in link.in_flight]


def test_idle_scorers_come_first_then_those_with_most_room(pool):
    pool.staff.free = [Link(1), Link(5)]
    for body in (b"1", b"2", b"3"):
        pool.submit(body, None)
    pool._loop.turn()
    assert [given(link) for link in pool.staff.free] == [[b"2"], [b"1", b"3"]]


def test_an_idle_scorer_takes_what_waits_behind_something_slow_and_no_more_than_it_has_room_for(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"slow", b"1", b"2", b"3"):
        busy.give(Job(body, None))
    pool.staff.free = [busy, idle]
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert (given(busy), given(idle)) == ([b"slow", b"3"], [b"1", b"2"])


def test_what_has_only_just_begun_is_left_in_peace_for_a_moment(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"not slow yet", b"1"):
        busy.give(Job(body, None))
    busy.head_since = time.monotonic()
    pool.staff.free = [busy, idle]
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert given(idle) == []
    while not given(idle):
        pool._loop.turn()
    assert (given(busy), given(idle)) == ([b"not slow yet"], [b"1"])


def test_a_sample_over_the_bound_is_refused_and_never_at_once(pool):
    answers = []
    for body in (b"1", b"2", b"3"):
        pool.submit(body, answers.append)
    assert answers == []
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert [answer.outcome for answer in answers] == [FULL]


def test_large_bodies_are_held_to_a_sum_of_bytes_until_they_are_answered(pool):
    answers = []
    pool.plan = pool.plan._replace(max_queue=100, max_held=3 * LARGE_BYTES)
    large = b"1" * LARGE_BYTES
    for body in (large * 4, large, b"1"):
        pool.submit(body, answers.append)
    link = Link(9)
    pool.staff.free = [link]
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert [answer.outcome for answer in answers] == [FULL]
    assert [len(body) for body in given(link)] == [4 * LARGE_BYTES, 1]
    link.in_flight[0].done(Answer(OK))
    for _ in range(4):
        pool.submit(large, answers.append)
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert [answer.outcome for answer in answers] == [FULL, OK, FULL]


def test_before_it_is_warm_every_sample_is_refused(pool):
    answers = []
    pool.staff.warm = False
    pool.submit(b"1", answers.append)
    pool._loop.turn()
    assert [answer.outcome for answer in answers] == [NOT_READY]
    assert not pool.ready


def test_what_a_dead_scorer_left_is_asked_before_all_that_waits(pool):
    pool.submit(b"waits", None)
    link = Link(3)
    pool.submit(b"left 1", None)
    left = [pool._queue.pop()]
    pool.staff.on_unanswered(left)
    pool.staff.free = [link]
    pool._loop.soon(lambda: None)
    pool._loop.turn()
    assert given(link) == [b"left 1", b"waits"]


def test_at_the_end_what_has_no_answer_is_told_so(pool):
    answers = []
    pool.submit(b"1", answers.append)
    assert pool.busy
    pool.stop()
    assert [answer.outcome for answer in answers] == [NOT_READY]
    assert not pool.ready
