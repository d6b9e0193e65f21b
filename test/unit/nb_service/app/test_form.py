import pytest
from nb_service.app import form
from nb_service.http import replies

TYPE = form.URL_ENCODED
PARTS = "multipart/form-data; boundary=b"


def parts(*fields, end=b"--b--\r\n"):
    """Return a body of parts, each of which has a name, a value and, where it is a file, a word more."""
    lines = []
    for name, value, *file in fields:
        filename = b'; filename="x.json"\r\nContent-Type: application/json' if file else b""
        lines.append(b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name, filename, value))
    return b"".join([*lines, end])


@pytest.mark.parametrize("content_type", [TYPE, TYPE.upper(), TYPE + "; charset=utf-8", PARTS])
def test_a_form_is_known_by_its_type(content_type):
    assert form.is_form(content_type)
    assert not form.is_form(None)
    assert not form.is_form("application/json")


def test_json_args_holds_the_sample():
    assert form.sample_of(TYPE, b"json_args=%5B0.2%2C+0.7%5D") == b"[0.2, 0.7]"


def test_a_pickle_is_rejected_with_a_sentence():
    rejected = form.sample_of(TYPE, b"args=gASVBwAAAAAAAABdlChLAUsCZS4%3D")
    assert rejected.status == 400
    assert b"a pickle, which this service never loads" in rejected.body
    assert form.sample_of(TYPE, b"json_args=1&args=x") is form.PICKLE


@pytest.mark.parametrize("body", [b"[0.2, 0.7]", b"other=1", b"json_args=1&json_args=2", b"\xff", b"a=1&" * 50])
def test_a_form_without_one_sample_is_reported_what_to_send(body):
    assert form.sample_of(TYPE, body) == replies.NO_JSON_HEADER


def test_an_empty_sample_is_an_empty_body():
    assert form.sample_of(TYPE, b"json_args=") == replies.EMPTY


@pytest.mark.parametrize("field", [(b"json_args", b"[0.2, 0.7]"), (b"json_args", b"[0.2, 0.7]", "file")])
def test_json_args_may_be_a_part(field):
    assert form.sample_in(PARTS, parts((b"other", b"x"), field)) == b"[0.2, 0.7]"


def test_a_pickle_in_parts_is_rejected_with_the_same_sentence():
    assert form.sample_in(PARTS, parts((b"args", b"\x80", "file"))) is form.PICKLE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (PARTS, parts()),
        (PARTS, parts((b"json_args", b"1"), (b"json_args", b"2"))),
        (PARTS, parts((b"json_args", b"1"), end=b"")),
        (PARTS, parts(*[(b"a", b"1")] * 50)),
        (PARTS, b"[0.2, 0.7]"),
        ("multipart/form-data", parts((b"json_args", b"1"))),
        ("multipart/form-data; boundary=\xe4", parts((b"json_args", b"1"))),
    ],
)
def test_parts_without_one_sample_are_reported_what_to_send(content_type, body):
    assert form.sample_in(content_type, body) == replies.NO_JSON_HEADER
