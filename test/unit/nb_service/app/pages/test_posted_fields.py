import pytest
from nb_service.app.pages import posted_fields
from nb_service.app.pages.posted_fields import Unread, Unreadable, sample_of


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", " 1.50 ", 1.5),
        ("number", "-.5", -0.5),
        ("number", "2", 2),
        ("integer", "12345678901234567891", 12345678901234567891),
        ("integer", "1e3", 1000.0),
        ("string", "a\r\nb", "a\nb"),
        ("string", "", ""),
        ("boolean", "true", True),
        ("null", "left over", None),
        ("json", '{"a": [1]}', {"a": [1]}),
    ],
)
def test_a_field_is_read_by_its_kind(kind, text, value):
    read, errors = sample_of([("kind:#", kind), ("#", text)])
    assert (read, type(read), errors) == (value, type(value), {})


def test_a_box_that_is_not_ticked_is_not_sent():
    assert sample_of([("kind:#", "boolean")]) == (False, {})


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("number", "", "Enter a number."),
        ("number", "1,5", "This is not a number."),
        ("number", "1e999", "This is not a number."),
        ("integer", "9" * 5000, "This is not a number."),
        ("number", "NaN", "This is not a number."),
        ("json", " ", "Enter JSON."),
        ("json", "[1e999]", "This is not JSON."),
        ("json", "[NaN]", "This is not JSON."),
        ("json", "[" * 100_000, "This is not JSON."),
    ],
)
def test_what_a_field_does_not_take_is_reported_and_kept(kind, text, words):
    read, errors = sample_of([("kind:#", "array"), ("kind:#/0", kind), ("#/0", text)])
    assert errors == {"#/0": words}
    assert isinstance(read[0], Unread) and (str(read[0]), read[0].kind) == (text, kind)


def test_places_are_put_together_in_their_order():
    pairs = [
        ("kind:#", "object"),
        ("kind:#/b~1~0", "array"),
        ("kind:#/b~1~0/3", "integer"),
        ("#/b~1~0/3", "1"),
        ("kind:#/b~1~0/0", "null"),
        ("kind:#/a", "absent"),
        ("#/a", "x"),
        ("kind:#/", "object"),
    ]
    assert sample_of(pairs) == ({"b/~": [1, None], "": {}}, {})
    assert sample_of(posted_fields.without(pairs, "#/b~1~0/3"))[0] == {"b/~": [None], "": {}}
    assert sample_of(posted_fields.without(pairs, "#/b"))[0] == {"b/~": [1, None], "": {}}


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("kind:#", "absent")],
        [("kind:#", "set")],
        [("kind:#", "object"), ("kind:#" + "/a" * 51, "null")],
    ],
)
def test_a_form_that_is_not_ours_is_rejected(pairs):
    with pytest.raises(Unreadable):
        sample_of(pairs)


def test_a_form_by_field_is_reported_from_one_of_json():
    assert posted_fields.has_fields(["kind:#", "#"]) and not posted_fields.has_fields(["sample"])
