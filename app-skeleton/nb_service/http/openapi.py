"""The service's OpenAPI document: its routes, with the golden rows as schema and examples."""

import re

from nb_service.http.routes import ROUTES
from nb_service.identity import Identity
from nb_service.protocols import bodies

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
    },
    "required": ["type", "title", "status", "detail"],
}
_REFUSALS = {
    400: "The body is not what this route takes.",
    413: "The body is larger than this service takes.",
    415: "The body's type is not one that this route takes.",
    422: "The notebook's validator refuses a sample.",
    500: "The notebook's predictor failed.",
    503: "Not ready, or too many samples wait.",
    504: "The prediction took too long.",
}
_LIST = {"type": "array"}
_OBJECT = {"type": "object"}


def document(served: Identity, manifest: dict, rows: list[dict]) -> dict:
    """Return the document of a model with this manifest and these golden rows."""
    shapes = _Shapes(manifest, rows[:EXAMPLES])
    paths: dict[str, dict] = {}
    for route, words in ROUTES.items():
        method, path = route.split(" ")
        operation = shapes.operation(route, words)
        operation["parameters"] = [_parameter(name, served) for name in re.findall(r"<(\w+)>", path)]
        paths.setdefault(re.sub(r"<(\w+)>", r"{\1}", path), {})[method.lower()] = operation
    schemas = {"Problem": _PROBLEM_SCHEMA, "Sample": shapes.sample, "Answer": shapes.answer}
    return {
        "openapi": OPENAPI,
        "info": _info(served, manifest),
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _info(served: Identity, manifest: dict) -> dict:
    parts = [manifest.get("predictor_doc"), f"Made from {manifest.get('notebook')}."]
    if served.commit:
        parts.append(f"Commit {served.commit}.")
    return {"title": served.name, "version": str(served.version), "description": "\n\n".join(filter(None, parts))}


def _parameter(name: str, served: Identity) -> dict:
    schema = {"type": "string", "default": served.name} if name == "name" else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


class _Shapes:
    """The bodies of each route, in words of JSON schema."""

    def __init__(self, manifest: dict, rows: list[dict]) -> None:
        self.sample = manifest.get("sample_schema") or {}
        self.answer = manifest.get("answer_schema") or {}
        self._rows = rows

    def operation(self, route: str, words: str) -> dict:
        """Return the operation of a route."""
        posts = route.startswith("POST")
        answers = {"200": {"description": "The answer.", "content": self._answers(route)}}
        for status, why in _REFUSALS.items() if posts else ():
            answers[str(status)] = {"description": why, "content": _refusal(route)}
        operation = {"operationId": _identifier(route), "summary": words, "responses": answers}
        if posts:
            operation["requestBody"] = {"required": True, "content": self._bodies(route)}
        if not posts and route not in _ALWAYS:
            answers["503"] = {"description": "Not ready.", "content": {}}
        return operation

    def _bodies(self, route: str) -> dict:
        sample = {"$ref": "#/components/schemas/Sample"}
        samples = {**_LIST, "items": sample}
        asked = [row["sample"] for row in self._rows]
        if route == "POST /predict":
            return {JSON: {"schema": sample, **_examples(asked)}}
        if route == "POST /predict/batch":
            return {kind: {} for kind in bodies.TYPES} | {
                JSON: {"schema": samples, **_examples([asked] if asked else [])}
            }
        if route == "POST /invocations":
            return {kind: {} for kind in bodies.TYPES} | {JSON: {**_examples(asked)}}
        if route.endswith(":predict"):
            instances = {**_OBJECT, "properties": {"instances": samples, "inputs": {}}}
            return {JSON: {"schema": instances, **_examples([{"instances": asked}] if asked else [])}}
        if route == "POST /":
            return {"application/cloudevents+json": {"schema": _OBJECT}, JSON: {"schema": sample}}
        return {JSON: {"schema": _OBJECT}}

    def _answers(self, route: str) -> dict:
        answer = {"$ref": "#/components/schemas/Answer"}
        given = [row["answer"] for row in self._rows]
        if route == "POST /predict":
            return {JSON: {"schema": answer, **_examples(given)}}
        if route == "POST /predict/batch":
            return {kind: {} for kind in bodies.TYPES} | {JSON: {"schema": {**_LIST, "items": answer}}}
        return {_KINDS.get(route, JSON): {}}


# Those that are answered 200 whether predictions are or not.
_ALWAYS = {
    "GET /healthz",
    "GET /v2",
    "GET /v2/health/live",
    "GET /v1/models",
    "GET /version",
    "GET /execution-parameters",
}
_KINDS = {"GET /version": "text/plain", "GET /ping": "text/plain", "GET /health": "text/plain"}
_OF_PROTOCOLS = ("/v1/", "/v2/")


def _refusal(route: str) -> dict:
    if any(part in route for part in _OF_PROTOCOLS):
        return {JSON: {"schema": {**_OBJECT, "properties": {"error": {"type": "string"}}}}}
    return {"application/problem+json": {"schema": PROBLEM}}


def _identifier(route: str) -> str:
    return "_".join(re.findall(r"\w+", route)).lower() or "root"


def _examples(values: list) -> dict:
    return {"examples": {f"row{number}": {"value": value} for number, value in enumerate(values, 1)}} if values else {}
