"""Where a sample first differs from those of a schema."""

import pytest
from nb_scorer.kernel import sample_schema
from nb_scorer.worker import likeness, refusals

OBJECTS = [{"age": 3, "who": {"name": "a"}, "tags": ["x"]}, {"age": 2.5, "who": {"name": "b"}, "tags": []}]


@pytest.mark.parametrize(
    ("samples", "sample", "words", "pointer"),
    [
        ([1], 2.5, None, None),
        ([1.5], True, "it must be a number, as in the notebook's own samples, and is a boolean", "#"),
        ([1, "a"], None, "it must be a number or a string, as in the notebook's own samples, and is null", "#"),
        ([[1, 2]], [1, 2.5], None, None),
        ([[1, 2]], [1, "2"], "1: must be a number, as in the notebook's own samples, and is a string", "#/1"),
        ([[1, 2]], [1, 2, 3], "it must have 2 items, as in the notebook's own samples, and has 3 items", "#"),
        ([[1], [1, 2]], [1, 2, 3], None, None),
        ([[[1]]], [[]], "0: must have 1 item, as in the notebook's own samples, and has 0 items", "#/0"),
        (OBJECTS, {"age": 1, "who": {"name": "c"}, "tags": [], "more": None}, None, None),
        (OBJECTS, {"age": 1, "tags": []}, "who: is missing", "#/who"),
        (
            OBJECTS,
            {"age": 1, "who": {"name": ["c"]}, "tags": []},
            "who.name: must be a string, as in the notebook's own samples, and is an array",
            "#/who/name",
        ),
        (
            [{"a/b~": 1}],
            {"a/b~": "x"},
            "a/b~: must be a number, as in the notebook's own samples, and is a string",
            "#/a~1b~0",
        ),
    ],
)
def test_the_first_difference_is_named_with_its_pointer(samples, sample, words, pointer):
    misfit = likeness.misfit(sample, sample_schema.of(samples))
    assert (None if misfit is None else str(misfit)) == words
    if misfit is not None:
        assert [error["pointer"] for error in refusals.of_misfit(misfit)["errors"]] == [pointer]


@pytest.mark.parametrize("schema", [{}, {"anyOf": [{"type": "string"}]}, {"enum": [1]}, {"type": "integer"}])
def test_what_a_schema_does_not_say_is_no_difference(schema):
    assert likeness.misfit(1, schema) is None
