"""What waits is scored in one call of batch_predictor, and no answer is ever another sample's."""

import http.client
import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.services import JSON, module_service, wait_until

NOTEBOOK = """
    import os
    import time

    calls = []

    def validator(x):
        return x.get("fail") != "refuse"

    def answer(x):
        fail = x.get("fail")
        if fail == "kill":
            os.kill(os.getpid(), 9)
        if fail == "raise":
            raise ValueError("of this sample")
        if fail == "odd":
            return object()
        time.sleep(x.get("sleep", 0))
        return {"id": x["id"], "calls": list(calls)} if fail == "calls" else x["id"]

    def predictor(x):
        return answer(x)

    def batch_predictor(xs):
        calls.append(len(xs))
        return [answer(x) for x in xs]

    # A scorer that has answered a golden row is no part of a crash loop, whatever kills it next.
    examples = [{"id": 0}]
"""
VERIFIED = {"golden": 1, "batch_predictor": True}
STATUS = {None: 200, "refuse": 422, "raise": 500, "odd": 500, "kill": 500}


def ask_all(service, samples):
    """Ask `samples` at once, some on each of many connections; return [(status, answer)] in their order."""
    answers = [None] * len(samples)

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        for at in range(first, len(samples), 16):
            connection.request("POST", "/predict", json.dumps(samples[at]), JSON)
            answer = connection.getresponse()
            answers[at] = (answer.status, json.loads(answer.read()))
        connection.close()

    clients = [threading.Thread(target=client, args=(first,)) for first in range(16)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    return answers


def right(samples, answers):
    """Return whether each sample got its own answer or its own error."""
    return all(
        status == STATUS[sample.get("fail")] and (status != 200 or answer == sample["id"])
        for sample, (status, answer) in zip(samples, answers, strict=True)
    )


service = module_service(NOTEBOOK, manifest=VERIFIED)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(fails=st.lists(st.sampled_from([None] * 8 + ["refuse", "raise", "odd"]), min_size=1, max_size=80))
def test_answers_are_never_mixed_and_a_sample_that_fails_costs_only_itself(service, fails):
    samples = [{"id": number, "fail": fail} for number, fail in enumerate(fails)]
    assert right(samples, ask_all(service, samples))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(killers=st.sets(st.integers(0, 79), min_size=1, max_size=4))
def test_a_sample_that_kills_its_batch_costs_only_itself(service, killers):
    samples = [{"id": number, "fail": "kill" if number in killers else None} for number in range(80)]
    # What waits behind these is taken back and given to the other scorer.
    for slow in samples[::9]:
        slow["sleep"] = 0.02
    assert right(samples, ask_all(service, samples))


# S2I_BATCHING is of forms that the build derived: who writes batch_predictor wants it.
@pytest.mark.parametrize("derived", ["auto", "off"])
def test_what_waits_is_scored_in_one_call(start, derived):
    service = start(NOTEBOOK, VERIFIED, WEB_CONCURRENCY="1", S2I_MAX_BATCH="4", S2I_BATCHING=derived).ready()
    service.wait_for("up to 4 waiting samples per call of batch_predictor")
    slow = threading.Thread(target=service.predict, args=({"id": 0, "sleep": 0.5},))
    slow.start()
    assert wait_until(lambda: service.status("/healthz") == 200)
    samples = [{"id": n} for n in range(16)]
    assert right(samples, ask_all(service, samples))
    slow.join()
    _, reported = service.predict({"id": 1, "fail": "calls"})
    assert max(reported["calls"]) == 4


@pytest.mark.parametrize(("manifest", "most"), [({"golden": 0}, "64"), (VERIFIED, "1")])
def test_a_batch_predictor_that_no_one_compared_or_wants_is_not_asked(start, manifest, most):
    service = start(NOTEBOOK, {**VERIFIED, **manifest}, WEB_CONCURRENCY="1", S2I_MAX_BATCH=most).ready()
    service.wait_for("batch_predictor not used")
    samples = [{"id": n} for n in range(32)]
    assert right(samples, ask_all(service, samples))
    assert service.predict({"id": 1, "fail": "calls"})[1]["calls"] in ([], [1])


def test_a_batch_that_takes_too_long_is_asked_one_by_one_and_the_slow_one_is_504(start):
    service = start(NOTEBOOK, VERIFIED, WEB_CONCURRENCY="2", S2I_PREDICT_TIMEOUT="1").ready()
    samples = [{"id": n, "sleep": 0.02} for n in range(40)]
    samples[20]["sleep"] = 1000
    answers = ask_all(service, samples)
    assert [at for at, (status, _) in enumerate(answers) if status == 504] == [20]
    assert [(status, answer) for status, answer in answers if status != 504] == [(200, n) for n in range(40) if n != 20]


def test_an_array_of_many_samples_is_one_call_and_its_failures_are_reported_as_ever(start):
    service = start(NOTEBOOK, VERIFIED, WEB_CONCURRENCY="1").ready()
    samples = [{"id": n} for n in range(500)]
    assert service.ask(json.dumps(samples), "/predict/batch")[:2] == (200, list(range(500)))
    _, reported = service.predict({"id": 1, "fail": "calls"})
    assert reported["calls"][-1] == 500
    status, body, _ = service.ask(json.dumps([*samples, {"id": 1, "fail": "raise"}]), "/predict/batch")
    assert (status, body["detail"][:12]) == (500, "Sample 501: ")
    status, body, _ = service.ask(json.dumps([{"id": 1}, {"id": 2, "fail": "kill"}]), "/predict/batch")
    assert (status, body["detail"]) == (500, "The process that scored this sample crashed or was killed.")
    assert service.ask("[]", "/predict/batch")[:2] == (200, [])
    assert service.ask("7", "/predict/batch")[0] == 400
