"""Reads a sample from the page's form by field.

For each place in the sample, a field `kind:` followed by the place's JSON pointer contains its type; a scalar has a
second field, the pointer alone, with its text. The order of fields is the order within lists and objects, and places
without fields don't exist.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from nb_scorer.common import json_depth

ARRAY, OBJECT, STRING, NUMBER, INTEGER, BOOLEAN, NULL = (
    *("array", "object", "string", "number", "integer", "boolean", "null"),
)
# Types of a field: any value as JSON; and a property that the object lacks.
JSON, ABSENT = "json", "absent"
NUMBERS = (NUMBER, INTEGER)
PREFIX = "kind:"
# The JSON pointer to the whole sample, as a URI fragment, as in errors of samples.
ROOT = "#"
DEEPEST = 50
# JSON that is nested more deeply is not shown as a form, whose code is recursive.
DEEPEST_JSON = 200
_NUMBER = re.compile(r"-?(?:\d+|(?P<fraction>\d*\.\d+))(?P<exponent>[eE][+-]?\d+)?", re.ASCII)


class Unread(str):
    """A text that is not valid for its field, used instead of a value; `kind` is the field's type."""

    __slots__ = ("kind",)
    kind: str

    @classmethod
    def with_kind(cls, text: str, kind: str) -> "Unread":
        """Return the text with its type."""
        made = cls(text)
        made.kind = kind
        return made


class Unreadable(Exception):
    """The fields do not come from a form of this page; the message is a sentence."""


def has_fields(names: Iterable[str]) -> bool:
    """Return whether a form with these field names is a form by field."""
    return PREFIX + ROOT in names


def escaped(name: str) -> str:
    """Return a property's name as part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def keys_of(pointer: str) -> list[str]:
    """Return the names and indexes in a JSON pointer."""
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]


def without(pairs: Iterable[tuple[str, str]], pointer: str) -> list[tuple[str, str]]:
    """Return the pairs without those of `pointer` and of places inside it."""
    return [(name, text) for name, text in pairs if not (name.removeprefix(PREFIX) + "/").startswith(f"{pointer}/")]


def sample_of(pairs: Iterable[tuple[str, str]]) -> tuple[Any, dict[str, str]]:
    """Return the sample in a form, and its errors by pointer; raise Unreadable for a foreign form.

    Invalid places of the sample are Unread.
    """
    reader = _Reader(pairs)
    return reader.value(ROOT), reader.errors


class _Reader:
    """Builds a sample from its fields."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.errors: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._within: dict[str, list[str]] = {}
        for name, text in pairs:
            if name.startswith(PREFIX):
                self._add(name.removeprefix(PREFIX), text)
            else:
                self._texts[name] = text

    def _add(self, pointer: str, kind: str) -> None:
        if pointer.count("/") > DEEPEST:
            raise Unreadable(f"A form may be nested {DEEPEST} levels deep.")
        if pointer not in self._kinds:
            self._within.setdefault(pointer.rpartition("/")[0], []).append(pointer)
        self._kinds[pointer] = kind

    def value(self, pointer: str) -> Any:
        """Return the value of a place that exists."""
        kind = self._kinds.get(pointer, ABSENT)
        inner = [one for one in self._within.get(pointer, ()) if self._kinds[one] != ABSENT]
        if kind == ARRAY:
            return [self.value(one) for one in inner]
        if kind == OBJECT:
            return {keys_of(one)[-1]: self.value(one) for one in inner}
        if kind not in _READERS:
            raise Unreadable(f"The form has no value at {pointer}.")
        return self._read(pointer, kind)

    def _read(self, pointer: str, kind: str) -> Any:
        text = self._texts.get(pointer, "")
        try:
            return _READERS[kind](text)
        except (ValueError, RecursionError):
            what = "JSON" if kind == JSON else "a number"
            self.errors[pointer] = f"This is not {what}." if text.strip() else f"Enter {what}."
            return Unread.with_kind(text, kind)


def json_value(text: str) -> Any:
    """Return a JSON value that may be a sample; raise ValueError, or RecursionError if it is nested too deeply."""
    value = json_depth.loads(text, parse_float=_finite, parse_constant=_finite)
    if _is_deeper(value, DEEPEST_JSON):
        raise RecursionError(f"it is nested deeper than {DEEPEST_JSON} levels")
    return value


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _number(text: str) -> int | float:
    """Return the number in a text, in the syntax of HTML's number inputs (such as `.5`); raise ValueError."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return _finite(text) if match["fraction"] or match["exponent"] else int(text)


def _finite(text: str) -> float:
    """Return the number; raise ValueError if it is invalid or too large for a double."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_READERS: dict[str, Callable[[str], Any]] = {
    NUMBER: _number,
    INTEGER: _number,
    JSON: json_value,
    # Browsers send each line break of a text as two characters.
    STRING: lambda text: text.replace("\r\n", "\n"),
    BOOLEAN: lambda text: text == "true",
    NULL: lambda text: None,
}
