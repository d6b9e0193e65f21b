"""The schema of what was seen: types, lengths where they agree, names."""

import pytest
from nb_scorer.kernel import sample_schema


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([], {}),
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([True, None, "a"], {"type": ["boolean", "null", "string"]}),
        ([[1.0, 2.0], [3.0, 4.0]], {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
        ([[1], []], {"type": "array", "items": {"type": "integer"}}),
        (
            [{"a": 1, "b": "x"}, {"a": 2}],
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
            },
        ),
        ([{"a": 1}, {"b": 1}], {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
    ],
)
def test_the_schema_of(values, schema):
    assert sample_schema.infer(values) == schema


def test_names_that_are_data_are_not_listed():
    words = {str(number): number for number in range(sample_schema.MAX_PROPERTIES + 1)}
    assert sample_schema.infer([words]) == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_depth_is_bounded():
    deep = []
    for _ in range(100):
        deep = [deep]
    assert str(sample_schema.infer([deep])).count("items") == sample_schema.MAX_DEPTH
