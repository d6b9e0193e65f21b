"""The Flask application with all routes, complete under any WSGI server. The front is a shortcut in front of it."""

from collections.abc import Callable

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from nb_service.app import pages, routes
from nb_service.app.route_context import RouteContext, response_of
from nb_service.http import content_coding, replies


def make_app(context: RouteContext, prepare: Callable[[Flask], None] = lambda app: None) -> Flask:
    """Return the application, whose routes use `context`; handlers added by `prepare` run before all others."""
    app = Flask("nb_service", static_folder=None)
    # Otherwise, Werkzeug redirects a path with // in it, to an address made from the client's Host header.
    app.url_map.merge_slashes = False
    prepare(app)

    @app.before_request
    def reject_unusual_starts() -> None:
        # Werkzeug ignores the number of leading slashes, and redirects an empty path as above.
        if request.environ["PATH_INFO"].startswith("//") or not request.environ["PATH_INFO"]:
            abort(404)

    app.config["MAX_CONTENT_LENGTH"] = context.settings.max_body
    for module in (*routes.MODULES, pages):
        module.add(app, context)

    @app.after_request
    def add_model_headers(response: Response) -> Response:
        response.headers.extend(context.identity.headers)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    app.after_request(_compress)

    app.register_error_handler(HTTPException, _reject)
    app.register_error_handler(MemoryError, _no_memory)
    return app


def _compress(response: Response) -> Response:
    """Return the response, compressed with gzip if its client accepts that and it is large enough."""
    if response.is_streamed or response.direct_passthrough or "Content-Encoding" in response.headers:
        return response
    data = response.get_data()
    if len(data) >= content_coding.MIN_SIZE:
        response.vary.add("Accept-Encoding")
        if content_coding.takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.set_data(content_coding.compressed(data))
            response.headers["Content-Encoding"] = "gzip"
    return response


def _reject(error: HTTPException) -> WerkzeugResponse:
    """Return the response for a request that Flask rejects, in the same form as our own."""
    if error.code == 404:
        detail = f"There is no route {request.path}; GET / lists the routes."
    elif error.code == 405:
        detail = f"{request.path} does not take {request.method}."
    elif error.code == 413:
        detail = replies.TOO_LARGE_WORDS
    else:
        detail = error.description or "The request was rejected."
    headers = tuple((name, value) for name, value in error.get_headers() if name in ("Allow", "Location"))
    if error.code is None or error.code not in replies.REASONS:
        return error.get_response()
    return response_of(replies.problem(error.code, detail, headers))


def _no_memory(_error: MemoryError) -> Response:
    detail = "This request needs more memory than one process of this service may use (S2I_APP_MEMORY)."
    return response_of(replies.problem(413, detail))
