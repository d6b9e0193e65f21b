import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nb_scorer.model import feature_bins
from nb_scorer.model.feature_bins import CATEGORIES, NUMBERS, TEXTS, Feature, Uncomparable, made_of

FLOATS = st.floats(-1e9, 1e9)
PLAIN = st.one_of(st.none(), st.booleans(), FLOATS, st.integers(-(10**20), 10**20), st.text(max_size=8))
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
COLUMNS = st.one_of(
    *(
        st.lists(st.none() | values, min_size=1, max_size=120)
        for values in (
            FLOATS,
            st.integers(-5, 5),
            st.booleans(),
            st.sampled_from(["a", "b", "c"]),
            st.text(max_size=12),
        )
    )
).filter(lambda column: any(value is not None for value in column))


def by_hand(feature, value):
    """Return the label of the bin of a value, by its words alone."""
    labels = feature.labels()
    if value is None:
        return "missing"
    if feature.kind == CATEGORIES:
        alike = [own for own in feature.values if type(own) is type(value) and own == value]
        return labels[feature.values.index(alike[0])] if alike else "other"
    wanted = (int, float) if feature.kind == NUMBERS else (str,)
    if type(value) not in wanted:
        return "other"
    number = value if feature.kind == NUMBERS else len(value)
    return next((label for label, edge in zip(labels, feature.edges, strict=False) if number <= edge), labels[-3])


@given(COLUMNS, st.lists(ANY, max_size=30))
def test_each_value_is_counted_in_the_one_bin_that_its_words_say(column, others):
    feature = made_of("sample", "x", column)
    for values in (column, others, [*column, *others]):
        counts = dict.fromkeys(feature.labels(), 0)
        for value in values:
            counts[by_hand(feature, value)] += 1
        assert feature.tally(values) == list(counts.values())
    assert feature.counts == feature.tally(column)


@given(COLUMNS)
def test_labels_differ_and_all_of_it_comes_back_from_json(column):
    feature = made_of("sample", "x", column)
    assert len(set(feature.labels())) == feature.size == len(feature.counts)
    again = feature_bins.parsed(json.loads(json.dumps(feature.facts())))
    assert again.facts() == feature.facts() and again.labels() == feature.labels()


@given(st.lists(FLOATS, min_size=100, max_size=300, unique=True))
def test_numbers_that_all_differ_are_spread_evenly_over_ten_ranges(numbers):
    feature = made_of("sample", "x", numbers)
    own = feature.counts[: feature.own]
    assert feature.own == feature_bins.MAX_BINS
    assert max(own) - min(own) <= 1


@given(st.lists(FLOATS, min_size=1, max_size=100))
@example([1e300, -1e300])
@example([0.0, 5e-324])
@example([1.0, math.nextafter(1.0, 2)])
def test_edges_are_in_order_and_separate_what_differs(numbers):
    feature = made_of("sample", "x", numbers)
    assert feature.edges == sorted(set(feature.edges))
    if 1 < len(set(numbers)) <= feature_bins.MAX_BINS:
        assert 0 not in feature.counts[: feature.own]


def test_one_number_has_ranges_below_and_above_it():
    feature = made_of("sample", "x", [5] * 40)
    assert feature.counts == [0, 40, 0, 0, 0]
    assert feature.tally([4.9, 5, 5.0, 6, None, "5"]) == [1, 2, 1, 1, 1]


def test_numbers_have_ranges_with_room_for_rows_however_few_there_are():
    assert made_of("sample", "x", list(range(30))).own == 3
    assert made_of("sample", "x", [0.0] * 900 + [number / 10 for number in range(1, 101)]).counts[0] == 900


def test_words_are_categories_and_those_of_few_rows_are_others():
    words = ["red"] * 60 + ["blue"] * 30 + ["Ann Smith"] * 4 + ["x" * 200] * 6
    feature = made_of("sample", "colour", words)
    assert (feature.kind, feature.values, feature.counts) == (CATEGORIES, ["red", "blue"], [60, 30, 10, 0])
    assert "Ann" not in json.dumps(feature.facts())


def test_at_most_twenty_categories_are_reported_apart():
    feature = made_of("sample", "x", [f"city {number}" for number in range(30) for _ in range(6)])
    assert len(feature.values) == feature_bins.MAX_CATEGORIES and feature.counts[-2] == 60


def test_texts_are_reported_apart_by_their_length():
    feature = made_of("sample", "x", ["word " * number for number in range(1, 101)])
    assert feature.kind == TEXTS and feature.own == feature_bins.MAX_BINS
    assert "word" not in json.dumps(feature.facts())
    assert feature.tally(["", "a" * 10_000]) == [1, *[0] * 8, 1, 0, 0]


def test_truths_are_categories_and_not_numbers():
    feature = made_of("sample", "x", [True, False, True, None])
    assert (feature.labels(), feature.counts) == (["= false", "= true", "other", "missing"], [1, 2, 0, 1])
    assert feature.tally([1, 0, 1.0]) == [0, 0, 3, 0]
    assert made_of("sample", "x", [1, 2]).tally([True]) == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ([None] * 50, "it has no value in the baseline"),
        ([[1, 2]] * 50, "its values are nested"),
        ([{"a": 1}, 3], "its values are nested"),
        ([1, "a"], "its values are of several types"),
        ([1, True], "its values are of several types"),
        ([10**400], "its numbers are too large"),
        (["iVBORw0KGgo" * 100] * 50, "its strings are encoded data, such as images in base64"),
        (
            ["data:image/png;base64,AAAA" + "A" * 400],
            "its strings are encoded data, such as images in base64",
        ),
    ],
)
def test_what_can_t_be_compared_is_said(column, why):
    with pytest.raises(Uncomparable, match=f"^{why}$"):
        made_of("sample", "x", column)


def test_samples_have_the_features_that_their_form_has():
    assert feature_bins.form_of([[1, 2], [3, 4, 5]]) == ("array", ["0", "1", "2"])
    assert feature_bins.form_of([{"b": 1}, {"a": 2, "b": 3}]) == ("object", ["b", "a"])
    assert feature_bins.form_of([1, "x", None]) == ("scalar", ["value"])
    for samples in ([], [[1], {"a": 1}], [1, [1]]):
        with pytest.raises(Uncomparable):
            feature_bins.form_of(samples)


@given(st.lists(ANY, max_size=20))
def test_any_samples_have_a_column_of_their_length_for_each_feature(samples):
    for form, names in (("array", ["0", "2"]), ("object", ["a", "b"]), ("scalar", ["value"])):
        if not samples:
            continue
        columns = feature_bins.columns(samples, form, names)
        assert [len(column) for column in columns] == [len(samples)] * len(names)
        for column in columns:
            assert sum(Feature("sample", "x", NUMBERS, edges=[0.5]).tally(column)) == len(samples)


def test_what_a_sample_lacks_is_missing_and_another_form_is_other():
    feature = Feature("sample", "x", NUMBERS, edges=[0.5])
    first, second = feature_bins.columns([[1, 2], [3], {"0": 1}, 7], "array", ["0", "1"])
    assert (feature.tally(first), feature.tally(second)) == ([0, 2, 2, 0], [0, 1, 2, 1])
    (own,) = feature_bins.columns([{"x": 0}, {}, [1], {"x": None}], "object", ["x"])
    assert feature.tally(own) == [1, 0, 1, 2]


GOOD = Feature("sample", "x", NUMBERS, edges=[1.5], counts=[1, 2, 0, 0]).facts()


@pytest.mark.parametrize(
    "change",
    [
        {"part": "other"},
        {"kind": "images"},
        {"name": 1},
        {"edges": [2.0, 1.0]},
        {"edges": ["1"]},
        {"edges": [float(number) for number in range(50)]},
        {"values": ["a"]},
        {"kind": CATEGORIES},
        {"kind": CATEGORIES, "edges": [], "values": ["a", 2]},
        {"kind": CATEGORIES, "edges": [], "values": ["a", "a"]},
        {"counts": [1, 2, 0]},
        {"counts": [1, 2, 0, -1]},
        {"counts": [0, 0, 0, 0]},
        {"counts": [1.5, 2, 0, 0]},
        {"more": 1},
    ],
)
def test_a_feature_that_the_build_does_not_write_is_rejected(change):
    assert feature_bins.parsed(GOOD).size == 4
    with pytest.raises(ValueError, match="feature"):
        feature_bins.parsed({**GOOD, **change})
