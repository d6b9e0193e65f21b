"""Reads a Databricks notebook that was exported as source (`# Databricks notebook source`)."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nb_builder.rewrite.number_cells import BEGINS

# Metadata key of a Databricks notebook, as in its own exports to .ipynb.
MARK = "application/vnd.databricks.v1+notebook"
_FIRST = "# Databricks notebook source"
_BETWEEN = re.compile(r"# COMMAND -+\s*$")
_MAGIC = re.compile(r"# MAGIC ?")
_TITLE = re.compile(r"# DBTITLE ")
# Magics that differ from Jupyter's: %sh is a cell magic, %run takes a notebook without suffix. %run shares all names
# with the notebook that it runs, like Jupyter's with -i.
_OTHER_MAGICS = {"sh": "%%bash\n", "python": "", "run": "%run -i "}


def is_one(text: str) -> bool:
    """Return whether a script was exported by Databricks."""
    return text.lstrip("\ufeff").startswith(_FIRST)


def parse(text: str) -> NotebookNode:
    """Return the notebook in the script `text`."""
    cells = [_cell(begins, lines) for begins, lines in _cells(text.splitlines())]
    for cell in cells:
        # nbformat's IDs are random, and a build must be repeatable; format 4.4 has no IDs.
        cell.pop("id")
    return new_notebook(cells=cells, metadata={MARK: {}}, nbformat_minor=4)


def _cells(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line of the file, lines) of each cell."""
    begins = 2
    for number, line in enumerate([*lines[1:], "# COMMAND -"], start=2):
        if _BETWEEN.match(line):
            cell = lines[begins - 1 : number - 1]
            above = next((index for index, text in enumerate(cell) if text.strip()), len(cell))
            yield begins + above, [text.rstrip() for text in cell[above:]]
            begins = number + 1


def _cell(begins: int, lines: list[str]) -> NotebookNode:
    metadata = {"nb_builder": {BEGINS: begins}}
    content = [line for line in lines if line.strip() and not _TITLE.match(line)]
    if not content or not all(map(_MAGIC.match, content)):
        return new_code_cell("\n".join(map(_code, lines)).rstrip("\n"), metadata=metadata)
    text = "\n".join(_MAGIC.sub("", line, count=1) for line in lines if not _TITLE.match(line)).strip("\n")
    magic = re.match(r"%(\w*)[ \t]*(.*)", text, re.DOTALL)
    name, rest = magic.groups() if magic else ("", text)
    if name in ("md", "md-sandbox"):
        return new_markdown_cell(rest.strip("\n"))
    above = next(number for number, line in enumerate(lines) if line.strip() and not _TITLE.match(line))
    metadata["nb_builder"][BEGINS] = begins + above
    return new_code_cell(_as_jupyter_magic(text, name, rest), metadata=metadata)


def _as_jupyter_magic(text: str, name: str, rest: str) -> str:
    if name in _OTHER_MAGICS:
        # In `%sh ls`, the command is on the magic's line; in Jupyter's cell magic, it is below.
        return _OTHER_MAGICS[name] + rest.lstrip("\n")
    if name in ("sql", "scala", "r", "fs"):
        return f"%%{name}\n{rest}" if "\n" in text else f"%{name} {rest}"
    return text


def _code(line: str) -> str:
    """Return a line of a Python cell, without the comment marker of a magic in it."""
    return _MAGIC.sub("", line, count=1) if _MAGIC.match(line) else line
