import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nb_service.backends.batch.formats import csv_table
from nb_service.backends.batch.formats.csv_table import Reader, Writer, sniffed
from nb_service.backends.batch.formats.options import ReadOptions
from nb_service.problems import BatchInput
from nb_service.protocols import csv_body
from nb_service.protocols.rows import Rows

NUMBERS = Rows({"type": "array", "items": {"type": "number"}})
OBJECTS = Rows({"type": "object", "properties": {}})


def read(data, rows=NUMBERS, **options):
    """Return (names, rows, {index: reason}) of CSV."""
    reader = Reader(io.BufferedReader(io.BytesIO(data)), "in.csv", ReadOptions(rows, **options))
    found, broken = [], {}
    for chunk in reader:
        broken.update({len(found) + at: reason for at, reason in chunk.broken.items()})
        found += chunk.rows
    return reader.names, found, broken


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=150)
@given(
    rows=st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    together=st.sampled_from([1, 2, 1000]),
)
def test_what_the_csv_module_writes_is_read_in_each_dialect(rows, delimiter, ending, quoting, encoding, together):
    if ending == "\n":
        # The csv module then writes \r without quotes, and does not read that again itself.
        rows = [[cell.replace("\r", "r") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(rows)
    before, csv_table.ROWS = csv_table.ROWS, together
    try:
        names, found, broken = read(text.getvalue().encode(encoding), delimiter=delimiter, header="absent")
    finally:
        csv_table.ROWS = before
    assert (names, found, broken) == (None, rows, {})


@settings(max_examples=100)
@given(
    rows=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=2),
    delimiter=st.sampled_from(",;\t|"),
)
def test_the_delimiter_of_numbers_is_found(rows, delimiter):
    assert sniffed([delimiter.join(map(repr, row)) + "\n" for row in rows]) == delimiter


@pytest.mark.parametrize(
    ("lines", "delimiter"),
    [
        (["1,5;2,5\n", "3,5;4,5\n"], ";"),
        (['"a;b",1\n', '"c;d",2\n'], ","),
        (["a b\n", "c d\n"], ","),
        (["x;y\n", "1,5;2\n"], ";"),
        ([], ","),
        (["a|b,c\n", "d|e\n", "f|g\n"], "|"),
    ],
)
def test_a_delimiter_is_what_parts_all_rows_alike(lines, delimiter):
    assert sniffed(lines) == delimiter


def test_a_first_line_of_words_is_a_header_where_samples_have_none():
    assert read(b"a,b\n1,2\n") == (["a", "b"], [["1", "2"]], {})
    assert read(b"1,2\n3,4\n")[0] is None
    assert read(b"1,2\n3,4\n", OBJECTS)[0] == ["1", "2"]
    assert read(b"a,b\n1,2\n", header="absent")[0] is None
    assert read(b"1,2\n3,4\n", header="present")[0] == ["1", "2"]
    assert read(b'"a\nb",c\n1,2\n')[:2] == (["a\nb", "c"], [["1", "2"]])


def test_a_row_that_does_not_fit_is_broken_and_the_others_are_not():
    _, rows, broken = read(b"x,y\n1,2\n3\n4,5,6\n7,8\n")
    assert [row for at, row in enumerate(rows) if at not in broken] == [["1", "2"], ["7", "8"]]
    assert broken == {1: "It has 1 field, and the header has 2.", 2: "It has 3 fields, and the header has 2."}
    _, rows, broken = read(b'x,y\n"1",2\n"3"x,4\n"5",6\n"\xff",8\n9,\xfe\n')
    assert [row for at, row in enumerate(rows) if at not in broken] == [["1", "2"], ["5", "6"]]
    assert broken[1].startswith("It is not CSV (line 2 of what follows the first quote): ")
    assert broken[2 + 1] == broken[4] == "It has bytes that are not UTF-8; set --encoding."


def test_chunks_have_the_same_borders_whether_or_not_there_are_quotes():
    lines = [f"{number},1\n" for number in range(2500)]
    quoted = [*lines]
    quoted[1700] = '"1700",1\n'
    for each in (lines, quoted):
        reader = Reader(io.BufferedReader(io.BytesIO("".join(each).encode())), "in.csv", ReadOptions(NUMBERS))
        assert [len(chunk) for chunk in reader] == [1000, 1000, 500]


def test_long_rows_are_read_few_at_a_time():
    row = ("x" * (1 << 20) + ",1\n").encode()
    reader = Reader(io.BufferedReader(io.BytesIO(row * 10)), "in.csv", ReadOptions(NUMBERS, header="absent"))
    assert [len(chunk) for chunk in reader] == [4, 4, 2]


def test_what_is_no_text_of_its_encoding_is_reported():
    with pytest.raises(BatchInput, match="in.csv can't be scored: it is not UTF-16"):
        read(b"\xff\xfe1")
    with pytest.raises(BatchInput, match="it is not ASCII"):
        read(b"1,2\n" * 9999 + "é".encode(), encoding="ascii")


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1))
def test_what_is_written_is_read_again(rows):
    writer = Writer(random.Random(len(rows)).choice(",;\t"))
    data = writer.begin(["a", "b"]) + writer.rows(rows) + writer.end()
    text = io.StringIO(data.decode("utf-8"), newline="")
    assert list(csv.reader(text, delimiter=writer.delimiter, strict=True)) == [["a", "b"], *rows]


def test_a_cell_is_a_text_as_it_is_and_any_other_value_its_json():
    values = ["a", 1, 1.5, True, None, [1, None], {"a": "ä"}]
    assert [csv_body.cell(value) for value in values] == ["a", "1", "1.5", "true", "", "[1, null]", '{"a": "\\u00e4"}']


def test_a_header_that_is_not_utf_8_is_rejected_and_an_encoding_is_asked_for():
    data = "größe,b\n1,2\n".encode("latin-1")
    with pytest.raises(BatchInput, match="its header is not UTF-8") as caught:
        Reader(io.BytesIO(data), "in", ReadOptions(Rows({}), "present"))
    assert "--encoding latin-1" in str(caught.value)
    assert Reader(io.BytesIO(data), "in", ReadOptions(Rows({}), "present", encoding="latin-1")).names == ["größe", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_text_that_says_its_encoding_is_read_by_it(encoding):
    reader = Reader(io.BytesIO("a,ß\n1,2\n".encode(encoding)), "in", ReadOptions(Rows({}), "present"))
    assert (reader.names, [row for chunk in reader for row in chunk.rows]) == (["a", "ß"], [["1", "2"]])


def test_what_is_written_is_utf_8_whatever_it_was():
    assert Writer().rows([["\ud800", "ä"]]).decode() == "\\ud800,ä\n"
