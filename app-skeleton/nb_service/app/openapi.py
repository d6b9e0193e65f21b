"""The service's OpenAPI document: its routes, examples from golden rows, schemas from these and from type hints."""

import re
from collections.abc import Iterable

from nb_service.app.routes import ROUTES
from nb_service.identity import Identity
from nb_service.model_folder import ModelFolder
from nb_service.protocols import bodies, cloud_events, open_inference, tensors

OPENAPI = "3.1.0"
EXAMPLES = 10
PROBLEM = {"$ref": "#/components/schemas/Problem"}
JSON = "application/json"

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
    400: "The body is not what this route takes.",
    413: "The body is larger than this service takes.",
    415: "The body's type is not one that this route takes.",
    422: "The notebook's validator refuses a sample, or it does not fit the type hints; errors names its fields.",
    500: "The notebook's predictor failed, or gave an answer without a form in JSON.",
    503: "Not ready, or too many samples wait.",
    504: "The prediction took too long.",
}
_NO_KEY = {
    "401": {"description": "The key is missing or wrong.", "content": {"application/problem+json": {"schema": PROBLEM}}}
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "browser": {"type": "http", "scheme": "basic"},
}
_LIST = {"type": "array"}
_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_TENSOR = {
    **_OBJECT,
    "properties": {
        "name": _TEXT,
        "shape": {**_LIST, "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "datatype": {"enum": [*tensors.CODES, "BYTES"]},
        "data": _LIST,
        "parameters": _OBJECT,
    },
    "required": ["name", "shape", "datatype"],
}
# GET routes that answer 200 even while the service is not ready.
_ALWAYS = {
    "/healthz",
    "/v2",
    "/v2/health/live",
    "/v1/models",
    "/version",
    "/execution-parameters",
    "/",
    "/openapi.json",
}
_ALWAYS |= {"/docs", "/metrics", "/monitoring/prometheus/metrics"}
_TEXTS = {"/version", "/ping", "/health", "/metrics", "/monitoring/prometheus/metrics"}
_EVENTS = (cloud_events.STRUCTURED, cloud_events.BATCH)
_MANY = {"/predict/batch", "/invocations"}


def document(
    served: Identity, model: ModelFolder, rows: list[dict], *, health: Iterable[str] = (), key: bool = False
) -> dict:
    """Return the document of a model with these golden rows.

    With `key`, every route except those in `health` requires an API key.
    """
    shapes = _Shapes(served, model, rows[:EXAMPLES])
    paths: dict[str, dict] = {}
    for route, summary in ROUTES.items():
        method, path = route.split(" ")
        operation = shapes.operation(method, path, summary)
        if key and path not in health:
            operation["responses"].update(_NO_KEY)
            operation["security"] = [{name: []} for name in _KEYS]
        paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", path), {})[method.lower()] = operation
    components = {"schemas": {"Problem": _PROBLEM_SCHEMA, "Sample": shapes.sample, "Answer": shapes.answer}}
    return {
        "openapi": OPENAPI,
        "info": _info(served, model.manifest),
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {**components, **({"securitySchemes": _KEYS} if key else {})},
    }


def _info(served: Identity, manifest: dict) -> dict:
    parts = [manifest.get("predictor_doc"), f"Made from {manifest.get('notebook')}."]
    if served.commit:
        parts.append(f"Commit {served.commit}.")
    parts.append(
        "Sample and Answer are what the notebook's own samples and type hints look like; others may be taken, too."
    )
    return {"title": served.name, "version": str(served.version), "description": "\n\n".join(filter(None, parts))}


class _Shapes:
    """The bodies of each route, as JSON schemas."""

    def __init__(self, served: Identity, model: ModelFolder, rows: list[dict]) -> None:
        self.sample = model.sample_schema
        self.answer = model.answer_schema
        self._identity = served
        self._sample_values = [row["sample"] for row in rows]
        self._answer_values = [row["answer"] for row in rows]

    def operation(self, method: str, path: str, summary: str) -> dict:
        """Return the operation of a route."""
        answers = {"200": {"description": "The answer.", "content": self._answers(path)}}
        operation: dict[str, object] = {
            "operationId": _identifier(method, path),
            "summary": summary,
            "responses": answers,
        }
        refusal = _refusal(path)
        if "<name>" in path:
            name = {"name": "name", "in": "path", "required": True, "schema": {"enum": [self._identity.name]}}
            operation["parameters"] = [name]
            unknown = {**refusal, "application/problem+json": {"schema": PROBLEM}}
            answers["404"] = {"description": "No such model or version.", "content": unknown}
            answers["400"] = {"description": "The path is none of this protocol's.", "content": refusal}
        if method == "POST":
            for status, reason in _REFUSALS.items():
                answers[str(status)] = {"description": reason, "content": refusal}
            operation["requestBody"] = {"required": True, "content": self._bodies(path)}
        elif path not in _ALWAYS:
            answers["503"] = {"description": "Not ready.", "content": {}}
        if path in _MANY:
            answers["406"] = {"description": "The answers have no form of that type.", "content": refusal}
        return operation

    def _bodies(self, path: str) -> dict:
        sample = {"$ref": "#/components/schemas/Sample"}
        many: dict[str, dict] = {kind: {} for kind in bodies.TYPES}
        sample_arrays = [self._sample_values] if self._sample_values else []
        content_by_path = {
            "/predict": {JSON: {"schema": sample, **_examples(self._sample_values)}},
            "/predict/batch": many | {JSON: {"schema": {**_LIST, "items": sample}, **_examples(sample_arrays)}},
            "/invocations": many | {JSON: _examples(self._sample_values)},
            "/": {cloud_events.STRUCTURED: {"schema": _event(sample)}, JSON: {"schema": sample}},
        }
        if path in content_by_path:
            return content_by_path[path]
        if path.endswith("/infer"):
            schema = _with("inputs", {**_LIST, "items": _TENSOR, "minItems": 1})
            return {JSON: {"schema": schema, **_examples(self._tensors())}, "application/octet-stream": {}}
        if path.endswith(":predict"):
            instances = _with("instances", {**_LIST, "items": sample})
            return {JSON: {"schema": instances, **_examples([{"instances": array} for array in sample_arrays])}}
        return {JSON: {"schema": _with("examples", {**_LIST, "items": _OBJECT})}}

    def _tensors(self) -> list[dict]:
        """Return the golden samples as an Open Inference request, in a list; [] where they do not form a tensor."""
        tensor = tensors.stack(self._sample_values)
        if tensor is None:
            return []
        input_tensor = {
            "name": open_inference.INPUT,
            "shape": tensor.shape,
            "datatype": tensor.datatype,
            "data": tensor.flat,
        }
        return [{"inputs": [input_tensor]}]

    def _answers(self, path: str) -> dict:
        answer = {"$ref": "#/components/schemas/Answer"}
        if path == "/predict":
            return {JSON: {"schema": answer, **_examples(self._answer_values)}}
        if path == "/predict/batch":
            return {kind: {} for kind in bodies.TYPES} | {JSON: {"schema": {**_LIST, "items": answer}}}
        kinds = {"/invocations": bodies.TYPES, "/": (JSON, *_EVENTS), **dict.fromkeys(_TEXTS, ("text/plain",))}
        if path.endswith("/infer"):
            return {JSON: {"schema": _OBJECT}, "application/octet-stream": {}}
        return {kind: {} for kind in kinds.get(path, (JSON,))}


def _with(name: str, schema: dict) -> dict:
    return {**_OBJECT, "properties": {name: schema}, "required": [name]}


def _event(sample: dict) -> dict:
    texts = {name: {**_TEXT, "minLength": 1} for name in ("id", "source", "type")}
    properties = {**texts, "specversion": {"const": "1.0"}, "data": sample}
    return {**_OBJECT, "properties": properties, "required": list(properties)}


def _refusal(path: str) -> dict:
    if path.startswith(("/v1/", "/v2/")):
        return {JSON: {"schema": {**_OBJECT, "properties": {"error": _TEXT}}}}
    if path == "/invocations":
        # MLflow's own words, where the body was MLflow's.
        return {"application/problem+json": {"schema": PROBLEM}, JSON: {"schema": _OBJECT}}
    return {"application/problem+json": {"schema": PROBLEM}}


def _identifier(method: str, path: str) -> str:
    return "_".join(re.findall(r"\w+", f"{method} {path}")).lower()


def _examples(values: list) -> dict:
    return {"examples": {f"row{number}": {"value": value} for number, value in enumerate(values, 1)}} if values else {}
