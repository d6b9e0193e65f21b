"""The process alongside a worker of Spark: what a worker asks of it, and what is said where it can't answer."""

import os
import signal
import threading

import pytest
from nb_service import problems
from nb_spark import scorers

from contract.notebooks import LISTS
from contract.services import children, copy_of, wait_until

BROKEN = """
    import os

    class Stubborn:
        def __reduce__(self):
            return (_load, ())

    def _load():
        if os.environ.get("NOT_HERE"):
            raise ImportError("no such library on this executor")
        return Stubborn()

    thing = Stubborn()

    def predictor(x):
        return [x, thing is None]

    examples = [1]
"""


@pytest.fixture
def started():
    """Return what starts scorers; they end with the test."""
    running = []

    def start(app_root, count=1):
        running.append(scorers.Scorers(str(app_root), count))
        return running[-1]

    yield start
    for each in running:
        each.close()


def _score(own, samples):
    return own.scoring(threading.Event()).score(samples)


def test_samples_get_their_answers_and_reasons(model_cache, started):
    scored = _score(started(model_cache(LISTS)), ["[1, 2]", "[1]", "[3, 4]"])
    assert scored.answers.values == [3.0, 7.0]
    assert {at: failure.status for at, failure in scored.failures.items()} == {1: 422}


def test_it_ends_with_its_scorers_when_the_worker_hangs_up(model_cache, started):
    own = started(model_cache(LISTS))
    _score(own, ["[1, 2]"])
    pid = own._process.pid
    zygotes = children(pid)
    assert zygotes
    own.close()
    assert own._process.returncode == 0
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{each}") for each in [pid, *zygotes]))


def test_a_worker_keeps_its_scorers_until_they_have_ended(model_cache):
    root = str(model_cache(LISTS))
    first = scorers.get_scorers(root, 1)
    assert scorers.get_scorers(root, 1) is first
    os.kill(first._process.pid, signal.SIGKILL)
    assert wait_until(lambda: not first.alive)
    with pytest.raises(problems.SparkUnscored, match="has exited"):
        _score(first, ["[1, 2]"])
    second = scorers.get_scorers(root, 1)
    try:
        assert _score(second, ["[1, 2]"]).answers.values == [3.0]
    finally:
        first.close()
        second.close()


def test_a_model_that_does_not_load_here_is_said_before_a_row_is_scored(model_cache, started, monkeypatch):
    root = model_cache(BROKEN)
    monkeypatch.setenv("NOT_HERE", "1")
    with pytest.raises(problems.SparkUnscored) as rejected:
        _score(started(root), ["1"])
    assert "no such library on this executor" in rejected.value.what


def test_a_model_that_answers_otherwise_here_is_not_asked(model_cache, started, tmp_path):
    root = copy_of(model_cache(LISTS), tmp_path)
    golden = root / "model" / "golden.ndjson"
    golden.write_text(golden.read_text().replace("3.0", "4.0"))
    with pytest.raises(problems.SparkUnscored, match="golden row 1"):
        _score(started(root), ["[1, 2]"])


def test_a_bad_setting_is_rejected_where_spark_shows_it(model_cache, started, monkeypatch):
    monkeypatch.setenv("S2I_PREDICT_TIMEOUT", "soon")
    with pytest.raises(problems.SettingInvalid, match="S2I_PREDICT_TIMEOUT"):
        started(model_cache(LISTS))
