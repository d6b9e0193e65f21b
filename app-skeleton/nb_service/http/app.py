"""The Flask application: every route, whole under any WSGI server; the lane is waitress's short cut."""

from types import SimpleNamespace

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from nb_service.http import pages, replies, routes
from nb_service.http.door import Door, response_of
from nb_service.http.gate import Gate
from nb_service.http.tasks import ROUTE

ROUTES = {**routes.ROUTES, **pages.ROUTES}


def make_app(door: Door) -> Flask:
    """Return the application, which asks and tells through `door`."""
    app = Flask("nb_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = door.got["S2I_MAX_BODY"]
    for module in (*routes.MODULES, pages):
        module.add(app, door)

    @app.before_request
    def ask_the_gate() -> Response | None:
        return _refusal(door.gate) if door.gate else None

    @app.after_request
    def tell_the_model(response: Response) -> Response:
        response.headers.extend(door.identity.headers)
        response.headers.extend(g.get("origin_headers", ()))
        request.environ[ROUTE] = g.get("route") or (request.url_rule and request.url_rule.rule)
        return response

    app.register_error_handler(HTTPException, _refuse)
    return app


def _refusal(gate: Gate) -> Response | None:
    """Return what the gate says to the request at hand; note the headers for its origin."""
    headers = {name.upper().replace("-", "_"): value for name, value in request.headers}
    visitor = SimpleNamespace(path=request.path, command=request.method, headers=headers)
    refusal = gate.refusal(visitor)
    g.origin_headers = visitor.origin_headers
    return response_of(refusal) if refusal else None


def _refuse(error: HTTPException) -> Response:
    """Return what Flask refuses in the shape of every other refusal."""
    if error.code == 404:
        detail = f"There is no route {request.path}; GET / lists the routes."
    elif error.code == 405:
        detail = f"{request.path} does not take {request.method}."
    elif error.code == 413:
        detail = "The body is larger than this service takes (S2I_MAX_BODY)."
    else:
        detail = error.description or "The request was refused."
    kept = tuple((name, value) for name, value in error.get_headers() if name in ("Allow", "Location"))
    if error.code not in replies.REASONS:
        return error.get_response()
    return response_of(replies.problem(error.code, detail, kept))
