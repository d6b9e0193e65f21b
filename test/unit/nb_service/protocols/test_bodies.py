import io
import json

import numpy as np
import pytest
from nb_service.protocols import Limits, Malformed, Series, arrow, bodies
from nb_service.protocols.rows import Rows

UNKNOWN = Rows(None)
OBJECTS = Rows({"type": "object", "properties": {"a": {}, "b": {}}})


def asked(body, content_type=None, accept=None, rows=UNKNOWN):
    """Return (the samples, the body that they make when each is its own answer)."""
    question = bodies.read(body, content_type, accept, rows)
    return [json.loads(sample) for sample in question.samples], question.write(question.samples)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (None, b"[[1, 2], [3, 4]]"),
        ("application/json; charset=UTF-8", b"[[1, 2], [3, 4]]"),
        ("application/x-ndjson", b"[1, 2]\n[3, 4]\n"),
        ("application/jsonlines", b"[1, 2]\n[3, 4]\n"),
        ("text/csv; header=absent", b"1,2\n3,4\n"),
    ],
)
def test_each_form_goes_in_and_out_the_same(content_type, body):
    samples, out = asked(body, content_type)
    assert samples == [[1, 2], [3, 4]]
    assert out.data == body
    assert out.content_type.startswith((content_type or "application/json").partition(";")[0])


def test_npy_goes_in_and_out():
    file = io.BytesIO()
    np.save(file, np.array([[1.5, 2], [3, 4]]))
    samples, out = asked(file.getvalue(), "application/x-npy")
    assert samples == [[1.5, 2], [3, 4]]
    assert np.load(io.BytesIO(out.data)).tolist() == samples


def test_answers_come_in_the_form_that_the_client_accepts():
    assert asked(b"1\n2\n", "application/x-ndjson", "application/json")[1].data == b"[1, 2]"
    assert asked(b"[1, 2]", None, "text/html, text/csv;q=0.5")[1].data == b"1\n2\n"
    assert asked(b"[1]", None, "*/*")[1].content_type == "application/json"
    for kind in ("application/jsonlines", "application/jsonl", "application/x-ndjson"):
        assert asked(b"[1]", None, f"text/html, {kind}")[1].content_type == kind


def test_answers_without_an_array_come_as_json_unless_an_array_was_asked_for():
    file = io.BytesIO()
    np.save(file, np.arange(2))
    question = bodies.read(file.getvalue(), "application/x-npy", None, UNKNOWN)
    assert question.write([b'"a"', b'"b"']).data == b'["a", "b"]'
    question = bodies.read(b"[1]", None, "application/x-npy", UNKNOWN)
    with pytest.raises(Malformed, match="can't be sent as npy") as rejected:
        question.write([b'"a"'])
    assert rejected.value.status == 406


@pytest.mark.parametrize(
    ("content_type", "accept", "status", "words"),
    [
        (
            "application/octet-stream",
            None,
            415,
            "application/octet-stream is not supported; supported types: application/csv,",
        ),
        ("application/x-python-pickle", None, 415, "is not supported"),
        ("text/csv; charset=latin-1", None, 415, "charset is UTF-8"),
        (None, "application/xml", 406, "application/xml is not supported"),
    ],
)
def test_another_type_is_rejected_with_those_there_are(content_type, accept, status, words):
    with pytest.raises(Malformed, match=words) as rejected:
        bodies.read(b"[1]", content_type, accept, UNKNOWN)
    assert rejected.value.status == status


def test_arrow_is_rejected_with_a_sentence_where_pyarrow_is_not(monkeypatch):
    monkeypatch.setattr(arrow, "is_here", lambda: False)
    with pytest.raises(Malformed, match="Arrow is not supported: this service has no pyarrow.") as rejected:
        bodies.read(b"", arrow.CONTENT_TYPE, None, UNKNOWN)
    assert rejected.value.status == 415


@pytest.mark.parametrize("body", [b'{"a": 1}', b"1", b""])
def test_json_of_many_samples_is_an_array(body):
    with pytest.raises(ValueError, match="not an array of samples|Expecting value"):
        list(bodies.read(body, None, None, UNKNOWN).samples)


@pytest.mark.parametrize("body", [b"1\n" * 11, b"1\n" * 10 + b"1"])
def test_lines_of_json_that_are_too_many_are_rejected(body):
    assert (
        len(bodies.read(b"\n" * 20 + b"1\n" * 10, "application/x-ndjson", None, UNKNOWN, Limits(10, 100)).samples) == 10
    )
    with pytest.raises(Malformed, match="S2I_MAX_SAMPLES") as rejected:
        bodies.read(body, "application/x-ndjson", None, UNKNOWN, Limits(10, 100))
    assert rejected.value.status == 413


def test_blank_lines_are_no_samples():
    assert asked(b"\xef\xbb\xbf1\n\n  \n2\r\n", "application/x-ndjson")[0] == [1, 2]
    assert asked(b"1,2\r\n\r\n3,4\r\n", "text/csv")[0] == [[1, 2], [3, 4]]


def test_a_header_is_taken_where_samples_are_objects_or_the_type_says_so():
    assert asked(b"a,b\n1,x\n", "text/csv", rows=OBJECTS)[0] == [{"a": 1, "b": "x"}]
    assert asked(b"a,b\n1,x\n", "text/csv; header=present")[0] == [{"a": 1, "b": "x"}]
    assert asked(b"a,b\n", "text/csv")[0] == [["a", "b"]]
    assert asked(b"", "text/csv", rows=OBJECTS)[0] == []


def test_answers_that_are_objects_get_a_header():
    assert asked(b'[{"a": 1, "b": "x, y"}, {"a": null, "b": [1]}]', None, "text/csv")[1] == (
        b'a,b\n1,"x, y"\n,[1]\n',
        "text/csv; charset=utf-8; header=present",
        (),
    )


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'"a', "text/csv", "not CSV"),
        (b"\xff", "text/csv", "not UTF-8"),
        (b"1", "text/csv; header=maybe", "header=present or header=absent"),
        (b"a,b\n1", "text/csv; header=present", "A row has 1 values, but there are 2 columns."),
    ],
)
def test_broken_csv_is_rejected(body, kind, words):
    with pytest.raises(Malformed, match=words):
        bodies.read(body, kind, None, UNKNOWN)


def test_one_form_for_answers_to_one_sample():
    assert bodies.writer(None) is None
    assert bodies.writer("application/json, text/csv") is None
    assert bodies.writer("text/csv")(Series([b"[1, 2]"])).data == b"1,2\n"
    with pytest.raises(Malformed):
        bodies.writer("image/png")
