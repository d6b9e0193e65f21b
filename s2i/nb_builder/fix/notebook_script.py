"""Edits single cells in the text of a Python script, plain or with `# %%` cells; all other lines stay the same."""

import ast
import re
from pathlib import Path

from nb_builder.common import syntax_trees
from nb_builder.repository.formats import databricks, marimo, percent, texts

_HEADER_LINE = re.compile(r"#!|#.*coding[:=]")


class NotebookScript:
    """The text of a script that is a valid notebook."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def source(self, position: int) -> str:
        """Return the source of the cell at `position`, counted from 1."""
        first, count = self._place(position)
        return "".join(self._lines()[first : first + count])

    def replace(self, position: int, source: str) -> None:
        """Replace the source of the cell at `position`."""
        first, count = self._place(position)
        lines = self._lines()
        self.text = "".join([*lines[:first], source, *lines[first + count :]])

    def insert(self, position: int, source: str, name: str) -> None:
        """Insert a cell at `position`; in a script without cells, at the top of its code."""
        markers = percent.markers(self._plain)
        lines = self._lines()
        above = self._cells_above()
        if above or not markers:
            place = self._top_of_code(markers[0] - 1 if markers else len(lines))
            new = f"{source}\n\n"
        else:
            place = markers[position - 1] - 1 if position <= len(markers) else len(lines)
            new = f"# %%\n{source}\n\n"
        self.text = "".join([*lines[:place], new.replace("\n", self._newline), *lines[place:]])

    def append(self, source: str, name: str) -> int:
        """Append a cell, or in a script without cells append to its code; return the cell's position."""
        text = self.text if self.text.endswith("\n") or not self.text else self.text + self._newline
        between = "\n# %%\n" if percent.markers(self._plain) else "\n\n"
        self.text = text + f"{between}{source}\n".replace("\n", self._newline)
        return len(percent.parse(self._plain).cells)

    def begins_with_markdown(self) -> bool:
        """Return whether the first cell is Markdown."""
        return [cell.cell_type for cell in percent.parse(self._plain).cells[:1]] == ["markdown"]

    @property
    def _plain(self) -> str:
        """Return the text as notebook readers see it: with the same lines, but uniform line ends."""
        return self.text.removeprefix("\ufeff").replace("\r\n", "\n")

    def _lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    def _cells_above(self) -> int:
        """Return the number of cells above the first marker: none or one."""
        return len(percent.parse(self._plain).cells) - len(percent.markers(self._plain))

    def _place(self, position: int) -> tuple[int, int]:
        """Return the index of the first line of a cell's source, and the number of its lines."""
        cell = percent.parse(self._plain).cells[position - 1]
        return cell.metadata["nb_builder"]["begins"] - 1, len(cell.source.splitlines())

    def _top_of_code(self, end: int) -> int:
        """Return the index of the first line for code: below shebang, docstring and `__future__`."""
        lines = self._lines()[:end]
        place = next((number for number, line in enumerate(lines) if not _HEADER_LINE.match(line)), len(lines))
        for number, statement in enumerate(syntax_trees.statements("".join(lines))):
            docstring = not number and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not docstring and not future:
                break
            place = statement.end_lineno or place
        return place


def kind(path: Path, text: str) -> str:
    """Describe the format of a file that is neither an .ipynb nor an editable script; else return ""."""
    if path.suffix != ".py":
        return "Markdown" if path.suffix in (".md", ".markdown") else "an R Markdown or Quarto document"
    if databricks.is_one(text):
        return "a notebook exported by Databricks"
    if marimo.is_one(text):
        return "a marimo notebook"
    return "a jupytext script in the light format" if texts.is_light(text) else ""
