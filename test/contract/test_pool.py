"""A pool of real scorers, without a front: forks of a notebook, and missing features of its system."""

import asyncio
import json
import os
import resource
import signal
import sys
import time

import pytest
from nb_service import model_folder, settings
from nb_service.pool import Pool, make_plan
from nb_service.pool import scorer_manager as staffing
from nb_service.pool import supervisor as supervision
from nb_service.pool.answer import OK
from nb_service.pool.turns import TurnLoop

from contract.services import SOON, children


class RealPool:
    """A pool and its loop, which turns while something is waited for."""

    def __init__(self, root, **env: str) -> None:
        environ = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), "WEB_CONCURRENCY": "2", **env}
        asked = settings.Settings(environ)
        model = model_folder.read(root, None)
        self.loop = TurnLoop()
        self.log: list[str] = []
        self.problems: list = []
        self.pool = Pool(self.loop, model, make_plan(model, asked, environ), self.log.append, stdout=sys.stderr)
        self.pool.manager.on_fatal = self.problems.append

    def wait(self, true, seconds: float = SOON) -> bool:
        """Return whether `true()` came true in time."""

        async def come() -> bool:
            until = time.monotonic() + seconds
            while not true():
                if time.monotonic() > until:
                    return False
                await asyncio.sleep(0.005)
            return True

        return self.loop.run_until_complete(come())

    def ready(self) -> "RealPool":
        """Start it and wait until it is ready; return itself."""
        self.pool.start()
        assert self.wait(lambda: self.pool.ready), self.log
        return self

    def ask(self, samples: list, at_once: int = 64) -> list:
        """Return the answers to samples, sent in groups of that size."""
        answers: list = [None] * len(samples)
        todo = iter(range(len(samples)))
        left = len(samples)

        def feed() -> None:
            number = next(todo, None)
            if number is not None:
                self.pool.submit(json.dumps(samples[number]).encode(), lambda answer: done(number, answer))

        def done(number: int, answer) -> None:
            nonlocal left
            answers[number] = answer
            left -= 1
            feed()

        for _ in range(at_once):
            feed()
        assert self.wait(lambda: not left, 5 * SOON), (left, self.log[-5:])
        return answers

    def close(self) -> None:
        """End the scorers."""
        self.pool.stop()
        self.loop.close()


@pytest.fixture
def start(model_cache):
    """Return a function that makes a pool of a notebook's code; the test stops it."""
    made = []

    def begin(code: str, manifest=None, **env: str) -> RealPool:
        made.append(RealPool(model_cache(code, **(manifest or {})), **env))
        return made[-1]

    yield begin
    for one in made:
        one.close()


# More for a thorough look: SAMPLES=20000.
SAMPLES = int(os.environ.get("SAMPLES", "1500"))
FORKING = """
    import os, sys, signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def fork(x):
        if x % 50 == 7 and not os.fork():
            {way}

    def predictor(x):
        fork(x)
        return x * 2

    {batch}
    examples = [1, 2]
"""
BATCH = """
    def batch_predictor(xs):
        for x in xs:
            fork(x)
        return [x * 2 for x in xs]
"""
WAYS = {"raises": "raise ValueError('in the copy')", "returns": "return", "exits": "sys.exit(3)"}


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
@pytest.mark.parametrize("batch", ["", BATCH], ids=["single", "batch"])
@pytest.mark.parametrize("way", WAYS)
def test_copies_of_a_scorer_that_a_notebook_forks_answer_no_one(start, capfd, way, batch, start_by):
    code = FORKING.replace("{way}", WAYS[way]).replace("{batch}", batch.strip())
    pool = start(code, {"batch_predictor": bool(batch)}, S2I_SCORER_START=start_by).ready()
    count = SAMPLES
    answers = pool.ask(list(range(count)))
    assert [(answer.outcome, answer.payload) for answer in answers] == [(OK, b"%d" % (2 * n)) for n in range(count)]
    assert pool.pool.manager.endings == {"died": 0, "too slow": 0, "recycled": 0}
    assert "Traceback" not in capfd.readouterr().err


PLAIN = """
    import os, time

    def predictor(x):
        if isinstance(x, float):
            time.sleep(x)
        return os.getpid() if x == "pid" else x

    examples = [1]
"""


@pytest.fixture
def descriptors():
    """Return a function that leaves this process that number of descriptors, and with None its former number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []

    def leave(count: int | None) -> None:
        if count is None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            while taken:
                os.close(taken.pop())
            return
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            for _ in range(count):
                os.close(taken.pop())

    yield leave
    leave(None)


def times(pool, words: str) -> int:
    """Return how often the log contains it."""
    return sum(words in line for line in pool.log)


@pytest.mark.parametrize("left", [0, 1])
def test_a_scorer_that_can_t_be_started_for_want_of_descriptors_is_started_when_there_are_some(
    start, descriptors, left
):
    pool = start(PLAIN, WEB_CONCURRENCY="1").ready()
    descriptors(left)
    os.kill(json.loads(pool.ask(["pid"])[0].payload), signal.SIGKILL)
    assert pool.wait(lambda: times(pool, "A scorer can't be started now (Too many open files)"))
    assert pool.wait(lambda: not pool.pool.ready)
    descriptors(None)
    assert pool.wait(lambda: pool.pool.ready), pool.log
    assert pool.ask([5])[0].payload == b"5"
    assert times(pool, "can't be started now") == 1
    assert times(pool, "Processes can be started again.") == 1


def test_a_zygote_that_can_t_be_started_for_want_of_descriptors_is_started_when_there_are_some(start, descriptors):
    pool = start(PLAIN, WEB_CONCURRENCY="1").ready()
    descriptors(0)
    os.kill(pool.pool.manager.zygote_pid, signal.SIGKILL)
    assert pool.wait(lambda: times(pool, "starting another"))
    assert not pool.wait(lambda: pool.pool.manager.zygote_pid, 1.0)
    descriptors(None)
    assert pool.wait(lambda: len(pool.pool.manager.free) == 1), pool.log
    # The scorer died with it, and which of both could not be started first is chance.
    assert times(pool, "can't be started now (Too many open files)") == 1


def test_a_first_start_waits_for_descriptors_too(start, descriptors):
    pool = start(PLAIN)
    descriptors(1)
    pool.pool.start()
    answers = []
    pool.pool.submit(b"7", answers.append)
    assert pool.wait(lambda: times(pool, "can't be started now (Too many open files)"))
    descriptors(None)
    assert pool.wait(lambda: answers), pool.log
    assert (answers[0].payload, pool.problems) == (b"7", [])


def test_a_zygote_without_descriptors_says_so_and_the_scorer_is_started_later(start):
    pool = start(PLAIN, WEB_CONCURRENCY="1").ready()
    zygote = pool.pool.manager.zygote_pid
    limits = resource.prlimit(zygote, resource.RLIMIT_NOFILE)
    resource.prlimit(zygote, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(json.loads(pool.ask(["pid"])[0].payload), signal.SIGKILL)
    assert pool.wait(lambda: times(pool, "A scorer can't be started now (Too many open files)")), pool.log
    resource.prlimit(zygote, resource.RLIMIT_NOFILE, limits)
    assert pool.wait(lambda: len(pool.pool.manager.free) == 1), pool.log
    assert pool.pool.manager.zygote_pid == zygote


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_stopped_zygote_is_replaced_and_no_sample_is_lost(start, monkeypatch, start_by):
    monkeypatch.setattr(supervision, "BEAT_SECONDS", 0.05)
    pool = start(PLAIN, S2I_SCORER_START=start_by).ready()
    zygote = pool.pool.manager.zygote_pid
    answers = []
    pool.pool.submit(b"2.0", answers.append)
    busy = next(link.pid for link in pool.pool.manager.free if link.in_flight)
    os.kill(zygote, signal.SIGSTOP)
    os.kill(next(scorer for scorer in children(zygote) if scorer != busy), signal.SIGKILL)
    assert pool.wait(lambda: times(pool, "does not respond")), pool.log
    assert pool.wait(lambda: answers and len(pool.pool.manager.free) == 2), pool.log
    assert (answers[0].outcome, answers[0].payload) == (OK, b"2.0")
    assert pool.pool.manager.zygote_pid != zygote


HANGING = """
    import os, time
    class Hanging:
        def __init__(self): self.flag = {flag!r}
        def __setstate__(self, state):
            flag = state["flag"]
            os.register_at_fork(after_in_child=lambda: time.sleep(1000) if os.path.exists(flag) else None)
    hanging = Hanging()
    def predictor(x): return hanging and x
    examples = [1]
"""


def test_a_forked_scorer_that_hangs_before_its_first_word_is_replaced(start, monkeypatch, tmp_path):
    monkeypatch.setattr(staffing, "HELLO_SECONDS", 0.3)
    flag = tmp_path / "hang"
    flag.touch()
    pool = start(HANGING.format(flag=str(flag)), S2I_SCORER_START="fork")
    pool.pool.start()
    assert pool.wait(lambda: times(pool, "has reported nothing yet is replaced")), pool.log
    flag.unlink()
    assert pool.wait(lambda: pool.pool.ready), pool.log


def test_a_sample_that_comes_while_the_model_is_loaded_waits_for_it(start):
    pool = start(PLAIN)
    pool.pool.start()
    answers = []
    pool.pool.submit(b"[7]", answers.append)
    assert (pool.pool.ready, pool.pool.waiting) == (False, 1)
    assert pool.wait(lambda: answers)
    assert (answers[0].outcome, answers[0].payload, pool.pool.ready) == (OK, b"[7]", True)


COPY_AT_LOAD = """
    import os
    class Copied:
        def __init__(self): self.x = 1
        def __setstate__(self, state): os.fork()
    copied = Copied()
    def predictor(x): return copied and x
    examples = [1]
"""


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_what_a_model_forks_while_it_is_loaded_serves_no_one(start, start_by):
    pool = start(COPY_AT_LOAD, S2I_SCORER_START=start_by).ready()
    assert [answer.payload for answer in pool.ask(list(range(300)))] == [b"%d" % n for n in range(300)]
    assert pool.log == []
