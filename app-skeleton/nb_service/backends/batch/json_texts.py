"""Columns of a table as texts of JSON: most are numbers that are spelled as JSON has them already."""

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
    """Return whether each text is `width` numbers of JSON with commas between, in which no other text is one."""
    joined = ",".join(texts)
    return (
        joined.count(",") == width * len(texts) - 1
        # Most lines have fewer characters than one number may have.
        and (max(map(len, texts)) <= MAX_NUMBER or max(map(len, joined.split(","))) <= MAX_NUMBER)
        and _NUMBERS.fullmatch(joined) is not None
    )


def of_cells(rows: Rows, name: str | None, cells: Sequence[str]) -> Sequence[str]:
    """Return the JSON of the cells of a column of texts, by what the model's own samples have in it."""
    if not rows.is_text(name) and cells:
        joined = ",".join(cells)
        if joined.count(",") == len(cells) - 1 and max(map(len, cells)) <= MAX_NUMBER:
            if _NUMBERS.fullmatch(joined):
                return cells
            if _NUMBERS_AND_GAPS.fullmatch(joined):
                return [cell or "null" for cell in cells]
    return [text(value) for (value,) in rows.cells(None if name is None else [name], ([cell] for cell in cells))]


def of_values(values: Sequence) -> Sequence[str]:
    """Return the JSON of the values of a column."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return [*map(str, values)]
    if kinds == {float} and all(map(math.isfinite, values)):
        return [*map(repr, values)]
    return [*map(text, values)]


def text(value: Any) -> str:
    """Return the JSON of a value; a number beyond all doubles, which 1e999 spells, is null."""
    try:
        return _as_json(value)
    except ValueError:
        return _as_json(_finite(value))
    except RecursionError:
        return encode(value).decode("ascii")


def of_sample(value: Any) -> str:
    """Return the JSON of a sample; a number beyond all doubles is spelled as one, as it came."""
    try:
        return _as_json(value)
    except ValueError:
        # No encoder writes one. A text that nobody can have written holds its place.
        place = uuid.uuid4().hex
        return re.sub(f'"(-?){place}"', r"\g<1>1e999", _as_json(_placed(value, place)))
    except RecursionError:
        return encode(value).decode("ascii")


def _placed(value: Any, place: str) -> Any:
    """Return a value with `place` for each infinity that is in it."""
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
        # A lone surrogate, which came as an escape, can only leave as one.
        return "".join(f"\\u{ord(one):04x}" if "\ud800" <= one <= "\udfff" else one for one in text).encode("utf-8")
