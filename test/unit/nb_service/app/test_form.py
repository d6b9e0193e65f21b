import pytest
from nb_service.app import form
from nb_service.http import replies


@pytest.mark.parametrize("content_type", [form.TYPE, form.TYPE.upper(), form.TYPE + "; charset=utf-8"])
def test_a_form_is_known_by_its_type(content_type):
    assert form.is_form(content_type)
    assert not form.is_form(None)
    assert not form.is_form("application/json")


def test_json_args_holds_the_sample():
    assert form.sample_of(b"json_args=%5B0.2%2C+0.7%5D") == b"[0.2, 0.7]"


def test_a_pickle_is_refused_with_a_sentence():
    refused = form.sample_of(b"args=gASVBwAAAAAAAABdlChLAUsCZS4%3D")
    assert refused.status == 400
    assert b"a pickle, which this service never loads" in refused.body
    assert form.sample_of(b"json_args=1&args=x") is form.PICKLE


@pytest.mark.parametrize("body", [b"[0.2, 0.7]", b"other=1", b"json_args=1&json_args=2", b"\xff", b"a=1&" * 50])
def test_a_form_without_one_sample_is_told_what_to_send(body):
    assert form.sample_of(body) == replies.NO_JSON_HEADER


def test_an_empty_sample_is_an_empty_body():
    assert form.sample_of(b"json_args=") == replies.EMPTY
