import asyncio
import errno
import os
import time

import pytest
from nb_scorer.protocol.orders import FORK, SPAWN
from nb_service.model_folder import ModelFolder
from nb_service.pool import scorer_manager as module
from nb_service.pool.answer import OK, Answer, Job
from nb_service.pool.plan import Plan
from nb_service.pool.scorer_manager import Staff
from nb_service.pool.warmup import RowResult
from nb_service.problems import ModelLoadFailed

from unit.nb_service.pool import fakes

FACTS = {"code": "model-load-failed", "what": "What.", "why": "Why.", "fix": "Fix.", "traceback": "Traceback: x\n"}


KEPT = []


class Supervisor:
    """Remembers its orders in place of a real zygote."""

    pid = 1

    def __init__(self, model, mode, plan, owner, loop, stdout=None):
        self.mode = mode
        self.orders = []
        self.ended = False
        self.awaited = set()

    def awaits(self, number):
        return number in self.awaited

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
    loops, made_staff = [], []

    def made(mode=FORK, *, sure=True, **more) -> Staff:
        loops.append(asyncio.new_event_loop())
        plan = Plan(mode, sure, "because", 2, 1, {}, predict_timeout=60, max_queue=2, **more)
        staff = Staff(loops[-1], ModelFolder(None, None, None, {}), plan, [].append)
        staff._say = (said := []).append
        staff.said = said
        made_staff.append(staff)
        staff.start()
        return staff

    yield made
    for staff in made_staff:
        staff.stop(0.0)
    for loop in loops:
        loop.close()
    while KEPT:
        os.close(KEPT.pop())


def turn(staff, times=2):
    """Let what is due happen."""
    for _ in range(times):
        # A moment passes: pauses of 0 s are timers too.
        fakes.turn(staff._loop)


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


def test_an_unproved_fork_of_a_library_that_hangs_in_one_is_not_tried(make):
    staff = make(sure=False)
    staff.zygote_loaded(threads=1, unforkable=["tensorflow"])
    assert (staff.mode, staff.reason) == (SPAWN, "because, and it uses tensorflow")


def test_an_unproved_fork_of_one_thread_is(make):
    staff = make(sure=False)
    staff.zygote_loaded(threads=1)
    assert (staff.mode, staff._supervisor.mode) == (FORK, FORK)


def warm(staff):
    """Let both scorers say hello."""
    staff.zygote_loaded(threads=1)
    turn(staff)
    for link in list(staff.links.values()):
        hello(staff, link)


def hello(staff, link):
    """Let a scorer say that it has the model."""
    link.pid = 100 + link.number
    staff.link_ready(link, link.pid)


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


@pytest.mark.parametrize(
    ("told", "deaths", "words"),
    [
        (lambda staff: staff.scorer_unstarted(1, "Too many open files"), 0, ["A scorer can't be started now"]),
        (lambda staff: staff.scorer_started(1), 1, []),
        # Two of them, and one death: that of the zygote.
        (lambda staff: staff.zygote_gone("ended with exit code 1"), 1, ["The process that starts scorers"]),
    ],
)
def test_a_link_that_closes_before_the_zygote_has_told_what_became_of_it_waits_for_that(make, told, deaths, words):
    staff = make()
    staff.zygote_loaded(threads=1)
    turn(staff)
    staff._supervisor.awaited = {1, 2}
    staff.links[1].gone()
    staff.links[2].gone()
    assert (staff._deaths, 1 in staff.links) == (0, True)
    staff._supervisor.awaited = set()
    told(staff)
    assert (staff._deaths, 1 in staff.links) == (deaths, False)
    assert [line[: len(start)] for line, start in zip(staff.said, words, strict=True)] == words


def test_a_zygote_that_takes_no_order_any_more_is_no_death_of_scorers(make, monkeypatch):
    staff = make()
    warm(staff)

    def start(number, fds):
        raise ConnectionError

    monkeypatch.setattr(staff._supervisor, "start", start)
    for link in list(staff.links.values()):
        link.proved = True
        link.gone()
    turn(staff, times=10)
    assert (staff._deaths, staff.links, staff.said) == (0, {}, [])
    staff.zygote_gone("ended")
    assert (staff._deaths, staff.hopeful) == (0, True)


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
    hello(staff, staff.links[3])
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
    hello(staff, staff.links[3])
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


class Lacking(Supervisor):
    """A zygote that the system can't start, or give orders to, for a while."""

    lacks: list = []  # noqa: RUF012 - what it lacks, for each attempt

    def __init__(self, *args):
        self._fail()
        super().__init__(*args)

    def start(self, number, fds):
        self._fail()
        super().start(number, fds)

    def _fail(self):
        if self.lacks:
            raise OSError(self.lacks[0], os.strerror(self.lacks.pop(0)))


@pytest.fixture
def lacking(monkeypatch, make):
    """Return what makes a staff on a system that lacks these things, one after the other."""
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.001)

    def made(*lacks):
        monkeypatch.setattr(module, "Supervisor", Lacking)
        monkeypatch.setattr(Lacking, "lacks", list(lacks))
        return make()

    return made


SCARCE = (errno.EMFILE, errno.ENOMEM, errno.EAGAIN)


def test_a_zygote_for_which_there_is_too_little_is_started_later_even_the_first(lacking):
    staff = lacking(*SCARCE)
    assert fakes.turn_until(staff._loop, lambda: staff._supervisor is not None)
    staff.zygote_loaded(1)
    assert staff.said == [
        "The process that starts scorers can't be started now (Too many open files); tried again until it can.",
        "Processes can be started again.",
    ]


def test_a_model_python_that_is_missing_is_refused_at_the_first_start_and_waited_for_later(lacking):
    with pytest.raises(ModelLoadFailed, match="does not start: No such file or directory"):
        lacking(errno.ENOENT)
    staff = lacking()
    warm(staff)
    Lacking.lacks += [errno.ENOENT]
    staff.zygote_gone("ended")
    first = staff._supervisor
    assert fakes.turn_until(staff._loop, lambda: staff._supervisor is not first)
    assert "The process that starts scorers can't be started now (No such file or directory)" in staff.said[-1]


def test_a_model_python_that_turns_out_to_be_missing_after_a_while_is_refused(lacking):
    staff = lacking(errno.EMFILE, errno.ENOENT)
    ends = []
    staff.on_fatal = ends.append
    assert fakes.turn_until(staff._loop, lambda: ends)
    assert "No such file or directory" in ends[0].what


def test_scorers_for_which_there_is_too_little_are_started_later_and_leave_nothing_behind(lacking):
    staff = lacking()
    before = len(os.listdir("/proc/self/fd"))
    Lacking.lacks += SCARCE
    staff.zygote_loaded(1)
    assert fakes.turn_until(staff._loop, lambda: not Lacking.lacks)
    assert (staff.links, len(os.listdir("/proc/self/fd"))) == ({}, before)
    assert fakes.turn_until(staff._loop, lambda: len(staff.links) == 2)
    assert [words for kind, words in staff._supervisor.orders if kind == "start"] == [4, 5]
    staff.scorer_started(4)
    assert len(staff.said) == 2


def test_what_the_zygote_can_t_start_is_ordered_again_ever_later(lacking):
    staff = lacking()
    staff.zygote_loaded(1)
    turn(staff)
    staff.scorer_unstarted(1, "Cannot allocate memory")
    assert staff.said == ["A scorer can't be started now (Cannot allocate memory); tried again until it can."]
    assert fakes.turn_until(staff._loop, lambda: 3 in staff.links)
    assert not staff.endings["died"]
    delays = []
    for staff._setbacks in (1, 2, 3, 100_000):
        delays.append(staff._delay())
    assert delays == [0.001, 0.002, 0.004, module.LONGEST_PAUSE]


def test_a_crash_loop_has_no_end_and_pauses_have_a_bound():
    assert [module.pause(turn) for turn in (-1, 0, 1, 100_000)] == [0.0, 0.2, 0.4, module.LONGEST_PAUSE]


def test_a_forked_scorer_that_stays_silent_is_replaced_from_its_start_on(make):
    staff = make()
    staff.zygote_loaded(1)
    turn(staff)
    staff.replace_silent(time.monotonic() + 1e6)
    staff.scorer_started(1)
    staff.replace_silent(time.monotonic() + module.HELLO_SECONDS - 1)
    assert ("kill", 1) not in staff._supervisor.orders
    staff.replace_silent(time.monotonic() + module.HELLO_SECONDS + 1)
    assert staff._supervisor.orders[-1] == ("kill", 1)
    turn(staff)
    assert staff._supervisor.orders[-1] == ("start", 3)


def test_one_that_loads_the_model_itself_may_take_many_times_what_others_took(make):
    staff = make(SPAWN)
    staff.zygote_loaded(1)
    turn(staff)
    for number in (1, 2):
        staff.scorer_started(number)
    staff.replace_silent(time.monotonic() + 1e6)
    hello(staff, staff.links[1])
    assert staff._patience() == module.LOAD_SECONDS
    staff._slowest_hello = 100.0
    staff.replace_silent(time.monotonic() + 999)
    assert 2 in staff.links
    staff.replace_silent(time.monotonic() + 1001)
    assert 2 not in staff.links


def test_a_strange_scorer_is_killed_and_replaced(make):
    staff = make()
    warm(staff)
    link = staff.free[0]
    staff.link_strange(link)
    link.gone()
    turn(staff)
    assert staff._supervisor.orders[-2:] == [("kill", 1), ("start", 3)]
    assert staff.said == ["Scorer 101 is killed: it gave an answer that it was not asked for."]


def test_with_a_stuck_zygote_go_its_scorers_and_what_they_have_is_asked_again(make):
    staff = make()
    warm(staff)
    again = []
    staff.on_unanswered = again.extend
    staff.free[0].give(job := Job(b"1", None))
    staff.zygote_stuck()
    assert (again, staff.free, staff.links) == ([job], [], {})
    staff.zygote_gone("was killed by signal 9 (SIGKILL)")
    assert staff.said[-1] == "The process that starts scorers was killed by signal 9 (SIGKILL); starting another."
    assert fakes.turn_until(staff._loop, lambda: staff._supervisor is not None)


def test_a_scorer_with_a_wrong_row_is_a_reason_to_refuse_samples_as_long_as_it_lives(make):
    staff = make(golden=({"sample": 1, "answer": 2},))
    staff.zygote_loaded(1)
    turn(staff)
    link = staff.links[1]
    staff._warmed_up(link, [RowResult(0, 0, Answer(OK, b"3"), 3, same=False)])
    assert not staff.hopeful
    link.gone()
    assert staff.hopeful
