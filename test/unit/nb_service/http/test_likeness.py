"""Where a sample differs from those of a schema: in a sentence, the first difference."""

import json

import pytest
from nb_scorer.kernel import sample_schema
from nb_service.http import likeness, replies
from nb_service.pool.answer import DIED, FAILED, OK, Answer

HIDDEN = replies.Disclosure(messages=False)
SEEN = replies.Disclosure()
OBJECTS = [{"age": 3, "who": {"name": "a"}, "tags": ["x"]}, {"age": 2.5, "who": {"name": "b"}, "tags": []}]


@pytest.mark.parametrize(
    ("samples", "sample", "words"),
    [
        ([1], 2.5, None),
        ([1.5], True, "A sample of the notebook is a number; this one is a boolean."),
        ([1, "a"], None, "A sample of the notebook is a number or a string; this one is null."),
        ([[1, 2]], [1, 2.5], None),
        ([[1, 2]], [1, "2"], "At /1 a sample of the notebook has a number; this one has a string."),
        ([[1, 2]], [1, 2, 3], "A sample of the notebook has 2 items; this one has 3 items."),
        ([[1], [1, 2]], [1, 2, 3], None),
        ([[[1]]], [[]], "At /0 a sample of the notebook has 1 item; this one has 0 items."),
        (OBJECTS, {"age": 1, "who": {"name": "c"}, "tags": [], "more": None}, None),
        (OBJECTS, {"age": 1, "tags": []}, "At /who a sample of the notebook has a value; this one has none."),
        (
            OBJECTS,
            {"age": 1, "who": {"name": ["c"]}, "tags": []},
            "At /who/name a sample of the notebook has a string; this one has an array.",
        ),
        ([{"a/b~": 1}], {"a/b~": "x"}, "At /a~1b~0 a sample of the notebook has a number; this one has a string."),
    ],
)
def test_the_first_difference_is_told(samples, sample, words):
    assert likeness.difference(sample, sample_schema.of(samples)) == words


@pytest.mark.parametrize("schema", [{}, {"anyOf": [{"type": "string"}]}, {"enum": [1]}, {"type": "integer"}])
def test_what_a_schema_does_not_say_is_no_difference(schema):
    assert likeness.difference(1, schema) is None


@pytest.mark.parametrize(
    ("answer", "body", "disclosure", "is_told"),
    [
        (Answer(FAILED, b'{"traceback": "t"}'), b'"a"', SEEN, True),
        (Answer(FAILED, b'{"traceback": "t"}'), b'"a"', HIDDEN, False),
        (Answer(FAILED, b'{"traceback": "t"}'), b"1", SEEN, False),
        (Answer(FAILED, b'{"traceback": "t"}'), b'"' + b"a" * likeness.LARGEST + b'"', SEEN, False),
        (Answer(FAILED, b'{"traceback": "t", "reason": "no form"}'), b'"a"', SEEN, False),
        (Answer(DIED, b"{}"), b'"a"', SEEN, False),
        (Answer(OK, b'"a"'), b'"a"', SEEN, False),
    ],
)
def test_it_is_told_of_failures_alone(answer, body, disclosure, is_told):
    reply = replies.from_answer(answer, disclosure)
    given = likeness.told(reply, answer, body, {"type": "number"}, disclosure)
    assert (given != reply) is is_told
    if is_told:
        assert json.loads(given.body)["detail"].endswith(
            "the traceback. A sample of the notebook is a number; this one is a string."
        )
