"""Rows of a table ↔ samples: what a row becomes follows from the golden samples' schema."""

import json
import re
from collections.abc import Sequence

from nb_service.protocols import Malformed

# JSON's own spelling: 007 and +1 are texts, such as the number of a house or a telephone.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SCALARS = {"string", "number", "integer", "boolean"}
_NUMBERS = {"number", "integer", "null"}


class Rows:
    """Makes samples of rows as the notebook's own samples look, by `schema` (of the manifest; {} for unknown)."""

    def __init__(self, schema: dict | None) -> None:
        self.schema = schema or {}
        self.kinds = _kinds(self.schema)

    @property
    def named(self) -> bool:
        """Return whether the notebook's samples are objects, whose names a table must tell."""
        return self.kinds == {"object"}

    def is_header(self, cells: Sequence[str]) -> bool:
        """Return whether a row of texts can only be names: all are words, and the notebook's samples have none."""
        kinds = _kinds(self._schema_of(None))
        return bool(kinds) and kinds <= _NUMBERS and all(map(_is_word, cells))

    def sample(self, names: Sequence | None, cells: list):
        """Return the sample of one row of values; `names` are its columns, None or numbers where it has none."""
        _check_length(names, cells)
        if len(cells) == 1 and self.kinds and self.kinds <= _SCALARS:
            return cells[0]
        texts = names is not None and all(isinstance(name, str) for name in names)
        if not texts or self.kinds == {"array"}:
            return cells
        return dict(zip(names, cells, strict=True))

    def from_text(self, names: Sequence[str] | None, cells: list[str]):
        """Return the sample of one row of texts: what is written as a number is one, unless text is expected."""
        _check_length(names, cells)
        named = zip(names or [None] * len(cells), cells, strict=True)
        return self.sample(names, [self._value(name, cell) for name, cell in named])

    def _value(self, name: str | None, text: str):
        kinds = _kinds(self._schema_of(name))
        if kinds == {"string"}:
            return text
        if text == "":
            return None
        if "boolean" in kinds and text.lower() in ("true", "false"):
            return text.lower() == "true"
        return json.loads(text) if len(text) <= 4300 and _NUMBER.fullmatch(text) else text

    def _schema_of(self, name: str | None) -> dict:
        if self.kinds == {"object"}:
            return self.schema.get("properties", {}).get(name) or self.schema.get("additionalProperties") or {}
        return self.schema.get("items", {}) if self.kinds == {"array"} else self.schema


def _is_word(text: str) -> bool:
    """Return whether a text is no number, NaN and infinity included; nothing is no word."""
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def _check_length(names: Sequence | None, cells: Sequence) -> None:
    if names is not None and len(names) != len(cells):
        raise Malformed(f"A row has {len(cells)} values, and there are {len(names)} columns.")


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def columns_to_rows(columns: dict) -> list[dict]:
    """Return the rows of {name: list of values}; raise Malformed where the lists differ in length."""
    for name, values in columns.items():
        if not isinstance(values, list):
            raise Malformed(f"The column {name!r} is not a list.")
    if len({len(values) for values in columns.values()}) > 1:
        raise Malformed("The columns differ in length.")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def rows_to_columns(rows: list) -> dict[str, list] | None:
    """Return {name: list of values} of objects that all have the same names, else None."""
    if not rows or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows) or not rows[0]:
        return None
    return {name: [row[name] for row in rows] for name in rows[0]}
