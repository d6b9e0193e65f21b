"""Formats the output of a magic as plain HTML and as text.

Without scripts, classes and text colours, it looks right in every front end, in light and dark mode.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

# These colours are visible on white and on black; the text has the same meaning without them.
_EDGES = {"fine": "#2e8b57", "fault": "#d1495b"}
_BLOCK = "white-space: pre-wrap; overflow-wrap: anywhere; max-height: 30em; overflow: auto"
_CELL = "text-align: left; vertical-align: top; padding: 0.2em 1em 0.2em 0; font-family: monospace"


class Code(NamedTuple):
    """Text in code style."""

    text: str


class Link(NamedTuple):
    """Text that links to an address, or nowhere."""

    text: str
    address: str | None


Part = str | Code | Link


class Panel:
    """Lines, lists and tables, one below the other; `bundle` is passed to the front end."""

    def __init__(self, title: str, edge: str) -> None:
        """Start with a title; the edge is "fine" or "fault"."""
        style = f"border-left: 4px solid {_EDGES[edge]}; padding: 0.1em 0 0.1em 0.8em"
        self._html = [f'<div style="{style}">', f"<p><strong>{escape(title)}</strong></p>"]
        self._text = [title]

    def say(self, *parts: Part) -> "Panel":
        """Add a line."""
        self._html.append(f"<p>{''.join(map(_html, parts))}</p>")
        self._text.append(f"  {''.join(map(_text, parts))}")
        return self

    def points(self, title: Sequence[Part], *points: Sequence[Part]) -> "Panel":
        """Add a line followed by a list."""
        self.say(*title)
        items = "".join(f"<li>{''.join(map(_html, point))}</li>" for point in points)
        self._html.append(f"<ul>{items}</ul>")
        self._text += [f"    {''.join(map(_text, point))}" for point in points]
        return self

    def table(self, *rows: Sequence[str]) -> "Panel":
        """Add a table whose first row is its header."""
        lines = []
        for number, row in enumerate(rows):
            name = "td" if number else "th"
            cells = "".join(f'<{name} style="{_CELL}">{escape(cell)}</{name}>' for cell in row)
            lines.append(f"<tr>{cells}</tr>")
        self._html.append(f"<table>{''.join(lines)}</table>")
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            columns = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._text.append(f"  {'  '.join(columns)}".rstrip())
        return self

    def block(self, text: str) -> "Panel":
        """Add lines of code."""
        self._html.append(f'<pre style="{_BLOCK}">{escape(text)}</pre>')
        self._text += [f"    {line}" for line in text.splitlines()]
        return self

    def fold(self, title: str, text: str, *, opened: bool) -> "Panel":
        """Add lines, such as a log, that are collapsed unless `opened`."""
        if text.strip():
            tag = "<details open>" if opened else "<details>"
            block = f'<pre style="{_BLOCK}">{escape(text)}</pre>'
            self._html.append(f"{tag}<summary>{escape(title)}</summary>{block}</details>")
        if text.strip() and opened:
            self._text += [f"  {title}:", *(f"    {line}" for line in text.splitlines())]
        return self

    def bundle(self) -> dict[str, str]:
        """Return the panel by MIME type."""
        return {"text/html": "\n".join([*self._html, "</div>"]), "text/plain": "\n".join(self._text)}


def _html(part: Part) -> str:
    if isinstance(part, Code):
        return f"<code>{escape(part.text)}</code>"
    if isinstance(part, Link) and part.address:
        return f'<a href="{escape(part.address)}">{escape(part.text)}</a>'
    return escape(_text(part))


def _text(part: Part) -> str:
    return part if isinstance(part, str) else part.text
