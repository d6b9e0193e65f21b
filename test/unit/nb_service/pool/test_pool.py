import time

import pytest
from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import DIED, FULL, NOT_READY, Job
from nb_service.pool.plan import Plan
from nb_service.pool.pool import Pool
from nb_service.pool.turns import TurnLoop

from unit.nb_service.pool.fakes import turn, turn_until


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

    def is_low(self):
        return True

    def give(self, job):
        self.in_flight.append(job)

    def flush(self):
        return


@pytest.fixture
def pool():
    """Return a pool for two waiting samples, warm, without scorers."""
    loop = TurnLoop()
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
    turn(pool._loop)
    assert [given(link) for link in pool.staff.free] == [[b"2"], [b"1", b"3"]]


@pytest.mark.parametrize(("batch", "refilled"), [(8, [b"1", b"2"]), (1, [])])
def test_a_scorer_of_batches_gets_its_next_ones_while_its_answers_go_out(pool, batch, refilled):
    pool._one_by_one = batch == 1
    link, leaving = Link(2), Link(2)
    for body in (b"1", b"2", b"3"):
        pool._queue.append(Job(body, None))
    pool.staff.free = [link]
    pool.staff.on_empty(leaving)
    pool.staff.on_empty(link)
    assert (given(leaving), given(link)) == ([], refilled)


def test_scorers_with_enough_to_do_are_not_woken_for_a_sample_more(pool):
    low, full = Link(5), Link(5)
    full.is_low = lambda: False
    pool.staff.free = [full]
    for link in pool.staff.free:
        link.give(Job(b"0", None))
    pool.submit(b"1", None)
    pool.staff.on_room(full)
    turn(pool._loop)
    assert (given(full), pool.waiting) == ([b"0"], 1)
    pool.staff.free = [full, low]
    low.give(Job(b"0", None))
    pool.staff.on_room(low)
    turn(pool._loop)
    assert (given(full), given(low)) == ([b"0"], [b"0", b"1"])


def test_an_idle_scorer_takes_what_waits_behind_something_slow_and_no_more_than_it_has_room_for(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"slow", b"1", b"2", b"3"):
        busy.give(Job(body, None))
    pool.staff.free = [busy, idle]
    pool.staff.on_room(idle)
    turn(pool._loop)
    assert (given(busy), given(idle)) == ([b"slow", b"3"], [b"1", b"2"])


def test_what_has_only_just_begun_is_left_in_peace_for_a_moment(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"not slow yet", b"1"):
        busy.give(Job(body, None))
    busy.head_since = time.monotonic()
    pool.staff.free = [busy, idle]
    pool.staff.on_room(idle)
    turn(pool._loop)
    assert given(idle) == []
    while not given(idle):
        turn(pool._loop)
    assert (given(busy), given(idle)) == ([b"not slow yet"], [b"1"])


def test_a_sample_over_the_bound_is_refused_and_never_at_once(pool):
    answers = []
    for body in (b"1", b"2", b"3"):
        pool.submit(body, answers.append)
    assert answers == []
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [FULL]


def test_before_the_first_scorer_is_ready_samples_wait_as_many_as_there_is_room_for(pool):
    answers = []
    pool.staff.warm = False
    pool.staff.free = [Link(3)]
    for body in (b"1", b"2", b"3"):
        pool.submit(body, answers.append)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.waiting, pool.ready) == ([FULL], 2, False)
    pool.staff.warm = True
    pool.staff.on_room(None)
    turn(pool._loop)
    assert given(pool.staff.free[0]) == [b"1", b"2"]
    assert pool.ready


def test_nothing_waits_for_the_first_scorer_longer_than_a_prediction_may_take(pool):
    answers = []
    pool.staff.warm = False
    pool.plan = pool.plan._replace(predict_timeout=0.05)
    pool.submit(b"1", answers.append)
    pool._check_limits()
    turn(pool._loop)
    assert answers == []
    assert turn_until(pool._loop, lambda: answers)
    assert answers[0].outcome == NOT_READY


def crash_loop(staff):
    """Let scorers end one after the other."""
    for _ in range(3):
        staff._count_death()


def refuse(staff):
    """Let the model be refused."""
    staff.on_fatal = lambda problem: None
    staff._give_up(None)


def wrong_row(staff):
    """Let a scorer answer a golden row wrongly."""
    staff.on_rows = lambda link, results: False
    link = Link(1)
    link.alive = True
    staff._warmed_up(link, [])


@pytest.mark.parametrize("why", [crash_loop, refuse, wrong_row])
def test_where_nothing_will_come_samples_are_refused_at_once_those_that_wait_too(pool, why):
    answers = []
    pool._say = pool.staff._say = lambda words: None
    pool.staff.warm = False
    pool.submit(b"waits", answers.append)
    why(pool.staff)
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [NOT_READY]
    pool.submit(b"1", answers.append)
    assert len(answers) == 1
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [NOT_READY] * 2


def test_a_sample_whose_client_is_gone_leaves_the_queue_and_makes_room(pool):
    answers = []
    first, second = pool.submit(b"1", answers.append), pool.submit(b"2", answers.append)
    pool.abandon(first)
    third = pool.submit(b"3", answers.append)
    pool.abandon(second)
    link = Link(3)
    pool.staff.free = [link]
    pool.staff.on_room(None)
    turn(pool._loop)
    assert (given(link), answers) == ([b"3"], [])
    # A scorer has it: nothing to take away any more.
    pool.abandon(third)
    assert given(link) == [b"3"]


def test_a_sample_whose_client_is_gone_is_not_asked_again(pool):
    answers = []
    link = Link(3)
    pool.staff.free = [link]
    jobs = [pool.submit(body, answers.append) for body in (b"1", b"2")]
    turn(pool._loop)
    pool.abandon(jobs[0])
    pool.staff.free = []
    pool.staff.on_unanswered(link.in_flight)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.waiting) == ([DIED], 1)


def test_a_clock_of_time_limits_goes_on_after_a_trouble(pool, capsys):
    pool.plan = pool.plan._replace(predict_timeout=0.01)
    looks = []
    pool.staff.replace_silent = lambda now: looks.append(now) or 1 / 0
    pool._check_limits()
    assert turn_until(pool._loop, lambda: len(looks) > 2)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_asker_that_raises_does_not_keep_others_from_their_answers(pool, capsys):
    answers = []
    for _ in range(2):
        pool.submit(b"1", None)
    for done in (None, answers.append):
        pool.submit(b"1", done)
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [FULL]
    pool.stop()
    assert "TypeError" in capsys.readouterr().err


def test_what_a_dead_scorer_left_is_asked_before_all_that_waits(pool):
    pool.submit(b"waits", None)
    link = Link(3)
    pool.submit(b"left 1", None)
    left = [pool._queue.pop()]
    pool.staff.on_unanswered(left)
    pool.staff.free = [link]
    turn(pool._loop)
    assert given(link) == [b"left 1", b"waits"]


def test_at_the_end_what_has_no_answer_is_told_so(pool):
    answers = []
    pool.submit(b"1", answers.append)
    assert pool.busy
    pool.stop()
    assert [answer.outcome for answer in answers] == [NOT_READY]
    assert not pool.ready
