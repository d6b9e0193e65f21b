import asyncio
import dataclasses
import io
import json
import os
import socket
import sys
import tempfile
import threading

import pytest
from nb_scorer.model import signatures
from nb_scorer.model.load import Model
from nb_scorer.protocol import frames
from nb_scorer.protocol.shared_counters import SIZE, SharedCounters
from nb_scorer.worker import refusals, scorer


def made(predictor, validator=None, batch=None):
    return scorer.Scorer(Model({"predictor": predictor, "validator": validator, "batch_predictor": batch}, {}))


def test_a_sample_is_decoded_predicted_and_encoded():
    assert made(lambda x: {"twice": x * 2}).answer(b"[1]") == (frames.OK, b'{"twice": [1, 1]}')


def test_a_body_that_is_not_json_never_reaches_the_predictor():
    status, payload = made(pytest.fail).answer(b"{")
    assert status == frames.NOT_JSON
    assert "Expecting property name" in json.loads(payload)["reason"]


@pytest.mark.parametrize("no", [False, None, 0, "", []])
def test_a_falsy_word_of_the_validator_is_a_no(no):
    status, payload = made(pytest.fail, lambda x: no).answer(b"1")
    assert (status, json.loads(payload)) == (frames.REFUSED, {"reason": "", "traceback": None})


def test_a_validator_that_raises_says_no_and_the_log_says_why(capsys):
    status, payload = made(pytest.fail, lambda x: x["missing"]).answer(b"{}")
    assert status == frames.REFUSED
    assert "KeyError: 'missing'" in json.loads(payload)["traceback"]
    assert "The validator raised for a sample, which counts as a rejection:" in capsys.readouterr().err


def test_a_validator_that_runs_out_of_something_says_no_too():
    status, payload = made(pytest.fail, lambda x: next(iter(x))).answer_many(b"[[], []]")[:2]
    assert (status, json.loads(payload)["index"]) == (frames.REFUSED, 0)


@pytest.mark.parametrize("change", ["x['seen'] = x['list'].pop()", "x['seen'] = object()", "x.clear()"])
def test_the_predictor_gets_what_came_in_whatever_the_validator_did_to_it(change):
    def validator(x):
        exec(change, {"x": x})
        return True

    body = b'{"list": [1, 2]}'
    both = b"[" + body + b", " + body + b"]"
    tested = made(lambda x: x, validator, lambda xs: xs)
    assert tested.answer(body) == (frames.OK, body)
    assert list(tested.answer_together([body, body])) == [[(frames.OK, body, 2), (frames.OK, body, 0)]]
    assert tested.answer_many(both) == (frames.OK, both, 2)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_whatever_the_predictor_raises_is_a_failure_and_no_end(error, capsys):
    def predictor(x):
        raise error("words")

    status, payload = made(predictor).answer(b"1")
    assert status == frames.FAILED
    shown = json.loads(payload)["traceback"]
    assert error.__name__ in shown
    assert "in predictor" in shown
    assert "scorer.py" not in shown.replace("test_scorer.py", "")
    assert "The predictor failed on a sample:\nTraceback" in capsys.readouterr().err


NAMES = {"sample_schema": {"type": "object", "required": ["age", "full name"], "properties": {}}}


def named(predictor, batch=None):
    return scorer.Scorer(Model({"predictor": predictor, "validator": None, "batch_predictor": batch}, NAMES))


def fails(words):
    """Return a predictor that raises these words, as libraries have them."""

    def predictor(x):
        raise ValueError(words)

    return predictor


@pytest.mark.parametrize(
    ("predictor", "body", "missing"),
    [
        (lambda x: x["age"], b'{"full name": "a"}', ["age"]),
        (lambda x: x["full name"], b"{}", ["full name"]),
        (fails("columns are missing: {'age', 'full name'}"), b"{}", ["age", "full name"]),
        (fails("['age'] not in index"), b'{"full name": "a"}', ["age"]),
    ],
)
def test_a_field_that_a_sample_lacks_is_reported_by_its_name(predictor, body, missing, capsys):
    answers = named(predictor).answer(body), named(predictor).answer_many(b"[" + body + b"]")[:2]
    printed = capsys.readouterr().err
    for status, payload in answers:
        facts = json.loads(payload)
        assert status == frames.REFUSED
        assert facts["misfit"] == "; ".join(name + ": is missing" for name in missing)
        assert facts["errors"] == [{"pointer": "#/" + name, "detail": "is missing"} for name in missing]
        # It may be the notebook's fault all the same.
        assert facts["traceback"] in printed


def test_a_field_that_a_sample_lacks_is_reported_where_batch_predictor_missed_it():
    answers = named(lambda x: x["age"], lambda xs: [x["age"] for x in xs]).answer_together([b'{"age": 1}', b"{}"])
    assert [[status for status, _, _ in part] for part in answers] == [[frames.OK], [frames.REFUSED]]


@pytest.mark.parametrize(
    ("predictor", "body", "pointer"),
    [
        (lambda x: x["age"], b"[]", "#"),
        (lambda x: x["other"], b"{}", "#/age"),
        (lambda x: 1 / 0, b"{}", "#/age"),
        (fails("the agent is away"), b"{}", "#/age"),
    ],
)
def test_a_sample_unlike_the_notebook_s_own_that_fails_is_the_client_s_fault(predictor, body, pointer):
    status, payload = named(predictor).answer(body)
    assert (status, [error["pointer"] for error in json.loads(payload)["errors"]]) == (frames.REFUSED, [pointer])


def exits(x):
    raise SystemExit


def lacks_memory(x):
    raise MemoryError


def reads_a_file(x):
    return open("/nowhere/age.csv")


def takes_apart(x):
    x.clear()
    return 1 / 0


@pytest.mark.parametrize(
    ("predictor", "body"),
    [
        (fails("age"), b'{"age": 1, "full name": "a"}'),
        # It is compared as it was sent.
        (takes_apart, b'{"age": 1, "full name": "a"}'),
        (exits, b"{}"),
        (lacks_memory, b"{}"),
        # The name of the file has that of a field which the sample lacks.
        (reads_a_file, b"{}"),
    ],
)
def test_any_other_failure_stays_one(predictor, body):
    assert named(predictor).answer(body)[0] == frames.FAILED
    assert named(predictor).answer_many(b"[" + body + b"]")[0] == frames.FAILED


def test_an_exception_that_can_t_be_shown_is_a_failure_too(capsys):
    class Awkward(Exception):
        def __str__(self):
            raise RuntimeError

    def predictor(x):
        raise Awkward

    assert made(predictor).answer(b"1")[0] == frames.FAILED
    assert "Awkward" in capsys.readouterr().err
    assert named(predictor).answer(b"{}")[0] == frames.REFUSED


def test_what_clients_can_make_long_is_cut_in_a_traceback(capsys):
    def predictor(x):
        raise KeyError(x) from ValueError("bad: " + x)

    status, payload = made(predictor).answer(json.dumps("\n" * 10**6).encode())
    text = json.loads(payload)["traceback"]
    assert status == frames.FAILED
    assert len(text) < 3 * scorer.MAX_PART
    assert "ValueError: bad: " in text and "KeyError: " in text and "test_scorer.py" in text
    assert "characters are left out)" in text
    assert len(capsys.readouterr().err) < 3 * scorer.MAX_PART


def test_a_traceback_of_very_many_parts_keeps_both_ends(capsys):
    def predictor(x):
        error = ValueError("the first")
        for number in range(400):
            error, error.__cause__ = ValueError("x" * 1000, number), error
        raise KeyError("the last") from error

    text = json.loads(made(predictor).answer(b"1")[1])["traceback"]
    assert len(text) < scorer.MAX_TRACEBACK + 100
    assert text.endswith("KeyError: 'the last'\n")
    assert "ValueError: the first\n" in text
    capsys.readouterr()


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO())])
def test_where_the_notebook_took_the_stream_of_errors_away_a_failure_is_no_end(stream, monkeypatch):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert made(lambda x: 1 / 0).answer(b"1")[0] == frames.FAILED


def test_an_answer_that_is_no_json_is_a_failure_that_names_the_type(capsys):
    assert made(lambda x: object()).answer(b"1")[0] == frames.FAILED
    assert "of type object has" in capsys.readouterr().err


def test_the_client_is_reported_why_an_answer_has_no_json_form():
    status, payload = made(lambda x: [object()]).answer(b"1")
    assert (status, json.loads(payload)["reason"]) == (
        frames.FAILED,
        "an answer of type object has no JSON form",
    )


@pytest.mark.parametrize(("verdict", "reason"), [((False, "too old"), "too old"), ("too old", "too old"), (0, "")])
def test_the_client_is_reported_the_validators_reason(verdict, reason, capsys):
    status, payload = made(pytest.fail, lambda x: verdict).answer(b"1")
    assert (status, json.loads(payload)) == (frames.REFUSED, {"reason": reason, "traceback": None})
    assert capsys.readouterr().err == ""


def test_the_client_is_reported_what_the_validator_raised(capsys):
    def validator(x):
        raise ValueError("too old" * x)

    asked = made(pytest.fail, validator)
    assert json.loads(asked.answer(b"1")[1])["message"] == "too old"
    long = json.loads(asked.answer(b"1000")[1])["message"]
    assert long == ("too old" * 100)[: refusals.REASON_LENGTH] + " …"
    assert "ValueError: too old" in capsys.readouterr().err


def test_a_reason_is_text_that_every_page_can_have():
    assert json.loads(made(pytest.fail, lambda x: "a\ud800\0").answer(b"1")[1])["reason"] == "a\\ud800\0"


def test_a_message_that_can_t_be_said_is_none(capsys):
    class Awkward(Exception):
        def __str__(self):
            raise RuntimeError

    def validator(x):
        raise Awkward

    status, payload = made(pytest.fail, validator).answer(b"1")
    assert (status, json.loads(payload)["message"]) == (frames.REFUSED, None)


@dataclasses.dataclass
class Point:
    x: float


def of_point(point: Point):
    return point.x * 2


def converting(**called):
    return made(*signatures.adapt_functions({"predictor": of_point, **called}).values())


BAD = {
    "misfit": "x: must be a number, not a text",
    "errors": [{"pointer": "#/x", "detail": "must be a number, not a text"}],
    "traceback": None,
}


def test_a_sample_that_does_not_fit_is_rejected_by_its_field_and_not_logged(capsys):
    asked = converting()
    assert asked.answer(b'{"x": 2}') == (frames.OK, b"4.0")
    status, payload = asked.answer(b'{"x": "a"}')
    assert (status, json.loads(payload)) == (frames.REFUSED, BAD)
    status, payload, _ = asked.answer_many(b'[{"x": 2}, {"x": "a"}]')
    assert (status, json.loads(payload)) == (frames.REFUSED, dict(BAD, index=1))
    assert capsys.readouterr().err == ""


def test_a_validator_gets_what_its_own_hint_says_and_may_be_unfit_too(capsys):
    def validator(point: Point):
        return point.x > 0

    asked = converting(validator=validator)
    assert asked.answer(b'{"x": 2}') == (frames.OK, b"4.0")
    assert json.loads(asked.answer(b'{"x": -2}')[1]) == {"reason": "", "traceback": None}
    assert json.loads(asked.answer(b'{"x": "a"}')[1]) == BAD
    assert capsys.readouterr().err == ""


def test_of_an_array_nothing_is_read_behind_the_first_sample_that_is_rejected(capsys):
    @dataclasses.dataclass
    class Seven:
        x: int

        def __post_init__(self):
            raise KeyError(self.x)

    def predictor(seven: Seven):
        return seven.x

    asked = converting(predictor=predictor, batch_predictor=lambda xs: [x.x for x in xs])
    status, payload, _ = asked.answer_many(b'[{"x": 1}, {"x": 2}, {"x": 3}]')
    assert (status, json.loads(payload)["index"]) == (frames.FAILED, 0)
    assert capsys.readouterr().err.count("Traceback") == 1


def test_what_does_not_fit_takes_no_part_in_a_batch(capsys):
    sizes = []

    def batch_predictor(xs):
        sizes.append(len(xs))
        return [of_point(x) for x in xs]

    asked = converting(validator=lambda x: x.get("x") != 0, batch_predictor=batch_predictor)
    bodies = [b'{"x": 1}', b'{"x": 0}', b'{"x": "a"}', b'{"x": 2}']
    ((first, second, third, fourth),) = together(asked, *bodies)
    assert (first, fourth) == ((frames.OK, b"2.0", 2), (frames.OK, b"4.0", 0))
    assert (second[0], json.loads(third[1])) == (frames.REFUSED, BAD)
    status, payload, _ = asked.answer_many(b'[{"x": 1}, {"x": "a"}, {}]')
    assert (status, json.loads(payload)) == (frames.REFUSED, dict(BAD, index=1))
    assert asked.answer_many(b'[{"x": 1}, {"x": 2}]') == (frames.OK, b"[2.0, 4.0]", 2)
    assert sizes == [2, 2]
    assert capsys.readouterr().err == ""


def test_a_pointer_is_escaped():
    def predictor(points: dict[str, Point]):
        return 1

    payload = made(*signatures.adapt_functions({"predictor": predictor}).values()).answer(b'{"a/b~c": 1}')[1]
    assert json.loads(payload)["errors"][0]["pointer"] == "#/a~1b~0c"


def test_async_functions_are_awaited():
    async def validator(x):
        await asyncio.sleep(0)
        return x > 0

    async def predictor(x):
        await asyncio.sleep(0)
        return x + 1

    asked = made(predictor, validator)
    assert asked.answer(b"1") == (frames.OK, b"2")
    assert asked.answer(b"-1")[0] == frames.REFUSED
    asked._loop.close()
    asyncio.set_event_loop(None)


def test_requests_are_counted_and_answered_in_order_until_the_front_closes():
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as memory, ours, theirs:
        memory.truncate(SIZE)
        counters = SharedCounters(memory.fileno())
        thread = threading.Thread(target=scorer.serve, args=(theirs, counters, made(lambda x: x)))
        thread.start()
        ours.sendall(b"".join(frames.request(frames.SAMPLE, n, b"%d" % n) for n in range(5)))
        ours.shutdown(socket.SHUT_WR)
        thread.join()
        theirs.close()
        received = bytearray()
        while data := ours.recv(65536):
            received += data
    hello, *answers = frames.take_answers(received)
    assert (hello[0], json.loads(hello[1])) == (frames.HELLO, {"pid": os.getpid()})
    expected = [(frames.OK, b"%d" % n, n) for n in range(5)]
    assert [(status, payload, number) for status, payload, _, _, number in answers] == expected
    assert counters.started == 5


@pytest.mark.parametrize("batch", [None, lambda xs: 1 / 0])
def test_each_sample_of_an_array_that_is_scored_one_by_one_is_progress(batch):
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SIZE)
        counters = SharedCounters(memory.fileno())
        seen = []
        asked = made(lambda x: seen.append(counters.progress) or x, batch=batch)
        asked.settle(counters)
        assert asked.answer_many(b"[1, 2, 3]")[0] == frames.OK
        assert (seen, counters.progress) == ([0, 1, 2], 3)


def together(asked, *bodies):
    """Return the answers to `bodies` as lists, one a call."""
    return list(asked.answer_together(list(bodies)))


def test_samples_that_wait_are_scored_in_one_call():
    calls = []
    asked = made(pytest.fail, batch=lambda xs: calls.append(xs) or [x * 2 for x in xs])
    assert together(asked, b"1", b"2", b"3") == [[(frames.OK, b"2", 3), (frames.OK, b"4", 0), (frames.OK, b"6", 0)]]
    assert calls == [[1, 2, 3]]


def test_what_is_rejected_or_no_json_takes_no_part_in_a_batch():
    asked = made(pytest.fail, lambda x: x != 2, batch=lambda xs: [x * 2 for x in xs])
    ((first, second, third, last),) = together(asked, b"1", b"2", b"{", b"3")
    assert (first, last) == ((frames.OK, b"2", 2), (frames.OK, b"6", 0))
    assert (second[0], third[0]) == (frames.REFUSED, frames.NOT_JSON)


def test_a_batch_of_which_one_is_left_is_asked_of_predictor():
    asked = made(lambda x: x + 1, lambda x: x != 2, batch=pytest.fail)
    assert together(asked, b"1", b"2")[0] == [(frames.OK, b"2", 1)]


def raises(xs):
    raise ValueError("one of them")


@pytest.mark.parametrize("batch", [raises, lambda xs: xs[:-1], lambda xs: dict(enumerate(xs)), lambda xs: None, len])
def test_a_batch_that_fails_is_asked_one_by_one(batch, capsys):
    def predictor(x):
        return 1 // x

    lists = together(made(predictor, batch=batch), b"1", b"0", b"-1")
    assert [(status, n) for ((status, _, n),) in lists] == [(frames.OK, 1), (frames.FAILED, 1), (frames.OK, 1)]
    assert "batch_predictor failed on 3 samples; predictor scores them instead:" in capsys.readouterr().err


def test_an_answer_of_a_batch_that_is_no_json_costs_only_itself():
    asked = made(lambda x: object() if x == 2 else x, batch=lambda xs: [object() if x == 2 else x for x in xs])
    assert [status for ((status, _, _),) in together(asked, b"1", b"2", b"3")] == [frames.OK, frames.FAILED, frames.OK]


def test_an_array_is_a_batch_s_answer_too():
    numpy = pytest.importorskip("numpy")
    asked = made(pytest.fail, batch=lambda xs: numpy.array(xs) * 0.5)
    assert together(asked, b"1", b"2") == [[(frames.OK, b"0.5", 2), (frames.OK, b"1.0", 0)]]


def test_many_samples_of_one_body_are_scored_in_one_call():
    asked = made(pytest.fail, batch=lambda xs: [x * 2 for x in xs])
    assert asked.answer_many(b"[1, 2]") == (frames.OK, b"[2, 4]", 2)
    assert made(lambda x: x * 2).answer_many(b"[1, 2]") == (frames.OK, b"[2, 4]", 1)
    assert made(pytest.fail).answer_many(b"[]") == (frames.OK, b"[]", 1)


def test_of_many_samples_the_first_that_fails_is_named_by_its_place(capsys):
    status, payload, _ = made(lambda x: 1 / x, batch=raises).answer_many(b"[1, 0, 0]")
    assert (status, json.loads(payload)["index"]) == (frames.FAILED, 1)
    status, payload, _ = made(pytest.fail, lambda x: x > 0).answer_many(b"[1, 2, -1]")
    assert (status, json.loads(payload)) == (frames.REFUSED, {"reason": "", "traceback": None, "index": 2})


@pytest.mark.parametrize("body", [b"1", b"{", b'{"a": 1}'])
def test_what_is_no_array_is_not_many_samples(body):
    assert made(pytest.fail).answer_many(body)[0] == frames.NOT_JSON


def test_only_samples_that_allow_it_are_called_together():
    alone, together, many = frames.SAMPLE, frames.TOGETHER, frames.MANY
    kinds = [together, together, alone, together, many, together, together]
    requests = [(kind, 7 + index, index) for index, kind in enumerate(kinds)]
    calls = [(together, 7, [0, 1]), (alone, 9, [2]), (together, 10, [3]), (many, 11, [4]), (together, 12, [5, 6])]
    assert list(scorer.in_calls(requests)) == [(*call, b"") for call in calls]


def test_samples_with_different_parameters_are_not_called_together():
    bodies = [(b"", b"1"), (b"{}", b"2"), (b"{}", b"3"), (b'{"parameters": {}}', b"4"), (b"", b"5")]
    stream = b"".join(frames.request(frames.TOGETHER, at, body, call) for at, (call, body) in enumerate(bodies))
    assert list(scorer.in_calls(frames.take_requests(bytearray(stream)))) == [
        (frames.TOGETHER, 0, [b"1"], b""),
        (frames.TOGETHER, 1, [b"2", b"3"], b"{}"),
        (frames.TOGETHER, 3, [b"4"], b'{"parameters": {}}'),
        (frames.TOGETHER, 4, [b"5"], b""),
    ]


COPIES = {
    "returns": (lambda: None, 0),
    "raises": (lambda: 1 / 0, 1),
    "exits": (sys.exit, 0),
    "exits with a code": (lambda: sys.exit(3), 3),
    "exits with words": (lambda: sys.exit("words"), 1),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("where", ["predictor", "validator", "batch_predictor"])
def test_a_copy_that_a_notebook_s_function_forks_ends_there_without_a_word(capfd, way, where):
    leave, code = COPIES[way]
    copies = []

    def forking(x):
        pid = os.fork()
        if not pid:
            leave()
        copies.append(pid)
        return x

    def plain(x):
        return x

    functions = {"predictor": plain, "validator": plain, "batch_predictor": None, where: forking}
    tested = scorer.Scorer(Model(functions, {}))
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as memory, ours, theirs:
        memory.truncate(SIZE)
        ours.sendall(b"".join(frames.request(frames.TOGETHER, n, b"%d" % (n + 1)) for n in range(2)))
        ours.shutdown(socket.SHUT_WR)
        scorer.serve(theirs, SharedCounters(memory.fileno()), tested)
        theirs.close()
        stream = bytearray()
        while data := ours.recv(65536):
            stream += data
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in copies]
    assert statuses == [code] * len(copies)
    assert copies
    answers = frames.take_answers(stream)[1:]
    assert [(status, payload, number) for status, payload, _, _, number in answers] == [(0, b"1", 0), (0, b"2", 1)]
    assert capfd.readouterr().err == ""


def of_signatures(**called):
    return made(*signatures.adapt_functions(called).values())


def call_of(**facts):
    return json.dumps(facts).encode("ascii")


def test_a_call_sets_parameters_of_predictor_and_validator():
    asked = of_signatures(
        predictor=lambda x, *, times=2, plus=0: x * times + plus, validator=lambda x, plus=0: plus < 9 and x > 0
    )
    tripled, rejected = asked.for_call(call_of(parameters={"times": 3, "plus": 1}))
    assert rejected is None
    assert tripled.answer(b"2") == (frames.OK, b"7")
    assert tripled.answer_many(b"[1, 2]") == (frames.OK, b"[4, 7]", 1)
    assert list(tripled.answer_together([b"1", b"2"])) == [[(frames.OK, b"4", 1)], [(frames.OK, b"7", 1)]]
    assert asked.for_call(call_of(parameters={"plus": 9}))[0].answer(b"2")[0] == frames.REFUSED
    assert asked.answer(b"2") == asked.for_call(b"")[0].answer(b"2") == (frames.OK, b"4")


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        ({"parameters": {"time": 1}}, 400, '"time" is not a parameter of this model; its parameters are times'),
        ({"texts": [["times", "x"]]}, 422, "do not match what the notebook accepts: times: must be a whole number"),
    ],
)
def test_parameters_that_do_not_fit_are_rejected(facts, status, words):
    def predictor(x, times: int = 2):
        pytest.fail("it is asked")

    asked, (outcome, payload) = of_signatures(predictor=predictor).for_call(call_of(**facts))
    facts = json.loads(payload)
    assert (asked, outcome, facts["status"]) == (None, frames.REFUSED, status)
    assert words in facts["detail"]
    if status == 422:
        assert facts["errors"] == [{"pointer": "#/parameters/times", "detail": "must be a whole number, not a text"}]


def test_a_parameter_whose_class_raises_costs_one_answer(capsys):
    @dataclasses.dataclass
    class Limits:
        low: int

        def __post_init__(self):
            raise KeyError("a bug")

    def predictor(x, limits: Limits = None):
        return x

    status, payload = of_signatures(predictor=predictor).for_call(call_of(parameters={"limits": {"low": 1}}))[1]
    assert status == frames.FAILED
    assert "a bug" in json.loads(payload)["traceback"]


def test_batch_predictor_is_asked_only_with_parameters_that_it_takes():
    def predictor(x, times=2, plus=0):
        return x * times + plus

    def batch_predictor(xs, times=2):
        return [float(x * times) for x in xs]

    asked = of_signatures(predictor=predictor, batch_predictor=batch_predictor)
    bodies = [b"1", b"2"]
    assert list(asked.for_call(call_of(parameters={"times": 3}))[0].answer_together(bodies)) == [
        [(frames.OK, b"3.0", 2), (frames.OK, b"6.0", 0)]
    ]
    assert asked.for_call(call_of(parameters={"plus": 1}))[0].answer_many(b"[1, 2]") == (frames.OK, b"[3, 5]", 1)
    assert asked.answer_many(b"[1, 2]") == (frames.OK, b"[2.0, 4.0]", 2)


def test_what_predictor_does_to_a_parameter_is_gone_with_the_call():
    def predictor(x, words=()):
        words.append(x)
        return words

    asked = of_signatures(predictor=predictor).for_call(call_of(parameters={"words": ["a"]}))[0]
    assert asked.answer(b"1") == (frames.OK, b'["a", 1]')
    assert asked.answer(b"2") == (frames.OK, b'["a", 2]')


def test_no_more_calls_are_remembered_than_are_bounded():
    asked = of_signatures(predictor=lambda x, times=2: x * times)
    for times in range(2 * scorer.MAX_CALLS):
        assert asked.for_call(call_of(parameters={"times": times}))[0].answer(b"1")[1] == b"%d" % times
    assert len(asked._for_calls) == scorer.MAX_CALLS


def test_header_fields_reach_the_argument_that_is_hinted_as_a_mapping():
    def predictor(x, headers: dict, times=2):
        return [x * times, headers]

    asked = of_signatures(predictor=predictor)
    assert asked.answer(b"1") == (frames.OK, b"[2, {}]")
    called = asked.for_call(call_of(headers={"accept-language": "de"}, texts=[["times", "3"]]))[0]
    assert called.answer(b"1") == (frames.OK, b'[3, {"accept-language": "de"}]')
