from types import SimpleNamespace

import flask
import pytest
from nb_service.app import route_context
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import OK, Answer
from nb_service.protocols import Body, Question, Series, tensors

ARRAY = tensors.samples(tensors.Packed("UINT8", bytes(range(4))), [2, 2])


MODEL = SimpleNamespace(manifest={}, has_default=True, predictor="")


class Asker:
    """Notes what it is asked; each of it has one answer."""

    together = True

    def __init__(self):
        self.asked = []

    def ask_arrays(self, arrays, call):
        return self._note("array", arrays)

    def ask_blocks(self, blocks, call):
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
    settings = SimpleNamespace(max_samples=10, max_body=1000, feedback_memory=0, pass_headers=())
    context = route_context.RouteContext(asker, MODEL, None, None, settings)
    with flask.Flask("a").test_request_context(data=b"the body", method="POST"):
        question = Question(samples, lambda answers: Body(answers.array, "application/json"))
        response = context.answer(lambda body: question, route_context.problem)
    assert (response.status_code, response.data) == (200, b"[1]")
    assert asker.asked == [asked]


class Told:
    """Records messages to the front."""

    together = False

    def __init__(self):
        self.news = []

    def notify(self, news):
        self.news.append(news)

    def ask_many(self, samples, call):
        return [Answer(OK, sample) for sample in samples]


def kept(samples, request_id="a", **settings):
    """Return the messages to the front on the answers to a request, which are the samples."""
    asker = Told()
    settings = SimpleNamespace(
        **{"max_samples": 1 << 20, "max_body": 1 << 20, "feedback_memory": 1 << 20, "pass_headers": (), **settings}
    )
    context = route_context.RouteContext(asker, MODEL, None, None, settings)
    with flask.Flask("a").test_request_context(data=b"the body", method="POST"):
        if request_id is not None:
            flask.g.request_id = request_id
        question = Question(Series(samples), lambda answers: Body(b"in another form", "text/plain"))
        assert context.answer(lambda body: question, route_context.problem).status_code == 200
    return asker.news


def test_answers_are_kept_as_json_by_the_id_of_their_request():
    assert kept([b"1.5", b'"\xc3\xa9"']) == [{"keep": ["a", True, '[1.5, "é"]']}]


@pytest.mark.parametrize(
    ("samples", "request_id", "settings"),
    [([b"1"], "a", {"feedback_memory": 0}), ([b"1"], None, {}), ([b"1" * 1000] * 66, "a", {})],
    ids=["off", "no id, without a front", "too large"],
)
def test_what_no_one_can_ask_for_is_not_kept(samples, request_id, settings):
    assert kept(samples, request_id, **settings) == []


def test_all_predictors_share_the_limits_for_fetched_files():
    model = ModelFolder(None, None, None, {"predictors": {"risk": {}}})
    settings = SimpleNamespace(fetch_hosts=(), max_body=1, fetch_timeout=1.0)
    context = route_context.RouteContext(None, model, Identity("half", 1, "", ""), None, settings)
    assert context.named("risk").fetcher is context.fetcher
