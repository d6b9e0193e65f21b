"""Which services can't be asked the same samples, by their schemas."""

import pytest
from nb_builder.comparison.same_inputs import difference
from nb_scorer.kernel import sample_schema


def of(*samples):
    return sample_schema.of(samples)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (of([1, 2]), of([0.5, 2.5])),
        (of(1), of(0.5)),
        (of("a"), of("b")),
        ({}, of([1])),
        (of([1, 2]), {}),
        # Lists of any length.
        (of([1], [1, 2]), of([1, 2, 3])),
        (of({"a": 1}), of({"a": 2})),
        # A field more that need not be there.
        (of({"a": 1}), of({"a": 1}, {"a": 2, "b": 3})),
        # Objects whose names are data.
        ({"type": "object", "additionalProperties": {"type": "number"}}, of({"word": 1})),
        (of([1, 2], {"a": 1}), of([1, 2, 3])),
    ],
)
def test_samples_that_may_be_the_same_are_no_difference(old, new):
    assert difference(old, new) is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (of([1, 2]), of([1, 2, 3]), "OLD takes lists of 2 values, NEW of 3"),
        (of([1, 2]), of({"a": 1}), "OLD takes lists, NEW takes objects"),
        (of(1), of("a"), "OLD takes numbers, NEW takes texts"),
        (of({"a": 1}), of({"a": 1, "b": 2}), "NEW needs the field 'b', which samples of OLD do not have"),
        (of({"a": 1, "b": 2}), of({"a": 1}), "OLD needs the field 'b', which samples of NEW do not have"),
    ],
)
def test_what_no_sample_can_be_is_said(old, new, words):
    assert difference(old, new) == words
