import pytest
from nb_service.protocols import Malformed
from nb_service.protocols.rows import Rows, columns_to_rows, rows_to_columns

LISTS = Rows({"type": "array", "items": {"type": "number"}})
OBJECTS = Rows({"type": "object", "properties": {"zip": {"type": "string"}, "age": {"type": "integer"}}})
NUMBERS = Rows({"type": "number"})
UNKNOWN = Rows(None)


def from_text(rows, names, cells):
    """Return the sample of one row of texts."""
    return next(rows.samples_from_texts(names, [cells]))


@pytest.mark.parametrize(
    ("rows", "names", "sample"),
    [
        (LISTS, ["a", "b"], [1, 2]),
        (OBJECTS, ["a", "b"], {"a": 1, "b": 2}),
        (UNKNOWN, ["a", "b"], {"a": 1, "b": 2}),
        (UNKNOWN, None, [1, 2]),
        (OBJECTS, [0, 1], [1, 2]),
    ],
)
def test_a_row_becomes_what_the_notebook_s_samples_are(rows, names, sample):
    assert rows.sample(names, [1, 2]) == sample


def test_one_column_is_one_value_where_samples_are_such():
    assert NUMBERS.sample(["a"], [5]) == 5
    assert LISTS.sample(["a"], [5]) == [5]


def test_a_row_of_another_length_than_its_columns_is_rejected():
    with pytest.raises(Malformed, match="A row has 1 values, but there are 2 columns."):
        UNKNOWN.sample(["a", "b"], [1])
    with pytest.raises(Malformed, match="A row has 3 values"):
        from_text(OBJECTS, ["a", "b"], ["1", "2", "3"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1.50", -1.5),
        ("1e3", 1000.0),
        ("", None),
        ("007", "007"),
        ("+1", "+1"),
        ("NaN", "NaN"),
        ("true", "true"),
        ("x", "x"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_text_that_is_written_as_a_number_is_one(text, value):
    assert from_text(UNKNOWN, None, [text]) == [value]


def test_a_text_stays_one_where_the_notebook_s_samples_have_texts():
    assert from_text(OBJECTS, ["zip", "age"], ["80331", "7"]) == {"zip": "80331", "age": 7}
    assert from_text(Rows({"type": "array", "items": {"type": "string"}}), None, ["1"]) == ["1"]


def test_truths_are_read_where_the_notebook_s_samples_have_them():
    assert from_text(Rows({"type": "array", "items": {"type": ["boolean", "number"]}}), None, ["True", "1"]) == [
        True,
        1,
    ]


def test_columns_become_rows_and_back():
    rows = [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert list(columns_to_rows({"a": [1, 2], "b": [3, 4]})) == rows
    assert rows_to_columns(rows) == {"a": [1, 2], "b": [3, 4]}


@pytest.mark.parametrize(
    ("columns", "words"), [({"a": 1}, "'a' is not a list"), ({"a": [1], "b": []}, "differ in len")]
)
def test_columns_that_are_none_are_rejected(columns, words):
    with pytest.raises(Malformed, match=words):
        columns_to_rows(columns)


@pytest.mark.parametrize("rows", [[], [1], [{}], [{"a": 1}, {"b": 1}], [{"a": 1}, 2]])
def test_rows_of_different_names_are_no_columns(rows):
    assert rows_to_columns(rows) is None
