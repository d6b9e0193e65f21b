import pytest
from nb_spark import kinds


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "number"}, "double"),
        ({"type": "integer"}, "bigint"),
        ({"type": ["integer", "null"]}, "bigint"),
        ({"type": ["integer", "number"]}, "double"),
        ({"type": ["integer", "number", "null"]}, "double"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "string"}, "string"),
        ({"type": "null"}, "json"),
        ({"type": ["boolean", "integer"]}, "json"),
        ({"type": "object", "properties": {}}, "json"),
        ({"type": "array", "items": {"type": "number"}}, "json"),
        ({}, "json"),
    ],
)
def test_the_type_is_that_of_the_model_s_own_answers(schema, kind):
    assert kinds.choose_type(schema) == kind
