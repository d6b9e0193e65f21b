import csv
import io
import tracemalloc

import pytest
from nb_service.protocols import Limits, Malformed, csv_body
from nb_service.protocols.rows import Rows
from nb_service.protocols.series import Series

LISTS = Rows({"type": "array", "items": {"type": "number"}})
TEXTS = Rows({"type": "array", "items": {"type": "string"}})
OBJECTS = Rows({"type": "object", "properties": {"x": {"type": "number"}}})


@pytest.mark.parametrize(
    ("rows", "body", "header", "samples"),
    [
        (LISTS, b"x,y\n1,2\n", None, [b"[1, 2]"]),
        (LISTS, b"\nx,y\n\n1,2\n", None, [b"[1, 2]"]),
        (LISTS, b"x,y\n1,2\n", "absent", [b'["x", "y"]', b"[1, 2]"]),
        (LISTS, b"1,2\n3,4\n", "present", [b"[3, 4]"]),
        # What may be a sample is none.
        (LISTS, b"0,1\n1,2\n", None, [b"[0, 1]", b"[1, 2]"]),
        (LISTS, b"x,1\n1,2\n", None, [b'["x", 1]', b"[1, 2]"]),
        (LISTS, b"nan,-inf\n1,2\n", None, [b'["nan", "-inf"]', b"[1, 2]"]),
        (LISTS, b",\n1,2\n", None, [b"[null, null]", b"[1, 2]"]),
        (TEXTS, b"x,y\n1,2\n", None, [b'["x", "y"]', b'["1", "2"]']),
        (Rows(None), b"x,y\n1,2\n", None, [b'["x", "y"]', b"[1, 2]"]),
        (Rows({"type": "integer"}), b"x\n1\n", None, [b"1"]),
        (OBJECTS, b"x\n1\n", None, [b'{"x": 1}']),
        (OBJECTS, b"", None, []),
        (LISTS, b"", None, []),
    ],
)
def test_a_first_line_is_a_header_where_it_can_be_nothing_else(rows, body, header, samples):
    assert csv_body.read(body, rows, header) == samples
    lines = sum(map(bool, body.split(b"\n")))
    assert csv_body.has_header(body, rows, header) is (len(samples) < lines or rows is OBJECTS)


@pytest.mark.parametrize("body", [b"\xff\n1", b'"x'])
def test_what_is_no_csv_has_no_header(body):
    assert csv_body.has_header(body, LISTS) is False


@pytest.mark.parametrize("body", [b"1\n" * 12, b"1\r" * 12, b"1\r\n" * 12, b"a\n" + b"1\n" * 11])
def test_lines_that_are_too_many_are_counted_before_one_is_read(monkeypatch, body):
    monkeypatch.setattr(Rows, "samples_from_texts", pytest.fail)
    rows = OBJECTS if body.startswith(b"a") else LISTS
    with pytest.raises(Malformed, match="S2I_MAX_SAMPLES") as rejected:
        csv_body.read(body, rows, limits=Limits(10, 1000))
    assert rejected.value.status == 413


def test_as_many_lines_as_may_be_are_read_with_names_and_blank_lines_next_to():
    body = b"a\r\n" + b"1\r\n\r\n" * 10
    assert csv_body.read(body, OBJECTS, limits=Limits(10, 1000)) == [b'{"a": 1}'] * 10


def test_names_that_every_line_repeats_are_counted():
    with pytest.raises(Malformed, match="S2I_MAX_BODY"):
        csv_body.read(b"a" * 100 + b"\n" + b"1\n" * 10, OBJECTS, limits=Limits(100, 100))


def test_the_place_of_a_byte_that_is_no_text_is_that_in_the_body():
    with pytest.raises(Malformed, match="The body is not UTF-8 \\(byte 20000\\)."):
        csv_body.read(b"1\n" * 10_000 + b"\xff\n", LISTS)


def test_lines_take_no_more_memory_than_their_json():
    body = b"1001,1002,1003,1004\n" * 20_000
    tracemalloc.start()
    samples = csv_body.read(body, LISTS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(samples) == 20_000
    assert peak < 3 * len(body)


@pytest.mark.parametrize("answers", [["a\rb", "c"], [["a\rb", "c"], ["d", "e"]], [{"k\r": "a\rb"}, {"k\r": "c"}]])
def test_a_carriage_return_in_an_answer_ends_no_line(answers):
    body = csv_body.write(Series(values=answers)).data
    rows = [list(answer.values()) if isinstance(answer, dict) else answer for answer in answers]
    cells = [row if isinstance(row, list) else [row] for row in rows]
    header = [list(answers[0])] if isinstance(answers[0], dict) else []
    assert list(csv.reader(io.StringIO(body.decode(), newline=""))) == header + cells
