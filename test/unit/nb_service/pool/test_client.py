import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest
from nb_service.pool import answer as outcomes
from nb_service.pool import client as module
from nb_service.pool.answer import NOT_READY, Answer, Job
from nb_service.pool.client import SHARE, PoolClient
from nb_service.pool.socket_server import PoolServer

from contract.services import SOON, wait_until


class Pool:
    """Answers on the next turn of the loop, and notes how many samples and bytes waited at a time."""

    def __init__(self, loop, outcome_of=lambda sample: outcomes.OK, max_queue=8 * SHARE, batch=1):
        self.plan = SimpleNamespace(max_queue=max_queue, batch=batch, concurrency=1)
        self.together = batch > 1
        self.on_one_by_one = []
        self.manager = SimpleNamespace(planned=1)
        self.waiting = self.most = self.bytes = self.most_bytes = 0
        self.asked = []
        self.answering = True
        self.abandoned = 0
        self._loop = loop
        self._outcome_of = outcome_of

    def submit(self, sample, done, request_id=None, call=b""):
        self.asked.append(sample)
        self.waiting += 1
        self.bytes += len(sample)
        self.most, self.most_bytes = max(self.most, self.waiting), max(self.most_bytes, self.bytes)
        if self.answering:
            self._loop.call_soon(self._answer, sample, done)
        return Job(sample, done)

    def submit_many(self, array, done, request_id, call):
        return self.submit(b"many " + array, done)

    def submit_block(self, block, done, request_id, call):
        return self.submit(b"block " + block, done)

    def submit_files(self, sample, done, request_id, call):
        return self.submit(b"files " + sample, done)

    def abandon(self, job):
        self.abandoned += 1

    def _answer(self, sample, done):
        self.waiting -= 1
        self.bytes -= len(sample)
        done(Answer(self._outcome_of(sample), sample))


@pytest.fixture
def served():
    """Return what makes (pool, client, server), the pool on a loop in a thread of its own."""
    loop, made = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def make(*options, **more):
        pool = Pool(loop, *options, **more)
        ours, theirs = socket.socketpair()
        box, there = [], threading.Event()

        def serve():
            box.append(PoolServer(loop, pool, ours, lambda: {"waiting": pool.waiting}, lambda: None))
            there.set()

        loop.call_soon_threadsafe(serve)
        there.wait()
        made.append((PoolClient(theirs), box[0]))
        return pool, *made[-1]

    yield make
    for client, server in made:
        loop.call_soon_threadsafe(server.close)
        client.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_answers_come_in_the_order_of_the_samples_and_leave_room_in_the_queue(served):
    pool, client, _ = served()
    samples = [b"%d" % number for number in range(100)]
    assert [answer.payload for answer in client.ask_many(samples)] == samples
    assert pool.most == 8


def test_no_sample_is_no_answer(served):
    assert served()[1].ask_many([]) == []


def test_one_sample_has_one_answer_and_an_array_goes_whole(served):
    _, client, _ = served(batch=8)
    assert client.together
    assert client.ask(b"1") == Answer(outcomes.OK, b"1")
    assert client.ask_arrays([b"[1]", b"[2]"]) == [Answer(0, b"many [1]"), Answer(0, b"many [2]")]
    assert client.ask_blocks([b"d"]) == [Answer(0, b"block d")]
    assert client.ask_files(b"f") == Answer(0, b"files f")


def test_after_a_sample_that_failed_no_more_are_asked(served):
    pool, client, _ = served(lambda sample: outcomes.FAILED if sample == b"3" else outcomes.OK)
    answers = client.ask_many([b"%d" % number for number in range(100)])
    assert answers[3].outcome == outcomes.FAILED
    assert len(pool.asked) < 20
    assert answers[50] is None


def test_a_full_queue_is_waited_for_while_answers_come(served):
    rejected = {b"2", b"5"}

    def outcome(sample):
        if sample in rejected:
            rejected.discard(sample)
            return outcomes.FULL
        return outcomes.OK

    samples = [b"%d" % number for number in range(20)]
    assert [answer.payload for answer in served(outcome)[1].ask_many(samples)] == samples
    assert not rejected


def test_a_queue_that_stays_full_is_reported(served):
    answers = served(lambda sample: outcomes.FULL)[1].ask_many([b"1", b"2", b"3"])
    assert outcomes.FULL in {answer.outcome for answer in answers if answer}


def test_the_front_reports_what_it_knows(served):
    assert served()[1].facts() == {"waiting": 0}


def in_threads(calls):
    """Return the results of calls made at the same time."""
    results = [None] * len(calls)

    def run(number):
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    return results


def test_threads_get_their_own_answers(served):
    _, client, _ = served()
    each = [[b"%d/%d" % (thread, number) for number in range(200)] for thread in range(8)]
    asked = in_threads([lambda samples=samples: client.ask_many(samples) for samples in each])
    assert [[answer.payload for answer in answers] for answers in asked] == each


def test_what_is_outstanding_is_bounded_in_bytes_and_one_larger_body_goes_alone(served, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    pool, client, _ = served()
    bodies = [b"%d" % size * size for size in (9, 30_000, 90_000, 150_000, 1)]
    asked = in_threads([lambda: client.ask_many(bodies)] * 4)
    assert [[answer.payload for answer in answers] for answers in asked] == [bodies] * 4
    assert pool.most_bytes == max(map(len, bodies))


@pytest.mark.parametrize("body", [b"1", b"x" * 3_000_000])
def test_when_the_front_is_gone_anyone_who_waits_or_asks_later_is_reported(served, body):
    pool, client, server = served()
    pool.answering = False
    box = []
    thread = threading.Thread(target=lambda: box.extend(client.ask_many([body] * 20)))
    thread.start()
    assert wait_until(lambda: pool.asked)
    pool._loop.call_soon_threadsafe(server.close)
    thread.join(SOON)
    assert {answer for answer in box if answer} == {Answer(NOT_READY)}
    assert client.ask(b"1") == Answer(NOT_READY)
    assert client.facts() == {}
    assert wait_until(lambda: pool.abandoned == len(pool.asked))


def test_a_front_that_goes_before_it_said_a_word_leaves_no_one_waiting():
    ours, theirs = socket.socketpair()
    client = PoolClient(theirs)
    ours.close()
    assert (client.together, client.ask(b"1"), client.facts()) == (False, Answer(NOT_READY), {})
    client.close()


def test_the_queue_s_size_is_known_and_a_small_one_gives_each_request_one_place(served):
    pool, client, _ = served(max_queue=3)
    assert (client.max_queue, client.together) == (3, False)
    assert [answer.payload for answer in client.ask_many([b"1", b"2", b"3"])] == [b"1", b"2", b"3"]
    assert pool.most == 1


def test_who_is_not_wanted_any_more_lets_go_of_all_that_it_asked(served, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    pool, client, _ = served()
    assert client.ask(b"0").outcome == outcomes.OK
    pool.answering = False
    client.is_given_up = lambda: len(pool.asked) > 8
    assert client.ask_many([b"%d" % number for number in range(20)]) == [Answer(NOT_READY)] * 20
    assert wait_until(lambda: pool.abandoned == 8)
    # Their bytes may be asked again.
    assert client.reserve(module.MAX_BYTES, 0.0)


def test_who_waits_for_bytes_of_others_gives_up_too(served, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    pool, client, _ = served()
    assert client.reserve(module.MAX_BYTES, 0.0) and not client.reserve(1, 0.01)
    client.is_given_up = lambda: True
    assert client.ask_many([b"1", b"2"]) == [Answer(NOT_READY)] * 2
    assert pool.asked == []


def test_the_end_of_the_front_is_reported_once():
    ours, theirs = socket.socketpair()
    reported = []
    client = PoolClient(theirs, lambda: reported.append("gone"))
    ours.close()
    assert wait_until(lambda: reported)
    assert (client.max_queue, client.together) == (1, False)
    client.close()
    assert reported == ["gone"]


def test_the_front_is_reported_and_asked_in_the_order_of_the_calls():
    loop, news = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    ours, theirs = socket.socketpair()
    box, there = [], threading.Event()

    def handle(what):
        news.append(what)
        return {"so far": len(news)}

    def serve():
        box.append(PoolServer(loop, Pool(loop), ours, dict, lambda: None, handle))
        there.set()

    loop.call_soon_threadsafe(serve)
    there.wait()
    client = PoolClient(theirs)
    client.notify({"kept": "a"})
    assert client.ask_front({"look": "a"}) == {"so far": 2}
    loop.call_soon_threadsafe(box[0].close)
    # Gone: there is no answer, and no waiting.
    assert client.ask_front({"look": "b"}) == {}
    client.notify({"kept": "c"})
    assert client.ask_front({"look": "c"}) == {}
    assert news == [{"kept": "a"}, {"look": "a"}]
    client.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
