import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nb_service.backends.batch.formats.chunk import Chunk
from nb_service.backends.batch.samples import Samples
from nb_service.problems import BatchInput, BatchWords
from nb_service.protocols.rows import Rows

SCHEMAS = [
    {},
    {"type": "array", "items": {"type": "number"}},
    {"type": "array", "items": {"type": "string"}},
    {"type": "array", "items": {"type": ["boolean", "null", "number"]}},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}},
    {"type": "object", "properties": {}, "additionalProperties": {"type": "boolean"}},
    {"type": "number"},
    {"type": "string"},
]
texts = st.text(st.characters(codec="utf-8", exclude_characters='\0"\r\n;'), max_size=6) | st.sampled_from(
    ["1", "-0", "007", "1.50", "1e5", "", "NaN", "true", "FALSE", "1,2", "[1]", "+1", " 1", "1" * 4301, "%s"]
)
floats = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300)
@given(
    schema=st.sampled_from(SCHEMAS),
    rows=st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1)),
    named=st.booleans(),
    plain=st.booleans(),
)
def test_a_column_at_a_time_gives_the_samples_that_a_request_with_csv_gets(schema, rows, named, plain):
    rules = Rows(schema)
    names = ["a", "b", "50%"][: len(rows[0])] if named else None
    expected = list(rules.samples_from_texts(names, rows))
    lines = [";".join(row) for row in rows]
    chunk = Chunk(
        None if plain else rows, names, is_table=True, is_text=True, lines=lines if plain else None, delimiter=";"
    )
    made = Samples("in", names, rules, (), "").encode(chunk)
    assert [json.loads(text) for text in made] == expected
    assert [type(json.loads(text)) for text in made] == [type(sample) for sample in expected]


@given(
    st.sampled_from(SCHEMAS),
    st.lists(
        st.lists(st.none() | st.booleans() | st.integers() | floats | st.text(), min_size=2, max_size=2), min_size=1
    ),
)
def test_values_of_a_table_are_samples_as_they_are(schema, rows):
    rules = Rows(schema)
    made = Samples("in", ["a", "b"], rules, (), "").encode(Chunk(rows, ["a", "b"], is_table=True))
    assert [json.loads(text) for text in made] == list(rules.samples(["a", "b"], rows))


LISTS, OBJECTS = Rows(SCHEMAS[1]), Rows(SCHEMAS[4])


@pytest.mark.parametrize(
    ("rows", "columns", "form", "sample"),
    [
        (LISTS, (), "", ["x", 1, 2]),
        (LISTS, ("b", "a"), "", [2, 1]),
        (LISTS, ("b",), "", 2),
        (LISTS, ("b",), "list", [2]),
        (LISTS, ("a", "b"), "object", {"a": 1, "b": 2}),
        (OBJECTS, ("a", "b"), "", {"a": "1", "b": 2}),
        (OBJECTS, ("a", "b"), "list", [1, 2]),
        (Rows({}), ("id",), "", "x"),
        (Rows({}), ("id", "b"), "", {"id": "x", "b": 2}),
    ],
)
def test_the_words_say_which_columns_and_what_they_become(rows, columns, form, sample):
    names = ["id", "a", "b"]
    chunk = Chunk([["x", "1", "2"]], names, is_table=True, is_text=True)
    assert json.loads(Samples("in", names, rows, columns, form).encode(chunk)[0]) == sample


def test_the_cell_of_one_column_may_be_a_list_or_an_object():
    chunk = Chunk([["[1, 2]"], ['{"a": 1}'], ["[no"]], ["v"], is_table=True, is_text=True)
    made = Samples("in", ["v"], Rows({}), ("v",), "").encode(chunk)
    assert [json.loads(text) for text in made] == [[1, 2], {"a": 1}, "[no"]


def test_a_column_that_is_not_there_is_reported_with_those_that_are():
    chunk = Chunk([["1", "2"]], None, is_table=True, is_text=True)
    with pytest.raises(BatchInput, match="it has no column '3'") as reported:
        Samples("in", None, LISTS, ("3",), "").encode(chunk)
    assert "It has: 1, 2;" in reported.value.fix
    with pytest.raises(BatchWords, match="--as value requires exactly one column, but the rows have 2"):
        Samples("in", None, LISTS, (), "value").encode(chunk)


def test_rows_of_json_that_have_no_such_keys_are_rejected_alone():
    chunk = Chunk([{"a": 1, "b": 2}, {"a": 1}, [1], {"b": 2, "a": 3, "c": 4}])
    made = Samples("in", None, LISTS, ("a", "b"), "").encode(chunk)
    assert [json.loads(text) for text in made] == [[1, 2], [3, 2]]
    assert chunk.broken == {
        1: "It has no 'b', which --sample names.",
        2: "It is not an object, and --sample names keys.",
    }


def test_the_order_of_keys_is_that_of_the_first_row_also_where_that_is_not_scored_again():
    samples = Samples("in.ndjson", None, Rows({}), (), "list")
    samples.look(Chunk([5, {"x": 1, "y": 2}]))
    assert samples.encode(Chunk([{"y": 4, "x": 3}])) == ["[3, 4]"]
