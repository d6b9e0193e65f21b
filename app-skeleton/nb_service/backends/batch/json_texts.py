"""Converts table columns to JSON texts; most cells are valid JSON numbers already."""

import json
import math
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nb_service.protocols import encode
from nb_service.protocols.rows import MAX_NUMBER, Rows

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:,{_NUMBER})*")
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_NUMBERS_AND_GAPS = re.compile(rf"(?:{_NUMBER})?(?:,(?:{_NUMBER})?)*")


def are_numbers(texts: Sequence[str], width: int = 1) -> bool:
    """Return whether each text is `width` comma-separated JSON numbers."""
    joined = ",".join(texts)
    return (
        joined.count(",") == width * len(texts) - 1
        # Usually, even a whole line is shorter than the limit for one number.
        and (max(map(len, texts)) <= MAX_NUMBER or max(map(len, joined.split(","))) <= MAX_NUMBER)
        and _NUMBERS.fullmatch(joined) is not None
    )


def of_cells(rows: Rows, name: str | None, cells: Sequence[str]) -> Sequence[str]:
    """Return a text column's cells as JSON, converted as the same column of the model's own samples requires."""
    if not rows.is_text(name) and cells:
        joined = ",".join(cells)
        if joined.count(",") == len(cells) - 1 and max(map(len, cells)) <= MAX_NUMBER:
            if _NUMBERS.fullmatch(joined):
                return cells
            if _NUMBERS_AND_GAPS.fullmatch(joined):
                return [cell or "null" for cell in cells]
    return [text(value) for (value,) in rows.cells(None if name is None else [name], ([cell] for cell in cells))]


def of_values(values: Sequence) -> Sequence[str]:
    """Return the JSON of a column's values."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return [*map(str, values)]
    if kinds == {float} and all(map(math.isfinite, values)):
        return [*map(repr, values)]
    return [*map(text, values)]


def text(value: Any) -> str:
    """Return a value's JSON; a number outside the range of doubles, such as 1e999, becomes null."""
    try:
        return _as_json(value)
    except ValueError:
        return _as_json(_finite(value))
    except RecursionError:
        return encode(value).decode("ascii")


def of_sample(value: Any) -> str:
    """Return a sample's JSON; a number outside the range of doubles is written as one, as in the input."""
    try:
        return _as_json(value)
    except ValueError:
        # No encoder writes infinity as a number, so a unique placeholder is written and replaced afterwards.
        place = uuid.uuid4().hex
        return re.sub(f'"(-?){place}"', r"\g<1>1e999", _as_json(_placed(value, place)))
    except RecursionError:
        return encode(value).decode("ascii")


def _placed(value: Any, place: str) -> Any:
    """Return a value with each infinity replaced by `place`."""
    if isinstance(value, dict):
        return {name: _placed(item, place) for name, item in value.items()}
    if isinstance(value, list):
        return [_placed(item, place) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return place if value > 0 else f"-{place}"
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_lists(columns: Sequence[Sequence[str]], count: int) -> list[str]:
    """Return the JSON of `count` rows as lists."""
    return _rows("[" + ", ".join(["%s"] * len(columns)) + "]", columns, count)


def as_objects(names: Iterable[str], columns: Sequence[Sequence[str]], count: int) -> list[str]:
    """Return the JSON of `count` rows as objects."""
    keys = [text(name).replace("%", "%%") + ": %s" for name in names]
    return _rows("{" + ", ".join(keys) + "}", columns, count)


def _rows(form: str, columns: Sequence[Sequence[str]], count: int) -> list[str]:
    make: Callable[[Any], str] = form.__mod__
    return [*map(make, zip(*columns, strict=True))] if columns else [form] * count


def encoded(text: str) -> bytes:
    """Return JSON as bytes."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate came from an escape, and can only be written as an escape.
        return "".join(f"\\u{ord(one):04x}" if "\ud800" <= one <= "\udfff" else one for one in text).encode("utf-8")
