"""HTML pages: one to try predictions, the executed notebook, and the OpenAPI document."""

import base64
import hashlib
import json
import re
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, render_template, request
from markupsafe import Markup, escape
from nb_scorer.common import paths
from nb_scorer.model.golden_rows import samples_to_add

from nb_service.app import form, openapi
from nb_service.app.pages import charts, drift, figures, parameter_fields, posted_fields, sample_fields, snippets
from nb_service.app.route_context import RouteContext, body
from nb_service.app.routes import v2
from nb_service.http import replies, routes
from nb_service.protocols import Malformed
from nb_service.request_calls import NONE, Parameters

ROWS = 20
# Maximum size of a prediction that the browser shows or plays in the page.
MAX_URL = 100
SHOWN_FILES = ("data:image/", "data:audio/", "data:video/")
# Actions of the buttons in the form by field.
PREDICT, ADD, REMOVE = "predict", "add", "remove"
UNREAD = replies.problem(400, "Some fields have invalid values.")
NO_JSON = "The sample is not JSON, or nested too deeply for a form."
NO_SCHEMA = "The form of samples is unknown, so there are no fields: write one as JSON."
TOO_LARGE = "Fields can't represent such samples: write them as JSON."
_CELL = re.compile(r"(cell \[(\d+)\])")
_SCRIPT = Path(__file__).with_name("docs.js").read_text("utf-8")
# Nothing is loaded from other hosts and no script runs, whatever the notebook puts into the page.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none'; "
    "frame-ancestors 'self'"
)
# The exception is our own script, identified by its hash, which sends requests only to this service.
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode("utf-8")).digest()).decode("ascii")
_POLICY_OF_FORMS = f"{_POLICY}; form-action 'self'; connect-src 'self'; script-src 'sha256-{_SCRIPT_HASH}'"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


def add(app: Flask, context: RouteContext) -> None:
    """Add the routes to `app`."""
    app.template_folder = str(Path(__file__).parent)
    app.context_processor(lambda: {"root": _root()})
    pages = {name: _Page(own, list(context.by_name)) for name, own in context.by_name.items()}
    page = pages.get(context.identity.name) or next(iter(pages.values()))
    settings = context.settings
    off = [path for path, is_on in (("/notebook", page.notebook), ("/model", settings.export)) if not is_on]
    of_vertex = routes.vertex(settings.aip_health_route, settings.aip_predict_route)
    there = [route for route in (*routes.PREDICTIONS, *of_vertex, *routes.PAGES) if route.path not in off]
    listed = routes.summaries(there)

    @app.get("/")
    def root() -> Response:
        best = request.accept_mimetypes.best_match(["application/json", "text/html"])
        if best == "text/html" and "text/html" in request.headers.get("Accept", ""):
            return page.show()
        return jsonify(status="alive", name=context.identity.name, version=str(context.identity.version), routes=listed)

    app.add_url_rule("/docs", "docs", page.show)
    app.add_url_rule("/docs", "try", page.tried, methods=["POST"])
    app.add_url_rule("/docs/<name>", "docs of one", v2.of_name(pages, _Page.show))
    app.add_url_rule("/docs/<name>", "try one", v2.of_name(pages, _Page.tried), methods=["POST"])

    @app.get("/drift")
    def compared() -> Response:
        best = request.accept_mimetypes.best_match(["text/html", "application/json"])
        response = (
            jsonify(drift.as_json(context)) if best == "application/json" else _drift_page(context, bool(page.notebook))
        )
        response.vary.add("Accept")
        return response

    if page.notebook:
        app.add_url_rule("/notebook", "notebook", partial(page.show_notebook, page.notebook))

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return described(page)

    def described(page: _Page) -> Response:
        key = bool(context.settings.api_key_file)
        models = {name: own.model for name, own in context.by_name.items()}
        health = context.health.paths
        return jsonify(
            openapi.document(page.context.identity, page.context.model, models, there, health=health, key=key)
        )

    for suffix, view, action in (("/docs", page.show, _Page.show), ("/docs/dataplane.json", openapi_json, described)):
        v2.add_route(app, f"/v2{suffix}", view)
        for path in v2.OF_MODEL:
            v2.add_route(app, path + suffix, v2.of_name(pages, action))
    v2.add_route(app, "/v2/docs/model-repository.json", openapi_json)


# The files that a browser offers for an argument of each kind; for the other kinds, a notebook may read any file.
_ACCEPTED = defaultdict(Markup, {"image": Markup(' accept="image/*"'), "array": Markup(' accept="image/*,.npy"')})


class _Page:
    """The page to try predictions."""

    def __init__(self, context: RouteContext, names: list[str]) -> None:
        self.context = context
        self._tabs = names if len(names) > 1 else []
        self._rows = [
            {"sample": _as_text(row["sample"]), "answer": _as_text(row["answer"])}
            for row in openapi.short_rows(context.model.golden_rows(ROWS))
        ]
        self._schema = context.model.sample_schema
        path = context.model.folder.parent / paths.BUILD / paths.NOTEBOOK_PAGE
        self.notebook = path if context.settings.notebook_page and path.is_file() else None

    def show(self) -> Response:
        """Return the page, with the first golden row or the one that `row` names."""
        row = request.args.get("row", "1")
        number = int(row) if row.isdecimal() and len(row) < 4 and 1 <= int(row) <= len(self._rows) else 1
        if self._rows:
            return self._rendered(self._rows[number - 1]["sample"])
        return self._rendered(_as_text(sample_fields.blank(self._schema)) if self._schema else "")

    def tried(self) -> Response:
        """Return the page after one of its forms was sent: with the prediction, or with a changed form."""
        if (request.content_type or "").startswith(form.MULTIPART) and self.context.files.arguments:
            return self._tried_by_file()
        wanted, _, place = request.form.get("do", PREDICT).partition(" ")
        if not posted_fields.has_fields(request.form):
            sample = request.form.get("sample", "")
            return self._asked(sample) if wanted == PREDICT else self._rendered(sample)
        try:
            return self._tried_by_field(wanted, place)
        except posted_fields.Unreadable as error:
            return self._rejected("", replies.problem(400, str(error)))

    def show_notebook(self, notebook: Path) -> Response:
        """Return the executed notebook, rendered by the build."""
        # In a sandbox, so that anything that the build's sanitizer missed gets no scripts, forms or origin.
        return _page(notebook.read_bytes(), _POLICY + "; sandbox")

    def _tried_by_file(self) -> Response:
        """Return the page for the form with files."""
        started = time.perf_counter()
        try:
            content = body(self.context.settings.max_body)
            files = self.context.files
            sample, _ = form.files_in(request.content_type, content, files, "application/json", skips_empty=True)
        except Malformed as error:
            return self._rejected("", replies.problem(error.status, str(error)))
        answer = self.context.asker.ask_files(sample, self.context.calls.made()) if sample else None
        reply = replies.from_answer(answer, replies.disclosure(self.context.settings)) if answer else replies.EMPTY
        return self._replied("", reply, started)

    def _tried_by_field(self, wanted: str, place: str) -> Response:
        """Return the page for the form by field; raise Unreadable."""
        pairs = list(request.form.items(multi=True))
        value, errors = posted_fields.sample_of(posted_fields.without(pairs, place) if wanted == REMOVE else pairs)
        if wanted == PREDICT:
            sample = _as_text(value)
            return self._rejected(sample, UNREAD, value, errors) if errors else self._asked(sample)
        value = sample_fields.completed(self._schema, value)
        value = sample_fields.grown(self._schema, value, place) if wanted == ADD else value
        # Empty fields have only just been added.
        errors = {at: message for at, message in errors.items() if request.form.get(at, "").strip()}
        return self._rendered(_as_text(value), value=value, errors=errors)

    def _asked(self, sample: str) -> Response:
        """Return the page with the prediction for a sample, or with the rejection."""
        reply, started = replies.EMPTY, time.perf_counter()
        try:
            call = self.context.calls.made(_parameters())
        except Malformed as error:
            return self._rejected(sample, replies.problem(error.status, str(error)))
        if sample.strip():
            answer = self.context.asker.ask(sample.encode("utf-8", "replace"), call)
            reply = replies.from_answer(answer, replies.disclosure(self.context.settings))
        return self._replied(sample, reply, started)

    def _replied(self, sample: str, reply: replies.Reply, started: float) -> Response:
        """Return the page with the pool's reply to a sample."""
        if reply.status != 200:
            return self._rejected(sample, reply)
        took = figures.duration(time.perf_counter() - started)
        answer = json.loads(reply.body)
        is_file = isinstance(answer, str) and answer.startswith(SHOWN_FILES)
        text = _as_text(f"{answer[:MAX_URL]}…" if is_file else answer)
        return self._rendered(sample, answer=text, took=took, file=answer if is_file else "")

    def _rejected(
        self, sample: str, reply: replies.Reply, value: object = None, errors: dict[str, str] | None = None
    ) -> Response:
        rejection = reply.rejection or replies.Rejection(reply.status, "")
        errors = errors or {error["pointer"]: error["detail"] for error in rejection.errors}
        return self._rendered(sample, reply.status, value, errors, problem=rejection.as_dict())

    def _rendered(
        self,
        sample: str,
        status: int = 200,
        value: object = None,
        errors: dict[str, str] | None = None,
        **result: object,
    ) -> Response:
        """Return the page with a sample; `value` is its decoded value if its text can't be decoded."""
        context, manifest, identity = self.context, self.context.model.manifest, self.context.identity
        numbers = context.numbers()
        compared = drift.shown(context, numbers)
        key = bool(context.settings.api_key_file)
        fields, no_form = self._form(sample, value, errors)
        parameters = _parameters()
        declared = context.calls.parameters
        text = render_template(
            "docs.html",
            identity=identity,
            manifest=manifest,
            ready=context.ready,
            built=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(identity.version)),
            now=time.strftime("%H:%M:%S UTC", time.gmtime()),
            link=identity.source if (identity.source or "").startswith(("https://", "http://")) else None,
            has_notebook=bool(self.notebook),
            linked=partial(_with_cells_linked, has_notebook=bool(self.notebook)),
            rows=self._rows,
            samples_to_add=samples_to_add(manifest.get("sample_hint") or {}),
            form=fields,
            no_form=no_form,
            kind_words=sample_fields.WORDS,
            sample=sample,
            files=context.files,
            accepted=_ACCEPTED,
            others=self._other_arguments(),
            parameters=parameter_fields.build_fields(declared, parameters, errors),
            parameter_prefix=parameter_fields.PREFIX,
            lines=min(20, max(3, sample.count("\n") + 1)),
            snippets=snippets.write_snippets(
                f"{request.host_url}{context.path[1:]}{_query(parameters)}", sample, key=key
            ),
            tabs=self._tabs,
            own_path=f"docs/{context.model.predictor}" if context.model.predictor else "docs",
            predict_path=context.path[1:],
            streams=bool(context.model.manifest.get("streams")),
            key=key,
            figures=figures.build_figures(numbers, frozenset(context.health.paths)),
            drift=compared,
            charts=charts.build_charts(compared.get("compared", ())),
            height=charts.HEIGHT,
            routes=routes.summaries(routes.TABLE),
            bus=numbers.get("bus"),
            script=Markup(_SCRIPT),  # noqa: S704 - ours, and the policy has its digest
            **result,
        )
        return _page(text, _POLICY_OF_FORMS, status)

    def _other_arguments(self) -> list[str]:
        """Return the names of predictor's arguments, if there are several, that are neither files nor parameters."""
        names = {argument.name for argument in self.context.files.arguments} | set(self.context.calls.parameters)
        return [name for name in self.context.files.order if name not in names]

    def _form(
        self, sample: str, value: object, errors: dict[str, str] | None
    ) -> tuple[sample_fields.Field | None, str]:
        """Return the form of a sample, or None and why there is none."""
        if value is None:
            try:
                value = posted_fields.json_value(sample)
            except (ValueError, RecursionError):
                return None, NO_JSON if sample else NO_SCHEMA
        fields = sample_fields.form_of(self._schema, value, errors)
        return fields, NO_SCHEMA if not self._schema else TOO_LARGE


def _drift_page(context: RouteContext, has_notebook: bool) -> Response:
    """Return the drift page; bars are drawn by width."""
    facts = {"has_notebook": has_notebook, "linked": partial(_with_cells_linked, has_notebook=has_notebook)}
    text = render_template("drift.html", identity=context.identity, **facts, **drift.shown(context, context.numbers()))
    return _page(text, _POLICY)


def _page(content: str | bytes, policy: str, status: int = 200) -> Response:
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    return Response(content, status, headers, content_type="text/html; charset=utf-8")


def _with_cells_linked(text: str, has_notebook: bool) -> Markup:
    """Return a text as HTML, with cell numbers linked to the cells on the notebook's page."""
    if not has_notebook:
        return escape(text)
    link = rf'<a href="{_root()}notebook#cell-\2">\1</a>'
    return Markup(_CELL.sub(link, str(escape(text))))  # noqa: S704 - escaped above


def _parameters() -> Parameters:
    """Return the parameters that the request's form sets."""
    return parameter_fields.given(request.form.items(multi=True)) if request.method == "POST" else NONE


def _query(parameters: Parameters) -> str:
    return f"?{urlencode(parameters.texts)}" if parameters.texts else ""


def _root() -> str:
    """Return the service's root relative to the requested page, because a proxy may publish it under a path prefix."""
    return "../" * (request.path.count("/") - 1) or "./"


def _as_text(value: object) -> str:
    """Return JSON for people: on one line if short, otherwise indented."""
    line = json.dumps(value, ensure_ascii=False)
    text = line if len(line) <= 100 else json.dumps(value, ensure_ascii=False, indent=1)
    # A page can contain a lone surrogate only as an escape.
    return text if text.isascii() or _is_text(text) else json.dumps(value)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
