"""Golden rows: which samples become one, and why others do not."""

import ast
import json
import sys
import time

import pandas as pd
import pytest
from nb_scorer.common import paths
from nb_scorer.kernel import collect_golden_rows
from nb_scorer.kernel.call_recorder import Call
from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import golden_rows, hint_schema, signatures


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    if "clock" not in request.node.name:
        monkeypatch.setattr(collect_golden_rows, "CLOCK_SECONDS", 0)


def call(body, answer=None, **facts):
    table = facts.pop("is_table", False)
    recorded = Call(body, **facts)
    recorded.returned, recorded.answer, recorded.cell, recorded.line, recorded.is_table = True, answer, 3, 1, table
    return recorded


def rows(namespace, recorded=()):
    calls = [entry if isinstance(entry, Call) else call(entry) for entry in recorded]
    lines, notes = collect_golden_rows.collect(namespace, namespace.get("examples"), calls)
    return [json.loads(line) for line in lines], notes


def double(x):
    return x * 2


def test_examples_come_first_and_calls_after_them():
    collected, notes = rows({"predictor": double, "examples": [1, 2]}, [b"3"])
    assert [(row["sample"], row["answer"], row["from"]) for row in collected] == [
        (1, 2, "examples"),
        (2, 4, "examples"),
        (3, 6, "call"),
    ]
    assert notes == []


def test_a_sample_counts_once():
    assert len(rows({"predictor": double, "examples": [1, 1]}, [b"1"])[0]) == 1


def test_predictor_is_asked_what_a_client_would_send():
    samples = []
    rows({"predictor": samples.append, "examples": [(1, 2)]})
    assert samples == [[1, 2]]


def test_a_row_that_validator_rejects_is_left_out_with_a_note():
    collected, notes = rows({"predictor": double, "validator": lambda x: x > 1, "examples": [1, 2]})
    assert [row["sample"] for row in collected] == [2]
    assert notes == ["row 1 of examples is not a golden row: validator rejects it"]


def test_a_validator_that_raises_rejects():
    collected, notes = rows({"predictor": double, "validator": lambda x: x > "" or True, "examples": [1, "a"]})
    assert [row["sample"] for row in collected] == ["a"]
    assert "validator rejects it" in notes[0]


def none(x):
    return None


@pytest.mark.parametrize(
    ("validator", "reason"),
    [
        (lambda x: x["no"], "raises TypeError: 'int' object is not subscriptable"),
        (none, "returns None"),
        (lambda x: x > 7, "returns False"),
    ],
)
def test_a_validator_that_rejects_each_of_the_notebooks_own_samples_is_a_complaint(validator, reason):
    for namespace, recorded, label in (
        ({"examples": [1, 2]}, (), "row 1 of examples"),
        ({}, [b"1"], "the call predictor(1)"),
    ):
        with pytest.raises(Complaint) as caught:
            rows({"predictor": double, "validator": validator, **namespace}, recorded)
        assert caught.value.code == "validator-refuses-all"
        assert (caught.value.facts["call"], caught.value.facts["reason"]) == (label, reason)


def test_a_validator_can_not_change_the_sample():
    namespace = {"predictor": len, "validator": lambda x: x.append(1) or True, "examples": [[1, 2]]}
    assert rows(namespace)[0][0]["answer"] == 2


def test_a_call_that_fails_as_json_is_left_out_with_a_note():
    array = call(b"[1, 2]", b"2", passed="numpy.ndarray")
    collected, notes = rows({"predictor": lambda x: x.size if type(x) is list else x}, [array, b"3"])
    assert [row["sample"] for row in collected] == [3]
    assert notes[0].startswith(
        "the call predictor([1, 2]) is not a golden row: the sample as JSON gives AttributeError"
    )


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        (1j, "an answer of type complex, which has no JSON form"),
        ({1: float("nan"), "1": 0}, "a dict with two keys of the same name, such as 1 and '1', which has no JSON form"),
    ],
)
def test_an_answer_without_a_form_in_json_is_reported_in_a_sentence(answer, given):
    answers = {7: answer, 8: 8}
    _, notes = rows({"predictor": answers.get}, [call(b"7", None), b"8"])
    assert notes == ["the call predictor(7) is not a golden row: it gives " + given]


def test_a_predictor_that_answers_none_of_the_notebooks_own_calls_as_json_is_a_complaint():
    with pytest.raises(Complaint) as caught:
        rows({"predictor": lambda x: x.shape}, [call(b"[1, 2]", b"[2]", passed="numpy.ndarray")])
    assert caught.value.code == "predictor-never-answers"
    assert caught.value.facts["error"] == "AttributeError: 'list' object has no attribute 'shape'"


def test_a_call_that_raised_in_its_cell_is_left_out_with_a_note():
    raised = Call(b"0")
    collected, notes = rows({"predictor": lambda x: 1 / x}, [raised])
    assert collected == []
    assert notes == ["the call predictor(0) is not a golden row: it raised in its cell"]


@pytest.mark.parametrize(("predictor", "outcome"), [(double, "answers 2"), (lambda x: {}[x], "fails with KeyError: 1")])
def test_a_call_whose_cell_showed_something_else_is_a_complaint(predictor, outcome):
    with pytest.raises(Complaint) as caught:
        rows({"predictor": predictor}, [call(b"1", b"6.0")])
    facts = caught.value.facts
    assert (caught.value.code, facts["sample"], facts["shown"]) == ("answer-changed", "1", "6.0")
    assert facts["outcome"].startswith(outcome)
    assert (facts["cell"], facts["line"]) == (3, 1)


def test_an_example_that_a_cell_showed_is_compared_too():
    with pytest.raises(Complaint, match="answer-changed"):
        rows({"predictor": double, "examples": [1]}, [call(b"1", b"6.0")])


def test_a_predictor_that_contradicts_itself_is_not_held_to_what_it_showed():
    numbers = iter(range(100))
    assert len(rows({"predictor": lambda x: next(numbers)}, [call(b"1", b"6")])[0]) == 1


def test_a_call_of_an_earlier_predictor_is_a_row_only_where_the_last_one_agrees():
    earlier = [call(b"1", b"2"), call(b"2", b"5"), call(b'"a"', b"7")]
    for recorded in earlier:
        recorded.current = False
    collected, notes = rows({"predictor": lambda x: 2 * (x + 0)}, earlier)
    assert [row["sample"] for row in collected] == [1]
    assert notes == [
        "the call predictor(2) is not a golden row: cell [3] shows 5, but the predictor of a later cell returns 4",
        'the call predictor("a") is not a golden row: a later cell redefines predictor',
    ]


def test_an_array_of_single_precision_is_compared_in_that():
    near = {"answer": b"2.00001", "passed": "numpy.float32"}
    assert len(rows({"predictor": double}, [call(b"1", single=True, **near)])[0]) == 1
    with pytest.raises(Complaint, match="answer-changed"):
        rows({"predictor": double}, [call(b"1", single=False, **near)])


@pytest.mark.parametrize(
    ("namespace", "sample"),
    [
        ({"predictor": lambda x: x["a"]}, {"a": 1, "b": 2}),
        ({"predictor": lambda x: 1 if "a" in x else 0}, {"a": 1, "b": 2}),
        ({"predictor": lambda x: 1, "validator": lambda x: "a" in x}, {"a": 1, "b": 2}),
        ({"predictor": len, "validator": lambda x: "c" in x, "examples": [{"c": 1}]}, {"c": 1}),
        ({"predictor": lambda x: 1}, [1, 2]),
    ],
)
def test_a_labelled_row_is_an_object_where_only_that_gets_its_answer(namespace, sample):
    labelled = call(b"[1, 2]", b"1", by_name=b'{"a": 1, "b": 2}', passed="pandas.Series")
    collected, _ = rows(namespace, [labelled])
    assert [row["sample"] for row in collected] == [sample]


@pytest.mark.parametrize(
    ("predictor", "sample"),
    [
        (lambda x: [row["a"] * 2 for row in x], [{"a": 1}]),
        (lambda x: [x["a"] * 2], {"a": 1}),
    ],
)
def test_a_table_is_a_row_where_its_rows_or_its_only_one_get_the_answer_of_the_cell(predictor, sample):
    table = call(b'[{"a": 1}]', b"[2]", by_name=b'{"a": 1}', passed="pandas.DataFrame", is_table=True)
    assert rows({"predictor": predictor}, [table]) == ([{"sample": sample, "answer": [2], "from": "call"}], [])


@pytest.mark.parametrize(
    ("namespace", "outcome"),
    [
        # A row alone gets an answer, so the service has some.
        ({"predictor": lambda x: x["a"]}, "predictor fails with TypeError: list indices must be integers"),
        ({"predictor": len}, "predictor answers 1"),
        ({"predictor": lambda x: [2], "validator": lambda x: False}, "validator returns False"),
    ],
)
def test_a_table_that_is_no_proof_is_reported_with_the_reason(namespace, outcome):
    table = call(b'[{"a": 1}]', b"[2]", passed="pandas.DataFrame", is_table=True)
    collected, (note,) = rows(namespace, [table])
    assert collected == []
    assert note.startswith("the call of predictor in cell [3] with a pandas.DataFrame is not a golden row: ")
    assert "can only send the list of its rows as JSON, and for that " + outcome in note


def test_a_predictor_of_tables_alone_is_rejected_as_no_client_sends_one():
    table = call(b'[{"a": 1}, {"a": 2}]', b"[2]", passed="pandas.DataFrame", is_table=True)
    with pytest.raises(Complaint) as caught:
        rows({"predictor": lambda x: x.columns}, [table])
    assert caught.value.code == "predictor-never-answers"
    assert caught.value.facts["passed"] == "pandas.DataFrame"
    assert caught.value.facts["error"].startswith("AttributeError: 'list' object has no attribute 'columns'")
    # Where another sample is answered, the table is only a note.
    collected, notes = rows({"predictor": lambda x: x.columns if x != 3 else 4, "examples": [3]}, [table])
    assert ([row["answer"] for row in collected], len(notes)) == ([4], 1)


def test_a_call_whose_sample_has_no_form_in_json_is_reported_with_the_reason():
    lacking = call(None, b"1", passed="PIL.Image", lack="a client can only send JSON, which has no such value")
    raised = call(None, passed="PIL.Image", lack="it is too large")
    raised.returned = False
    (note,) = rows({"predictor": double}, [lacking, raised, call(b"1", b"2")])[1]
    assert note.startswith(
        "the call of predictor in cell [3] with a PIL.Image is not a golden row: a client can only send"
    )


def test_a_name_that_is_gone_is_not_put_down_to_the_form_of_the_sample():
    def predictor(x):
        raise NameError("name 'w' is not defined")

    with pytest.raises(Complaint) as caught:
        rows({"predictor": predictor}, [call(b"[1]", b"1", passed="numpy.ndarray")])
    assert (caught.value.code, caught.value.facts["outcome"]) == (
        "answer-changed",
        "fails with NameError: name 'w' is not defined",
    )


def test_a_clock_that_reports_seconds_contradicts_itself():
    collected, _ = rows({"predictor": lambda x: int(time.time())}, [call(b"1", b"0")])
    assert len(collected) == 1


@pytest.mark.parametrize(
    ("namespace", "error"),
    [
        ({"predictor": lambda x: 1 / x, "examples": [1, 0]}, "ZeroDivisionError: division by zero"),
        ({"predictor": lambda x: object(), "examples": [1, 0]}, "an answer of type object has no JSON form"),
        ({"predictor": double, "examples": [1, object()]}, "an answer of type object has no JSON form"),
        ({"predictor": lambda x: sys.exit(3) if x == 0 else 1, "examples": [1, 0]}, "SystemExit: 3"),
    ],
)
def test_an_example_that_gets_no_answer_is_a_complaint(namespace, error):
    with pytest.raises(Complaint) as caught:
        rows(namespace)
    assert caught.value.code == "example-fails"
    assert caught.value.facts["number"] in (1, 2)
    assert caught.value.facts["error"].startswith(error)


def test_a_variable_called_examples_that_is_no_list_is_left_aside_with_a_note():
    collected, notes = rows({"predictor": double, "examples": {"a": 1}})
    assert collected == []
    assert notes == ["examples is a dict, not a list of samples, so it is ignored"]


def test_an_async_predictor_is_awaited():
    async def predictor(x):
        return x + 1

    assert rows({"predictor": predictor, "examples": [1]})[0][0]["answer"] == 2


def test_what_an_async_predictor_raises_is_its_own():
    async def predictor(x):
        raise KeyError(x)

    with pytest.raises(Complaint) as caught:
        rows({"predictor": predictor, "examples": [1]})
    assert caught.value.facts["error"] == "KeyError: 1"


def test_the_number_of_rows_is_bounded():
    collected, notes = rows({"predictor": double, "examples": list(range(80))})
    assert len(collected) == collect_golden_rows.MAX_ROWS
    assert notes == ["only the first 50 samples are golden rows"]


def test_the_bytes_of_all_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(collect_golden_rows, "MAX_BYTES", 300)
    collected, notes = rows({"predictor": double, "examples": ["x" * 60, "y" * 60, "z" * 60, "a"]})
    assert [row["sample"][0] for row in collected] == ["x"]
    assert notes == ["only the first 1 samples are golden rows"]


def test_a_slow_predictor_stops_the_calls_with_a_note(monkeypatch):
    monkeypatch.setattr(collect_golden_rows, "CALL_SECONDS", -1)
    collected, notes = rows({"predictor": double, "examples": [1]}, [b"2", b"3"])
    assert len(collected) == 1
    assert notes == ["predictor is slow: the call predictor(2) and later ones are not golden rows"]


def test_rows_are_read_back_whatever_characters_they_hold(tmp_path):
    collected, _ = collect_golden_rows.collect({"predictor": double}, ["a\u2028b\n\x85"], [])
    (tmp_path / paths.GOLDEN).write_bytes(b"".join(collected))
    assert golden_rows.read(tmp_path) == [
        {"sample": "a\u2028b\n\x85", "answer": "a\u2028b\n\x85a\u2028b\n\x85", "from": "examples"}
    ]


class Table:
    """As pandas' DataFrame shows itself."""

    columns = ("a",)

    def to_dict(self, orient):
        return [{"a": 1}, {"a": 2}]


def test_the_rows_of_an_array_or_a_table_are_samples_too():
    collected, notes = rows({"predictor": lambda x: x["a"], "examples": Table()})
    assert [row["sample"] for row in collected] == [{"a": 1}, {"a": 2}]
    assert notes == []


def test_a_batch_predictor_that_agrees_is_no_complaint():
    batch = [lambda xs: [2 * x for x in xs], lambda xs: tuple(2.0000000001 * x for x in xs)]
    for answer in batch:
        namespace = {"predictor": lambda x: 2.0 * x, "batch_predictor": answer, "examples": [1, 2, 3]}
        assert len(rows(namespace)[0]) == 3


@pytest.mark.parametrize(
    ("batch", "number", "reason"),
    [
        (lambda xs: [2 * x for x in reversed(xs)], 1, "it returns 6, and predictor 2"),
        (lambda xs: [2, 4, "6"], 3, 'it returns "6", and predictor 6'),
        (lambda xs: [2, 4], 3, "for 3 samples it returns 2 answers"),
        (lambda xs: [2, 4, 6, 8], 3, "for 3 samples it returns 4 answers"),
        (lambda xs: 2, 1, "for 3 samples it returns no list"),
        (lambda xs: xs * xs, 1, "it fails with TypeError: can't multiply sequence by non-int of type 'list'"),
    ],
)
def test_a_batch_predictor_that_answers_otherwise_is_a_complaint_with_the_row(batch, number, reason):
    with pytest.raises(Complaint) as caught:
        rows({"predictor": double, "batch_predictor": batch, "examples": [1, 2, 3]})
    assert caught.value.code == "batch-differs"
    assert (caught.value.facts["number"], caught.value.facts["sample"]) == (number, str(number))
    assert caught.value.facts["reason"] == reason


def test_a_batch_predictor_without_golden_rows_gets_a_note():
    assert rows({"predictor": double, "batch_predictor": list})[1] == [
        "batch_predictor is not compared with predictor: there are no golden rows"
    ]


def test_the_answers_that_are_kept_are_the_verified_ones(tmp_path):
    collected, _ = collect_golden_rows.collect({"predictor": double}, ["a", "\ud800"], [])
    (tmp_path / paths.GOLDEN).write_bytes(b"".join(collected))
    golden_rows.keep(tmp_path, [1.5, "\ud800"])
    assert golden_rows.read(tmp_path) == [
        {"sample": "a", "answer": 1.5, "from": "examples"},
        {"sample": "\ud800", "answer": "\ud800", "from": "examples"},
    ]


def test_a_batch_predictor_is_not_held_to_a_predictor_that_contradicts_itself():
    numbers = iter(range(100))
    namespace = {"predictor": lambda x: next(numbers), "batch_predictor": lambda xs: xs, "examples": [7, 8]}
    assert rows(namespace)[1] == ["batch_predictor is not compared with predictor, which is random"]


def test_a_row_that_validator_rejects_is_reported_with_its_reason():
    def validator(x):
        return x != 2 or 1 / 0

    namespace = {"predictor": double, "validator": lambda x: (x > 0, "too small"), "examples": [1, -1]}
    assert rows(namespace)[1] == ["row 2 of examples is not a golden row: validator rejects it: too small"]
    notes = rows({"predictor": double, "validator": validator, "examples": [1, 2]})[1]
    assert notes == ["row 2 of examples is not a golden row: validator rejects it: ZeroDivisionError: division by zero"]


def test_labels_of_a_table_are_no_part_of_its_rows_as_samples():
    table = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    collected, _ = rows({"predictor": lambda x: pd.Series(x) * 2, "examples": table})
    assert [(row["sample"], row["answer"]) for row in collected] == [({"a": 1}, {"a": 2}), ({"a": 2}, {"a": 4})]


def _scalars(a, b: int, c: str, d: float = 1.0):
    pass


def _text(x: str):
    pass


def _matrix(x: list[list[int]]):
    pass


def _pair(x: tuple[float, float]):
    pass


def _any(x):
    pass


@pytest.mark.parametrize(
    ("predictor", "samples"),
    [
        (_any, "[[0.2, 0.7]]"),
        (_scalars, "[{'a': 0.2, 'b': 1, 'c': 'text'}]"),
        (_text, "['text']"),
        (_matrix, "[[[1]]]"),
        (_pair, "[[0.2, 0.2]]"),
        (lambda a=1, b=2: 0, "[[0.2, 0.7]]"),
    ],
)
def test_the_samples_that_one_is_reported_to_add_fit_what_predictor_takes(predictor, samples):
    sample, _ = hint_schema.derive_schemas(predictor)
    assert golden_rows.samples_to_add(sample) == samples
    called, examples = signatures.adapt_functions({"predictor": predictor}), ast.literal_eval(samples)
    assert len(collect_golden_rows.collect(called, examples, [])[0]) == 1
