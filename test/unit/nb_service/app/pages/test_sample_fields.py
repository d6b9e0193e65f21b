import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nb_service.app.pages import posted_fields, sample_fields
from nb_service.app.pages.sample_fields import form_of

PERSON = {
    "type": "object",
    "properties": {
        "age": {"type": "integer"},
        "height": {"type": ["null", "number"]},
        "colour": {"type": "string", "enum": ["red", 7]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
    "required": ["age", "colour", "tags"],
}
ADA = {"colour": "red", "age": 40, "height": None, "tags": ["a", "b"], "place": {"city": "Oslo"}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SCHEMAS = st.sampled_from(
    [{"type": "object", "properties": {"a": {"type": "array"}, "b/~": PERSON}}, PERSON, {"type": ["array", "null"]}]
)


def posted(root):
    """Yield what a browser sends of a form."""
    for one in root.all():
        yield posted_fields.PREFIX + one.at, one.kind
        if one.shape not in ("array", "object", "null") and not (one.shape == "boolean" and not one.text):
            # HTML sends each line break as two characters.
            yield one.at, one.text.replace("\n", "\r\n")


def by_name(root):
    """Return the fields of a form by their pointers."""
    return {one.at: one for one in root.all()}


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_form_includes_any_sample_back_as_it_was(schema, value):
    root = form_of(schema, value)
    if root is not None:
        read, errors = posted_fields.sample_of(posted(root))
        # As text: to Python 1, 1.0 and True are the same.
        assert (json.dumps(read), errors) == (json.dumps(value), {})


def test_each_kind_has_its_field_in_the_order_of_the_sample():
    fields = by_name(form_of(PERSON, ADA))
    assert " ".join(fields) == "# #/colour #/age #/height #/tags #/tags/0 #/tags/1 #/place #/place/city"
    assert fields["#/colour"].options == [('"red"', "red"), ("7", "7")]
    assert (fields["#/age"].kinds, fields["#/age"].text, fields["#/age"].is_number) == (["integer"], "40", True)
    height = fields["#/height"]
    assert (height.kind, height.kinds, height.shape) == ("null", ["number", "null", "absent"], "number")
    assert (fields["#/tags"].can_grow, fields["#/tags/0"].can_go) == (True, True)
    assert fields["#/place"].kinds == ["object", "absent"]


def test_lists_keep_to_their_lengths():
    fields = by_name(form_of(PERSON, {**ADA, "tags": ["a"]}))
    assert (fields["#/tags"].can_grow, fields["#/tags/0"].can_go) == (True, False)
    assert by_name(form_of(PERSON, {**ADA, "tags": list("abc")}))["#/tags"].can_grow is False


def test_what_a_sample_lacks_can_be_chosen_and_what_it_has_too_much_is_json():
    fields = by_name(form_of(PERSON, {"age": "x", "more": {"a": 1}}))
    assert (fields["#/age"].kind, fields["#/age"].text) == ("json", '"x"')
    assert (fields["#/more"].kind, fields["#/more"].text) == ("json", '{"a": 1}')
    assert (fields["#/tags"].kind, fields["#/tags"].kinds) == ("absent", ["array", "absent"])


def test_a_number_next_to_whole_numbers_stays_a_number():
    assert form_of({"type": "integer"}, 2.5).kind == "integer"
    assert form_of({"type": ["integer", "string"]}, 2).is_number is False


@pytest.mark.parametrize("text", ["a\rb", "\0", "\ud800"])
def test_what_html_can_not_hold_is_json(text):
    fields = by_name(form_of({"type": "array", "items": {"type": "string"}}, [text]))
    assert fields["#/0"].kind == "json" and fields["#/0"].text.isprintable()


@pytest.mark.parametrize(
    ("schema", "sample"),
    [
        ({}, [1]),
        ({"type": "array"}, list(range(sample_fields.MAX_ITEMS + 1))),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, [[1] * 20] * 20),
        ({"type": "number"}, "text"),
    ],
)
def test_where_fields_would_be_no_help_there_is_no_form(schema, sample):
    assert form_of(schema, sample) is None


def test_what_is_nested_deeply_is_json():
    schema, value = {"type": "number"}, 1
    for _ in range(sample_fields.DEEPEST + 2):
        schema, value = {"type": "array", "items": schema}, [value]
    *_, last = form_of(schema, value).all()
    assert (last.kind, last.text) == ("json", "[[1]]")


def test_a_place_has_an_id_of_its_own_and_its_error():
    root = form_of(PERSON, ADA, {"#/age": "too old", "#/none": "x"})
    ids = [one.id for one in root.all()]
    assert len(set(ids)) == len(ids)
    assert [one.error for one in root.all() if one.error] == ["too old"]


def test_a_blank_sample_has_what_the_schema_wants():
    assert sample_fields.blank(PERSON) == {"age": 0, "colour": "red", "tags": [""]}
    assert sample_fields.blank({"type": ["null", "boolean"]}) is False
    assert sample_fields.blank({}) is None


def test_what_was_just_chosen_is_completed():
    chosen = {"place": {}, "tags": [], "height": posted_fields.Unread.with_kind("", "number")}
    expected = {"place": {"city": ""}, "tags": [""], "height": 0, "age": 0, "colour": "red"}
    assert sample_fields.completed(PERSON, chosen) == expected


def test_a_list_grows_by_one_like_its_last():
    assert sample_fields.grown(PERSON, ADA, "#/tags")["tags"] == ["a", "b", "b"]
    assert sample_fields.grown(PERSON, {**ADA, "tags": []}, "#/tags")["tags"] == [""]
    assert len(ADA["tags"]) == 2
    for pointer in ("#/age", "#/none/0", "#/tags/7", "#/tags/x", ""):
        assert sample_fields.grown(PERSON, ADA, pointer) == ADA
