import pytest
from nb_service.protocols import Malformed, vertex


def test_as_many_predictions_as_instances():
    question = vertex.read(b'{"instances": [[1], {"a": 2}], "parameters": null}')
    assert question.samples == [b"[1]", b'{"a": 2}']
    assert question.parameters.values == {}
    assert vertex.read(b'{"instances": [], "parameters": {"a": 1}}').parameters.values == {"a": 1}
    assert question.write([b"1", b"2"]).data == b'{"predictions": [1, 2]}'


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"{}", "instances is not a list"), (b'{"instances": [], "parameters": [1]}', "parameters is not an object")],
)
def test_other_bodies_are_rejected(body, words):
    with pytest.raises(Malformed, match=words):
        vertex.read(body)
