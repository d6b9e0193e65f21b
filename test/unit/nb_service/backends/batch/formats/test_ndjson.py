import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nb_service.backends.batch.formats import ndjson
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.problems import BatchInput
from nb_service.protocols.rows import Rows

OPTIONS = ReadOptions(Rows({}))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def rows_of(reader):
    """Return all rows of a reader, none of which is broken."""
    found = []
    for chunk in reader:
        assert chunk.broken == {}
        found += chunk.rows
    return found


@given(st.lists(values))
def test_lines_are_values_and_blank_ones_are_none(rows):
    data = b"\xef\xbb\xbf" + b"\n \r\n".join(json.dumps(row).encode() for row in rows)
    assert rows_of(ndjson.LinesReader(io.BytesIO(data), "in", OPTIONS)) == rows


@settings(max_examples=200)
@given(st.lists(values), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_an_array_is_read_piece_by_piece_wherever_it_is_cut(rows, indent, ascii_only, block):
    data = b"\xef\xbb\xbf \n" + json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode() + b" \n"
    before, ndjson.BLOCK = ndjson.BLOCK, block
    try:
        assert rows_of(ndjson.ArrayReader(io.BytesIO(data), "in", OPTIONS)) == rows
    finally:
        ndjson.BLOCK = before


@pytest.mark.parametrize("cut", ["", "{", "[1, 2", "[1 2]", "[1,]", "[1]]", '["a', "[nul", "[" * 100_000])
def test_an_array_that_is_broken_is_reported(cut):
    with pytest.raises(BatchInput, match="in can't be scored: "):
        rows_of(ndjson.ArrayReader(io.BytesIO(cut.encode()), "in", OPTIONS))


def test_a_number_of_too_many_digits_is_reported():
    data = b'["a", ' + b"1" * 5000 + b"]"
    with pytest.raises(BatchInput, match="its element 2 can't be read: it has a number of more than 4300 digits"):
        rows_of(ndjson.ArrayReader(io.BytesIO(data), "in", OPTIONS))


def test_a_line_that_is_no_json_is_broken_alone():
    (chunk,) = ndjson.LinesReader(io.BytesIO(b'1\n{"a"\nNaN\n"\xff"\n2'), "in", OPTIONS)
    assert [chunk.rows[at] for at in chunk.whole()] == [1, 2]
    assert chunk.broken == {
        1: "It is not JSON: Expecting ':' delimiter: line 2 column 1 (char 5).",
        2: "It is not JSON: NaN is not JSON; null is.",
        3: "It is not JSON: it is not UTF-8 (byte 1).",
    }
    assert chunk.text_of(3) == '"\\xff"'


@given(st.lists(st.lists(values, min_size=1), min_size=1))
def test_what_is_written_is_read_again_also_part_by_part(parts):
    texts = [[json.dumps(row, ensure_ascii=False) for row in part] for part in parts]
    rows = [row for part in parts for row in part]
    lines = ndjson.LinesWriter()
    data = b"".join(lines.rows(part) for part in texts)
    assert rows_of(ndjson.LinesReader(io.BytesIO(data), "out", OPTIONS)) == rows
    data = ndjson.ArrayWriter().begin(None)
    for number, part in enumerate(texts):
        data += ndjson.ArrayWriter(is_begun=number > 0).rows(part)
    assert json.loads(data + ndjson.ArrayWriter(is_begun=True).end()) == rows


def test_a_lone_surrogate_leaves_as_its_escape():
    assert ndjson.LinesWriter().rows(['"\ud800ä"']) == '"\\ud800ä"\n'.encode()
