"""The verification measures golden rows, without the errors that their variations cause."""

import json
from types import SimpleNamespace

import pytest
from nb_scorer.batching import proof

GOLDEN = [{"city": "oslo"}, {"city": "rome"}]
CALL_SECONDS = 0.0005


class Clock:
    """The seconds that predictors have spent, the only ones that pass in these tests."""

    seconds = 0.0

    @classmethod
    def spend(cls, seconds):
        """Let a predictor take this long."""
        cls.seconds += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    def seconds():
        return Clock.seconds

    monkeypatch.setattr(proof, "time", SimpleNamespace(time=seconds, perf_counter=seconds))


def answers(bodies):
    return [("answer", json.loads(body).get("city")) for body in bodies]


def alone(body):
    Clock.spend(CALL_SECONDS)
    return answers([body])[0]


def together(bodies, watch):
    if watch is not None:
        watch.joined += 1
    # One that predictor catches an error of: the call is halved until it is alone.
    calls = 1 + 2 * sum(json.loads(body) not in GOLDEN for body in bodies)
    Clock.spend(CALL_SECONDS * min(calls, 2 * len(bodies)))
    return answers(bodies)


def test_the_gain_is_that_of_golden_rows():
    facts = proof.prove(proof.Subject(alone, together, lambda body: True), GOLDEN, 1e-6, 60)
    assert facts["golden"] == 2
    assert facts["gain"] > 2


def test_a_form_that_is_slower_is_reported_with_how_much():
    def slow(bodies, watch):
        if watch is not None:
            watch.joined += 1
        Clock.spend(2 * CALL_SECONDS * len(bodies) * (watch is None))
        return answers(bodies)

    with pytest.raises(proof.Unproved, match=r"^8 samples in one call are \d\.\d times as slow as one by one$"):
        proof.prove(proof.Subject(alone, slow, lambda body: True), GOLDEN, 1e-6, 60)
