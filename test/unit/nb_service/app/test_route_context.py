from types import SimpleNamespace

import flask
import pytest
from nb_service.app import route_context
from nb_service.pool.answer import OK, Answer
from nb_service.protocols import Body, Question, Series, tensors

ARRAY = tensors.samples(tensors.Packed("UINT8", bytes(range(4))), [2, 2])


class Asker:
    """Notes what it is asked; each of it has one answer."""

    together = True

    def __init__(self):
        self.asked = []

    def ask_arrays(self, arrays):
        return self._note("array", arrays)

    def ask_blocks(self, blocks):
        return self._note("block", blocks)

    def _note(self, kind, bodies):
        self.asked += [(kind, body) for body in bodies]
        return [Answer(OK, b"[1]") for _ in bodies]


@pytest.mark.parametrize(
    ("samples", "asked"),
    [(Series(array=b"[1, 2]"), ("array", b"[1, 2]")), (ARRAY, ("block", ARRAY.block))],
    ids=["JSON", "numbers"],
)
def test_samples_are_asked_in_the_form_in_which_they_came(samples, asked):
    asker = Asker()
    settings = SimpleNamespace(max_samples=10, max_body=1000)
    context = route_context.RouteContext(asker, None, None, None, settings)
    with flask.Flask("a").test_request_context(data=b"the body", method="POST"):
        question = Question(samples, lambda answers: Body(answers.array, "application/json"))
        response = context.answer(lambda body: question, route_context.problem)
    assert (response.status_code, response.data) == (200, b"[1]")
    assert asker.asked == [asked]
