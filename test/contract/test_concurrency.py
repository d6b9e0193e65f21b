"""An async predictor that serves several requests in one scorer: by both fronts, as JSON and as streams."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.services import SOON, Service, make_app_root, wait_until
from contract.test_reload import load
from contract.test_streaming import EVENTS, LINES, Stream, events

# Requests with the same name wait until `count` of them are in the same scorer.
NOTEBOOK = """
    import asyncio, os

    waiting, opened = {}, {}

    def mark(name):
        with open(os.path.join(os.environ["MARKS"], name), "a") as file:
            file.write("x")

    def setup():
        pass

    async def validator(x):
        await asyncio.sleep(0)
        return x != "rejected"

    async def meet(name, count):
        event = opened.setdefault(name, asyncio.Event())
        waiting[name] = waiting.get(name, 0) + 1
        mark("waits " + name)
        if waiting[name] >= count:
            event.set()
        await event.wait()

    async def predictor(x):
        if isinstance(x, list):
            await meet(x[0], x[1])
            if x[2:] == ["fails"]:
                raise ValueError("fails")
            if x[2:] == ["exits"]:
                raise SystemExit(3)
            return os.getpid()
        if x == "never":
            mark("never begins")
            try:
                await asyncio.Event().wait()
            finally:
                mark("never ended")
        if x == "patient":
            mark("patient begins")
            while not os.path.exists(os.path.join(os.environ["MARKS"], "go on")):
                await asyncio.sleep(0.01)
        if x == "dies on purpose":
            os._exit(3)
        if x == "stubborn":
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    mark("stubborn")
        return x

    async def steps(x: list):
        try:
            yield os.getpid()
            await meet(x[0], x[1])
            yield "met"
            while x[2:] == ["endless"]:
                yield "x" * 1000
                mark("counted " + x[0])
        finally:
            mark("closed " + x[0])

    predictors = {"steps": steps}
    examples = {"predictor": [1, "a"], "steps": []}
"""
COUNT = 4


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_app_root(tmp_path_factory.mktemp("app-root"), NOTEBOOK, {"concurrency": {"reason": None}}, "/nowhere")


@pytest.fixture(params=["asyncio", "waitress"])
def service(request, root, marks):
    running = Service(
        root,
        S2I_FRONT=request.param,
        MARKS=str(marks),
        S2I_PREDICT_TIMEOUT="5",
        S2I_CONCURRENCY=str(COUNT),
        WEB_CONCURRENCY="1",
    ).ready()
    yield running
    running.close()


def at_once(service, *samples):
    """Return the responses to these samples, sent at the same time."""
    with ThreadPoolExecutor(len(samples)) as threads:
        return list(threads.map(service.predict, samples))


def size_of(path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_requests_that_wait_for_each_other_are_in_one_scorer(service):
    found = at_once(service, *[["all", COUNT]] * COUNT)
    assert found == [(200, service.scorers[0])] * COUNT


def test_one_that_fails_exits_or_is_rejected_costs_no_other(service):
    before = service.scorers
    found = at_once(service, ["some", 3, "fails"], ["some", 3, "exits"], ["some", 3], "rejected")
    # An error on a sample that is unlike the notebook's own is the client's.
    assert [status for status, _ in found] == [422, 500, 200, 422]
    assert service.scorers == before


def test_one_that_exceeds_its_limit_is_cancelled_alone(service, marks):
    before, ended = service.scorers, marks / "never ended"
    ended.unlink(missing_ok=True)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(service.predict, "never")
        assert slow.result()[0] == 504
        assert wait_until(ended.exists)
    assert at_once(service, *[["after", COUNT]] * COUNT) == [(200, before[0])] * COUNT


def test_one_that_is_not_cancelled_has_its_scorer_replaced_and_the_others_are_scored_again(service, marks):
    waits = marks / "waits with stubborn"
    waits.unlink(missing_ok=True)
    before = service.scorers
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(service.predict, "stubborn")
        assert slow.result()[0] == 504
    assert wait_until(lambda: service.scorers and service.scorers != before)
    assert service.predict(1) == (200, 1)


def test_one_whose_client_leaves_is_cancelled_alone(service, marks):
    before, ended, begins = service.scorers, marks / "never ended", marks / "never begins"
    for mark in (ended, begins):
        mark.unlink(missing_ok=True)
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        fields = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 7"
        client.sendall(f'POST /predict HTTP/1.1\r\n{fields}\r\n\r\n"never"'.encode())
        assert wait_until(begins.exists)
    assert wait_until(ended.exists)
    assert at_once(service, *[["left", 3]] * 3) == [(200, before[0])] * 3


def test_those_in_a_scorer_that_dies_are_scored_again_and_only_the_cause_fails(service, marks):
    before, begins, go_on = service.scorers, marks / "patient begins", marks / "go on"
    for mark in (begins, go_on):
        mark.unlink(missing_ok=True)
    with ThreadPoolExecutor(3) as threads:
        patient = [threads.submit(service.predict, "patient") for _ in range(2)]
        assert wait_until(lambda: size_of(begins) == 2)
        cause = threads.submit(service.predict, "dies on purpose")
        assert wait_until(lambda: service.scorers and service.scorers != before)
        go_on.touch()
        assert cause.result()[0] == 500
        assert [each.result() for each in patient] == [(200, "patient")] * 2


def test_streams_share_a_scorer_and_a_slow_reader_holds_back_only_its_own(service, marks):
    for name in ("closed slow", "counted slow"):
        (marks / name).unlink(missing_ok=True)
    path = "/predict/steps"
    with Stream(service, ["slow", 1, "endless"], LINES, path) as slow:
        assert slow.line().strip() == str(service.scorers[0])
        with ThreadPoolExecutor(3) as threads:
            others = [threads.submit(lambda: Stream(service, ["both", 3], EVENTS, path).read()) for _ in range(3)]
            found = [events(each.result()) for each in others]
        pid = service.scorers[0]
        assert found == [[("message", pid), ("message", "met"), ("done", {})]] * 3
        assert not (marks / "closed slow").exists()
    assert wait_until((marks / "closed slow").exists)
    assert service.predict(1) == (200, 1)


def test_more_requests_than_a_scorer_takes_wait(service, marks):
    ready = marks / "waits limit"
    ready.unlink(missing_ok=True)
    with ThreadPoolExecutor(COUNT + 1) as threads:
        first = [threads.submit(service.predict, ["limit", COUNT]) for _ in range(COUNT - 1)]
        assert wait_until(lambda: size_of(ready) == COUNT - 1)
        last = threads.submit(service.predict, ["limit", COUNT])
        assert [each.result()[0] for each in (*first, last)] == [200] * COUNT


def test_a_reload_lets_requests_end_in_the_old_scorer(service, marks):
    before, begins, go_on = service.scorers, marks / "patient begins", marks / "go on"
    for mark in (begins, go_on):
        mark.unlink(missing_ok=True)
    with ThreadPoolExecutor(2) as threads:
        patient = [threads.submit(service.predict, "patient") for _ in range(2)]
        assert wait_until(lambda: size_of(begins) == 2)
        assert load(service)[0] == 200
        assert service.predict(["new", 1])[1] not in before
        go_on.touch()
        assert [each.result() for each in patient] == [(200, "patient")] * 2
    assert wait_until(lambda: not set(service.scorers) & set(before))


def test_requests_are_answered_after_sigterm(service, marks):
    ready = marks / "waits end"
    ready.unlink(missing_ok=True)
    with ThreadPoolExecutor(3) as threads:
        first = [threads.submit(service.predict, ["end", 3]) for _ in range(2)]
        assert wait_until(lambda: size_of(ready) == 2)
        service.process.send_signal(signal.SIGTERM)
        last = threads.submit(service.predict, ["end", 3])
        assert [each.result()[0] for each in (*first, last)] == [200] * 3
    assert service.process.wait(SOON) == 0
