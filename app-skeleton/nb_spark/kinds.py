"""Derives Spark's type of the predictions from the model's own predictions, and creates Arrow columns of that type."""

from collections.abc import Sequence
from typing import Any

from nb_service.backends.batch import json_texts

# The type for predictions that no simple type fits: their JSON.
JSON = "json"
# The maximum number of characters of an invalid prediction in a message.
MAX_LENGTH = 200
_SIMPLE = {"number": "double", "integer": "bigint", "boolean": "boolean", "string": "string"}


def choose_type(schema: dict) -> str:
    """Return the name of the type that holds all predictions of this JSON schema, else "json"."""
    kinds = schema.get("type", [])
    wanted = ({kinds} if isinstance(kinds, str) else set(kinds)) - {"null"}
    if wanted == {"integer", "number"}:
        return "double"
    return _SIMPLE.get(wanted.pop(), JSON) if len(wanted) == 1 else JSON


def column(items: Sequence, kind: Any, name: str) -> tuple[Any, dict[int, str]]:
    """Return an array of the Arrow type `kind` with the predictions, and, by index, the reasons why others don't fit.

    `items` are values of predictions, or their JSON if `kind` is None. `name` is Spark's name of the type.
    """
    import pyarrow as pa

    if kind is None:
        return pa.array([None if text == "null" else text for text in items], pa.string()), {}
    if _are_sure(items, kind):
        try:
            return pa.array(items, kind), {}
        except _misfit():
            pass
    misfits = {
        at: f"Its prediction {_shown(value)} is not of type {name}."
        for at, value in enumerate(items)
        if not _fits(value, kind)
    }
    return pa.array([None if at in misfits else value for at, value in enumerate(items)], kind), misfits


def _are_sure(items: Sequence, kind: Any) -> bool:
    """Return whether pyarrow rejects every value that doesn't fit; for integer types, it truncates fractions."""
    from pyarrow import types

    if types.is_nested(kind):
        return False
    return not types.is_integer(kind) or set(map(type, items)) <= {int, type(None)}


def _fits(value: Any, kind: Any) -> bool:
    import pyarrow as pa

    try:
        pa.array([value], kind)
    except _misfit():
        return False
    return not _has_fraction(value, kind)


def _has_fraction(value: Any, kind: Any) -> bool:
    """Return whether the value has a fractional part although the type is an integer."""
    from pyarrow import types

    if types.is_struct(kind) and isinstance(value, dict):
        return any(_has_fraction(value.get(field.name), field.type) for field in kind)
    if types.is_list(kind) and isinstance(value, list):
        return any(_has_fraction(item, kind.value_type) for item in value)
    return types.is_integer(kind) and isinstance(value, float) and not value.is_integer()


def _misfit() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (pa.ArrowException, TypeError, ValueError, OverflowError)


def _shown(value: Any) -> str:
    return json_texts.text(value)[:MAX_LENGTH]
