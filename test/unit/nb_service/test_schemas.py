import pytest
from nb_service import schemas

WHOLE, NUMBER, TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}


def array(items, **more):
    """Return the schema of a list of these."""
    return {"type": "array", "items": items, **more}


@pytest.mark.parametrize(
    ("seen", "told", "expected"),
    [
        ({}, {}, {}),
        (WHOLE, {}, WHOLE),
        ({}, NUMBER, NUMBER),
        (WHOLE, NUMBER, NUMBER),
        (NUMBER, WHOLE, NUMBER),  # the hint does not hold
        (TEXT, NUMBER, TEXT),
        (WHOLE, {"type": ["null", "number"]}, {"type": ["null", "number"]}),
        (TEXT, {"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        (array(WHOLE, minItems=2, maxItems=2), array(NUMBER), array(NUMBER, minItems=2, maxItems=2)),
        (array({}), array(NUMBER), array(NUMBER)),
        (TEXT, {**array(NUMBER), "type": ["array", "string"]}, {**array(NUMBER), "type": ["array", "string"]}),
    ],
)
def test_rows_are_widened_by_hints_that_they_do_not_contradict(seen, told, expected):
    assert schemas.merged(seen, told) == expected


def test_objects_are_widened_field_by_field():
    seen = {"type": "object", "properties": {"a": WHOLE, "b": TEXT, "c": TEXT}, "required": ["a", "b", "c"]}
    told = {"type": "object", "properties": {"a": NUMBER, "b": TEXT, "d": TEXT}, "required": ["a", "d"]}
    properties = {"a": NUMBER, "b": TEXT, "c": TEXT, "d": TEXT}
    assert schemas.merged(seen, told) == {"type": "object", "properties": properties, "required": ["a", "c"]}


def test_a_dict_s_hint_is_that_of_each_of_its_values():
    seen = {"type": "object", "properties": {"a": WHOLE}, "required": ["a"]}
    told = {"type": "object", "additionalProperties": NUMBER}
    assert schemas.merged(seen, told) == {"type": "object", "properties": {"a": NUMBER}, "required": ["a"]}
    assert schemas.merged({"type": "object", "additionalProperties": WHOLE}, told) == told
