import json

import pytest
from nb_scorer.protocol import frames
from nb_service.drift import decoded
from nb_service.http import value_metrics
from nb_service.http.value_metrics import Inputs, Predictions
from nb_service.pool.answer import OK, Answer, Job


def saw(counted, body, kind=frames.SAMPLE):
    """Have `counted` see a body that was answered, as the metrics do."""
    (samples,) = decoded.samples([(Job(body, None, kind), Answer(OK))])
    if counted.takes(len(body)):
        counted.saw(samples)


def count(*answers, golden=()):
    """Return the Predictions that saw `answers`."""
    counted = Predictions(list(golden))
    for answer in answers:
        counted.saw(json.dumps(answer).encode())
    return counted


def test_strings_whole_numbers_and_truths_are_counted_by_value():
    assert count("cat", "cat", 3, True, 3, None, [1], {"a": 1}).by_value() == {"cat": 2, "3": 2, "true": 1}


def test_fractional_numbers_go_to_a_histogram_with_edges_of_the_golden_rows():
    counted = count(0.5, 2.5, golden=[0.0, 2.0])
    assert counted.by_value() == {}
    assert sum(counted.numbers.counts) == 2
    assert (counted.numbers.edges[0], counted.numbers.edges[-1]) == (-1.0, 3.0)


def test_no_client_can_make_more_values_than_there_is_room_for():
    counts = count(*range(1000), 0, 999).by_value()
    assert len(counts) == value_metrics.MAX_VALUES + 1
    assert (counts["0"], counts["other"]) == (2, 901)
    assert count("x" * 1000).by_value() == {}


def test_a_lone_surrogate_has_a_label():
    assert count("\ud800").by_value() == {"\\ud800": 1}


def test_many_answers_of_one_body_are_counted_each():
    counted = Predictions([])
    counted.saw_many(b'["a", "a", 1, true, 0.5, 0.5, 1.0, null]')
    assert counted.by_value() == {"a": 2, "1": 1, "true": 1}
    assert sum(counted.numbers.counts) == 3
    counted.saw_many(b'["a", [1]]')
    assert counted.by_value()["a"] == 2
    counted.saw_many(b"[]")
    counted.saw_many(b"[1, 1, -7, 2.5, null, false]")
    assert counted.by_value() == {"a": 2, "1": 3, "-7": 1, "true": 1, "false": 1}
    assert sum(counted.numbers.counts) == 4


def test_few_classes_are_counted_alike_whether_they_are_known_or_new():
    counted = Predictions([])
    counted.saw_many(b"[1, 1, 11, -1, 1]")
    counted.saw_many(b"[1, 1, 11, -1, 1]")
    assert counted.by_value() == {"1": 6, "11": 2, "-1": 2}
    counted.saw_many(b"[1, 111]")
    counted.saw_many(b"[1.5, 1]")
    assert counted.by_value() == {"1": 8, "11": 2, "-1": 2, "111": 1}
    assert sum(counted.numbers.counts) == 1


@pytest.mark.parametrize(
    ("sample", "names"),
    [
        ([1, 2.5], {"0", "1"}),
        ({"age": 3, "name": "x"}, set()),
        (7, {"value"}),
        ([[1]], set()),
        ("x", set()),
        ([True], set()),
    ],
)
def test_flat_numeric_samples_have_a_histogram_a_feature(sample, names):
    counted = Inputs([])
    saw(counted, json.dumps(sample).encode())
    assert set(counted.features) == names


def test_only_the_features_of_golden_rows_are_counted_where_there_are_any():
    counted = Inputs([{"age": 20}, {"age": 60}])
    saw(counted, b'{"age": 30, "made_up_by_a_client": 1}')
    assert set(counted.features) == {"age"}
    assert counted.features["age"].total == 30


@pytest.mark.parametrize(
    ("schema", "samples", "names"),
    [
        ({"type": "object", "properties": {"age": {"type": "number"}}}, [{"age": 3, "x": 1}, [1], 5], {"age"}),
        ({"type": "object", "properties": {"name": {"type": "string"}}}, [{"name": 3}], set()),
        ({"type": "object", "additionalProperties": {"type": "number"}}, [{"x": 1}], set()),
        ({"type": "object", "properties": {"n": {"type": ["null", "integer"]}}}, [{"n": 1}], {"n"}),
        ({"type": "object", "properties": {"\ud800": {"type": "integer"}}}, [{"\ud800": 1}], {"\\ud800"}),
        ({"type": "array", "maxItems": 2}, [[1, 2, 3], {"x": 1}, 5], {"0", "1"}),
        ({"type": "array"}, [[1, 2, 3]], {"0", "1", "2"}),
        ({"type": "number"}, [5, [1], {"x": 1}], {"value"}),
        ({"type": "string"}, [5], set()),
        ({}, [{"made_up": 1}, 5, [1]], {"value", "0"}),
    ],
)
def test_without_golden_rows_only_what_the_schema_names_is_counted(schema, samples, names):
    counted = Inputs([], schema)
    for sample in samples:
        saw(counted, json.dumps(sample).encode())
    assert set(counted.features) == names


@pytest.mark.parametrize("kind", [frames.MANY, frames.SAMPLE])
def test_what_is_nested_too_deeply_is_not_counted_and_raises_nothing(kind):
    counted = Inputs([])
    saw(counted, b"[" * 2000 + b"]" * 2000, kind)
    assert counted.features == {}
    answers = Predictions([])
    answers.saw_many(b"[" * 20_000 + b"]" * 20_000)
    assert answers.by_value() == {}


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object", "properties": {f"f{n}": {"type": "number"} for n in range(99)}}]
)
def test_features_are_bounded(schema):
    counted = Inputs([], schema)
    saw(counted, json.dumps(list(range(500))).encode())
    saw(counted, json.dumps({f"f{n}": n for n in range(99)}).encode())
    assert len(counted.features) <= value_metrics.MAX_FEATURES


def test_so_many_samples_are_looked_into_and_then_no_more_until_later():
    counted = Inputs([])
    for _ in range(100):
        saw(counted, b"\xef\xbb\xbf[1]")
    assert sum(counted.features["0"].counts) == value_metrics.SAMPLES_A_TURN
    counted.refill()
    saw(counted, b"[[1], [2]]", frames.MANY)
    assert sum(counted.features["0"].counts) == value_metrics.SAMPLES_A_TURN + 2
