"""Model Context Protocol: the messages of a stateless server with one tool per predictor.

Each request is a JSON-RPC message with one response; there are no sessions and no messages from the server.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from nb_service.identity import Identity
from nb_service.protocols import Body, Malformed, Parameters, encode, in_object

# The newest version is last: a client that requests an unsupported version gets it.
VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25")
PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
SAMPLE, PARAMETERS, PREDICTION = "sample", "parameters", "prediction"
# Some clients don't accept longer names, or names with dots.
MAX_NAME = 64
# The start of a data: URL, as scorers write files.
_MEDIA = re.compile(r"data:(?P<kind>image|audio)/(?P<subtype>[\w.+-]+);base64,", re.ASCII)


def tool_name(served: Identity) -> str:
    """Return the name of the model's tool."""
    return re.sub("[^A-Za-z0-9_-]", "_", served.name)[:MAX_NAME]


def tool(served: Identity, manifest: Mapping[str, Any], sample: dict) -> dict:
    """Return the description of the model's tool, whose samples have the schema `sample`."""
    properties = {SAMPLE: sample}
    if manifest.get("parameters"):
        properties[PARAMETERS] = {
            "type": "object",
            "properties": manifest["parameters"],
            "additionalProperties": False,
        }
    return {
        "name": tool_name(served),
        "description": manifest.get("predictor_doc") or f"The prediction of {served.name} for one sample.",
        "inputSchema": {"type": "object", "properties": properties, "required": [SAMPLE]},
        "outputSchema": {
            "type": "object",
            "properties": {PREDICTION: _loose(manifest.get("answer_hint") or {})},
            "required": [PREDICTION],
        },
    }


def _loose(schema: dict) -> dict:
    """Return only the types of a schema, or null: clients reject results that don't match the declared schema."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return {"type": sorted({*kinds, "null"})} if kinds else {}


def initialized(served: Identity, asked: object) -> dict:
    """Return the result of `initialize` for a client that requested a version."""
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[-1],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": served.name, "version": str(served.version)},
    }


def tool_asked(params: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the name of the called tool; raise Malformed if it is not one of `names`."""
    name = params.get("name")
    if not isinstance(name, str) or name not in names:
        raise Malformed(f"There is no tool {name!r}; there is {', '.join(names)}.")
    return name


def arguments(params: Mapping[str, Any]) -> tuple[bytes, Parameters]:
    """Return the sample and the parameters of a call; raise Malformed."""
    given = params.get("arguments") or {}
    if not isinstance(given, dict) or SAMPLE not in given or given.keys() - {SAMPLE, PARAMETERS}:
        raise Malformed(f"The arguments are {SAMPLE} and, optionally, {PARAMETERS}.")
    return encode(given[SAMPLE]), in_object(given, PARAMETERS)


def predicted(prediction: Any, text: str) -> dict:
    """Return the result of a call with this prediction, whose JSON is `text`.

    Pictures and sounds are content of their own, which a language model can see and hear.
    """
    media: list[dict] = []
    rest = _without_media(prediction, media)
    texts = [] if media and rest is None else [_text(encode(rest).decode("utf-8") if media else text)]
    return {"content": [*texts, *media], "structuredContent": {PREDICTION: prediction}, "isError": False}


def _without_media(value: Any, found: list[dict]) -> Any:
    """Return a prediction with null for each picture and sound, which are appended to `found`."""
    if isinstance(value, list):
        return [_without_media(item, found) for item in value]
    if isinstance(value, dict):
        return {name: _without_media(item, found) for name, item in value.items()}
    media = _MEDIA.match(value) if isinstance(value, str) else None
    if media is None:
        return value
    kind = media["kind"]
    found.append({"type": kind, "data": value[media.end() :], "mimeType": f"{kind}/{media['subtype']}"})
    return None


def rejected(detail: str) -> dict:
    """Return the result of a call without a prediction, with the reason for the calling model."""
    return {"content": [_text(detail)], "isError": True}


def _text(text: str) -> dict:
    return {"type": "text", "text": text}


def result(identifier: object, content: dict) -> Body:
    """Return the response to a request."""
    return Body(encode({"jsonrpc": "2.0", "id": identifier, "result": content}))


def error(identifier: object, code: int, message: str) -> Body:
    """Return the error response to a request."""
    return Body(encode({"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}))
