"""Feedback bodies: an object, or an array of objects, each with a prediction's id or value and the true value."""

import json
from typing import Any, NamedTuple

from nb_scorer.common import phrases

from nb_service.protocols import DEFAULT, Limits, Malformed, decode

NAMES = ("id", "index", "prediction", "answer")
MAX_ID = 128
# Marks a prediction that was not sent, because null is a valid prediction.
ABSENT = object()


class Item(NamedTuple):
    """A true value and its prediction, identified by the request's id or sent as a copy."""

    true: Any
    request_id: str | None = None
    place: int | None = None
    prediction: Any = ABSENT


def read(body: bytes, limits: Limits = DEFAULT) -> list[Item]:
    """Return the items in a body; raise Malformed for the first invalid one, or for too many."""
    decoded = decode(body)
    if not isinstance(decoded, list):
        return [_item(decoded, None)]
    limits.check_samples(len(decoded))
    return [_item(item, place) for place, item in enumerate(decoded)]


def _item(item: Any, place: int | None) -> Item:
    fault = _fault(item)
    if fault is not None:
        name, reason = fault
        title = "Feedback" if place is None else f"Feedback {place + 1}"
        pointer = "#" + "".join(f"/{part}" for part in (place, name) if part is not None)
        raise Malformed(f"{title}: {reason}", errors=[{"pointer": pointer, "detail": reason}])
    index = int(item["index"]) if "index" in item else None
    return Item(item["answer"], item.get("id"), index, item.get("prediction", ABSENT))


def _fault(item: Any) -> tuple[str | None, str] | None:
    """Return the invalid field of an item, if it is a single one, and the reason as a sentence; None if it is valid."""
    if not isinstance(item, dict):
        return None, 'It is not an object; send {"id": "…", "answer": …}.'
    unknown = [name for name in item if name not in NAMES]
    if unknown:
        name = phrases.cut(json.dumps(unknown[0]), MAX_ID)
        return None, f"It has an unknown key {name}; valid names: {', '.join(NAMES)}."
    if "answer" not in item:
        return None, "It has no answer, the true value."
    if "id" not in item and "prediction" not in item:
        return None, "It has neither the id of a request nor a prediction, so its prediction is unknown."
    return _fault_of_id(item.get("id", "-"), item.get("index", 0))


def _fault_of_id(request_id: Any, index: Any) -> tuple[str, str] | None:
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_ID:
        return "id", f"Its id is not a string of 1 to {MAX_ID} characters, such as X-Request-ID in each response."
    # In JSON, 2.0 is a whole number, too.
    if type(index) not in (int, float) or not 0 <= index < 1 << 31 or index != int(index):
        return "index", "Its index is not a whole number of at least 0."
    return None
