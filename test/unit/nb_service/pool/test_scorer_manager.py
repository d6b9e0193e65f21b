import asyncio
import errno
import os
import time

import pytest
from nb_scorer.protocol.orders import ALL, FORK, SPAWN
from nb_service.model_folder import ModelFolder
from nb_service.pool import scorer_manager as module
from nb_service.pool.answer import FAILED, OK, Answer, Job
from nb_service.pool.plan import Plan
from nb_service.pool.scorer_manager import ScorerManager
from nb_service.pool.warmup import RowResult
from nb_service.problems import ModelLoadFailed, SetupFailed

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

    def start(self, number, fds, gpu=ALL):
        self.orders.append(("start", number))
        # A scorer that lives holds its end of the link open.
        KEPT.append(os.dup(fds[0]))

    def kill(self, number):
        self.orders.append(("kill", number))

    def end(self, seconds, *, waits=False):
        self.ended = True

    def retire(self, seconds, then):
        self.ended, self.then = "soon", then


@pytest.fixture
def make(monkeypatch):
    """Return what makes a started manager without real processes."""
    monkeypatch.setattr(module, "Supervisor", Supervisor)
    loops, made_staff = [], []

    def made(mode=FORK, *, mode_is_final=True, **more) -> ScorerManager:
        loops.append(asyncio.new_event_loop())
        plan = Plan(mode, mode_is_final, "because", 2, 1, {}, predict_timeout=60, max_queue=2, **more)
        manager = ScorerManager(loops[-1], ModelFolder(None, None, None, {}), plan, [].append)
        manager._say = (said := []).append
        manager.said = said
        made_staff.append(manager)
        manager.start()
        return manager

    yield made
    for manager in made_staff:
        manager.stop(0.0)
    for loop in loops:
        loop.close()
    while KEPT:
        os.close(KEPT.pop())


def turn(manager, times=2):
    """Let what is due happen."""
    for _ in range(times):
        # A moment passes: pauses of 0 s are timers too.
        fakes.turn(manager._loop)


def test_scorers_start_when_the_zygote_has_the_model(make):
    manager = make()
    assert manager._supervisor.orders == []
    manager.zygote_loaded(threads=4)
    turn(manager)
    assert manager._supervisor.orders == [("start", 1), ("start", 2)]
    assert (manager.mode, manager.warm) == (FORK, False)


def test_an_unproved_fork_of_several_threads_is_not_tried(make):
    manager = make(mode_is_final=False)
    first = manager._supervisor
    manager.zygote_loaded(threads=2)
    assert (first.ended, manager._supervisor) == ("soon", None)
    # Two zygotes at a time would have the model twice.
    first.then()
    assert (manager.mode, manager._supervisor.mode) == (SPAWN, SPAWN)
    assert manager.reason == "because, and loading it left 2 threads"


def test_an_unproved_fork_of_a_library_that_hangs_in_one_is_not_tried(make):
    manager = make(mode_is_final=False)
    supervisor = manager._supervisor
    manager.zygote_loaded(threads=1, unforkable=["tensorflow"])
    supervisor.then()
    assert (manager.mode, manager.reason) == (SPAWN, "because, and it uses tensorflow")


def test_an_unproved_fork_of_one_thread_is(make):
    manager = make(mode_is_final=False)
    manager.zygote_loaded(threads=1)
    assert (manager.mode, manager._supervisor.mode) == (FORK, FORK)


def warm(manager):
    """Let both scorers say hello."""
    manager.zygote_loaded(threads=1)
    turn(manager)
    for link in list(manager.links.values()):
        hello(manager, link)


def hello(manager, link):
    """Let a scorer say that it has the model."""
    link.pid = 100 + link.number
    manager.link_ready(link, link.pid)


def test_it_is_warm_when_all_have_answered(make):
    manager = make()
    changes = []
    manager.on_change = lambda: changes.append(manager.warm)
    warm(manager)
    assert changes == [True]
    assert [link.pid for link in manager.free] == [101, 102]


def test_scorers_that_die_one_after_the_other_are_started_ever_later(make):
    manager = make()
    warm(manager)
    for _ in range(module.CRASH_LOOP):
        next(iter(manager.links.values())).gone()
        turn(manager)
    assert manager.crash_looping
    assert manager.said[-1].startswith("3 scorers in a row crashed before their first prediction: not ready.")
    delays = []
    for deaths in (3, 4, 5, 20):
        manager._deaths = deaths
        delays.append(manager._delay())
    assert delays == [0.2, 0.4, 0.8, module.MAX_PAUSE]


@pytest.mark.parametrize(
    ("told", "deaths", "words"),
    [
        (lambda manager: manager.scorer_unstarted(1, "Too many open files"), 0, ["A scorer can't be started now"]),
        (lambda manager: manager.scorer_started(1), 1, []),
        # Two of them, and one death: that of the zygote.
        (lambda manager: manager.zygote_gone("exited with status 1"), 1, ["The process that starts scorers"]),
    ],
)
def test_a_link_that_closes_before_the_zygote_has_reported_what_became_of_it_waits_for_that(make, told, deaths, words):
    manager = make()
    manager.zygote_loaded(threads=1)
    turn(manager)
    manager._supervisor.awaited = {1, 2}
    manager.links[1].gone()
    manager.links[2].gone()
    assert (manager._deaths, 1 in manager.links) == (0, True)
    manager._supervisor.awaited = set()
    told(manager)
    assert (manager._deaths, 1 in manager.links) == (deaths, False)
    assert [line[: len(start)] for line, start in zip(manager.said, words, strict=True)] == words


def test_a_zygote_that_takes_no_order_any_more_is_no_death_of_scorers(make, monkeypatch):
    manager = make()
    warm(manager)

    def start(number, fds, gpu):
        raise ConnectionError

    monkeypatch.setattr(manager._supervisor, "start", start)
    for link in list(manager.links.values()):
        link.proved = True
        link.gone()
    turn(manager, times=10)
    assert (manager._deaths, manager.links, manager.said) == (0, {}, [])
    manager.zygote_gone("ended")
    assert (manager._deaths, manager.accepts_samples) == (0, True)


def test_one_that_answers_ends_the_crash_loop(make):
    manager = make()
    warm(manager)
    manager._deaths = module.CRASH_LOOP
    assert manager.crash_looping
    manager.link_first_answer(manager.free[0])
    assert not manager.crash_looping
    assert manager.said == ["Scorers respond again."]


def test_a_crash_loop_next_to_a_scorer_that_works_is_none(make):
    manager = make()
    warm(manager)
    manager.free[0].proved = True
    manager._deaths = module.CRASH_LOOP
    assert not manager.crash_looping


def test_a_dismissed_scorer_is_killed_and_replaced(make):
    manager = make()
    warm(manager)
    assert manager.dismiss(manager.free[0], "too slow") == []
    assert manager.endings == {"died": 0, "too slow": 1, "recycled": 0}
    turn(manager)
    assert manager._supervisor.orders == [("start", 1), ("start", 2), ("kill", 1), ("start", 3)]


def test_a_tired_scorer_works_until_its_replacement_does_and_one_leaves_at_a_time(make):
    manager = make(max_requests=100)
    warm(manager)
    first, second = manager.free
    assert 90 <= first.quota <= 110
    manager.link_quota_reached(first)
    manager.link_quota_reached(second)
    turn(manager)
    assert manager._supervisor.orders == [("start", 1), ("start", 2), ("start", 3)]
    assert manager.free == [first, second]
    hello(manager, manager.links[3])
    assert manager.free == [second, manager.links[3]]
    turn(manager, times=4)
    assert ("kill", 1) in manager._supervisor.orders
    assert ("start", 4) in manager._supervisor.orders
    assert manager.endings == {"died": 0, "too slow": 0, "recycled": 1}
    assert not manager._deaths


def test_a_replaced_scorer_leaves_after_its_last_answer(make):
    manager = make(max_requests=100)
    warm(manager)
    first = manager.free[0]
    first.give(Job(b"1", [].append))
    manager.link_quota_reached(first)
    turn(manager)
    hello(manager, manager.links[3])
    turn(manager)
    assert first.alive
    assert first not in manager.free
    first.in_flight.clear()
    manager.link_quota_reached(first)
    turn(manager)
    assert not first.alive
    assert manager.said[-1] == "Scorer 101 is replaced after 0 samples (S2I_MAX_REQUESTS)."


def test_a_tired_scorer_that_dies_is_replaced_as_any_other(make):
    manager = make(max_requests=100)
    warm(manager)
    first = manager.free[0]
    manager.link_quota_reached(first)
    first.gone()
    turn(manager)
    assert len(manager.links) == 2
    assert manager.endings["died"] == 1


@pytest.mark.parametrize("tell", ["zygote_failed", "link_problem"])
def test_a_model_that_never_loads_is_the_end_with_its_traceback_in_the_log(make, tell):
    manager = make()
    ends = []
    manager.on_fatal = ends.append
    getattr(manager, tell)(*([FACTS] if tell == "zygote_failed" else [None, FACTS]))
    assert (type(ends[0]), ends[0].what, manager.said) == (ModelLoadFailed, "What.", ["Traceback: x"])


def test_a_model_that_does_not_load_again_is_reported_and_no_end(make):
    manager = make()
    warm(manager)
    manager.zygote_failed(FACTS)
    assert manager.said[-1].startswith("ERROR: What.")
    assert not manager.stopping


def test_an_end_without_a_word_while_loading_is_the_end(make):
    manager = make()
    ends = []
    manager.on_fatal = ends.append
    manager.zygote_gone("was killed by signal 9 (SIGKILL)")
    assert ends[0].what == "The model did not load: its process was killed by signal 9 (SIGKILL) while loading."


@pytest.mark.parametrize(("compare", "fit"), [(True, False), (False, True)])
def test_a_wrong_row_counts_only_where_the_model_is_deterministic(make, compare, fit):
    manager = make(golden=({"sample": 1, "answer": 2},), compare=compare)
    assert manager._judge(None, [RowResult(0, 0, Answer(OK, b"3"), 3, same=False)]) is fit
    assert manager.said == ([] if fit else ["Not ready: golden row 1 (1) must give 2 and gave 3."])


class Lacking(Supervisor):
    """A zygote that the system can't start, or give orders to, for a while."""

    lacks: list = []  # noqa: RUF012 - what it lacks, for each attempt

    def __init__(self, *args):
        self._fail()
        super().__init__(*args)

    def start(self, number, fds, gpu=ALL):
        self._fail()
        super().start(number, fds)

    def _fail(self):
        if self.lacks:
            raise OSError(self.lacks[0], os.strerror(self.lacks.pop(0)))


@pytest.fixture
def lacking(monkeypatch, make):
    """Return what makes a manager on a system that lacks these things, one after the other."""
    monkeypatch.setattr(module, "MIN_PAUSE", 0.001)

    def made(*lacks):
        monkeypatch.setattr(module, "Supervisor", Lacking)
        monkeypatch.setattr(Lacking, "lacks", list(lacks))
        return make()

    return made


SCARCE = (errno.EMFILE, errno.ENOMEM, errno.EAGAIN)


def test_a_zygote_for_which_there_is_too_little_is_started_later_even_the_first(lacking):
    manager = lacking(*SCARCE)
    assert fakes.turn_until(manager._loop, lambda: manager._supervisor is not None)
    manager.zygote_loaded(1)
    assert manager.said == [
        "The process that starts scorers can't be started now (Too many open files); trying again.",
        "Processes can be started again.",
    ]


def test_a_model_python_that_is_missing_is_rejected_at_the_first_start_and_waited_for_later(lacking):
    with pytest.raises(ModelLoadFailed, match="does not start: No such file or directory"):
        lacking(errno.ENOENT)
    manager = lacking()
    warm(manager)
    Lacking.lacks += [errno.ENOENT]
    manager.zygote_gone("ended")
    first = manager._supervisor
    assert fakes.turn_until(manager._loop, lambda: manager._supervisor is not first)
    assert "The process that starts scorers can't be started now (No such file or directory)" in manager.said[-1]


def test_a_model_python_that_turns_out_to_be_missing_after_a_while_is_rejected(lacking):
    manager = lacking(errno.EMFILE, errno.ENOENT)
    ends = []
    manager.on_fatal = ends.append
    assert fakes.turn_until(manager._loop, lambda: ends)
    assert "No such file or directory" in ends[0].what


def test_scorers_for_which_there_is_too_little_are_started_later_and_leave_nothing_behind(lacking, open_files):
    manager = lacking()
    before = open_files()
    Lacking.lacks += SCARCE
    manager.zygote_loaded(1)
    assert fakes.turn_until(manager._loop, lambda: not Lacking.lacks)
    assert (manager.links, open_files()) == ({}, before)
    assert fakes.turn_until(manager._loop, lambda: len(manager.links) == 2)
    assert [words for kind, words in manager._supervisor.orders if kind == "start"] == [4, 5]
    manager.scorer_started(4)
    assert manager.said == [
        "A scorer can't be started now (Too many open files); trying again.",
        "Processes can be started again.",
    ]


def test_what_the_zygote_can_t_start_is_ordered_again_ever_later(lacking):
    manager = lacking()
    manager.zygote_loaded(1)
    turn(manager)
    manager.scorer_unstarted(1, "Cannot allocate memory")
    assert manager.said == ["A scorer can't be started now (Cannot allocate memory); trying again."]
    assert fakes.turn_until(manager._loop, lambda: 3 in manager.links)
    assert not manager.endings["died"]
    delays = []
    for manager._setbacks in (1, 2, 3, 100_000):
        delays.append(manager._delay())
    assert delays == [0.001, 0.002, 0.004, module.MAX_PAUSE]


def test_a_crash_loop_has_no_end_and_pauses_have_a_bound():
    assert [module.pause(turn) for turn in (-1, 0, 1, 100_000)] == [0.0, 0.2, 0.4, module.MAX_PAUSE]


def test_a_forked_scorer_that_stays_silent_is_replaced_from_its_start_on(make):
    manager = make()
    manager.zygote_loaded(1)
    turn(manager)
    manager.replace_silent(time.monotonic() + 1e6)
    manager.scorer_started(1)
    manager.replace_silent(time.monotonic() + module.HELLO_SECONDS - 1)
    assert ("kill", 1) not in manager._supervisor.orders
    manager.replace_silent(time.monotonic() + module.HELLO_SECONDS + 1)
    assert manager._supervisor.orders[-1] == ("kill", 1)
    turn(manager)
    assert manager._supervisor.orders[-1] == ("start", 3)


def test_one_that_loads_the_model_itself_may_take_many_times_what_others_took(make):
    manager = make(SPAWN)
    manager.zygote_loaded(1)
    turn(manager)
    for number in (1, 2):
        manager.scorer_started(number)
    manager.replace_silent(time.monotonic() + 1e6)
    hello(manager, manager.links[1])
    assert manager._patience() == module.LOAD_SECONDS
    manager._slowest_hello = 100.0
    manager.replace_silent(time.monotonic() + 999)
    assert 2 in manager.links
    manager.replace_silent(time.monotonic() + 1001)
    assert 2 not in manager.links


def test_a_strange_scorer_is_killed_and_replaced(make):
    manager = make()
    warm(manager)
    link = manager.free[0]
    manager.link_strange(link)
    link.gone()
    turn(manager)
    assert manager._supervisor.orders[-2:] == [("kill", 1), ("start", 3)]
    assert manager.said == ["Scorer 101 is killed: its response was not requested, or is too large."]


def test_with_a_stuck_zygote_go_its_scorers_and_what_they_have_is_asked_again(make):
    manager = make()
    warm(manager)
    again = []
    manager.on_unanswered = again.extend
    manager.free[0].give(job := Job(b"1", None))
    manager.zygote_stuck()
    assert (again, manager.free, manager.links) == ([job], [], {})
    words = "The process that starts scorers does not respond: it is killed, with its scorers."
    assert (manager.said, manager.endings["died"]) == ([words], 2)
    manager.zygote_gone("was killed by signal 9 (SIGKILL)")
    assert manager.said[-1] == "The process that starts scorers was killed by signal 9 (SIGKILL); starting another."
    assert fakes.turn_until(manager._loop, lambda: manager._supervisor is not None)


def test_a_scorer_with_a_wrong_row_is_a_reason_to_reject_samples_as_long_as_it_lives(make):
    manager = make(golden=({"sample": 1, "answer": 2},))
    manager.zygote_loaded(1)
    turn(manager)
    link = manager.links[1]
    manager._warmed_up(link, [RowResult(0, 0, Answer(OK, b"3"), 3, same=False)])
    assert not manager.accepts_samples
    link.gone()
    assert manager.accepts_samples


def test_a_wrong_row_is_reported_with_its_number_and_within_a_line(make):
    manager = make(golden=({"sample": 1, "answer": 2}, {"sample": 300 * "s", "answer": 300 * "a"}))
    told = []
    manager.on_unfit = told.append
    results = [
        RowResult(0, 0, Answer(OK, b"2"), 2, same=True),
        RowResult(1, 0, Answer(OK, b'"g"'), 300 * "g", same=False),
        RowResult(0, 1, Answer(OK, b"3"), 3, same=False),
    ]
    assert manager.on_rows(None, results) is False
    sample, answer, got = (f'"{199 * letter}' for letter in "sag")
    words = f"Not ready: golden row 2 ({sample}) must give {answer} and gave {got}."
    assert (told, manager.said) == ([words], [words])
    assert manager.on_rows(None, [RowResult(0, 0, Answer(FAILED), None, same=False)]) is False
    assert told[-1] == "Not ready: golden row 1 (1) must give 2 and gave no answer."


def test_a_row_without_an_answer_is_wrong_even_of_a_model_that_varies(make):
    manager = make(golden=({"sample": 1, "answer": 2},), compare=False)
    assert manager.on_rows(None, [RowResult(0, 0, Answer(FAILED), None, same=False)]) is False


def test_a_crash_loop_is_reported_with_the_pause_and_to_those_who_ask_for_readiness(make):
    manager = make()
    unfit, changes, rooms = [], [], []
    manager.on_unfit, manager.on_room = unfit.append, rooms.append
    warm(manager)
    manager.on_change = lambda: changes.append(manager.accepts_samples)
    rooms.clear()
    for _ in range(module.CRASH_LOOP + 1):
        next(iter(manager.links.values())).gone()
        fakes.turn_until(manager._loop, lambda: manager.links)
    start = "scorers in a row crashed before their first prediction: not ready. The next one starts in"
    assert unfit == [f"3 {start} 0.2 s.", f"4 {start} 0.4 s."]
    assert (changes, rooms) == ([False, False], [None, None])
    assert manager.endings["died"] == 4


def test_how_a_scorer_ended_is_reported_by_its_pid_or_else_its_number(make):
    manager = make()
    warm(manager)
    manager.scorer_exited(1, 9)
    manager.links[2].pid = None
    manager.scorer_exited(2, 3 << 8)
    manager.scorer_exited(77, 0)
    assert manager.said == ["Scorer 101 was killed by signal 9 (SIGKILL).", "Scorer 2 exited with status 3."]
    assert manager.endings["died"] == 2


def test_a_scorer_that_ends_before_any_has_loaded_the_model_is_the_end(make):
    manager = make()
    ends, rooms = [], []
    manager.on_fatal, manager.on_room = ends.append, rooms.append
    manager.zygote_loaded(1)
    turn(manager)
    manager.scorer_exited(1, 9)
    assert ends[0].what == "The model did not load: its process was killed by signal 9 (SIGKILL) while loading."
    assert (manager.accepts_samples, rooms, len(ends)) == (False, [None], 1)
    manager.zygote_gone("ended")
    assert len(ends) == 1


def setup_failed(manager, link, error="it is down"):
    """Let a scorer report that the notebook's setup failed, and end."""
    manager.link_setting_up(link)
    manager.link_problem(link, dict(SetupFailed(error).as_json(), traceback="Traceback"))
    link.drop()
    manager.link_gone(link, [])
    manager.scorer_exited(link.number, 256)


def test_a_setup_that_fails_is_no_crash_and_is_tried_after_growing_pauses(make):
    manager = make()
    manager.zygote_loaded(threads=1)
    turn(manager)
    for link in list(manager.links.values()):
        setup_failed(manager, link)
    assert manager._delay() == module.MIN_PAUSE * 2
    assert manager.why_not_ready == "The notebook's setup failed, and the service retries it; the log shows the error."
    assert not manager.accepts_samples and not manager.crash_looping
    assert [line.partition("\n")[0] for line in manager.said] == [
        "Traceback",
        "ERROR: The notebook's setup failed: it is down.",
        "The notebook's setup failed: it is down. (attempt 2)",
    ]


def test_a_setup_that_works_again_is_forgotten(make):
    manager = make()
    manager.zygote_loaded(threads=1)
    turn(manager)
    first, second = manager.links.values()
    setup_failed(manager, first)
    manager.link_setting_up(second)
    assert manager.why_not_ready == "The notebook's setup failed, and the service retries it; the log shows the error."
    hello(manager, second)
    assert (manager.why_not_ready, manager._delay()) == ("The model is loading.", 0.0)


def test_a_setup_that_takes_too_long_is_ended(make):
    manager = make(setup_seconds=5)
    manager.zygote_loaded(threads=1)
    turn(manager)
    link = next(iter(manager.links.values()))
    manager.link_setting_up(link)
    assert manager.why_not_ready == "The notebook's setup is running."
    manager.replace_silent(time.monotonic() + 4)
    assert ("kill", link.number) not in manager._supervisor.orders
    manager.replace_silent(time.monotonic() + 6)
    assert ("kill", link.number) in manager._supervisor.orders
    assert "it has not returned after 5 s (S2I_SETUP_TIMEOUT)" in manager.said[0]


def test_after_its_stop_a_manager_has_no_scorers_and_starts_none(make):
    manager = make()
    warm(manager)
    supervisor = manager._supervisor
    first, second = manager.free
    first.give(Job(b"1", None))
    second.give(Job(b"2", None))
    assert manager.zygote_pid == 1
    assert [job.body for job in manager.stop(1.0)] == [b"1", b"2"]
    assert (supervisor.ended, manager.links, manager.free, manager.warm, manager.accepts_samples) == (
        True,
        {},
        [],
        False,
        False,
    )
    assert manager.zygote_pid is None
    manager.scorer_exited(1, 9)
    manager.zygote_gone("ended")
    turn(manager)
    assert (manager.said, manager.endings["died"]) == ([], 0)


def test_a_silent_scorer_is_reported_with_its_patience(make):
    manager = make()
    manager.zygote_loaded(1)
    turn(manager)
    manager.scorer_started(1)
    manager.replace_silent(time.monotonic() + 31)
    assert manager.said == ["A scorer that was started 30 s ago and has reported nothing yet is replaced."]
    assert manager.endings["died"] == 1


def test_a_replacement_answers_one_row_and_the_first_scorers_all(make):
    manager = make(golden=({"sample": 1, "answer": 2}, {"sample": 3, "answer": 4}))
    manager.zygote_loaded(1)
    turn(manager)
    links = list(manager.links.values())
    for link in links:
        hello(manager, link)
        assert [job.body for job in link.in_flight] == [b"1"]
        for payload in (b"2", b"4"):
            link.in_flight.popleft().done(Answer(OK, payload))
    assert manager.warm and manager.free == links
    manager.dismiss(links[0], "died")
    turn(manager)
    third = manager.links[3]
    hello(manager, third)
    third.in_flight.popleft().done(Answer(FAILED))
    assert (manager.free, len(third.in_flight)) == ([links[1], third], 0)


def test_a_strange_scorer_without_a_pid_is_reported_by_its_number(make):
    manager = make()
    manager.zygote_loaded(1)
    turn(manager)
    manager.link_strange(manager.links[2])
    assert manager.said == ["Scorer 2 is killed: its response was not requested, or is too large."]


def test_a_zygote_that_ends_is_reported_and_another_one_started(make):
    manager = make()
    warm(manager)
    first = manager._supervisor
    manager.zygote_gone("exited with status 1")
    assert manager.said == ["The process that starts scorers exited with status 1; starting another."]
    assert fakes.turn_until(manager._loop, lambda: manager._supervisor not in (first, None))
    assert manager._deaths == 0


def test_a_problem_of_a_model_that_once_loaded_is_reported_in_full(make):
    manager = make()
    warm(manager)
    manager.scorer_started(1)
    manager.link_problem(manager.links[1], FACTS)
    assert manager.said[-1].splitlines()[:3] == ["ERROR: What.", "  Why: Why.", "  Fix: Fix."]
    manager.replace_silent(time.monotonic() + 1e6)
    assert 1 in manager.links


def test_what_is_reported_of_a_scorer_that_is_none_any_more_is_nothing(make):
    manager = make()
    warm(manager)
    manager.scorer_unstarted(77, "Too many open files")
    manager.scorer_started(77)
    assert (manager.said, manager.endings["died"], len(manager.free)) == ([], 0, 2)


def test_a_scorer_whose_hello_overtakes_the_report_of_its_start_is_not_silent(make):
    """They come by two sockets, and on a busy machine in any order."""
    manager = make()
    manager.zygote_loaded(1)
    turn(manager)
    for number in (1, 2):
        hello(manager, manager.links[number])
        manager.scorer_started(number)
    manager.free[0].give(Job(b"1", None))
    manager.replace_silent(time.monotonic() + 1e6)
    assert (len(manager.free), len(manager.free[0].in_flight), manager.said) == (2, 1, [])


def test_what_a_replaced_scorer_has_is_asked_again_whatever_it_is_taken_for(make):
    manager = make()
    warm(manager)
    again = []
    manager.on_unanswered = again.extend
    manager.free[0].give(job := Job(b"1", None))
    manager._silent[manager.free[0].number] = 0.0
    manager.replace_silent(time.monotonic())
    assert again == [job]
