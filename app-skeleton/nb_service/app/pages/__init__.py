"""What people look at: the page to try predictions, the notebook as it was run, and the OpenAPI document."""

import json
import shlex
import time
from functools import partial
from pathlib import Path

from flask import Flask, Response, jsonify, render_template, request
from nb_scorer.common import paths
from nb_scorer.model.golden_rows import samples_to_add

from nb_service.app import openapi
from nb_service.app.route_context import Door
from nb_service.app.routes import ROUTES as PREDICTION_ROUTES
from nb_service.http import replies

ROUTES = {
    "GET /": "A browser gets the page to try predictions, a client this list.",
    "GET /docs": "A page to try predictions, with the notebook's own samples.",
    "GET /notebook": "The notebook as it was run (S2I_NOTEBOOK_PAGE).",
    "GET /openapi.json": "This service in words of OpenAPI.",
}
ROWS = 20
_CURL = "curl -H 'Content-Type: application/json'"
# Nothing is asked of other hosts and no script is run, whatever a notebook puts into the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


def add(app: Flask, door: Door) -> None:
    """Add the routes to `app`."""
    app.template_folder = str(Path(__file__).parent)
    page = _Page(door)

    @app.get("/")
    def root() -> Response:
        best = request.accept_mimetypes.best_match(["application/json", "text/html"])
        if best == "text/html" and "text/html" in request.headers.get("Accept", ""):
            return page.show()
        words = {**PREDICTION_ROUTES, **ROUTES}
        return jsonify(status="alive", name=door.identity.name, version=str(door.identity.version), routes=words)

    app.add_url_rule("/docs", "docs", page.show)
    app.add_url_rule("/docs", "try", page.tried, methods=["POST"])
    if page.notebook:
        app.add_url_rule("/notebook", "notebook", partial(page.show_notebook, page.notebook))

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        rows = door.model.golden_rows(openapi.EXAMPLES)
        key = bool(door.settings.api_key_file)
        return jsonify(openapi.document(door.identity, door.model, rows, health=door.health.paths, key=key))


class _Page:
    """The page to try predictions."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._rows = [
            {"sample": _shown(row["sample"]), "answer": _shown(row["answer"])} for row in door.model.golden_rows(ROWS)
        ]
        self._key = '-H "X-API-Key: $(cat key)" ' if door.settings.api_key_file else ""
        path = door.model.folder.parent / paths.BUILD / paths.NOTEBOOK_PAGE
        self.notebook = path if door.settings.notebook_page and path.is_file() else None

    def show(self) -> Response:
        """Return the page, with the first golden row or the one that `row` names."""
        row = request.args.get("row", "1")
        chosen = int(row) if row.isdecimal() and len(row) < 4 and 1 <= int(row) <= len(self._rows) else 1
        return self._made(self._rows[chosen - 1]["sample"] if self._rows else "")

    def tried(self) -> Response:
        """Return the page with the answer to the sample that its form sent."""
        sample = request.form.get("sample", "")
        reply = replies.EMPTY
        if sample.strip():
            answer = self._door.asker.ask(sample.encode("utf-8", "replace"))
            reply = replies.from_answer(answer, replies.shown(self._door.settings))
        decoded = json.loads(reply.body)
        if reply.status == 200:
            return self._made(sample, answer=_shown(decoded))
        return self._made(sample, problem=decoded, status=reply.status)

    def show_notebook(self, notebook: Path) -> Response:
        """Return the notebook as it was run; the build rendered it."""
        # In a sandbox: even what slipped through has no scripts, forms or origin here.
        return _page(notebook.read_bytes(), _POLICY + "; sandbox")

    def _made(self, sample: str, status: int = 200, **result: object) -> Response:
        manifest, identity = self._door.model.manifest, self._door.identity
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
            **result,
        )
        return _page(text, _POLICY + "; form-action 'self'", status)


def _page(content: str | bytes, policy: str, status: int = 200) -> Response:
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    return Response(content, status, headers, content_type="text/html; charset=utf-8")


def _shown(value: object) -> str:
    """Return JSON as people read it: on one line while that is short."""
    line = json.dumps(value, ensure_ascii=False)
    text = line if len(line) <= 100 else json.dumps(value, ensure_ascii=False, indent=1)
    # A lone surrogate can't be in a page; its escape can.
    return text if text.isascii() or _is_text(text) else json.dumps(value)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _line(sample: str) -> str:
    """Return a sample on one line where it is JSON."""
    try:
        return json.dumps(json.loads(sample))
    except (ValueError, RecursionError):
        return sample
