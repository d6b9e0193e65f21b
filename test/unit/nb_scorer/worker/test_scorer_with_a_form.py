"""A scorer whose model has a batch form: what it gives, when it uses it, and when it ends."""

import asyncio
import json
import os
import socket
import tempfile

import pytest
from nb_scorer.model import calls
from nb_scorer.model.load import Model
from nb_scorer.model.misfit import Misfit
from nb_scorer.protocol import frames
from nb_scorer.protocol.shared_counters import SIZE, SharedCounters
from nb_scorer.worker import scorer

from unit.nb_scorer.batching.forms import form_of, notebook
from unit.nb_scorer.batching.stand_ins import ByItsCompany, Linear

PLAIN = "def predictor(x):\n    return float(model.predict([x])[0])\n"
PROVED = {"calls": ["model.predict"], "pays_from": 2, "most": 256}


def made(text=PLAIN, model=None, validator=None, wrap=None, proved=PROVED, **functions):
    """Return a scorer of a notebook, and its model."""
    model = model or Linear()
    predictor = notebook(text, model=model)["predictor"]
    found = {"validator": validator, "batch_predictor": None, "batch_form": form_of(predictor), **functions}
    found["predictor"] = wrap(predictor) if wrap else predictor
    return scorer.Scorer(Model(found, {"batching": proved})), model


def together(asked, *bodies):
    """Return the answers to `bodies` as lists, one a call."""
    return list(asked.answer_together(list(bodies)))


def test_samples_that_wait_share_a_call_of_the_model():
    asked, model = made()
    assert together(asked, b"[1]", b"[2]") == [[(frames.OK, b"2.0", 2), (frames.OK, b"4.0", 0)]]
    assert model.calls[0] == 2


def test_until_the_proof_has_held_only_the_proof_asks_the_form():
    asked, model = made(proved={"calls": ["model.predict"]})
    assert len(together(asked, b"[1]", b"[2]")) == 2
    assert asked.answer_many(b"[[1], [2]]") == (frames.OK, b"[2.0, 4.0]", 1)
    assert set(model.calls) == {1}


def test_each_sample_of_an_array_is_progress_once_batching_has_ended():
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        counters = SharedCounters(memory.fileno())
        asked, _ = made(model=ByItsCompany())
        asked.settle(counters)
        assert asked.answer_many(b"[[1], [2], [3], [4]]")[0] == frames.OK
        assert asked.batching_end() is not None
        assert counters.progress == 4


def test_fewer_samples_than_pay_are_asked_alone():
    asked, model = made(proved=dict(PROVED, pays_from=4))
    assert len(together(asked, b"[1]", b"[2]", b"[3]")) == 3
    assert set(model.calls) == {1}
    assert len(together(asked, b"[1]", b"[2]", b"[3]", b"[4]")) == 1


def test_a_batch_predictor_goes_first():
    asked, model = made(batch_predictor=lambda xs: [0.0 for _ in xs])
    assert together(asked, b"[1]", b"[2]") == [[(frames.OK, b"0.0", 2), (frames.OK, b"0.0", 0)]]
    assert model.calls == []


def test_no_more_than_the_proof_tried_share_a_call():
    asked, model = made(proved=dict(PROVED, most=3))
    answers = together(asked, *[b"[%d]" % n for n in range(7)])
    assert [payload for _, payload, _ in answers[0]] == [b"%.1f" % (2 * n) for n in range(7)]
    assert max(model.calls) == 3


def test_each_sample_has_its_own_answer_rejection_or_error(capsys):
    asked, _ = made(validator=lambda x: "too large" if x[0] > 8 else x[0] != 7)
    bodies = [b"[1]", b"[7]", b"{", b"[-5]", b"[9]", b"[2]", b'["a"]', b"[-6]"]
    ((*answers,),) = together(asked, *bodies)
    kinds = [frames.OK, frames.REFUSED, frames.NOT_JSON, frames.FAILED, frames.REFUSED, frames.OK]
    assert [status for status, _, _ in answers] == [*kinds, frames.REFUSED, frames.FAILED]
    assert json.loads(answers[4][1])["reason"] == "too large"
    for place, row in ((3, "[-5.0]"), (7, "[-6.0]")):
        shown = json.loads(answers[place][1])["traceback"]
        assert f"ValueError: a negative row: {row}" in shown
        assert "another exception" not in shown
        assert "nb_scorer/batching/form" not in shown
    log = capsys.readouterr().err
    assert log.count("The predictor failed on a sample:") == 2
    assert [batch for _, _, batch in answers] == [8] + [0] * 7


def test_what_predictor_alone_answers_is_what_the_form_answers():
    asked, _ = made(validator=lambda x: x[0] != 7)
    bodies = [b"[1]", b"[7]", b"[-5]", b"[2]", b'["a"]', b"[0.5]", b"[-6]"]
    ((*answers,),) = together(asked, *bodies)

    def facts(status, payload):
        return status, payload if status == frames.OK else json.loads(payload).get("traceback")

    def last(fact):
        return (fact[1] or "").strip().rpartition("\n")[2] if fact[0] == frames.FAILED else fact[1]

    alone = [asked.answer(body) for body in bodies]
    assert [last(facts(*answer[:2])) for answer in answers] == [last(facts(*answer)) for answer in alone]


def test_an_answer_that_is_no_json_costs_only_itself(capsys):
    text = "def predictor(x):\n    p = float(model.predict([x])[0])\n    return object() if p == 4 else p\n"
    asked, _ = made(text)
    ((*answers,),) = together(asked, b"[1]", b"[2]", b"[3]")
    assert [status for status, _, _ in answers] == [frames.OK, frames.FAILED, frames.OK]


def test_what_predictor_returns_to_be_awaited_is_awaited():
    text = """
        async def later(p):
            return p
        def predictor(x):
            return later(float(model.predict([x])[0]))
        """
    asked, _ = made(text)
    assert together(asked, b"[1]", b"[2]") == [[(frames.OK, b"2.0", 2), (frames.OK, b"4.0", 0)]]
    assert asked.answer_many(b"[[1], [2]]") == (frames.OK, b"[2.0, 4.0]", 2)
    # A scorer has its loop for life; here it would be another test's warning.
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def test_many_samples_of_one_body_share_a_call():
    asked, model = made()
    assert asked.answer_many(b"[[1], [2], [3]]") == (frames.OK, b"[2.0, 4.0, 6.0]", 3)
    assert model.calls[0] == 3
    assert asked.answer_many(b"[[1]]") == (frames.OK, b"[2.0]", 1)
    assert asked.answer_many(b"[]") == (frames.OK, b"[]", 1)


def test_of_many_samples_the_first_that_fails_is_named_by_its_place(capsys):
    asked, _ = made()
    status, payload, _ = asked.answer_many(b"[[1], [2], [-3], [-4]]")
    assert (status, json.loads(payload)["index"]) == (frames.FAILED, 2)
    assert "[-3.0]" in json.loads(payload)["traceback"]
    status, payload, _ = made(validator=lambda x: x[0] > 0)[0].answer_many(b"[[1], [2], [-1]]")
    assert (status, json.loads(payload)["index"]) == (frames.REFUSED, 2)


def test_of_many_answers_the_first_without_a_json_form_is_named_by_its_place(capsys):
    text = "def predictor(x):\n    p = float(model.predict([x])[0])\n    return object() if p == 4 else [p, 1j][:1]\n"
    asked, _ = made(text)
    assert asked.answer_many(b"[[1], [3]]") == (frames.OK, b"[[2.0], [6.0]]", 2)
    status, payload, _ = asked.answer_many(b"[[1], [2], [3]]")
    assert (status, json.loads(payload)["index"]) == (frames.FAILED, 1)
    assert json.loads(payload)["reason"] == "an answer of type object has no JSON form"


def test_what_the_validator_changes_is_not_what_the_form_gets():
    def validator(x):
        x.append(100)
        return True

    asked, _ = made(validator=validator)
    assert [payload for _, payload, _ in together(asked, b"[1]", b"[2]")[0]] == [b"2.0", b"4.0"]
    assert asked.answer_many(b"[[1], [2]]")[1] == b"[2.0, 4.0]"


def read(sample):
    if not isinstance(sample, dict):
        raise Misfit([{"at": "", "words": "an object is wanted"}])
    return {name: float(value) for name, value in sample.items()}


BY_NAME = "def predictor(a, b=1.0):\n    return float(model.predict([[a, b]])[0])\n"


def test_arguments_by_name_are_read_for_each_sample_and_one_that_does_not_fit_costs_itself(capsys):
    asked, model = made(BY_NAME, wrap=lambda function: calls.CallByName(function, read))
    ((*answers,),) = together(asked, b'{"a": 1}', b"3", b'{"a": 1, "b": 2}', b'{"b": 2}')
    assert [status for status, _, _ in answers] == [frames.OK, frames.REFUSED, frames.OK, frames.FAILED]
    assert [answers[0][1], answers[2][1]] == [b"4.0", b"6.0"]
    assert max(model.calls) == 2


def test_a_sample_is_read_before_it_is_given_to_the_form():
    text = "def predictor(x):\n    return float(model.predict([x])[0])\n"
    asked, _ = made(text, wrap=lambda function: calls.Call(function, lambda sample: [float(cell) for cell in sample]))
    assert [payload for _, payload, _ in together(asked, b'["1"]', b'["2"]')[0]] == [b"2.0", b"4.0"]


def test_where_a_row_is_answered_otherwise_in_company_batching_ends_and_it_is_said_once():
    asked, _ = made("def predictor(x):\n    return float(model.predict([x])[0])\n", ByItsCompany())
    assert asked.batching_end() is None
    assert [payload for _, payload, _ in together(asked, b"[1]", b"[2]", b"[4]")[0]] == [b"1.0"] * 3
    news = asked.batching_end()
    assert news["call"] == "ByItsCompany.predict"
    assert news["alone"] != news["together"]
    assert asked.batching_end() is None
    assert len(together(asked, b"[1]", b"[2]")) == 2
    assert asked.answer_many(b"[[1], [2]]") == (frames.OK, b"[1.0, 1.0]", 1)


def test_a_scorer_that_is_reported_to_asks_predictor_alone_from_then_on():
    asked, model = made()
    asked.stop_batching()
    assert len(together(asked, b"[1]", b"[2]")) == 2
    assert set(model.calls) == {1}


def test_the_proof_answers_with_its_facts_or_with_a_reason(capsys):
    asked = json.dumps({"samples": [[1.0], [2.0], [3.5]], "tolerance": 1e-6, "seconds": 20.0}).encode()
    status, payload = made(model=ByItsCompany(), proved={"calls": ["model.predict"]})[0].prove(asked)
    assert status == frames.OK
    assert json.loads(payload) == {"reason": "ByItsCompany.predict: a row's result depends on the other rows"}


def served(asked, *requests):
    """Return the answers that a scorer gives to requests on its link."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as memory, ours, theirs:
        memory.truncate(SIZE)
        ours.sendall(b"".join(requests))
        ours.shutdown(socket.SHUT_WR)
        scorer.serve(theirs, SharedCounters(memory.fileno()), asked)
        theirs.close()
        stream = bytearray()
        while data := ours.recv(65536):
            stream += data
    return frames.take_answers(stream)


def test_the_front_is_reported_that_batching_ended_and_can_end_it():
    asked, model = made(model=ByItsCompany())
    requests = [frames.request(frames.TOGETHER, n, b"[%d]" % (n + 1)) for n in range(3)]
    answers = served(asked, *requests)
    kinds = [status for status, *_ in answers]
    assert kinds == [frames.HELLO, frames.OK, frames.OK, frames.OK, frames.BATCHING_ENDED]
    asked, model = made()
    answers = served(asked, frames.request(frames.ALONE, 0, b""), *requests)
    assert [status for status, *_ in answers] == [frames.HELLO] + [frames.OK] * 3
    assert set(model.calls) == {1}


@pytest.mark.parametrize(("leave", "code"), [("return 1", 0), ("1 / 0", 1), ("raise SystemExit(3)", 3)])
@pytest.mark.parametrize("after", [False, True])
def test_a_copy_that_a_sample_s_code_forks_ends_there_without_a_word(capfd, leave, code, after):
    fork = f"    pid = os.fork()\n    if not pid:\n        {leave}\n    note(pid)\n"
    ask = "    p = float(model.predict([x])[0])\n"
    children = []
    text = "import os\ndef predictor(x):\n" + (ask + fork if after else fork + ask) + "    return p\n"
    predictor = notebook(text, model=Linear(), note=children.append)["predictor"]
    functions = {"predictor": predictor, "validator": None, "batch_predictor": None, "batch_form": form_of(predictor)}
    model = Model(functions, {"batching": PROVED})
    answers = served(scorer.Scorer(model), *[frames.request(frames.TOGETHER, n, b"[%d]" % (n + 1)) for n in range(3)])
    assert [(status, payload) for status, payload, *_ in answers[1:]] == [(0, b"2.0"), (0, b"4.0"), (0, b"6.0")]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [code] * 3
    assert capfd.readouterr().err == ""


def test_an_error_that_counts_as_nothing_is_an_error(capsys):
    text = """
        class Empty(Exception):
            def __len__(self):
                return 0
        def predictor(x):
            p = float(model.predict([x])[0])
            if p > 2:
                raise Empty("words")
            return p
        """
    ((first, second),) = together(made(text)[0], b"[1]", b"[2]")
    assert (first[0], second[0]) == (frames.OK, frames.FAILED)
    assert "Empty: words" in json.loads(second[1])["traceback"]
