"""Edits single cells in the text of an .ipynb; all other bytes stay the same, whichever program wrote them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Span:
    """The position of a value in the text."""

    begin: int
    end: int


class NotebookJson:
    """The text of a valid notebook of format 3 or 4."""

    def __init__(self, text: str) -> None:
        self.text = text
        whole = json.loads(text.removeprefix("\ufeff"))
        self._format = (whole.get("nbformat", 4), whole.get("nbformat_minor", 0))

    def source(self, position: int) -> str:
        """Return the source of the cell at `position`, counted from 1."""
        span = self._cells()[position - 1]
        return _joined(json.loads(self.text[span.begin : span.end]).get(self._key(span)))

    def replace(self, position: int, source: str) -> None:
        """Replace the source of the cell at `position`."""
        cell = self._cells()[position - 1]
        span = _members(self.text, cell.begin)[self._key(cell)]
        old = self.text[span.begin : span.end]
        # A list of lines or a string, escaped like the original.
        value: object = re.findall(r"[^\n]*\n|[^\n]+", source) if old.startswith("[") else source
        unit = self._unit if "\n" in old else None
        separators = self._separators if self._unit is None else (", " if unit is None else ",", ": ")
        text = json.dumps(value, indent=unit, ensure_ascii=old.isascii(), separators=separators)
        margin = self._newline + self._margin(cell.begin) + (self._unit or "")
        self._put(span.begin, span.end, margin.join(text.split("\n")))

    def insert(self, position: int, source: str, name: str) -> None:
        """Insert a code cell at `position`; `name` is its id if the format has ids."""
        spans = self._cells()
        if not spans:
            self._fill(source, name)
        elif position > len(spans):
            last = spans[-1]
            self._put(last.end, last.end, "," + self._gap(last.begin) + self._cell(source, name, last.begin))
        else:
            place = spans[position - 1].begin
            self._put(place, place, self._cell(source, name, place) + "," + self._gap(place))

    def append(self, source: str, name: str) -> int:
        """Append a code cell, and return its position."""
        position = len(self._cells()) + 1
        self.insert(position, source, name)
        return position

    def begins_with_markdown(self) -> bool:
        """Return whether the first cell is Markdown."""
        spans = self._cells()
        return bool(spans) and json.loads(self.text[spans[0].begin : spans[0].end]).get("cell_type") in (
            "markdown",
            "heading",
        )

    @property
    def _top(self) -> int:
        return _after_space(self.text, int(self.text.startswith("\ufeff")))

    @property
    def _unit(self) -> str | None:
        """Return the indentation of one level; None if the file has no line breaks between values."""
        gap = _SPACE.match(self.text, self._top + 1)
        return gap.group().rpartition("\n")[2] if gap and "\n" in gap.group() else None

    @property
    def _separators(self) -> tuple[str, str]:
        """Return the separators between values and after keys; in a file without line breaks they may lack spaces."""
        if self._unit is not None:
            return ",", ": "
        colon = self.text.find(":", self._top)
        return (", ", ": ") if self.text[colon + 1 : colon + 2] == " " else (",", ":")

    @property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _lists(self) -> list[_Span]:
        """Return the positions of the cell lists: one in format 4, one per worksheet in format 3."""
        top = _members(self.text, self._top)
        if "worksheets" not in top:
            return [top["cells"]]
        sheets = (_members(self.text, sheet.begin) for sheet in _elements(self.text, top["worksheets"].begin))
        return [sheet["cells"] for sheet in sheets if "cells" in sheet]

    def _cells(self) -> list[_Span]:
        return [cell for cells in self._lists() for cell in _elements(self.text, cells.begin)]

    def _key(self, cell: _Span) -> str:
        return "input" if "input" in _members(self.text, cell.begin) else "source"

    def _margin(self, place: int) -> str:
        """Return the indentation of the line at `place`."""
        line = self.text[self.text.rfind("\n", 0, place) + 1 : place]
        return line[: len(line) - len(line.lstrip())]

    def _gap(self, place: int) -> str:
        """Return the text between two cells: a line break with the indentation at `place`, or a space."""
        if self._unit is None:
            return self._separators[0][1:]
        return self._newline + self._margin(place)

    def _cell(self, source: str, name: str, place: int) -> str:
        return self._rendered(self._made(source, name), self._margin(place))

    def _fill(self, source: str, name: str) -> None:
        """Add the first cell to an empty list."""
        span = self._lists()[0]
        margin = self._margin(span.begin)
        unit = self._unit
        inner, outer = ("", "") if unit is None else (self._newline + margin + unit, self._newline + margin)
        cell = self._rendered(self._made(source, name), margin + (unit or ""))
        self._put(span.begin, span.end, f"[{inner}{cell}{outer}]")

    def _made(self, source: str, name: str) -> dict:
        """Return a code cell with its keys in nbformat's order."""
        major, minor = self._format
        lines = source.splitlines(keepends=True)
        if major < 4:
            return {
                "cell_type": "code",
                "collapsed": False,
                "input": lines,
                "language": "python",
                "metadata": {},
                "outputs": [],
            }
        made: dict = {"cell_type": "code", "execution_count": None}
        if (major, minor) >= (4, 5):
            made["id"] = self._free_id(name)
        return {**made, "metadata": {}, "outputs": [], "source": lines}

    def _free_id(self, name: str) -> str:
        taken = set(re.findall(r'"id"\s*:\s*"([^"]*)"', self.text))
        return next(
            each for each in (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))) if each not in taken
        )

    def _rendered(self, cell: dict, margin: str) -> str:
        unit = self._unit
        text = json.dumps(cell, indent=unit, ensure_ascii=False, separators=self._separators)
        return (self._newline + margin).join(text.split("\n"))

    def _put(self, begin: int, end: int, text: str) -> None:
        self.text = self.text[:begin] + text + self.text[end:]


def _joined(source: object) -> str:
    return "".join(source) if isinstance(source, list) else str(source or "")


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _members(text: str, begin: int) -> dict[str, _Span]:
    """Return the positions of the values in the JSON object at `begin`; the last of duplicate keys counts."""
    members = {}
    place = _after_space(text, begin + 1)
    while text[place] != "}":
        key, place = _DECODER.raw_decode(text, place)
        # After the colon.
        value = _after_space(text, _after_space(text, place) + 1)
        _, place = _DECODER.raw_decode(text, value)
        members[key] = _Span(value, place)
        place = _after_comma(text, place)
    return members


def _elements(text: str, begin: int) -> Iterator[_Span]:
    """Yield the positions of the values in the JSON list at `begin`."""
    place = _after_space(text, begin + 1)
    while text[place] != "]":
        _, end = _DECODER.raw_decode(text, place)
        yield _Span(place, end)
        place = _after_comma(text, end)


def _after_comma(text: str, place: int) -> int:
    place = _after_space(text, place)
    return _after_space(text, place + 1) if text[place] == "," else place
