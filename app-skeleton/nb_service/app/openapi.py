"""The service's OpenAPI document: routes, examples from golden rows, and schemas from these and from type hints."""

import json
import re
from collections.abc import Iterable, Mapping

from nb_service import files
from nb_service.app import openapi_bodies
from nb_service.app.openapi_bodies import JSON, LIST, OBJECT, TEXT
from nb_service.feedback.judgement import NOT_COUNTED
from nb_service.http import streaming
from nb_service.http.routes import AS_ASKED, HTML, Route
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.protocols import bodies, cloud_events, open_inference
from nb_service.request_calls import Calls

OPENAPI = "3.1.0"
EXAMPLES = 10
PROBLEM = {"$ref": "#/components/schemas/Problem"}

_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
_REFUSALS = {
    400: "The body does not match this route.",
    413: "The body is larger than this service accepts.",
    415: "This route does not accept the body's type or compression.",
    422: "The notebook's validator rejects a sample, or the sample does not fit the notebook; errors names its fields.",
    500: "The notebook's predictor failed, or returned a value that JSON can't represent.",
    503: "Not ready, or too many samples are waiting.",
    504: "The prediction took too long.",
}
# Feedback contains no sample that a scorer could reject.
_OTHER_SUCCESS = {"/mcp": {"202": {"description": "A notification, which has no response."}}}
_OF_FEEDBACK = {status: reason for status, reason in _REFUSALS.items() if status in (400, 413, 415, 503)}
_NO_KEY = {
    "401": {"description": "The key is missing or wrong.", "content": {"application/problem+json": {"schema": PROBLEM}}}
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "browser": {"type": "http", "scheme": "basic"},
}
# Maximum size of a golden row's JSON in examples.
MAX_ROW = 20_000
_FOREIGN = "A page of another origin sent the request (S2I_CORS_ORIGINS)."
_OF_ROUTE = {
    "/v2/repository/models/<name>/load": {
        "403": _FOREIGN,
        "409": "Another request has the model loaded again.",
        "500": "The new scorers failed, or predicted golden rows differently; the present ones are kept.",
    },
    "/v2/repository/models/<name>/unload": {"403": "Clients may not unload the model (S2I_UNLOAD)."},
}
_EVENTS = (cloud_events.STRUCTURED, cloud_events.BATCH)
_VERSIONED = ("/v1/models/<name>", "/v2/models/<name>")
# Routes whose requests and responses differ between models.
_OF_EACH = ("/predict/<name>", "/docs/<name>")
# The list of models leads clients to the routes of a single one.
_LINKS = {"/v1/models": "get /v1/models/<name>", "/v2/models": "get /v2/models/<name>"}


def short_rows(rows: Iterable[dict]) -> list[dict]:
    """Return the golden rows short enough for people to read, without those with large files."""
    return [row for row in rows if len(json.dumps([row["sample"], row["answer"]])) <= MAX_ROW]


def document(
    served: Identity,
    model: ModelFolder,
    models: Mapping[str, ModelFolder],
    routes: Iterable[Route],
    *,
    health: Iterable[str] = (),
    key: bool = False,
) -> dict:
    """Return the OpenAPI document of a model and `routes`; `models` are all served models by name.

    Routes that require a certain form of prediction are left out if this model's differ. With `key`, every route except
    those in `health` requires an API key.
    """
    operations = _Operations(served, model, list(models))
    # Created once for all routes, because each reads golden rows.
    own = {name: _Operations(served._replace(name=name), each, [name]) for name, each in models.items()}
    has_default = any(not each.predictor for each in models.values())
    paths: dict[str, dict] = {}
    schemas = {"Problem": _PROBLEM_SCHEMA, **_schemas(model)}
    for route in _with_versions(routes):
        if not operations.fits(route.path) or not (has_default or _is_for_any(route)):
            continue
        if route.path.startswith(_OF_EACH):
            made = [_of_one(route, served, name, each, own[name]) for name, each in models.items()]
        else:
            made = [(re.sub(r"<(\w+)>", r"{\1}", route.path), operations.made(route))]
        for path, operation in made:
            if key and route.path not in health:
                operation["responses"].update(_NO_KEY)
                operation["security"] = [{name: []} for name in _KEYS]
            paths.setdefault(path, {})[route.method.lower()] = operation
    for name, each in models.items():
        if name != served.name:
            schemas.update((f"{name}.{kind}", schema) for kind, schema in _schemas(each).items())
    return {
        "openapi": OPENAPI,
        "info": _info(served, model.manifest),
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, **({"securitySchemes": _KEYS} if key else {})},
    }


def _schemas(model: ModelFolder) -> dict:
    """Return the schemas of a model's samples, predictions and parameters."""
    answers = model.answer_schema
    if model.manifest.get("streams"):
        # Cog's extensions, which tell its clients that the list is a stream, and that strings are parts of one text.
        answers = {**LIST, **answers, "x-cog-array-type": "iterator"}
        # The lengths of streams in golden rows don't limit those of other samples.
        answers = {name: value for name, value in answers.items() if name not in ("minItems", "maxItems")}
        if _are_strings(answers):
            answers["x-cog-array-display"] = "concatenate"
    schemas: dict[str, dict] = {"Sample": model.sample_schema, "Answer": answers}
    if declared := Calls(model.manifest).parameters:
        schemas["Parameters"] = {**OBJECT, "properties": declared, "additionalProperties": False}
    return schemas


def _is_for_any(route: Route) -> bool:
    """Return whether a route works without a default predictor."""
    return not route.needs_body or "<name>" in route.path or route.path in ("/docs", "/mcp")


def _of_one(
    route: Route, served: Identity, name: str, model: ModelFolder, operations: "_Operations"
) -> tuple[str, dict]:
    """Return the path and the operation of a route for one model, with its own request and response."""
    operation = operations.made(route._replace(path=route.path.replace("/<name>", "")))
    path = route.path.replace("<name>", name)
    operation["operationId"] = _identifier(route.method, path)
    if route.needs_body:
        operation["responses"].setdefault("404", {"description": "No such model.", "content": _rejection(route)})
    if name != served.name:
        own = json.dumps(operation)
        for kind in _schemas(model):
            own = own.replace(f'"#/components/schemas/{kind}"', f'"#/components/schemas/{name}.{kind}"')
        operation = json.loads(own)
    return path, operation


def _with_versions(routes: Iterable[Route]) -> Iterable[Route]:
    """Yield each route; those of a model also with a version after its name."""
    for route in routes:
        yield route
        if route.path.startswith(_VERSIONED):
            yield route._replace(path=route.path.replace("<name>", "<name>/versions/<version>"))


def _info(served: Identity, manifest: dict) -> dict:
    parts = [manifest.get("predictor_doc"), f"Made from {manifest.get('notebook')}."]
    if served.commit:
        parts.append(f"Commit {served.commit}.")
    parts.append(
        "Sample and Answer describe the notebook's own samples and type hints; the service may accept others, too."
    )
    return {"title": served.name, "version": str(served.version), "description": "\n\n".join(filter(None, parts))}


class _Operations:
    """The requests and responses of each route, for one model."""

    def __init__(self, served: Identity, model: ModelFolder, names: list[str]) -> None:
        rows = short_rows(model.golden_rows(EXAMPLES))
        self._names = names
        self._identity = served
        self._answer_schema = model.answer_schema
        self._streams = bool(model.manifest.get("streams"))
        self._files = files.from_manifest(model.manifest)
        self._has_explainer = bool(model.manifest.get("explainer"))
        self._parameters = Calls(model.manifest).parameters
        self._bodies = openapi_bodies.Bodies(model.sample_schema, rows, self._files, self._parameters)
        self._answer_values = [row["answer"] for row in rows]

    def fits(self, path: str) -> bool:
        """Return whether this model's predictions fit the response format of the route at `path`."""
        if path.endswith(":explain") or path.startswith(("/explain", "/explanations/")):
            return self._has_explainer
        if path.endswith(":classify"):
            return _are_scores(self._answer_schema)
        return not path.endswith(":regress") or _is_number(self._answer_schema)

    def made(self, route: Route) -> dict:
        """Return the operation of a route."""
        method, path = route.method, route.path
        success: dict[str, object] = {"description": "The answer.", "content": self._answers(route)}
        answers: dict[str, dict] = {"200": success, **_OTHER_SUCCESS.get(path, {})}
        operation: dict[str, object] = {
            "operationId": _identifier(method, path),
            "summary": route.summary,
            "responses": answers,
            **({"x-cog-streaming": True} if path == "/predict" and self._streams else {}),
        }
        rejection = _rejection(route)
        if path in _LINKS:
            linked = _identifier(*_LINKS[path].split(" "))
            success["links"] = {"model": {"operationId": linked, "parameters": {"name": "$response.body#/models/0"}}}
        parameters = [
            *self._in_path(path),
            *self._in_query(path),
            *_HEADERS.get(path.rpartition("/")[2] if method == "POST" else "?", ()),
        ]
        if parameters:
            operation["parameters"] = parameters
        if "<name>" in path:
            answers["404"] = {"description": "No such model or version.", "content": rejection}
            answers["400"] = {"description": "The path does not belong to this protocol.", "content": rejection}
        if route.needs_body:
            reasons = _OF_FEEDBACK if path == "/feedback" else _REFUSALS
            for status, reason in reasons.items():
                answers[str(status)] = {"description": reason, "content": rejection}
            operation["requestBody"] = {"required": True, "content": self._bodies.describe(path)}
        elif not route.is_always_there:
            answers["503"] = {"description": "Not ready.", "content": rejection}
        for code, reason in _OF_ROUTE.get(path, {}).items():
            answers[code] = {"description": reason, "content": rejection}
        if path.endswith(open_inference.INFER):
            success["headers"] = {name: {"schema": TEXT} for name in open_inference.EVENT_FIELDS}
        # A single prediction isn't a stream.
        if (AS_ASKED in route.gives and path != "/") or path == "/predict":
            answers["406"] = {"description": "The predictions can't be sent in that type.", "content": rejection}
        return operation

    def _in_path(self, path: str) -> Iterable[dict]:
        for name, values in (("name", self._names), ("version", [str(self._identity.version)])):
            if f"<{name}>" in path:
                yield {"name": name, "in": "path", "required": True, "schema": {"enum": values}}

    def _in_query(self, path: str) -> Iterable[dict]:
        """Yield predictor's parameters, if the query may contain them; for a list, the name is repeated."""
        if path in ("/predict", "/predict/batch"):
            for name, schema in self._parameters.items():
                yield {"name": name, "in": "query", "schema": schema}

    def _is_text(self) -> bool:
        """Return whether clients may request a stream as text: False if some item is known not to be a string."""
        return self._streams and (_are_strings(self._answer_schema) or not self._answer_schema.get("items"))

    def _answers(self, route: Route) -> dict:
        answer = {"$ref": "#/components/schemas/Answer"}
        media_type = self._answer_schema.get("contentMediaType", "*/*")
        of_file: dict = {media_type: {"schema": openapi_bodies.BINARY}} if self._files.has_answers else {}
        if route.path == "/predict":
            forms = [form for form in streaming.FORMS if form != streaming.TEXT or self._is_text()]
            of_stream = {form: {"schema": TEXT} for form in forms} if self._streams else {}
            return {JSON: {"schema": answer, **openapi_bodies.examples(self._answer_values)}, **of_file, **of_stream}
        if route.path == "/feedback":
            counts = {name: {"type": "integer", "minimum": 0} for name in ("counted", *NOT_COUNTED)}
            return {JSON: {"schema": {**OBJECT, "properties": counts, "required": list(counts)}}}
        if route.path == "/predict/batch":
            return {kind: {} for kind in bodies.TYPES} | {JSON: {"schema": {**LIST, "items": answer}}}
        if route.path.endswith("/infer"):
            return {JSON: {"schema": OBJECT}, "application/octet-stream": {"schema": openapi_bodies.BINARY}}
        if AS_ASKED in route.gives:
            return {**{kind: {} for kind in ((JSON, *_EVENTS) if route.path == "/" else bodies.TYPES)}, **of_file}
        return {kind: {} for kind in route.gives}


_OF_BINARY_MODE = "Required in binary mode; in structured mode, it is part of the body."
_LENGTH = "Number of bytes of the body that are JSON; the values of tensors follow as bytes."
# Headers by the end of a POST route's path.
_HEADERS: dict[str, tuple[dict, ...]] = {
    "": tuple(
        {"name": f"ce-{name}", "in": "header", "schema": TEXT, "description": _OF_BINARY_MODE}
        for name in cloud_events.REQUIRED
    ),
    "infer": (
        {
            "name": open_inference.HEADER,
            "in": "header",
            "schema": {"type": "integer", "minimum": 0},
            "description": _LENGTH,
        },
    ),
}


def _are_scores(schema: dict) -> bool:
    """Return whether predictions are objects of labels and scores."""
    values = [*schema.get("properties", {}).values(), schema.get("additionalProperties") or {}]
    return schema.get("type") == "object" and all(map(_is_number, filter(None, values)))


def _are_strings(schema: dict) -> bool:
    """Return whether answers are lists of strings."""
    return schema.get("items", {}).get("type") == "string"


def _is_number(schema: dict) -> bool:
    """Return whether predictions are numbers, or lists of one number."""
    if schema.get("type") == "array" and schema.get("maxItems") == 1:
        schema = schema.get("items", {})
    return schema.get("type") in ("number", "integer")


def _rejection(route: Route) -> dict:
    if route.path.startswith(("/v1/", "/v2/")):
        return {JSON: {"schema": {**OBJECT, "properties": {"error": TEXT}, "required": ["error"]}}}
    if route.gives == (HTML,):
        return {HTML: {}}
    if route.path in ("/invocations", "/mcp"):
        # MLflow's own form for MLflow's requests, and that of JSON-RPC.
        return {"application/problem+json": {"schema": PROBLEM}, JSON: {"schema": OBJECT}}
    return {"application/problem+json": {"schema": PROBLEM}}


def _identifier(method: str, path: str) -> str:
    return "_".join(re.findall(r"\w+", f"{method} {path}")).lower()
