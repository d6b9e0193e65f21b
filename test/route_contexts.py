"""An application whose samples are answered here, without scorers and without a front."""

import json

from nb_service.app import factory as app
from nb_service.app.route_context import RouteContext
from nb_service.http.health import Health
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.pool import answer
from nb_service.pool.answer import Answer
from nb_service.settings import Settings

IDENTITY = Identity("half", 1700000000, "abc123", "https://example.com/half.git")


class Asker:
    """Answers each sample with what `predict` makes of its JSON; an Answer that it gives is taken as it is."""

    def __init__(self, predict) -> None:
        self._predict = predict
        self.asked = []

    together = False

    def ask(self, sample, call=b""):
        """Return what became of one sample."""
        return self.ask_many([sample], call)[0]

    def ask_many(self, samples, call=b""):
        """Return what became of each sample."""
        self.asked += samples
        return [self._one(sample) for sample in samples]

    def _one(self, sample):
        got = self._predict(json.loads(sample))
        return got if isinstance(got, Answer) else Answer(answer.OK, json.dumps(got).encode())


def client_of(predict=lambda x: x, folder=None, ready=True, manifest=None, numbers=dict, **asked):
    """Return a client of the application over a model in `folder`, whose front has these numbers."""
    health = Health(lambda: ready)
    model = ModelFolder(folder, None, None, {"notebook": "half.ipynb", "python": "3.11", **(manifest or {})})
    settings = Settings({})
    vars(settings).update(asked)
    return app.make_app(RouteContext(Asker(predict), model, IDENTITY, health, settings, numbers)).test_client()
