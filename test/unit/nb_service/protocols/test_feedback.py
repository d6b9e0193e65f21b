import pytest
from nb_service.protocols import Limits, Malformed
from nb_service.protocols.feedback import ABSENT, Item, read


def test_one_and_several_are_read():
    assert read(b'{"id": "a", "answer": null}') == [Item(None, "a", None, ABSENT)]
    assert read(b'[{"id": "a", "index": 3, "answer": 1.5}, {"prediction": null, "answer": "x"}]') == [
        Item(1.5, "a", 3, ABSENT),
        Item("x", None, None, None),
    ]
    assert read(b"[]") == []
    assert read(b'{"id": "a", "index": 3.0, "answer": 1}') == [Item(1, "a", 3, ABSENT)]


@pytest.mark.parametrize(
    ("body", "words", "pointer"),
    [
        (b'[{"id": "a", "answer": 1}, 5]', 'Feedback 2: It is not an object; send {"id": "…", "answer": …}.', "#/1"),
        (b'"text"', 'Feedback: It is not an object; send {"id": "…", "answer": …}.', "#"),
        (
            b'{"id": "a", "truth": 1}',
            'Feedback: It has an unknown key "truth"; valid names: id, index, prediction, answer.',
            "#",
        ),
        (b'{"id": "a"}', "Feedback: It has no answer, the true value.", "#"),
        (
            b'{"answer": 1, "index": 0}',
            "Feedback: It has neither the id of a request nor a prediction, so its prediction is unknown.",
            "#",
        ),
        (
            b'[{"answer": 1, "id": 7}]',
            "Feedback 1: Its id is not a string of 1 to 128 characters, such as X-Request-ID in each response.",
            "#/0/id",
        ),
        (
            b'{"answer": 1, "id": null, "prediction": 1}',
            "Feedback: Its id is not a string of 1 to 128 characters, such as X-Request-ID in each response.",
            "#/id",
        ),
        (
            b'{"answer": 1, "id": "a", "index": true}',
            "Feedback: Its index is not a whole number of at least 0.",
            "#/index",
        ),
        (
            b'{"answer": 1, "id": "a", "index": 0.5}',
            "Feedback: Its index is not a whole number of at least 0.",
            "#/index",
        ),
        (
            b'{"answer": 1, "id": "a", "index": null}',
            "Feedback: Its index is not a whole number of at least 0.",
            "#/index",
        ),
        (
            b'{"answer": 1, "id": "a", "index": -1}',
            "Feedback: Its index is not a whole number of at least 0.",
            "#/index",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_number(body, words, pointer):
    with pytest.raises(Malformed) as caught:
        read(body)
    assert str(caught.value) == words and caught.value.status == 400
    assert [error["pointer"] for error in caught.value.errors] == [pointer]


def test_what_is_no_json_is_rejected_and_so_are_too_many():
    for body in (b"{", b'{"id": "a", "answer": NaN}'):
        with pytest.raises(Malformed, match="The body is not JSON"):
            read(body)
    with pytest.raises(Malformed, match="A body may have 1 samples") as caught:
        read(b'[{"id": "a", "answer": 1}, {"id": "b", "answer": 1}]', Limits(1, 1000))
    assert caught.value.status == 413
