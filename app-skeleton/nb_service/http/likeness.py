"""Where a sample that failed differs from the notebook's own: what its client can see, and a traceback's reader knows.

That it failed for the difference is likely, and not sure; so it is told alongside the failure and changes no status.
"""

import json
from typing import Any

from nb_scorer.common import json_depth

from nb_service.http import replies
from nb_service.http.replies import Reply
from nb_service.pool import answer as outcomes
from nb_service.pool.answer import Answer

# Larger bodies are not read once more for a hint.
LARGEST = 1 << 16
_NAMES = {
    "array": "an array",
    "boolean": "a boolean",
    "integer": "a number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def told(reply: Reply, answer: Answer, body: bytes, schema: dict, disclosure: replies.Disclosure) -> Reply:
    """Return the reply to a sample that predictor failed on, with the first difference to samples of this `schema`.

    It is as it was for any other outcome, where `disclosure` hides what the notebook says, and where nothing differs.
    """
    if answer.outcome != outcomes.FAILED or not disclosure.messages or len(body) > LARGEST:
        return reply
    if json.loads(answer.payload).get("reason"):
        return reply
    try:
        words = difference(json_depth.loads(body), schema)
    except (ValueError, RecursionError):
        return reply
    if words is None:
        return reply
    facts = json.loads(reply.body)
    facts["detail"] = f"{facts['detail']} {words}"
    return reply._replace(body=json.dumps(facts).encode("utf-8") + b"\n")


def difference(sample: Any, schema: dict) -> str | None:
    """Return in a sentence where a sample first differs from `schema` in kind or length; None where it does not."""
    found = _first(sample, schema, "")
    if found is None:
        return None
    pointer, theirs, this = found
    if not pointer:
        return f"A sample of the notebook {theirs}; this one {this}."
    return f"At {pointer} a sample of the notebook {theirs}; this one {this}."


def _first(value: Any, schema: dict, pointer: str) -> tuple[str, str, str] | None:
    """Return (JSON pointer, what theirs are or have, what this one is or has)."""
    kind, kinds = _kind(value), schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and kind not in kinds and not (kind == "number" and "integer" in kinds):
        names = " or ".join(dict.fromkeys(_NAMES.get(each, each) for each in kinds))
        verb = "has" if pointer else "is"
        return pointer, f"{verb} {names}", f"{verb} {_NAMES[kind]}"
    if isinstance(value, list):
        return _in_list(value, schema, pointer)
    return _in_object(value, schema, pointer) if isinstance(value, dict) else None


def _in_list(value: list, schema: dict, pointer: str) -> tuple[str, str, str] | None:
    size = schema.get("minItems")
    if size is not None and size == schema.get("maxItems") and len(value) != size:
        return pointer, f"has {_items(size)}", f"has {_items(len(value))}"
    items = schema.get("items") or {}
    differences = (_first(item, items, f"{pointer}/{at}") for at, item in enumerate(value) if items)
    return next((each for each in differences if each is not None), None)


def _in_object(value: dict, schema: dict, pointer: str) -> tuple[str, str, str] | None:
    lacking = [name for name in schema.get("required", ()) if name not in value]
    if lacking:
        return f"{pointer}/{_token(lacking[0])}", "has a value", "has none"
    properties, rest = schema.get("properties") or {}, schema.get("additionalProperties") or {}
    known = {name: properties.get(name, rest) for name in value}
    differences = (
        _first(value[name], part, f"{pointer}/{_token(name)}") for name, part in known.items() if isinstance(part, dict)
    )
    return next((each for each in differences if each is not None), None)


def _token(name: str) -> str:
    # Of a key, which is a client's, as much as a sentence has room for.
    return name.replace("~", "~0").replace("/", "~1")[:100]


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"
