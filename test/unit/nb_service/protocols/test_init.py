import pytest
from nb_service import protocols
from nb_service.protocols import Malformed, Series


def test_where_it_is_lenient_nan_and_infinity_are_none():
    assert protocols.decode_object(b'{"x": [NaN, Infinity, -Infinity, 1.5, "NaN"]}', lenient=True) == {
        "x": [None, None, None, 1.5, "NaN"]
    }


def test_json_is_read_as_the_scorers_read_it():
    assert protocols.decode(b'\xef\xbb\xbf{"a": [1, 2.0]}') == {"a": [1, 2.0]}
    for body, words in ((b"[NaN]", "NaN is not JSON"), (b"\xff", "not UTF-8"), (b"[" * 100_000, "nested too deeply")):
        with pytest.raises(Malformed, match=words):
            protocols.decode(body)


def test_what_must_be_an_object_or_a_list_is_rejected_otherwise():
    with pytest.raises(Malformed, match="not a JSON object"):
        protocols.decode_object(b"[1]")
    with pytest.raises(Malformed, match="instances is not a list of samples"):
        protocols.samples_of({"a": 1}, "instances")


@pytest.mark.parametrize("value", [2**63 + 1, 1e300, 0.1, -0.0, "ü\ud800", {"a": [None, True]}])
def test_a_sample_is_the_same_after_it_went_through(value):
    assert protocols.decode(protocols.encode(value)) == value


def test_answers_are_joined_as_they_are():
    assert protocols.keyed(b"predictions", Series([b"1", b'{"a":2}'])).data == b'{"predictions": [1, {"a":2}]}'


def test_what_the_validator_rejects_is_an_invalid_argument_to_others():
    assert protocols.plain_rejection(422, "no") == (400, protocols.Body(b'{"error": "no"}'))
    assert protocols.plain_rejection(503, "no")[0] == 503
