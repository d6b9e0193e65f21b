"""The pages for people: one to try predictions, the notebook as it was run, and the OpenAPI document."""

import json
import shlex
import time
from functools import partial
from pathlib import Path

from flask import Flask, Response, jsonify, render_template, request
from nb_scorer.common import paths
from nb_scorer.model.golden_rows import samples_to_add

from nb_service.app import openapi
from nb_service.app.pages import drift
from nb_service.app.route_context import RouteContext
from nb_service.app.routes import ROUTES as PREDICTION_ROUTES
from nb_service.app.routes import platforms, v2
from nb_service.http import replies

ROUTES = {
    "GET /": "A browser gets the page to try predictions, a client this list.",
    "GET /docs": "A page to try predictions, with the notebook's own samples.",
    "POST /docs": "The same page, with the answer to the sample that its form has sent.",
    "GET /drift": "Samples and answers of late beside the notebook's own data, for people or as JSON.",
    "GET /notebook": "The notebook as it was run (S2I_NOTEBOOK_PAGE).",
    "GET /openapi.json": "This service in words of OpenAPI.",
    "GET /v2/docs": "The page to try predictions (MLServer).",
    "GET /v2/docs/dataplane.json": "The same as /openapi.json (MLServer).",
    "GET /v2/docs/model-repository.json": "The same as /openapi.json (MLServer).",
    "GET /v2/models/<name>/docs": "The page to try predictions (MLServer).",
    "GET /v2/models/<name>/docs/dataplane.json": "The same as /openapi.json (MLServer).",
}
ROWS = 20
_CURL = "curl -H 'Content-Type: application/json'"
# Nothing is loaded from other hosts and no script runs, whatever a notebook puts into the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""
    app.template_folder = str(Path(__file__).parent)
    page = _Page(context)
    listed = {**PREDICTION_ROUTES, **platforms.vertex_routes(context.settings), **ROUTES}
    for route, is_on in (("GET /notebook", page.notebook), ("GET /model", context.settings.export)):
        if not is_on:
            del listed[route]

    @app.get("/")
    def root() -> Response:
        best = request.accept_mimetypes.best_match(["application/json", "text/html"])
        if best == "text/html" and "text/html" in request.headers.get("Accept", ""):
            return page.show()
        return jsonify(status="alive", name=context.identity.name, version=str(context.identity.version), routes=listed)

    app.add_url_rule("/docs", "docs", page.show)
    app.add_url_rule("/docs", "try", page.tried, methods=["POST"])

    @app.get("/drift")
    def compared() -> Response:
        best = request.accept_mimetypes.best_match(["text/html", "application/json"])
        response = jsonify(drift.as_json(context)) if best == "application/json" else _drift_page(context)
        response.vary.add("Accept")
        return response

    if page.notebook:
        app.add_url_rule("/notebook", "notebook", partial(page.show_notebook, page.notebook))

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        rows = context.model.golden_rows(openapi.EXAMPLES)
        key = bool(context.settings.api_key_file)
        health = context.health.paths
        return jsonify(openapi.document(context.identity, context.model, rows, listed, health=health, key=key))

    for suffix, view in (("/docs", page.show), ("/docs/dataplane.json", openapi_json)):
        v2.add_route(app, f"/v2{suffix}", view)
        v2.add_of_model(app, context.identity, suffix, view)
    v2.add_route(app, "/v2/docs/model-repository.json", openapi_json)


class _Page:
    """The page to try predictions."""

    def __init__(self, context: RouteContext) -> None:
        self._context = context
        self._rows = [
            {"sample": _as_text(row["sample"]), "answer": _as_text(row["answer"])}
            for row in context.model.golden_rows(ROWS)
        ]
        self._key = '-H "X-API-Key: $(cat key)" ' if context.settings.api_key_file else ""
        path = context.model.folder.parent / paths.BUILD / paths.NOTEBOOK_PAGE
        self.notebook = path if context.settings.notebook_page and path.is_file() else None

    def show(self) -> Response:
        """Return the page, with the first golden row or the one that `row` names."""
        row = request.args.get("row", "1")
        number = int(row) if row.isdecimal() and len(row) < 4 and 1 <= int(row) <= len(self._rows) else 1
        return self._rendered(self._rows[number - 1]["sample"] if self._rows else "")

    def tried(self) -> Response:
        """Return the page with the answer to the sample that its form sent."""
        sample = request.form.get("sample", "")
        reply = replies.EMPTY
        if sample.strip():
            answer = self._context.asker.ask(sample.encode("utf-8", "replace"))
            reply = replies.from_answer(answer, replies.disclosure(self._context.settings))
        decoded = json.loads(reply.body)
        if reply.status == 200:
            return self._rendered(sample, answer=_as_text(decoded))
        return self._rendered(sample, problem=decoded, status=reply.status)

    def show_notebook(self, notebook: Path) -> Response:
        """Return the notebook as it was run; the build rendered it."""
        # In a sandbox: what the build's sanitizer missed still gets no scripts, forms or origin.
        return _page(notebook.read_bytes(), _POLICY + "; sandbox")

    def _rendered(self, sample: str, status: int = 200, **result: object) -> Response:
        manifest, identity = self._context.model.manifest, self._context.identity
        text = render_template(
            "docs.html",
            identity=identity,
            manifest=manifest,
            built=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(identity.version)),
            link=identity.source if (identity.source or "").startswith(("https://", "http://")) else None,
            has_notebook=bool(self.notebook),
            rows=self._rows,
            samples_to_add=samples_to_add(manifest.get("sample_hint") or {}),
            sample=sample,
            lines=min(20, max(3, sample.count("\n") + 1)),
            command=f"{_CURL} {self._key}-d {shlex.quote(_line(sample))} {request.host_url}predict",
            routes={**PREDICTION_ROUTES, **ROUTES},
            bus=self._context.numbers().get("bus"),
            **result,
        )
        return _page(text, _POLICY + "; form-action 'self'", status)


def _drift_page(context: RouteContext) -> Response:
    """Return the page of drift; bars are drawn by the width that each has."""
    return _page(render_template("drift.html", identity=context.identity, **drift.shown(context)), _POLICY)


def _page(content: str | bytes, policy: str, status: int = 200) -> Response:
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    return Response(content, status, headers, content_type="text/html; charset=utf-8")


def _as_text(value: object) -> str:
    """Return JSON for people: on one line if that is short, else indented."""
    line = json.dumps(value, ensure_ascii=False)
    text = line if len(line) <= 100 else json.dumps(value, ensure_ascii=False, indent=1)
    # A page can't have a lone surrogate, only its escape.
    return text if text.isascii() or _is_text(text) else json.dumps(value)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _line(sample: str) -> str:
    """Return a sample on one line if it is JSON."""
    try:
        return json.dumps(json.loads(sample))
    except (ValueError, RecursionError):
        return sample
