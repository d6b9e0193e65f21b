"""Converts table rows to samples, and samples to rows, using the schema of the golden samples."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

from nb_service.files import NO_FILES, Files
from nb_service.protocols import DEFAULT, Limits, Malformed, encode

# Numbers as JSON spells them: 007 and +1 are strings, such as a house number or a telephone number.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Longer digits stay a string, because int() rejects them, as it does in JSON.
MAX_NUMBER = 4300
_SCALARS = {"string", "number", "integer", "boolean"}
_NUMBERS = {"number", "integer", "null"}


class Rows:
    """Converts rows to samples like the notebook's own, described by `schema` ({} if unknown).

    `files` are predictor's arguments that are files.
    """

    def __init__(self, schema: dict | None, files: Files = NO_FILES) -> None:
        self.schema = schema or {}
        self.files = files
        self.kinds = _kinds(self.schema)

    @property
    def named(self) -> bool:
        """Return whether the notebook's samples are objects, so that a table must name its columns."""
        return self.kinds == {"object"}

    def is_header(self, cells: Sequence[str]) -> bool:
        """Return whether a row of strings can only be names: all are words, and the notebook's samples have none."""
        kinds = _kinds(self._schema_of(None))
        return bool(kinds) and kinds <= _NUMBERS and all(map(_is_text, cells))

    @property
    def bare(self) -> bool:
        """Return whether a row of one cell becomes that cell instead of a list."""
        return bool(self.kinds) and self.kinds <= _SCALARS

    def is_object(self, names: Sequence | None) -> bool:
        """Return whether rows with these column names become objects, unless they are bare."""
        texts = names is not None and all(isinstance(name, str) for name in names)
        return texts and self.kinds != {"array"}

    def name_bytes(self, names: Sequence | None) -> int:
        """Return the bytes that column names add to each sample."""
        return len(encode(list(names))) if names is not None and self.is_object(names) else 0

    def samples(self, names: Sequence | None, rows: Iterable[list]) -> Iterator:
        """Yield the sample of each row of values; `names` are its columns, None or numbers if it has none."""
        is_object, is_bare = self.is_object(names), self.bare
        for cells in rows:
            if names is not None and len(names) != len(cells):
                raise Malformed(f"A row has {len(cells)} values, but there are {len(names)} columns.")
            if is_bare and len(cells) == 1:
                yield cells[0]
            else:
                yield dict(zip(names, cells, strict=True)) if names is not None and is_object else cells

    def sample(self, names: Sequence | None, cells: list) -> Any:
        """Return the sample of one row of values."""
        return next(self.samples(names, [cells]))

    def sample_json(self, names: Sequence | None, cells: list[bytes]) -> bytes:
        """Return the JSON of the sample of one row, given the JSON of its values."""
        sample = self.sample(names, cells)
        if isinstance(sample, dict):
            return b"{" + b", ".join(encode(name) + b": " + cell for name, cell in sample.items()) + b"}"
        return b"[" + b", ".join(sample) + b"]" if isinstance(sample, list) else sample

    def samples_from_texts(self, names: Sequence[str] | None, rows: Iterable[list[str]]) -> Iterator:
        """Yield the sample of each row of strings; strings that are numbers are converted unless a text is expected."""
        return self.samples(names, self.cells(names, rows))

    def cells(self, names: Sequence[str] | None, rows: Iterable[list[str]]) -> Iterator[list]:
        """Yield the values of each row of strings, converted as in `samples_from_texts`."""
        kinds = [_kinds(self._schema_of(name)) for name in names or ()]
        others = repeat(_kinds(self._schema_of(None)))
        return ([*map(_value, chain(kinds, others), cells)] for cells in rows)

    def is_text(self, name: str | None) -> bool:
        """Return whether a column has only strings in the notebook's samples, so that numbers are not converted."""
        return _kinds(self._schema_of(name)) == {"string"}

    def _schema_of(self, name: str | None) -> dict:
        if self.kinds == {"object"}:
            return self.schema.get("properties", {}).get(name) or self.schema.get("additionalProperties") or {}
        return self.schema.get("items", {}) if self.kinds == {"array"} else self.schema


def _is_text(text: str) -> bool:
    """Return whether a string is a word: not empty, and not a number, NaN or infinity."""
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def _value(kinds: set[str], text: str) -> object:
    """Return the value of a string in a column of these types."""
    if kinds == {"string"}:
        return text
    if text == "":
        return None
    if "boolean" in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    number = _NUMBER.fullmatch(text) if len(text) <= MAX_NUMBER else None
    if number is None:
        return text
    return int(text) if number.end(1) == len(text) else float(text)


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def columns_to_rows(columns: dict, limits: Limits = DEFAULT) -> Iterator[dict]:
    """Return an iterator over the rows of {name: values}; raise Malformed if the lists differ in length."""
    for name, values in columns.items():
        if not isinstance(values, list):
            raise Malformed(f"The column {name!r} is not a list.")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise Malformed("The columns differ in length.")
    limits.check_rows(max(lengths), len(encode(list(columns))))
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def rows_to_columns(rows: list) -> dict[str, list] | None:
    """Return {name: values} if all objects have the same keys, otherwise None."""
    if not rows or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows) or not rows[0]:
        return None
    return {name: [row[name] for row in rows] for name in rows[0]}
