import json
import random

import numpy as np
import pytest
from nb_scorer.batching import variations

HOUSES = [
    {"city": "rome", "m2": 50.5, "rooms": 3, "new": True, "text": "by the sea"},
    {"city": "oslo", "m2": 20.0, "rooms": 1, "new": False, "text": "in a street", "garden": None},
]


def copied(value):
    return json.loads(json.dumps(value))


def test_the_golden_samples_come_first_and_are_not_changed():
    before = copied(HOUSES)
    made = variations.vary(HOUSES, 64, 1)
    assert made[:2] == before and before == HOUSES and len(made) == 64


def test_more_golden_samples_than_wanted_leave_half_to_variations():
    golden = [[float(number), 0.5] for number in range(100)]
    made = variations.vary(golden, 64, 1)
    assert len(made) == 64 and made[:32] == golden[:32] and made[32:] != golden[32:64]


def test_there_are_no_variations_of_nothing():
    assert variations.vary([], 64, 1) == []


def test_variations_are_the_same_for_a_seed_and_others_for_another():
    made = variations.vary(HOUSES, 64, 1)
    assert made == variations.vary(HOUSES, 64, 1) != variations.vary(HOUSES, 64, 2)


def test_a_seed_gives_these_on_every_python():
    # random() keeps its promise from one Python to the next, and what is made of it must, too.
    assert variations.vary([[0.5, 8]], 4, 7) == [[0.5, 8], [0.5, 0], [0.5, 8], [0.5, 9]]
    assert variations.mixtures(9, 7)[2:5] == [[2] * 5, [1, 2] * 4, [5, 0]]


def test_only_random_itself_is_asked(monkeypatch):
    for name in ("choice", "choices", "shuffle", "sample", "randrange", "randint", "uniform", "gauss"):
        monkeypatch.delattr(random.Random, name)
    assert variations.vary(HOUSES, 64, 1) and variations.mixtures(64, 1)
    assert variations.from_schema({"type": "boolean"}, 8, 1)


def test_variations_are_json():
    for sample in variations.vary([*HOUSES, [1, 2.5, [True, None]], "a text", 5, 1e308], 500, 3):
        assert copied(sample) == sample


def test_all_that_clients_send_is_among_them():
    made = variations.vary(HOUSES, 400, 5)
    valid = [sample for sample in made if isinstance(sample.get("m2"), (int, float))]
    sizes = [sample["m2"] for sample in valid]
    assert {50.5 * 1.1, 50.5 * 0.9, 50, -50.5, 0.0, 51.5, 49.5, 20.0} <= set(sizes)
    assert any(type(size) is int for size in sizes)
    assert {2, 4, -3, 0, 1} <= {sample.get("rooms") for sample in made if type(sample.get("rooms")) is int}
    texts = {sample["text"] for sample in made if isinstance(sample.get("text"), str)}
    assert {"", "by the sea", "by the sea in a street"} <= texts
    assert {sample.get("new") for sample in made if sample.get("city") == "rome"} >= {True, False}


def test_keys_that_some_rows_lack_are_left_out_and_values_are_invalid_at_times():
    made = variations.vary(HOUSES, 64, 5)[2:]
    assert any("garden" not in sample for sample in made) and any("garden" in sample for sample in made)
    invalid = [s for s in made if len(s) >= 5 and not isinstance(s["m2"], float) and not isinstance(s["m2"], int)]
    assert 0 <= len(invalid) < 8


def test_a_key_is_left_out_where_none_is_optional():
    made = variations.vary([{"a": 1, "b": 2}], 20, 1)
    assert {len(sample) for sample in made} == {1, 2}


def test_one_sample_varies_too():
    assert len({json.dumps(sample) for sample in variations.vary([[0.2, 0.7]], 64, 1)}) > 20


def test_a_text_is_another_a_longer_or_an_empty_one():
    made = variations.vary(["good day", "so bad it is"], 64, 1)
    assert {"", "good day", "so bad it is", "good day so bad it is"} <= set(map(str, made))


def test_a_large_sample_is_varied_in_places():
    image = [[[0.5] * 3 for _ in range(100)] for _ in range(100)]
    varied = variations.vary([image, [[[0.25] * 3] * 100] * 100], 8, 1)[2]
    differing = int((np.array(image) != np.array(varied)).sum())
    assert 0 < differing <= 32 or differing >= 30000 - 32


def test_mixtures_are_all_reversed_one_two_in_turn_and_random_ones():
    mixtures = variations.mixtures(64, 1)
    assert mixtures[0] == list(range(64)) and mixtures[1] == mixtures[0][::-1]
    assert len(set(mixtures[2])) == 1 and len(mixtures[2]) == 5
    assert len(set(mixtures[3])) == 2 and mixtures[3][:2] * 4 == mixtures[3]
    sizes = [len(mixture) for mixture in mixtures[4:]]
    assert len(sizes) == 13 and all(2 <= size <= 32 for size in sizes[:10]) and sizes[10:] == [64, 256, 1024]
    assert all(0 <= index < 64 for mixture in mixtures for index in mixture)


def test_one_sample_is_mixed_with_itself_and_none_with_nothing():
    assert {index for mixture in variations.mixtures(1, 1) for index in mixture} == {0}
    assert variations.mixtures(0, 1) == []


HOUSE = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["rome", "oslo"]},
        "m2": {"type": "number"},
        "rooms": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "unknown": {},
    },
    "required": ["city", "m2", "rooms", "place"],
}


def test_samples_are_made_from_a_schema():
    made = variations.from_schema(HOUSE, 40, 1)
    assert len(made) == 40 and made == variations.from_schema(HOUSE, 40, 1)
    for sample in made:
        assert sample["city"] in ("rome", "oslo") and type(sample["m2"]) is float
        assert sample["rooms"] is None or type(sample["rooms"]) is int
        assert len(sample["place"]) == 2 and "unknown" not in sample
        assert all(isinstance(tag, str) for tag in sample.get("tags", []))
    assert any(sample["rooms"] is None for sample in made) and any("tags" in sample for sample in made)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array"},
        {"type": "array", "items": {"type": "number"}},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "object", "properties": {"a": {}}, "required": ["a"]},
    ],
)
def test_a_schema_that_says_too_little_gives_none(schema):
    assert variations.from_schema(schema, 8, 1) == []
