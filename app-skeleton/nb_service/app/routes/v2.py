"""Open Inference V2's REST routes, and those of KServe, Triton and MLServer next to them."""

from collections.abc import Callable
from functools import partial
from threading import Event

from flask import Flask, Response, request

from nb_service.app.route_context import RouteContext, refusal_of_foreign_page, refusal_response, response_with
from nb_service.identity import Identity
from nb_service.protocols import Body, Malformed, Question, encode, open_inference

UNLOAD_IS_OFF = "Clients may not unload the model; the setting S2I_UNLOAD=1 lets them."


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`, those of a model also with /versions/<version> after its name; each may end in /."""
    served = context.identity
    rows, schemas = context.rows, (context.model.sample_schema, context.model.answer_schema)
    repository = _Repository(context)

    declared = context.calls.parameters

    def described() -> Response:
        return response_with(open_inference.model(served, *schemas, declared))

    def config() -> Response:
        return response_with(open_inference.config(served, *schemas, declared))

    def statistics() -> Response:
        return response_with(open_inference.statistics(served, context.numbers()))

    def infer() -> Response:
        def read(body: bytes) -> Question:
            length = request.headers.get(open_inference.HEADER)
            return open_inference.read(body, length, rows, served, schemas[1], context.limits, declared)

        return context.answer(read, open_inference.refusal)

    add_route(app, "/v2", lambda: response_with(open_inference.server(served)))
    add_route(app, "/v2/models", lambda: response_with(open_inference.models(served)))
    add_route(app, "/v2/models/stats", statistics)
    add_route(app, "/v2/repository/index", repository.index, "POST")
    for word, view in (("load", repository.load), ("unload", repository.unload)):
        add_route(app, f"/v2/repository/models/<name>/{word}", _for_this_model(served, view), "POST")
    add_of_model(app, served, "/ready", partial(repository.readiness, "ready"))
    for suffix, method, view in (
        ("", "GET", described),
        ("/config", "GET", config),
        ("/stats", "GET", statistics),
        (open_inference.INFER, "POST", infer),
    ):
        add_of_model(app, served, suffix, partial(repository.while_loaded, view), method)


class _Repository:
    """Whether the model is loaded, as far as these routes go: the scorers keep it, and other protocols go on."""

    def __init__(self, context: RouteContext) -> None:
        self._context = context
        self._name = context.identity.name
        self._loaded = Event()
        self._loaded.set()

    def index(self) -> Response:
        """Return the response with the one model and its state."""
        reason = "" if self._context.ready else "The model is being loaded."
        reason = reason if self._loaded.is_set() else "The model was unloaded."
        return response_with(open_inference.index(self._context.identity, reason))

    def readiness(self, key: str) -> Response:
        """Return the response that says, under this key, whether predictions are answered."""
        is_ready = self._context.ready and self._loaded.is_set()
        return response_with(Body(encode({"name": self._name, key: is_ready})), 200 if is_ready else 503)

    def load(self) -> Response:
        """Take back an unload, and return the response that says whether predictions are answered."""
        self._loaded.set()
        return self.readiness("load")

    def unload(self) -> Response:
        """Unload the model where the setting lets clients do that, else return a refusal."""
        if not self._context.settings.unload:
            return refusal_response(open_inference.refusal, 403, UNLOAD_IS_OFF)
        if (refused := refusal_of_foreign_page(self._context)) is not None:
            return refused
        self._loaded.clear()
        return response_with(Body(encode({"name": self._name, "unload": True})))

    def while_loaded(self, view: Callable[[], Response]) -> Response:
        """Return the response of `view`, or a refusal while the model is unloaded."""
        if self._loaded.is_set():
            return view()
        # As MLServer has it: what is not loaded is not there.
        detail = f"{self._name!r} was unloaded; POST /v2/repository/models/{self._name}/load brings it back."
        return refusal_response(open_inference.refusal, 404, detail)


def add_route(app: Flask, path: str, view: Callable[..., Response], method: str = "GET") -> None:
    """Add a route to `app` whose path may also end in /."""
    app.add_url_rule(path, f"v2 {path}", view, methods=[method], strict_slashes=False)


def add_of_model(app: Flask, served: Identity, suffix: str, view: Callable[[], Response], method: str = "GET") -> None:
    """Add a route of the model and one of its version to `app`; for other names and versions they answer 404."""
    for path in ("/v2/models/<name>", "/v2/models/<name>/versions/<version>"):
        add_route(app, path + suffix, _for_this_model(served, view), method)


def _for_this_model(served: Identity, view: Callable[[], Response]) -> Callable[..., Response]:
    """Return `view` behind a check of the name and version in the path."""

    def checked(name: str, version: str | None = None) -> Response:
        try:
            open_inference.check(name, version, served)
        except Malformed as error:
            return refusal_response(open_inference.refusal, error.status, str(error))
        return view()

    return checked
