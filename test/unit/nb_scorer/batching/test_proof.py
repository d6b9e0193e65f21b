"""Verification: which forms hold, and the messages about others."""

import itertools
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from nb_scorer.batching import proof
from nb_scorer.batching.form import Failure
from nb_scorer.batching.proof import Subject, Unproved, prove, same_but_for_rounding

from unit.nb_scorer.batching.forms import form_of, notebook
from unit.nb_scorer.batching.stand_ins import ByItsCompany, Linear, TooFew

PLAIN = "def predictor(x):\n    return float(model.predict([x])[0])\n"
GOLDEN = [[1.0, 2.0], [3.0, 4.5], [0.5, 0.25]]


def subject(text, delay=0.0, accepts=lambda body: True, **names):
    """Return what a scorer of a notebook would answer; each call of a model takes `delay` seconds."""
    predictor = notebook(text, **names)["predictor"]
    form = form_of(predictor)

    def told(outcome):
        if isinstance(outcome, Failure):
            return "error", f"{type(outcome.error).__name__}: {outcome.error}"
        return "answer", json.loads(json.dumps(outcome))

    def alone(body):
        time.sleep(delay)
        try:
            return told(predictor(json.loads(body)))
        except Exception as error:  # noqa: BLE001 - notebooks raise what they like
            return told(Failure(error))

    def together(bodies, watch):
        time.sleep(delay)
        return [told(outcome) for outcome in form.score([((json.loads(body),), {}) for body in bodies], watch)]

    return Subject(alone, together, accepts)


def proved(text, golden=GOLDEN, **how):
    """Return the facts of a successful verification."""
    return prove(subject(text, **{"delay": 0.001, **how}), golden, 1e-6, 60.0)


def unproved(text, golden=GOLDEN, **how):
    """Return why a form is not used."""
    with pytest.raises(Unproved) as caught:
        proved(text, golden, **how)
    return str(caught.value)


def test_a_form_that_holds_says_on_how_many_samples_and_where_it_pays():
    facts = proved(PLAIN, model=Linear())
    assert facts["golden"] == 3
    assert facts["variations"] > 10
    assert facts["most"] >= 8
    assert facts["pays_from"] == 2
    assert facts["gain"] > 1.5
    assert facts["exact"] is True


def test_errors_are_compared_in_their_words():
    assert proved(PLAIN, [[1.0], [-1.0], [5.0]], model=Linear())["golden"] == 3


def test_a_model_that_looks_at_its_company_is_found():
    said = unproved("def predictor(x):\n    return float(model.predict([x])[0])\n", model=ByItsCompany())
    assert said == "ByItsCompany.predict: a row's result depends on the other rows"


def test_a_model_that_gives_back_fewer_rows_is_found():
    assert unproved(PLAIN, model=TooFew()) == "TooFew.predict: it returns a different number of rows than it receives"


def test_a_predictor_that_contradicts_itself_is_found():
    numbers = itertools.count()
    text = "def predictor(x):\n    return float(model.predict([x])[0]) + next(numbers)\n"
    assert (
        unproved(text, model=Linear(), numbers=numbers) == "predictor returns different predictions for the same sample"
    )


def test_state_that_shows_only_between_two_samples_is_found():
    text = """
        last = {"v": 0.0}
        def remember(where, value):
            where["v"] = value
        def predictor(x):
            remember(last, x[0])
            p = float(model.predict([x])[0])
            return p + last["v"]
        """
    said = unproved(text, model=Linear())
    assert "alone and" in said
    assert "in a batch" in said


def test_a_predictor_that_answers_nothing_is_not_proved():
    said = unproved(PLAIN, [[-9.0], [-8.0]], model=Linear(), accepts=lambda body: False)
    assert said == "predictor fails for all samples created for the verification; add examples"


def test_samples_that_are_never_joined_are_no_proof():
    text = "def predictor(x):\n    return float(model.predict(Own(x))[0])\nclass Own(list):\n    pass\n"

    class Single:
        def predict(self, rows):
            return np.array([sum(rows)])

    assert unproved(text, model=Single()) == "no call of a model can score two samples at once"


def test_a_form_that_gains_too_little_is_not_used(monkeypatch):
    # A clock that counts the model's work, whatever else the machine does.
    now = [0.0]
    monkeypatch.setattr(proof, "time", SimpleNamespace(time=time.time, perf_counter=lambda: now[0]))

    class Slow:
        def predict(self, rows):
            now[0] += len(rows) / 128
            return [sum(row) for row in rows]

    said = unproved("def predictor(x):\n    return model.predict([x])[0]\n", delay=0.0, model=Slow())
    assert said == "8 samples in one call are only 1.0 times as fast as one by one"


def test_a_predictor_too_slow_to_be_asked_so_often_is_not_proved(monkeypatch):
    monkeypatch.setattr(proof, "PATIENCE_SECONDS", 0.05)
    assert (
        unproved(PLAIN, delay=0.01, model=Linear())
        == "predictor takes 0.0 s per sample, which is too slow for a verification"
    )


@pytest.mark.parametrize(("alone", "rows", "most"), [(0.001, 64, 1024), (0.012, 64, 256), (0.02, 32, 64), (0.08, 8, 8)])
def test_a_slower_predictor_is_tried_on_fewer_rows_together(alone, rows, most, monkeypatch):
    monkeypatch.setattr(proof, "_seconds", lambda run: alone)
    tried = proof._Proof(subject(PLAIN, model=Linear()), 1e-6, None)._scale(b"[1.0]")
    assert tried == (rows, most)


def test_a_proof_ends_in_its_time():
    with pytest.raises(Unproved, match="the verification took too long"):
        prove(subject(PLAIN, delay=0.01, model=Linear()), GOLDEN, 1e-6, 0.05)


def test_what_the_validator_rejects_is_not_tried():
    asked = []

    def accepts(body):
        asked.append(body)
        return False

    assert proved(PLAIN, model=Linear(), accepts=accepts)["variations"] == 0
    assert asked


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (0.1234, 0.1235, True),
        (0.1234, 0.1236, False),
        (0.12, 0.1236, False),
        ({"p": [0.12]}, {"p": [0.13]}, True),
        ({"p": [0.12]}, {"q": [0.12]}, False),
        ([1.0], [1.0, 2.0], False),
        (0.1234567891, 0.1234567892, True),
        (0.123456789, 0.123466789, False),
        (1, 2, False),
        ("a", "b", False),
        (True, False, False),
    ],
)
def test_one_step_of_a_rounding_is_the_same_answer(one, other, same):
    assert same_but_for_rounding(one, other, 1e-6) is same
