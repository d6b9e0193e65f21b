"""What a native program and predictor are asked: numbers and texts around the golden rows, and at the model's edges."""

import itertools
import json
import math
import random
import struct
import sys

import pytest
from nb_native import proof_texts
from nb_native.proof_samples import samples_around

GOLDEN = [{"city": "rome", "m2": 50.5, "rooms": 3}, {"city": "oslo", "m2": 80.0, "rooms": 4}]


def drawn(key, edges=(), golden=GOLDEN):
    samples = samples_around(golden, 4000, 1, edges)
    return [sample[key] for sample in samples if isinstance(sample, dict) and key in sample]


def test_golden_rows_come_first_and_the_same_seed_gives_the_same_samples():
    samples = samples_around(GOLDEN, 3000, 7, [60.0])
    assert samples[:2] == GOLDEN and len(samples) == 3000
    assert repr(samples) == repr(samples_around(GOLDEN, 3000, 7, [60.0]))
    assert repr(samples) != repr(samples_around(GOLDEN, 3000, 8, [60.0]))


def test_all_golden_rows_are_asked_where_they_are_more():
    golden = [[float(number)] for number in range(30)]
    assert samples_around(golden, 10, 1) == golden


def test_numbers_lie_around_between_and_far_beyond():
    numbers = [value for value in drawn("m2") if isinstance(value, float) and math.isfinite(value)]
    assert sum(50.5 < number < 80.0 for number in numbers) > 1000
    assert any(number > 1000 for number in numbers) and any(number < -1000 for number in numbers)
    assert any(number == 0.0 and math.copysign(1, number) < 0 for number in numbers)


def test_an_edge_and_its_neighbours_in_both_precisions_are_asked():
    edge = 61.3
    single = struct.unpack("<f", struct.pack("<f", edge))[0]
    numbers = drawn("m2", [edge])
    for number in (edge, math.nextafter(edge, 0), math.nextafter(edge, 100)):
        assert number in numbers
    singles = [
        number for number in numbers if isinstance(number, float) and single != number and abs(number - single) < 1e-5
    ]
    assert any(number < single for number in singles) and any(number > single for number in singles)


def test_an_edge_of_zero_has_neighbours_on_both_sides():
    numbers = [value for value in drawn("m2", [0.0]) if isinstance(value, float)]
    assert any(0 < number < 1e-40 for number in numbers) and any(-1e-40 < number < 0 for number in numbers)


def test_texts_are_those_of_other_rows_and_of_edges():
    cities = {value for value in drawn("city", ["paris", 3.0]) if isinstance(value, str)}
    assert {"rome", "oslo", "paris"} <= cities


def test_samples_of_another_shape_are_asked_too():
    samples = samples_around(GOLDEN, 4000, 1)
    for sample in (None, [], {}, "text", [GOLDEN[0]], {"city": "rome", "m2": 50.5}, {**GOLDEN[0], "additional": 1}):
        assert sample in samples
    samples = samples_around([[1.0, 2.0]], 4000, 1)
    assert all(sample in samples for sample in ([1.0], [1.0, 2.0, 2.0], [[1.0, 2.0]]))


def test_whole_numbers_mostly_stay_whole():
    rooms = [
        value for value in drawn("rooms", [3.5]) if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    assert 0.8 < sum(isinstance(value, int) for value in rooms) / len(rooms) < 1


@pytest.mark.parametrize("edge", [float("inf"), float("nan"), 1e300, -1e300])
def test_whole_numbers_that_are_rejected_by_rule_are_not_asked(edge):
    rooms = drawn("rooms", [edge])
    assert all(abs(value) <= 2**53 for value in rooms if isinstance(value, int))


WORDS = ["free", "cash", "naïve", "\u03bb\u03cc\u03b3\u03bf\u03c2"]
TEXTS = [{"text": "free cash, now", "size": 1.5}]


def drawn_texts(words=WORDS, count=4000):
    samples = samples_around(TEXTS, count, 3, [], words)
    return [sample["text"] for sample in samples if isinstance(sample, dict) and isinstance(sample.get("text"), str)]


def test_texts_are_made_of_the_words_that_a_model_looks_for():
    texts = drawn_texts()
    assert sum(word in text for text in texts for word in WORDS[1:]) > 2000
    for text in ("free cash, now", "", " "):
        assert text in texts
    # Words next to them, in other cases, with accents apart.
    for part in ("FREE", "Cash", "fre ", "nai\u0308ve", "\u039b\u038c\u0393\u039f\u03a3", "free_", "free7"):
        assert any(part in text for text in texts), part
    assert max(map(len, texts)) > 10_000
    assert json.loads(json.dumps(texts)) == texts
    assert len(set(drawn_texts([]))) < 20


def test_of_all_characters_those_are_asked_that_differ_from_the_one_before_or_change():
    letters = set(proof_texts.special_characters())
    expected = {"\u0130", "\u212a", "\u03a3", "é", "\u3000", "²", "\ufb01", "\u0300", "\u3400", "\u33ff"}
    for one, other in itertools.pairwise(map(chr, range(sys.maxunicode + 1))):
        if one.isalnum() != other.isalnum() or one.isspace() != other.isspace():
            expected |= {one, other}
    # As escapes: what pytest shows has to be UTF-8.
    assert list(map(ascii, expected - letters)) == []


def test_a_proof_has_all_of_these_characters():
    asked = set().union(*drawn_texts(count=10_000))
    letters = set(proof_texts.special_characters())
    assert len(letters - asked) < len(letters) / 100


def test_an_empty_word_is_none():
    texts = proof_texts.Texts([""], [], random.Random(1))
    assert any("word" in texts.drawn() for _ in range(100))
