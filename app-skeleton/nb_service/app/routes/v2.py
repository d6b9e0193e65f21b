"""The REST routes of Open Inference V2, and additional ones of KServe, Triton and MLServer."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import Event, Lock
from typing import Protocol, TypeVar

from flask import Flask, Response, request
from nb_scorer.common import paths

from nb_service.app.route_context import RouteContext, reject_foreign_page, rejection_response, response_with
from nb_service.app.streams import streamed
from nb_service.http import streaming
from nb_service.protocols import Body, Malformed, Question, encode, generation, open_inference
from nb_service.protocols.open_inference import Counted, Statistics


class OfContext(Protocol):
    """An object with the context of one model."""

    context: RouteContext


Named = TypeVar("Named", bound=OfContext)
OF_MODEL = ("/v2/models/<name>", "/v2/models/<name>/versions/<version>")
# How often the progress of a reload is checked, in seconds.
LOOK_SECONDS = 0.1
RELOADING = "The model is being loaded again for another request."
UNLOAD_IS_OFF = "Clients may not unload the model; S2I_UNLOAD=1 allows it."


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`, also with /versions/<version> after a model's name; each may end with /."""
    reloads = _Reloads(context)
    models = {name: _Model(own, reloads) for name, own in context.by_name.items()}

    def index() -> Response:
        return response_with(
            open_inference.index((model.context.identity, model.why_not_ready) for model in models.values())
        )

    def statistics() -> Response:
        numbers = context.numbers()
        return response_with(open_inference.statistics(model.counts(numbers) for model in models.values()))

    add_route(app, "/v2", lambda: response_with(open_inference.server(context.identity)))
    add_route(app, "/v2/models", lambda: response_with(open_inference.models(context.by_name)))
    add_route(app, "/v2/models/stats", statistics)
    add_route(app, "/v2/repository/index", index, "POST")
    for action_name in ("load", "unload"):
        view = of_name(models, getattr(_Model, action_name))
        add_route(app, f"/v2/repository/models/<name>/{action_name}", view, "POST")
    for suffix, method, action in (
        ("/ready", "GET", _Model.readiness),
        ("", "GET", _Model.described),
        ("/config", "GET", _Model.config),
        ("/stats", "GET", _Model.statistics),
        (open_inference.INFER, "POST", _Model.infer),
        ("/generate", "POST", _Model.generate),
        ("/generate_stream", "POST", _Model.stream),
        ("/infer_stream", "POST", _Model.stream),
    ):
        for path in OF_MODEL:
            add_route(app, path + suffix, of_name(models, action), method)


class _Reloads:
    """Makes the front replace the scorers, which load the model under all of its names."""

    def __init__(self, context: RouteContext) -> None:
        self._asker = context.asker
        model = context.model
        has_weights = model.folder is not None and (model.folder / paths.WEIGHTS_LOCK).is_file()
        # Other models have nothing that could have changed.
        self._is_useful = has_weights or model.manifest.get("setup_in_build") is not None
        self._waiting = Lock()

    def reloaded(self) -> Response | None:
        """Reload the model if it can have changed; return None after success, else a rejection with the reason."""
        if not self._is_useful:
            return None
        # Each waiting request occupies a thread.
        if not self._waiting.acquire(blocking=False):
            return rejection_response(open_inference.rejection, 409, RELOADING)
        try:
            return self._awaited(self._asker.ask_front({"load": True}))
        finally:
            self._waiting.release()

    def _awaited(self, state: dict) -> Response | None:
        while state and not state["is_over"]:
            time.sleep(LOOK_SECONDS)
            state = self._asker.ask_front({"reload": state["reload"]})
        if not state or not state["why_not"]:
            # A service that is not ready yet loads the model anyway.
            return None
        detail = f"The model was not loaded again, and the present scorers keep predicting. {state['why_not']}"
        return rejection_response(open_inference.rejection, 503 if state["is_temporary"] else 500, detail)


class _Model:
    """The responses of one model's routes; records whether clients have unloaded the model.

    An unloaded model stays in the scorers, and is still served in other protocols.
    """

    def __init__(self, context: RouteContext, reloads: _Reloads) -> None:
        self.context = context
        self._reloads = reloads
        self._served = context.identity
        self._schemas = context.model.sample_schema, context.model.answer_schema
        self._declared = context.calls.parameters
        self._requests = {True: Counted(), False: Counted()}
        self._counting = Lock()
        self._loaded = Event()
        self._loaded.set()

    @property
    def why_not_ready(self) -> str:
        """Return why the model is not ready, "" if it is."""
        if not self._loaded.is_set():
            return "The model was unloaded."
        return "" if self.context.ready else "The model is being loaded."

    def readiness(self, key: str = "ready") -> Response:
        """Return the response that reports, under this key, whether the model is ready."""
        is_ready = not self.why_not_ready
        return response_with(Body(encode({"name": self._served.name, key: is_ready})), 200 if is_ready else 503)

    def load(self) -> Response:
        """Undo an unload, load a model with weights or a setup again, and return whether the model is ready."""
        if (rejection := reject_foreign_page(self.context)) is not None:
            return rejection
        self._loaded.set()
        return self._reloads.reloaded() or self.readiness("load")

    def unload(self) -> Response:
        """Unload the model if the setting allows it; else return a 403 response."""
        if not self.context.settings.unload:
            return rejection_response(open_inference.rejection, 403, UNLOAD_IS_OFF)
        if (rejection := reject_foreign_page(self.context)) is not None:
            return rejection
        self._loaded.clear()
        return response_with(Body(encode({"name": self._served.name, "unload": True})))

    def described(self) -> Response:
        """Return the response with the model's metadata."""
        return self._while_loaded(lambda: open_inference.model(self._served, *self._schemas, self._declared))

    def config(self) -> Response:
        """Return the response with the model's configuration."""
        streams = bool(self.context.model.manifest.get("streams"))
        return self._while_loaded(
            lambda: open_inference.config(self._served, *self._schemas, self._declared, streams=streams)
        )

    def statistics(self) -> Response:
        """Return the response with the model's statistics."""
        return self._while_loaded(lambda: open_inference.statistics([self.counts(self.context.numbers())]))

    def counts(self, numbers: dict) -> Statistics:
        """Return this model's statistics from the service's `numbers` (see http.metrics)."""
        with self._counting:
            requests = dict(self._requests)
        if name := self.context.model.predictor:
            return Statistics(self._served, requests, numbers["predictors"][name])
        return Statistics(self._served, requests, numbers["processing"], numbers["batches"])

    def infer(self) -> Response:
        """Return the response with predictions for the tensors in the body."""
        return self._counted(lambda: self.context.answer(self._read, open_inference.rejection))

    def generate(self) -> Response:
        """Return the response with the prediction for a text, or for tensors."""
        return self._counted(lambda: self.context.answer(self._read_text, generation.rejection))

    def stream(self) -> Response:
        """Return the response whose events contain the items of the prediction for a text, or for tensors."""

        def writing(question: Question) -> streaming.Form:
            return streaming.events(lambda item: generation.event(question.write([item])), generation.failed_event)

        return self._counted(lambda: streamed(self.context, self._read_text, generation.rejection, writing))

    def _read(self, body: bytes) -> Question:
        length = request.headers.get(open_inference.HEADER)
        rows, limits = self.context.rows, self.context.limits
        return open_inference.read(body, length, rows, self._served, self._schemas[1], limits, self._declared)

    def _read_text(self, body: bytes) -> Question:
        of_text = generation.read(body, self._served, self._declared) if generation.is_meant(body) else None
        return of_text or self._read(body)

    def _counted(self, answer: Callable[[], Response]) -> Response:
        """Return the response to a request for a prediction, and count it with the time until its first byte.

        While the model is unloaded, the request is rejected and not counted.
        """
        if not self._loaded.is_set():
            return self._rejection()
        started = time.perf_counter_ns()
        response = answer()
        took = time.perf_counter_ns() - started
        is_success = response.status_code == HTTPStatus.OK
        with self._counting:
            self._requests[is_success] = self._requests[is_success].plus(took)
        return response

    def _while_loaded(self, content: Callable[[], Body]) -> Response:
        return response_with(content()) if self._loaded.is_set() else self._rejection()

    def _rejection(self) -> Response:
        # As in MLServer, a model that is not loaded gets 404.
        name = self._served.name
        detail = f"{name!r} was unloaded; POST /v2/repository/models/{name}/load loads it again."
        return rejection_response(open_inference.rejection, 404, detail)


def add_route(app: Flask, path: str, view: Callable[..., Response], method: str = "GET") -> None:
    """Add a route to `app` whose path may also end with /."""
    app.add_url_rule(path, f"v2 {path}", view, methods=[method], strict_slashes=False)


def of_name(models: Mapping[str, Named], action: Callable[[Named], Response]) -> Callable[..., Response]:
    """Return a view that calls `action` with the model of the name and version in the path; others get 404."""

    def view(name: str, version: str | None = None) -> Response:
        try:
            open_inference.check(name, version, models[name].context.identity if name in models else None)
        except Malformed as error:
            return rejection_response(open_inference.rejection, error.status, str(error))
        return action(models[name])

    return view
