"""Which services can't be asked the same samples, by their schemas."""

import pytest
from nb_builder.comparison.same_inputs import difference
from nb_scorer.kernel import sample_schema


def schema_of(*samples):
    return sample_schema.infer(samples)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (schema_of([1, 2]), schema_of([0.5, 2.5])),
        (schema_of(1), schema_of(0.5)),
        (schema_of("a"), schema_of("b")),
        ({}, schema_of([1])),
        (schema_of([1, 2]), {}),
        # Lists of any length.
        (schema_of([1], [1, 2]), schema_of([1, 2, 3])),
        (schema_of({"a": 1}), schema_of({"a": 2})),
        # A field more that need not be there.
        (schema_of({"a": 1}), schema_of({"a": 1}, {"a": 2, "b": 3})),
        # Objects whose names are data.
        ({"type": "object", "additionalProperties": {"type": "number"}}, schema_of({"word": 1})),
        (schema_of([1, 2], {"a": 1}), schema_of([1, 2, 3])),
    ],
)
def test_samples_that_may_be_the_same_are_no_difference(old, new):
    assert difference(old, new) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (schema_of([1, 2]), schema_of([1, 2, 3]), "OLD takes lists of 2 values, NEW of 3"),
        (schema_of([1, 2]), schema_of({"a": 1}), "OLD takes lists, NEW takes objects"),
        (schema_of(1), schema_of("a"), "OLD takes numbers, NEW takes texts"),
        (schema_of({"a": 1}), schema_of({"a": 1, "b": 2}), "NEW needs the field 'b', which samples of OLD do not have"),
        (schema_of({"a": 1, "b": 2}), schema_of({"a": 1}), "OLD needs the field 'b', which samples of NEW do not have"),
    ],
)
def test_what_no_sample_can_be_is_said(old, new, words):
    assert difference(old, new) == words
