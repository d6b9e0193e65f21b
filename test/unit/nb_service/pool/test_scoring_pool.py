import time

import pytest
from nb_scorer.protocol import frames
from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import DIED, FULL, NOT_READY, TOO_SLOW, Job
from nb_service.pool.plan import Plan
from nb_service.pool.scoring_pool import Pool
from nb_service.pool.turns import TurnLoop

from unit.nb_service.pool.fakes import turn, turn_until


class Link:
    """A scorer's link that answers on request."""

    proved = True
    head_since = 0.0
    progressed = False
    is_held = False

    def withdraw(self):
        """Do nothing."""

    def __init__(self, room):
        self.in_flight = []
        self._room = room

    @property
    def ahead(self):
        return len(self.in_flight) - 1

    def has_progressed(self):
        return self.progressed

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
    new_pool = Pool(loop, ModelFolder(None, None, None, {}), plan)
    new_pool.manager.warm = True
    yield new_pool
    loop.close()


def given(link) -> list:
    """Return the bodies that a link was given."""
    return [job.body for job in link.in_flight]


def test_idle_scorers_come_first_then_those_with_most_room(pool):
    pool.manager.free = [Link(1), Link(5)]
    for body in (b"1", b"2", b"3"):
        pool.submit(body, None)
    turn(pool._loop)
    assert [given(link) for link in pool.manager.free] == [[b"2"], [b"1", b"3"]]


@pytest.mark.parametrize(("batch", "refilled"), [(8, [b"1", b"2"]), (1, [])])
def test_a_scorer_of_batches_gets_its_next_ones_while_its_answers_go_out(pool, batch, refilled):
    pool._one_by_one = batch == 1
    link, leaving = Link(2), Link(2)
    for body in (b"1", b"2", b"3"):
        pool._queue.append(Job(body, None))
    pool.manager.free = [link]
    pool.manager.on_empty(leaving)
    pool.manager.on_empty(link)
    assert (given(leaving), given(link)) == ([], refilled)


def test_scorers_with_enough_to_do_are_not_woken_for_a_sample_more(pool):
    low, full = Link(5), Link(5)
    full.is_low = lambda: False
    pool.manager.free = [full]
    for link in pool.manager.free:
        link.give(Job(b"0", None))
    pool.submit(b"1", None)
    pool.manager.on_room(full)
    turn(pool._loop)
    assert (given(full), pool.waiting) == ([b"0"], 1)
    pool.manager.free = [full, low]
    low.give(Job(b"0", None))
    pool.manager.on_room(low)
    turn(pool._loop)
    assert (given(full), given(low)) == ([b"0"], [b"0", b"1"])


def test_an_idle_scorer_takes_what_waits_behind_something_slow_and_no_more_than_it_has_room_for(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"slow", b"1", b"2", b"3"):
        busy.give(Job(body, None))
    pool.manager.free = [busy, idle]
    pool.manager.on_room(idle)
    turn(pool._loop)
    assert (given(busy), given(idle)) == ([b"slow", b"3"], [b"1", b"2"])


def test_what_has_only_just_started_is_left_in_peace_for_a_moment(pool):
    busy, idle = Link(9), Link(2)
    for body in (b"not slow yet", b"1"):
        busy.give(Job(body, None))
    busy.head_since = time.monotonic()
    pool.manager.free = [busy, idle]
    pool.manager.on_room(idle)
    turn(pool._loop)
    assert given(idle) == []
    while not given(idle):
        turn(pool._loop)
    assert (given(busy), given(idle)) == ([b"not slow yet"], [b"1"])


def test_a_sample_over_the_bound_is_rejected_and_never_at_once(pool):
    answers = []
    for body in (b"1", b"2", b"3"):
        pool.submit(body, answers.append)
    assert answers == []
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [FULL]


def test_before_the_first_scorer_is_ready_samples_wait_as_many_as_there_is_room_for(pool):
    answers = []
    pool.manager.warm = False
    pool.manager.free = [Link(3)]
    for body in (b"1", b"2", b"3"):
        pool.submit(body, answers.append)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.waiting, pool.ready) == ([FULL], 2, False)
    pool.manager.warm = True
    pool.manager.on_room(None)
    turn(pool._loop)
    assert given(pool.manager.free[0]) == [b"1", b"2"]
    assert pool.ready


def test_nothing_waits_for_the_first_scorer_longer_than_a_prediction_may_take(pool):
    answers = []
    pool.manager.warm = False
    pool.plan = pool.plan._replace(predict_timeout=0.05)
    pool.submit(b"1", answers.append)
    pool._check_limits()
    turn(pool._loop)
    assert answers == []
    assert turn_until(pool._loop, lambda: answers)
    assert answers[0].outcome == NOT_READY


def crash_loop(manager):
    """Let scorers end one after the other."""
    for _ in range(3):
        manager._count_death()


def reject(manager):
    """Let the model be refused."""
    manager.on_fatal = lambda problem: None
    manager._give_up(None)


def wrong_row(manager):
    """Let a scorer answer a golden row wrongly."""
    manager.on_rows = lambda link, results: False
    link = Link(1)
    link.alive = True
    manager._warmed_up(link, [])


@pytest.mark.parametrize("why", [crash_loop, reject, wrong_row])
def test_where_nothing_will_come_samples_are_rejected_at_once_those_that_wait_too(pool, why):
    answers = []
    pool._say = pool.manager._say = lambda words: None
    pool.manager.warm = False
    pool.submit(b"waits", answers.append)
    why(pool.manager)
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [NOT_READY]
    pool.submit(b"1", answers.append)
    assert len(answers) == 1
    turn(pool._loop)
    assert [answer.outcome for answer in answers] == [NOT_READY] * 2


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (crash_loop, "3 scorers in a row crashed before their first prediction"),
        (
            lambda manager: vars(manager).update(unfit_row=2, warm=False),
            "Golden row 2 is not predicted as it was when the model was built",
        ),
        (lambda manager: setattr(manager, "stopping", True), "The service is stopping."),
        (lambda manager: setattr(manager, "warm", False), "The model is loading."),
        (lambda manager: manager._set_back("A scorer", "no memory"), "No process can be started: no memory."),
    ],
)
def test_it_says_why_it_is_not_ready(pool, why, sentence):
    assert (pool.ready, pool.why_not_ready) == (True, "")
    why(pool.manager)
    pool._deserted = True
    assert not pool.ready and pool.why_not_ready.startswith(sentence)


def test_a_sample_whose_client_is_gone_leaves_the_queue_and_makes_room(pool):
    answers = []
    first, second = pool.submit(b"1", answers.append), pool.submit(b"2", answers.append)
    pool.abandon(first)
    third = pool.submit(b"3", answers.append)
    pool.abandon(second)
    link = Link(3)
    pool.manager.free = [link]
    pool.manager.on_room(None)
    turn(pool._loop)
    assert (given(link), answers) == ([b"3"], [])
    # A scorer has it: nothing to take away any more.
    pool.abandon(third)
    assert given(link) == [b"3"]


def test_a_sample_whose_client_is_gone_is_not_asked_again(pool):
    answers = []
    link = Link(3)
    pool.manager.free = [link]
    jobs = [pool.submit(body, answers.append) for body in (b"1", b"2")]
    turn(pool._loop)
    pool.abandon(jobs[0])
    pool.manager.free = []
    pool.manager.on_unanswered(link.in_flight)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.waiting) == ([DIED], 1)


def test_a_clock_of_time_limits_goes_on_after_a_trouble(pool, capsys):
    pool.plan = pool.plan._replace(predict_timeout=0.01)
    looks = []
    pool.manager.replace_silent = lambda now: looks.append(now) or 1 / 0
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
    pool.manager.on_unanswered(left)
    pool.manager.free = [link]
    turn(pool._loop)
    assert given(link) == [b"left 1", b"waits"]


def test_at_the_end_what_has_no_answer_is_reported_so(pool):
    answers = []
    pool.submit(b"1", answers.append)
    assert pool.busy
    pool.stop()
    assert [answer.outcome for answer in answers] == [NOT_READY]
    assert not pool.ready


def kinds(link) -> list:
    """Return the kinds of what a link was given."""
    return [job.kind for job in link.in_flight]


def test_an_array_goes_whole_and_samples_together_where_the_plan_has_batches():
    loop = TurnLoop()
    plan = Plan("fork", True, "", 2, 1, {}, predict_timeout=60, max_queue=9, batch=8)
    made = Pool(loop, ModelFolder(None, None, None, {}), plan)
    made.manager.warm = True
    made.manager.free = [link := Link(3)]
    first, second = made.submit(b"1", None), made.submit_many(b"[2]", None)
    # Samples that are scored together leave at the end of a turn.
    assert given(link) == [] and made.is_waiting(first) and made.is_waiting(second)
    turn(loop)
    assert (given(link), kinds(link)) == ([b"1", b"[2]"], [frames.TOGETHER, frames.MANY])
    assert not made.is_waiting(first)
    loop.close()


def test_once_batching_has_ended_arrays_are_no_longer_for_one_scorer():
    loop = TurnLoop()
    plan = Plan("fork", True, "", 2, 1, {}, predict_timeout=60, max_queue=9, batch=8)
    made = Pool(loop, ModelFolder(None, None, None, {}), plan)
    reported = []
    made.on_one_by_one.append(lambda: reported.append(made.together))
    assert made.together
    made.manager.on_batching_ended()
    assert (made.together, reported) == (False, [False])
    loop.close()


def test_a_single_sample_is_asked_alone_and_at_once(pool):
    pool.manager.free = [link := Link(3)]
    pool.manager.links = {1: link}
    assert (pool.busy, pool.in_flight) == (False, 0)
    pool.submit(b"1", None)
    assert (given(link), kinds(link)) == ([b"1"], [frames.SAMPLE])
    assert (pool.busy, pool.waiting, pool.in_flight) == (True, 0, 1)


class Slow(Link):
    """A scorer's link that has worked for a minute and more on that number of samples."""

    pid = 7
    number = 7
    alive = True

    def __init__(self, suspects, *bodies, since=61.0):
        super().__init__(9)
        self.suspects = suspects
        self.answers = []
        self.head_since = time.monotonic() - since
        for body in bodies:
            self.give(Job(body, lambda answer, body=body: self.answers.append((body, answer.outcome)), frames.TOGETHER))

    def first(self, count):
        return self.in_flight[:count]

    def drop(self):
        self.alive = False
        return self.in_flight


def limited(pool, link):
    """Let the pool look at its time limits; return what it has said."""
    said = []
    pool._say = said.append
    pool.manager.links = {7: link}
    pool.manager.free = [Link(0)]
    pool._check_limits()
    return said


def test_a_sample_past_the_limit_costs_its_scorer_and_the_others_are_asked_again(pool):
    link = Slow(1, b"slow", b"next")
    assert limited(pool, link) == [
        "Scorer 7 is killed: it worked on one sample for more than 60 s (S2I_PREDICT_TIMEOUT)."
    ]
    assert (link.answers, pool.waiting, link.alive) == ([(b"slow", TOO_SLOW)], 1, False)
    assert pool.manager.endings == {"died": 0, "too slow": 1, "recycled": 0}


def test_of_a_batch_past_a_quarter_of_the_limit_each_is_asked_alone(pool):
    link = Slow(2, b"1", b"2", b"3", since=16)
    (words,) = limited(pool, link)
    assert words.startswith("Scorer 7 is killed: it worked on 2 samples in one call, which are now scored alone, for ")
    assert words.endswith(" for more than 15 s (a quarter of S2I_PREDICT_TIMEOUT).")
    assert (link.answers, pool.waiting) == ([], 3)
    assert [job.kind for job in pool._queue] == [frames.SAMPLE, frames.SAMPLE, frames.TOGETHER]


@pytest.mark.parametrize(("suspects", "bodies", "since"), [(1, [b"1"], 59), (2, [b"1", b"2"], 14), (0, [], 61)])
def test_within_the_limit_nothing_is_done(pool, suspects, bodies, since):
    link = Slow(suspects, *bodies, since=since)
    assert limited(pool, link) == [] and link.alive


def test_an_array_that_is_scored_one_by_one_has_the_limit_for_each_sample(pool):
    link = Slow(1, b"[1, 2, 3]")
    link.progressed = True
    assert limited(pool, link) == [] and link.alive
    link.progressed = False
    assert limited(pool, link) == [] and link.alive
    link.head_since -= 61
    assert len(limited(pool, link)) == 1 and not link.alive


def test_an_absence_of_scorers_is_reported_and_its_end(pool):
    said, answers = [], []
    pool._say = said.append
    pool.submit(b"1", answers.append)
    pool._last_present = now = time.monotonic()
    for later in (0.9, 1.1, 1.2):
        pool._look_for_scorers(now + later)
        assert pool.ready is (later == 0.9)
    assert said == ["No scorer has the model: not ready until one has loaded it."]
    pool._look_for_scorers(now + 59.9)
    assert pool.waiting == 1
    pool._look_for_scorers(now + 60.1)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.waiting) == ([NOT_READY], 0)
    pool.manager.free = [Link(1)]
    pool._look_for_scorers(now + 61.0)
    assert (said[1:], pool.ready) == (["A scorer is running again."], True)


def test_what_waits_for_the_first_scorer_too_long_is_rejected_and_the_newer_waits_on(pool):
    answers = []
    pool.manager.warm = False
    old, new = pool.submit(b"1", answers.append), pool.submit(b"2", answers.append)
    old.since, new.since = 100.0, 101.0
    pool._look_for_scorers(161.0)
    turn(pool._loop)
    assert ([answer.outcome for answer in answers], pool.is_waiting(new)) == ([NOT_READY], True)
