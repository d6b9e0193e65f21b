import os

import pytest
from nb_scorer.orders import FORK, SPAWN
from nb_service.loop import Loop
from nb_service.model_folder import ModelFolder
from nb_service.problems import ModelLoadFailed
from nb_service.scoring import staff as module
from nb_service.scoring.answer import OK, Answer, Job
from nb_service.scoring.plan import Plan
from nb_service.scoring.staff import Staff
from nb_service.scoring.warmup import RowResult

FACTS = {"code": "model-load-failed", "what": "What.", "why": "Why.", "fix": "Fix.", "traceback": "Traceback: x\n"}


KEPT = []


class Supervisor:
    """Remembers its orders in place of a real zygote."""

    pid = 1

    def __init__(self, model, mode, env, owner, socket_map, stdout=None):
        self.mode = mode
        self.orders = []
        self.ended = False

    def start(self, number, fds):
        self.orders.append(("start", number))
        # A scorer that lives holds its end of the link open.
        KEPT.append(os.dup(fds[0]))

    def kill(self, number):
        self.orders.append(("kill", number))

    def end(self, seconds):
        self.ended = True


@pytest.fixture
def make(monkeypatch):
    """Return what makes a started staff without real processes."""
    monkeypatch.setattr(module, "Supervisor", Supervisor)
    loops = []

    def made(mode=FORK, *, sure=True, **more) -> Staff:
        loops.append(Loop())
        plan = Plan(mode, sure, "because", 2, 1, {}, predict_timeout=60, max_queue=2, **more)
        staff = Staff(loops[-1], ModelFolder(None, None, None, {}), plan, [].append)
        staff._say = (said := []).append
        staff.said = said
        staff.start()
        return staff

    yield made
    for loop in loops:
        loop.close()
    while KEPT:
        os.close(KEPT.pop())


def turn(staff, times=2):
    """Let what is due happen."""
    for _ in range(times):
        staff._loop.soon(lambda: None)
        staff._loop.turn()


def test_scorers_start_when_the_zygote_has_the_model(make):
    staff = make()
    assert staff._supervisor.orders == []
    staff.zygote_loaded(threads=4)
    turn(staff)
    assert staff._supervisor.orders == [("start", 1), ("start", 2)]
    assert (staff.mode, staff.warm) == (FORK, False)


def test_an_unproved_fork_of_several_threads_is_not_tried(make):
    staff = make(sure=False)
    first = staff._supervisor
    staff.zygote_loaded(threads=2)
    assert first.ended
    assert (staff.mode, staff._supervisor.mode) == (SPAWN, SPAWN)
    assert staff.reason == "because, and loading it left 2 threads"


def test_an_unproved_fork_of_one_thread_is(make):
    staff = make(sure=False)
    staff.zygote_loaded(threads=1)
    assert (staff.mode, staff._supervisor.mode) == (FORK, FORK)


def warm(staff):
    """Let both scorers say hello."""
    staff.zygote_loaded(threads=1)
    turn(staff)
    for link in list(staff.links.values()):
        staff.link_ready(link, pid=100 + link.number)


def test_it_is_warm_when_all_have_answered(make):
    staff = make()
    changes = []
    staff.on_change = lambda: changes.append(staff.warm)
    warm(staff)
    assert changes == [True]
    assert [link.pid for link in staff.free] == [101, 102]


def test_scorers_that_die_one_after_the_other_are_started_ever_later(make):
    staff = make()
    warm(staff)
    for _ in range(module.CRASH_LOOP):
        next(iter(staff.links.values())).gone()
        turn(staff)
    assert staff.crash_looping
    assert staff.said[-1].startswith("3 scorers in a row ended before they answered anything: not ready.")
    delays = []
    for deaths in (3, 4, 5, 20):
        staff._deaths = deaths
        delays.append(staff._delay())
    assert delays == [0.2, 0.4, 0.8, module.LONGEST_PAUSE]


def test_one_that_answers_ends_the_crash_loop(make):
    staff = make()
    warm(staff)
    staff._deaths = module.CRASH_LOOP
    assert staff.crash_looping
    staff.link_first_answer(staff.free[0])
    assert not staff.crash_looping
    assert staff.said == ["Scorers answer again."]


def test_a_crash_loop_beside_a_scorer_that_works_is_none(make):
    staff = make()
    warm(staff)
    staff.free[0].proved = True
    staff._deaths = module.CRASH_LOOP
    assert not staff.crash_looping


def test_a_dismissed_scorer_is_killed_and_replaced(make):
    staff = make()
    warm(staff)
    assert staff.dismiss(staff.free[0], "too slow") == []
    assert staff.endings == {"died": 0, "too slow": 1, "recycled": 0}
    turn(staff)
    assert staff._supervisor.orders == [("start", 1), ("start", 2), ("kill", 1), ("start", 3)]


def test_a_tired_scorer_works_until_its_replacement_does_and_one_leaves_at_a_time(make):
    staff = make(max_requests=100)
    warm(staff)
    first, second = staff.free
    assert 90 <= first.tired_after <= 110
    staff.link_tired(first)
    staff.link_tired(second)
    turn(staff)
    assert staff._supervisor.orders == [("start", 1), ("start", 2), ("start", 3)]
    assert staff.free == [first, second]
    staff.link_ready(staff.links[3], pid=103)
    assert staff.free == [second, staff.links[3]]
    turn(staff, times=4)
    assert ("kill", 1) in staff._supervisor.orders
    assert ("start", 4) in staff._supervisor.orders
    assert staff.endings == {"died": 0, "too slow": 0, "recycled": 1}
    assert not staff._deaths


def test_a_replaced_scorer_leaves_after_its_last_answer(make):
    staff = make(max_requests=100)
    warm(staff)
    first = staff.free[0]
    first.give(Job(b"1", [].append))
    staff.link_tired(first)
    turn(staff)
    staff.link_ready(staff.links[3], pid=103)
    turn(staff)
    assert first.alive
    assert first not in staff.free
    first.in_flight.clear()
    staff.link_tired(first)
    turn(staff)
    assert not first.alive
    assert staff.said[-1] == "Scorer 101 is replaced after 0 samples (S2I_MAX_REQUESTS)."


def test_a_tired_scorer_that_dies_is_replaced_as_any_other(make):
    staff = make(max_requests=100)
    warm(staff)
    first = staff.free[0]
    staff.link_tired(first)
    first.gone()
    turn(staff)
    assert len(staff.links) == 2
    assert staff.endings["died"] == 1


@pytest.mark.parametrize("tell", ["zygote_failed", "link_problem"])
def test_a_model_that_never_loads_is_the_end_with_its_traceback_in_the_log(make, tell):
    staff = make()
    ends = []
    staff.on_fatal = ends.append
    getattr(staff, tell)(*([FACTS] if tell == "zygote_failed" else [None, FACTS]))
    assert (type(ends[0]), ends[0].what, staff.said) == (ModelLoadFailed, "What.", ["Traceback: x"])


def test_a_model_that_does_not_load_again_is_told_and_no_end(make):
    staff = make()
    warm(staff)
    staff.zygote_failed(FACTS)
    assert staff.said[-1].startswith("ERROR: What.")
    assert not staff.stopping


def test_an_end_without_a_word_while_loading_is_the_end(make):
    staff = make()
    ends = []
    staff.on_fatal = ends.append
    staff.zygote_gone("was killed by signal 9 (SIGKILL)")
    assert ends[0].what == "The model did not load: its process was killed by signal 9 (SIGKILL) while loading."


@pytest.mark.parametrize(("compare", "fit"), [(True, False), (False, True)])
def test_a_wrong_row_counts_only_where_the_model_is_deterministic(make, compare, fit):
    staff = make(golden=({"sample": 1, "answer": 2},), compare=compare)
    assert staff._judge(None, [RowResult(0, 0, Answer(OK, b"3"), 3, same=False)]) is fit
    assert staff.said == ([] if fit else ["Not ready: golden row 1 (1) must give 2 and gave 3."])
