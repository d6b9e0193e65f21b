import pytest
from nb_service.protocols import Malformed, sagemaker
from nb_service.protocols.rows import Rows

UNKNOWN = Rows(None)


def test_json_is_one_sample_and_its_answer_comes_bare():
    question = sagemaker.read(b"[1, 2]", "application/json", None, UNKNOWN)
    assert question.samples == [b"[1, 2]"]
    assert question.write([b"3"]).data == b"3"


def test_one_answer_comes_as_csv_where_that_is_accepted():
    assert sagemaker.read(b"1", None, "text/csv", UNKNOWN).write([b"[1, 2]"]).data == b"1,2\n"


@pytest.mark.parametrize(
    ("kind", "accept", "out"),
    [
        ("text/csv", None, b"1\n2\n"),
        ("text/csv", "*/*", b"1\n2\n"),
        ("application/jsonlines", "application/jsonlines", b"1\n2\n"),
        ("text/csv", "application/json", b'{"predictions": [1, 2]}'),
    ],
)
def test_many_answers_come_as_accept_says(kind, accept, out):
    question = sagemaker.read(b"1\n2\n", kind, accept, Rows({"type": "number"}))
    assert question.samples == [b"1", b"2"]
    assert question.write([b"1", b"2"]).data == out


@pytest.mark.parametrize(("body", "kind", "words"), [(b"", None, "empty"), (b"x", "image/png", "not supported")])
def test_other_bodies_are_rejected(body, kind, words):
    with pytest.raises(Malformed, match=words):
        sagemaker.read(body, kind, None, UNKNOWN)


def test_a_batch_transform_is_reported_what_fits():
    assert sagemaker.execution_parameters(4, 16 << 20, 1 << 19) == {
        "MaxConcurrentTransforms": 4,
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 16,
    }
    assert sagemaker.execution_parameters(1, 5, 1 << 19)["MaxPayloadInMB"] == 1
    assert sagemaker.execution_parameters(1, 1 << 30, 1 << 19)["MaxPayloadInMB"] == 100


@pytest.mark.parametrize(
    ("samples", "known", "megabytes"),
    [
        (1 << 19, [b"1"], 1),  # lines of two bytes
        (1 << 19, [b"[1,2,3,4]"], 2),
        (1 << 19, [b"x" * 200, b"x" * 16], 4),
        (1 << 19, [b"x" * 200], 16),
        (1 << 21, [b"1"], 4),
        (1000, [b"x" * 200], 1),  # there is no less
    ],
)
def test_a_payload_of_lines_half_as_long_as_the_shortest_sample_has_not_too_many(samples, known, megabytes):
    assert sagemaker.execution_parameters(1, 16 << 20, samples, known)["MaxPayloadInMB"] == megabytes
