"""The Flask application: every route, whole under any WSGI server; the lane is waitress's short cut."""

from collections.abc import Callable

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.scoring.answer import Answer

ROUTES = {
    "POST /predict": "One sample as JSON; the answer is the notebook's predictor's, as JSON.",
    "GET /healthz": "200 while this process lives.",
    "GET /readyz": "200 when predictions are answered, 503 before and while it ends.",
    "GET /": "This list.",
}


def make_app(ask: Callable[[bytes], Answer], health: dict[str, Callable[[], Reply]], got: dict) -> Flask:
    """Return the application; `ask` answers one sample from any thread, `health` holds the checks."""
    app = Flask("nb_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = got["S2I_MAX_BODY"]

    @app.post("/predict")
    def predict() -> Response:
        body = request.get_data(cache=False)
        refusal = replies.refusal_of_body(request.content_type, body)
        return _response(refusal or replies.from_answer(ask(body), got["S2I_DEBUG"]))

    @app.get("/")
    def index() -> Response:
        return jsonify(routes=ROUTES)

    for path, check in health.items():
        app.add_url_rule(path, path.strip("/"), lambda check=check: _response(check()))
    app.register_error_handler(HTTPException, _refuse)
    return app


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, list(reply.headers), content_type=reply.content_type)


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
    return _response(replies.problem(error.code, detail, kept))
