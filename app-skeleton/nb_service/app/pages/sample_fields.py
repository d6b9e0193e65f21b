"""The form of a sample: a field for each place in it, from the samples' schema and the displayed sample.

A place's current type determines its input; the other types in the schema can be selected. If a value doesn't fit the
schema, or is too large for fields, its place becomes a JSON field, so that every sample has a form.
"""

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nb_service.app.pages.posted_fields import (
    ABSENT,
    ARRAY,
    BOOLEAN,
    INTEGER,
    JSON,
    NULL,
    NUMBER,
    NUMBERS,
    OBJECT,
    ROOT,
    STRING,
    Unread,
    escaped,
    keys_of,
)

# Longer lists would be tedious to fill in; the JSON editor accepts any sample.
MAX_ITEMS = 64
MAX_FIELDS = 250
DEEPEST = 6
# Longer texts, and those with a line break, get several lines.
LONG = 60
WORDS = {
    NUMBER: "number",
    INTEGER: "whole number",
    STRING: "text",
    BOOLEAN: "yes or no",
    ARRAY: "list",
    OBJECT: "object",
    JSON: "JSON",
    NULL: "null",
    ABSENT: "left out",
}
_LEFT_OUT = object()
_KINDS = {type(None): NULL, bool: BOOLEAN, int: INTEGER, float: NUMBER, str: STRING, list: ARRAY, dict: OBJECT}
_BLANK: dict[str, object] = {NULL: None, BOOLEAN: False, INTEGER: 0, NUMBER: 0, STRING: ""}


@dataclass
class Field:
    """One place of a sample.

    `at` is its JSON pointer, `kind` its current type and `kinds` the possible ones. `text` is the value of its input,
    `options` the values of an enum, as JSON and as text, `items` the fields inside it. `can_grow` means that a list
    accepts one more item, `can_go` that the item can be removed from its list.
    """

    at: str
    label: str
    kind: str
    kinds: list[str]
    text: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    items: list["Field"] = field(default_factory=list)
    can_grow: bool = False
    can_go: bool = False
    error: str = ""
    number: int = 0

    @property
    def id(self) -> str:
        """Return the id of its input on the page."""
        return f"field{self.number}"

    @property
    def kind_text(self) -> str:
        """Return the label of its type."""
        return WORDS[self.shape]

    @property
    def shape(self) -> str:
        """Return the type of its input: its own, or the type that it would have if it were not null or missing."""
        if self.kind not in (NULL, ABSENT):
            return self.kind
        return next((kind for kind in self.kinds if kind not in (NULL, ABSENT)), self.kind)

    @property
    def is_number(self) -> bool:
        """Return whether its input accepts numbers only."""
        return self.shape in (NUMBER, INTEGER) and len(set(self.kinds) - {NULL, ABSENT}) == 1

    @property
    def is_long(self) -> bool:
        """Return whether its text needs several lines."""
        return len(self.text) > LONG or "\n" in self.text

    def all(self) -> Iterator["Field"]:
        """Yield this field and all fields inside it."""
        yield self
        for item in self.items:
            yield from item.all()


def form_of(schema: dict, sample: object, errors: dict[str, str] | None = None) -> Field | None:
    """Return the field for a whole sample, with `errors` by pointer; None if a form would not help."""
    root = _field(schema, sample, ROOT, "Sample", depth=0)
    fields = list(root.all())
    if (root.kind == JSON and not root.options) or len(fields) > MAX_FIELDS:
        return None
    for number, one in enumerate(fields, 1):
        one.number = number
        one.error = (errors or {}).get(one.at, "")
    return root


def blank(schema: dict) -> Any:
    """Return the simplest value that fits a schema, None if the schema is empty."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = _types(schema)[0]
    if kind == OBJECT:
        properties = schema.get("properties", {})
        return {name: blank(properties[name]) for name in properties if name in schema.get("required", ())}
    if kind == ARRAY:
        return [blank(schema.get("items", {})) for _ in range(min(schema.get("minItems", 0), MAX_ITEMS))]
    return _BLANK.get(kind)


def completed(schema: dict, sample: Any) -> Any:
    """Return a sample with the properties that its objects lack added: a newly selected type starts empty."""
    kinds = _types(schema)
    if isinstance(sample, Unread) and not sample.strip():
        return _BLANK.get(sample.kind)
    if isinstance(sample, dict) and OBJECT in kinds:
        properties = schema.get("properties", {})
        missing = {name: blank(properties.get(name, {})) for name in schema.get("required", ()) if name not in sample}
        return {name: completed(properties.get(name, {}), value) for name, value in {**sample, **missing}.items()}
    if isinstance(sample, list) and ARRAY in kinds:
        return [completed(schema.get("items", {}), item) for item in sample] or blank({**schema, "type": ARRAY})
    return sample


def grown(schema: dict, sample: Any, pointer: str) -> Any:
    """Return the field of one place."""
    sample = place = copy.deepcopy(sample)
    for key in keys_of(pointer):
        if isinstance(place, dict) and key in place:
            place, schema = place[key], schema.get("properties", {}).get(key, {})
        elif isinstance(place, list) and key.isdecimal() and int(key) < len(place):
            place, schema = place[int(key)], schema.get("items", {})
        else:
            return sample
    if isinstance(place, list):
        place.append(copy.deepcopy(place[-1]) if place else blank(schema.get("items", {})))
    return sample


def _field(schema: dict, value: Any, at: str, label: str, depth: int, *, optional: bool = False) -> Field:
    """Return the field of a place whose present value is `value`."""
    kinds = [*_types(schema), *([ABSENT] if optional else [])]
    if schema.get("enum"):
        return _choice(schema["enum"], value, at, label, optional=optional)
    if value is _LEFT_OUT:
        return Field(at, label, ABSENT, kinds if optional else [*kinds, ABSENT])
    if isinstance(value, Unread):
        return Field(at, label, value.kind, kinds if value.kind in kinds else [*kinds, value.kind], str(value))
    kind = _KINDS[type(value)]
    if kind not in kinds and kind in NUMBERS:
        # Although all samples have whole numbers, others may be valid.
        kind = next((one for one in NUMBERS if one in kinds), kind)
    is_too_large = kind in (ARRAY, OBJECT) and (depth >= DEEPEST or len(value) > MAX_ITEMS)
    if kind not in kinds or is_too_large or not _is_showable(value):
        return Field(at, label, JSON, [*(one for one in kinds if one != JSON), JSON], _json(value))
    made = Field(at, label, kind, kinds)
    if isinstance(value, list):
        made.items = _items(schema, value, at, depth)
        made.can_grow = len(value) < schema.get("maxItems", MAX_ITEMS)
    elif isinstance(value, dict):
        made.items = _properties(schema, value, at, depth)
    elif kind not in (NULL, BOOLEAN):
        made.text = value if isinstance(value, str) else _json(value)
    elif kind == BOOLEAN:
        made.text = "true" if value else ""
    return made


def _items(schema: dict, values: list, at: str, depth: int) -> list[Field]:
    items = schema.get("items", {})
    fields = [_field(items, value, f"{at}/{index}", f"[{index}]", depth + 1) for index, value in enumerate(values)]
    for one in fields:
        one.can_go = len(values) > schema.get("minItems", 0)
    return fields


def _properties(schema: dict, values: dict, at: str, depth: int) -> list[Field]:
    """Return a field for each property that the object has, in its order, then for each other one of the schema."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return [
        _field(
            properties.get(name, {}),
            values.get(name, _LEFT_OUT),
            f"{at}/{escaped(name)}",
            name,
            depth + 1,
            optional=name not in required,
        )
        for name in dict.fromkeys(itertools.chain(values, properties))
    ]


def _choice(values: list, value: object, at: str, label: str, *, optional: bool) -> Field:
    """Return the field for one of `values`; if the present value is another one, it is added to them."""
    options = [(_json(one), one if isinstance(one, str) and _is_showable(one) else _json(one)) for one in values]
    kinds = [JSON, *([ABSENT] if optional or value is _LEFT_OUT else [])]
    if value is _LEFT_OUT:
        return Field(at, label, ABSENT, kinds, options[0][0], options)
    text = str(value) if isinstance(value, Unread) else _json(value)
    if text not in dict(options):
        options.insert(0, (text, text))
    return Field(at, label, JSON, kinds, text, options)


def _types(schema: dict) -> list[str]:
    """Return the types that a schema allows, with null last; JSON if the schema is empty."""
    kinds = schema.get("type", JSON)
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return sorted(kinds, key=lambda kind: kind == NULL)


def _is_showable(value: object) -> bool:
    """Return whether an HTML input preserves a text: not if it contains NUL, CR or lone surrogates."""
    return not isinstance(value, str) or not any(letter in "\0\r" or "\ud800" <= letter < "\ue000" for letter in value)


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_showable(text) else json.dumps(value)
