import pytest
from nb_service.protocols import csv_body
from nb_service.protocols.rows import Rows

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
