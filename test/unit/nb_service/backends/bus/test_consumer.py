import asyncio
import json
from types import SimpleNamespace

import pytest
from nb_service.backends.bus import consumer as module
from nb_service.backends.bus.brokers import Away
from nb_service.backends.bus.consumer import Consumer
from nb_service.backends.bus.messages import Messages
from nb_service.identity import Identity
from nb_service.pool.answer import DIED, FAILED, FULL, NOT_READY, OK, TOO_SLOW, Answer
from nb_service.settings import Settings

from unit.nb_service.backends.bus.memory_broker import MemoryBroker

FAULT = b'{"type": "ValueError", "message": "m", "traceback": "t"}'


class Pool:
    """Answers each sample by `answer_of(sample, how often it was asked)`; those in `held` wait for their event."""

    def __init__(self, answer_of=lambda sample, times: Answer(OK, b"a" + sample), max_queue=64, at_once=4):
        self.together, self.max_queue, self.at_once = False, max_queue, at_once
        self.asked = []
        self.in_flight = self.most_in_flight = 0
        self.held = {}
        self.answer_of = answer_of
        self.is_ready = True

    def hold(self, sample):
        self.held[sample] = asyncio.Event()

    async def ask(self, sample):
        self.asked.append(sample)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        if sample in self.held:
            await self.held[sample].wait()
        self.in_flight -= 1
        return self.answer_of(sample, self.asked.count(sample))

    async def ask_array(self, array):
        return await self.ask(array)

    async def facts(self):
        return {"answers": self.is_ready}


async def until(true, seconds=5.0):
    async def look():
        # No event has the property that is looked for.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    await asyncio.wait_for(look(), seconds)


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs `use(broker, pool, consumer, said)` with a consumer and returns these four."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "POOL_PAUSE", 0.001)

    def run_it(use, pool=None, broker=None, environ=None, **options):
        async def all_of_it():
            here, there, said = pool or Pool(), broker or MemoryBroker(), []
            messages = Messages(Settings(environ or {}), Identity("m", 7, "c0ffee"))
            consumer = Consumer(there, here, messages, said.append, "memory://", **options)
            running = asyncio.create_task(consumer.run())
            try:
                await use(there, here, consumer, said)
            finally:
                consumer.finish()
                await asyncio.wait_for(running, 5.0)
            return SimpleNamespace(broker=there, pool=here, consumer=consumer, said=said)

        return asyncio.run(all_of_it())

    return run_it


def test_each_message_gets_its_answer_with_the_model_s_name_version_and_commit(run):
    async def use(broker, pool, consumer, said):
        for number in range(100):
            broker.put(b"%d" % number, x_sample_id=f"s{number}", traceparent="00-1")
        await until(lambda: len(broker.published) == 100)

    done = run(use)
    assert sorted(body for _, body, _, _ in done.broker.published) == sorted(b"a%d" % number for number in range(100))
    assert {headers["x-sample-id"] for _, _, headers, _ in done.broker.published} == {f"s{n}" for n in range(100)}
    is_error, _, headers, _ = done.broker.published[0]
    assert not is_error
    assert {name: headers[name] for name in ("x-model-name", "x-model-version", "x-model-commit", "traceparent")} == {
        "x-model-name": "m",
        "x-model-version": "7",
        "x-model-commit": "c0ffee",
        "traceparent": "00-1",
    }
    assert done.said == ["The bus: taking samples from memory://."]
    assert done.consumer.numbers()["counts"]["answered"] == 100


def test_the_order_within_a_key_is_kept_and_a_slow_one_holds_no_one_else(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b'"slow"')
        broker.put(b'"slow"', "a")
        broker.put(b'"after"', "a")
        for number in range(20):
            broker.put(b"%d" % number, "b")
        await until(lambda: len(broker.published) == 20)
        assert b'"after"' in pool.asked
        assert [body for _, body, _, key in broker.published] == [b"a%d" % number for number in range(20)]
        pool.held[b'"slow"'].set()
        await until(lambda: len(broker.published) == 22)

    done = run(use)
    assert [(body, key) for _, body, _, key in done.broker.published][20:] == [(b'a"slow"', "a"), (b'a"after"', "a")]


def test_no_more_is_taken_than_the_scorers_can_work_on(run):
    async def use(broker, pool, consumer, said):
        for number in range(200):
            pool.hold(b"%d" % number)
            broker.put(b"%d" % number)
        await until(lambda: pool.in_flight == 8)
        await asyncio.sleep(0.05)
        assert (pool.in_flight, len(broker.taken), consumer.numbers()["in_flight"]) == (8, 8, 8)
        for event in pool.held.values():
            event.set()
        await until(lambda: len(broker.published) == 200)

    done = run(use)
    # Half of the queue is HTTP's.
    assert done.pool.most_in_flight <= 32


def test_half_of_the_queue_is_left_to_http(run):
    async def use(broker, pool, consumer, said):
        for number in range(20):
            pool.hold(b"%d" % number)
            broker.put(b"%d" % number)
        await until(lambda: pool.in_flight == 8)
        await asyncio.sleep(0.05)
        assert pool.in_flight == 8
        for event in pool.held.values():
            event.set()

    run(use, Pool(max_queue=16, at_once=16))


def test_a_broker_that_takes_long_to_settle_has_more_on_the_way(run, monkeypatch):
    monkeypatch.setattr(module, "AHEAD_SECONDS", 0.001)

    class Slow(MemoryBroker):
        async def settle(self, outcomes):
            await asyncio.sleep(0.02)
            return await super().settle(outcomes)

    async def use(broker, pool, consumer, said):
        for number in range(3000):
            broker.put(b"%d" % number)
        # Twice what all scorers work on is what there is at least.
        await until(lambda: max(broker.settles, default=0) > 16)
        broker.waiting.clear()

    run(use, broker=Slow())


def test_nothing_is_taken_before_the_model_is_there(run):
    async def use(broker, pool, consumer, said):
        pool.is_ready = False
        broker.put(b"1")
        await asyncio.sleep(0.05)
        assert (broker.asked_for, consumer.connected) == ([], False)
        pool.is_ready = True
        await until(lambda: broker.published)

    run(use)


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (Answer(TOO_SLOW), "too-slow", "The prediction took longer than this service allows."),
        (Answer(FAILED, FAULT), "failed", "The notebook's predictor failed on this sample; the service's log has"),
    ],
)
def test_a_sample_without_an_answer_goes_to_errors_as_it_came_with_the_reason(run, answer, reason, detail):
    async def use(broker, pool, consumer, said):
        broker.put(b" 1", "k", own="x\ny")
        await until(lambda: broker.published)

    done = run(use, Pool(lambda sample, times: answer))
    ((is_error, body, headers, key),) = done.broker.published
    assert (is_error, body, key, headers["own"], headers["x-error-reason"]) == (True, b" 1", "k", "x y", reason)
    assert headers["x-error-detail"].startswith(detail)
    assert done.consumer.numbers()["counts"]["errors"] == {reason: 1}


def test_a_sample_whose_scorer_died_is_asked_again_until_the_tries_are_used_up(run):
    async def use(broker, pool, consumer, said):
        broker.put(b"1")
        broker.put(b"2", deliveries=2)
        broker.put(b"3", deliveries=4)
        await until(lambda: len(broker.published) == 3)

    done = run(use, Pool(lambda sample, times: Answer(DIED)), tries=3)
    assert sorted(done.pool.asked) == [b"1", b"1", b"1", b"2", b"2"]
    by_body = {body: headers for _, body, headers, _ in done.broker.published}
    assert {headers["x-error-reason"] for headers in by_body.values()} == {"died"}
    assert by_body[b"3"]["x-error-detail"].startswith("It was delivered 3 times, and the service stopped each time")


def test_a_scorer_that_dies_once_costs_no_answer(run):
    async def use(broker, pool, consumer, said):
        broker.put(b"1")
        await until(lambda: broker.published)

    done = run(use, Pool(lambda sample, times: Answer(OK, b"9") if times > 1 else Answer(DIED)))
    assert [(is_error, body) for is_error, body, _, _ in done.broker.published] == [(False, b"9")]


@pytest.mark.parametrize("outcome", [FULL, NOT_READY])
def test_a_full_pool_is_waited_for_and_nothing_more_is_taken_meanwhile(run, outcome):
    answers = {"now": Answer(outcome)}

    async def use(broker, pool, consumer, said):
        broker.put(b"1")
        await until(lambda: len(pool.asked) > 2)
        # One that asked before the pool was full may still be waiting.
        await asyncio.sleep(0.05)
        broker.put(b"2")
        asked = len(pool.asked)
        await until(lambda: len(pool.asked) > asked)
        assert (pool.asked.count(b"2"), list(broker.taken)) == (0, ["m.1"])
        answers["now"] = Answer(OK, b"9")
        await until(lambda: len(broker.published) == 2)

    done = run(use, Pool(lambda sample, times: answers["now"]))
    assert [is_error for is_error, _, _, _ in done.broker.published] == [False, False]


def test_what_is_in_flight_is_answered_at_the_end_and_nothing_new_taken(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b"1")
        broker.put(b"1")
        await until(lambda: pool.in_flight)
        consumer.finish()
        await asyncio.sleep(0.05)
        broker.put(b"2")
        await asyncio.sleep(0.05)
        pool.held[b"1"].set()

    done = run(use)
    assert ([body for _, body, _, _ in done.broker.published], done.broker.stops) == ([b"a1"], 1)
    assert [delivery.body for delivery in done.broker.waiting] == [b"2"]


def test_what_is_worked_on_at_the_end_is_answered_by_a_broker_that_comes_back(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b"1")
        broker.put(b"1")
        await until(lambda: pool.in_flight)
        broker.away = "connection refused"
        await until(lambda: not consumer.connected)
        consumer.finish()
        await asyncio.sleep(0.05)
        pool.held[b"1"].set()
        broker.away = ""

    assert [body for _, body, _, _ in run(use).broker.published] == [b"a1"]


def test_what_gets_no_answer_at_the_end_is_given_back_with_all_that_is_behind_it_in_its_lane(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b"2")
        for sample in (b"0", b"1", b"2", b"3"):
            broker.put(sample, "k")
        broker.put(b"4", "other")
        await until(lambda: len(broker.published) == 2 and set(pool.asked) >= {b"1", b"2", b"3"})
        consumer.finish()
        # Answered before and after it is known that the first of them gets no answer.
        await until(lambda: consumer.numbers()["in_flight"] == 3 and broker.stops)
        pool.held[b"2"].set()

    done = run(use, Pool(lambda sample, times: Answer(NOT_READY) if sample == b"1" else Answer(OK, b"a" + sample)))
    assert sorted(body for _, body, _, _ in done.broker.published) == [b"a0", b"a4"]
    assert done.broker.given_back == ["m.2", "m.3", "m.4"]


def test_the_end_does_not_wait_for_a_broker_that_can_not_take_back(run):
    class Gone(MemoryBroker):
        async def give_back(self, deliveries):
            self.away = "connection refused"
            raise Away(self.away)

    async def use(broker, pool, consumer, said):
        broker.put(b"1", "k")
        broker.put(b"2", "k")
        await until(lambda: len(pool.asked) >= 2)
        consumer.finish()

    done = run(use, Pool(lambda sample, times: Answer(NOT_READY) if sample == b"1" else Answer(OK, b"9")), Gone())
    assert (done.broker.published, done.broker.connects) == ([], 1)


def test_a_broker_that_takes_no_answers_although_it_is_there_is_said_to_be_so_once(run, monkeypatch):
    monkeypatch.setattr(module, "LAG_SECONDS", 0.001)

    async def use(broker, pool, consumer, said):
        await until(lambda: consumer.connected)
        broker.blocked = "the queue out is full"
        await until(lambda: not consumer.connected)
        # Samples still come, and make it no better.
        broker.put(b"1")
        await until(lambda: pool.asked)
        await asyncio.sleep(0.05)
        assert not consumer.connected
        broker.blocked = ""
        await until(lambda: consumer.connected)

    done = run(use)
    assert done.said[:2] == [
        "The bus: taking samples from memory://.",
        "The bus: memory:// can't be used: the queue out is full; not ready, trying again.",
    ]
    assert done.said[2].startswith("The bus: memory:// is available again after ")
    assert (len(done.said), done.broker.connects) == (3, 1)


def test_a_broker_that_goes_away_is_tried_again_and_that_is_said_once(run):
    async def use(broker, pool, consumer, said):
        await until(lambda: consumer.connected)
        # Some say one thing and another in turn.
        for reason in ("connection refused", "no such stream", "connection refused"):
            broker.away = reason
            seen = broker.connects
            await until(lambda seen=seen: broker.connects > seen + 2)
            assert not consumer.connected
        broker.away = ""
        broker.put(b"1")
        await until(lambda: broker.published)

    done = run(use)
    assert done.said[:3] == [
        "The bus: taking samples from memory://.",
        "The bus: memory:// can't be used: connection refused; not ready, trying again.",
        "The bus: memory:// can't be used: no such stream; not ready, trying again.",
    ]
    assert done.said[3].startswith("The bus: memory:// is available again after ")
    assert len(done.said) == 4


def test_answers_that_could_not_be_published_are_published_by_the_next_connection(run):
    async def use(broker, pool, consumer, said):
        broker.away_in_settle = "connection reset"
        broker.put(b"1")
        await until(lambda: broker.connects > 2)
        broker.away_in_settle = ""
        await until(lambda: broker.published)

    done = run(use)
    assert (done.pool.asked, [body for _, body, _, _ in done.broker.published]) == ([b"1"], [b"a1"])


def test_where_claims_end_with_a_connection_everything_is_asked_again(run):
    async def use(broker, pool, consumer, said):
        broker.away_in_settle = "connection reset"
        broker.put(b"1", "k")
        await until(lambda: broker.connects > 1)
        broker.away_in_settle = ""
        broker.redeliver()
        await until(lambda: broker.published)

    done = run(use, broker=MemoryBroker(keeps_claims=False))
    assert (done.pool.asked, len(done.broker.published)) == ([b"1", b"1"], 1)
    assert done.consumer.numbers()["counts"]["redelivered"] == 1


def test_the_end_does_not_wait_for_a_broker_that_says_nothing(run):
    class Silent(MemoryBroker):
        async def connect(self, most):
            self.connects += 1
            await asyncio.sleep(60)

    async def use(broker, pool, consumer, said):
        await until(lambda: broker.connects)

    assert run(use, broker=Silent()).said == []


def test_a_fault_of_ours_ends_the_process_and_leaves_the_sample_to_the_next(run):
    async def use(broker, pool, consumer, said):
        broker.put(b"1")
        await until(lambda: pool.asked)

    def answer_of(sample, times):
        raise KeyError("a fault")

    broker = MemoryBroker()
    with pytest.raises(KeyError, match="a fault"):
        run(use, Pool(answer_of), broker)
    assert list(broker.taken) == ["m.1"] and not broker.published


def test_what_comes_again_while_it_is_worked_on_is_asked_once(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b"1")
        broker.put(b"1")
        await until(lambda: pool.in_flight)
        broker.redeliver()
        await until(lambda: not broker.waiting)
        pool.held[b"1"].set()
        await until(lambda: broker.published)

    done = run(use)
    assert (done.pool.asked, len(done.broker.published)) == ([b"1"], 1)


def test_what_the_broker_gave_to_somebody_else_is_counted_and_no_answer(run):
    async def use(broker, pool, consumer, said):
        broker.passed_on.add(broker.put(b"1"))
        broker.put(b"2")
        await until(lambda: len(broker.settles) and not broker.taken)

    counts = run(use).consumer.numbers()["counts"]
    assert (counts["answered"], counts["lost"]) == (1, 1)


def test_what_takes_long_is_held(run):
    async def use(broker, pool, consumer, said):
        pool.hold(b"1")
        broker.put(b"1")
        await until(lambda: ["m.1"] in broker.held)
        pool.held[b"1"].set()

    run(use, reclaim=0.03)


def test_an_array_of_samples_is_one_message(run):
    async def use(broker, pool, consumer, said):
        broker.put(b"[1, 2, 3]")
        broker.put(b"[1, 13]")
        broker.put(b"7")
        broker.put(b"[]")
        await until(lambda: len(broker.published) == 4)

    answers = {b"13": Answer(FAILED, FAULT)}
    done = run(use, Pool(lambda sample, times: answers.get(sample, Answer(OK, sample))), arrays=True)
    by_body = {body: headers.get("x-error-detail", "") for _, body, headers, _ in done.broker.published}
    assert sorted(by_body) == [b"7", b"[1, 13]", b"[1, 2, 3]", b"[]"]
    assert by_body[b"[1, 13]"].startswith("Sample 2: The notebook's predictor failed")
    assert "not a JSON array of samples" in by_body[b"7"]


def test_a_sample_that_fails_far_into_an_array_is_named(run):
    async def use(broker, pool, consumer, said):
        broker.put(b"[1, 2, 3, 4, 13]")
        await until(lambda: broker.published)

    answers = {b"13": Answer(FAILED, FAULT)}
    done = run(use, Pool(lambda sample, times: answers.get(sample, Answer(OK, sample)), at_once=1), arrays=True)
    assert done.broker.published[0][2]["x-error-detail"].startswith("Sample 5: ")


def test_arrays_go_whole_where_a_batch_form_scores_them(run):
    async def use(broker, pool, consumer, said):
        pool.together = True
        broker.put(b"[1, 2]")
        broker.put(b"[%s, 13]" % b", ".join([b"1"] * 1000))
        await until(lambda: len(broker.published) == 2)

    def answer_of(array, times):
        fault = json.dumps({"type": "E", "message": "m", "traceback": "t", "index": 0}).encode()
        return Answer(FAILED, fault) if b"13" in array else Answer(OK, array)

    done = run(use, Pool(answer_of), arrays=True)
    by_error = {is_error: (body, headers) for is_error, body, headers, _ in done.broker.published}
    assert by_error[False][0] == b"[1, 2]"
    assert by_error[True][1]["x-error-detail"].startswith("Sample 1001: ")


def test_headers_that_no_broker_takes_are_left_out_of_errors(run):
    many = {f"h{at}": "v" for at in range(5000)}
    long = {f"l{at}": "v" * 900 for at in range(60)}

    async def use(broker, pool, consumer, said):
        broker.put(b"not json", **many)
        broker.put(b"not json", **long, short="kept")
        await until(lambda: len(broker.published) == 2)
        broker.largest = 1500
        broker.put(b"not json", **long)
        await until(lambda: len(broker.published) == 3)

    done = run(use, Pool(lambda sample, times: Answer(FAILED, FAULT)))
    (_, _, of_many, _), (_, body, of_long, _), (_, _, of_small, _) = done.broker.published
    assert len(of_many) < 220 and of_many["x-error-reason"] == "failed"
    assert sum(map(len, of_long.values())) < 34_000 and of_long["short"] == "kept" and body == b"not json"
    for headers in (of_many, of_long):
        assert "Some of its headers are left out" in headers["x-error-detail"]
    assert not set(of_small) & set(long) and of_small["x-error-reason"] == "failed"


def test_an_answer_that_the_broker_does_not_take_is_an_error(run):
    async def use(broker, pool, consumer, said):
        broker.largest = 900
        broker.put(b"1")
        broker.put(b" " * 880 + b"2")
        await until(lambda: len(broker.published) == 2)

    done = run(use, Pool(lambda sample, times: Answer(OK, json.dumps("x" * 900).encode())))
    assert [(is_error, body) for is_error, body, _, _ in done.broker.published] == [(True, b"1"), (True, b"")]
    assert {headers["x-error-reason"] for _, _, headers, _ in done.broker.published} == {"too-large"}
    assert "The message itself is left out" in done.broker.published[1][2]["x-error-detail"]


def test_after_a_large_message_only_as_many_are_taken_as_would_fit(run, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)

    async def use(broker, pool, consumer, said):
        large = b"1" * 400
        broker.put(large)
        await until(lambda: broker.published)
        pool.hold(large)
        broker.asked_for.clear()
        for _ in range(20):
            broker.put(large)
        await until(lambda: pool.in_flight == 3)
        # All that fit, and one more, as the limit is only known to be reached by then.
        assert [asked for asked in broker.asked_for if asked > 2] == []
        assert len(broker.taken) == 3
        pool.held[large].set()
        await until(lambda: len(broker.published) == 21)
        # Small ones soon have their usual place again.
        for _ in range(1000):
            broker.put(b"1")
        await until(lambda: len(broker.published) == 1021)
        assert max(broker.asked_for) == consumer.window > 2

    run(use)
