"""A Databricks notebook, exported as source (`# Databricks notebook source`), as a notebook of Jupyter."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nb_builder.rewrite.number_cells import BEGINS

# In the metadata of a notebook that was written there; Databricks' own exports as .ipynb have it.
MARK = "application/vnd.databricks.v1+notebook"
_FIRST = "# Databricks notebook source"
_BETWEEN = re.compile(r"# COMMAND -+\s*$")
_MAGIC = re.compile(r"# MAGIC ?")
_TITLE = re.compile(r"# DBTITLE ")
# What Databricks calls otherwise than Jupyter: its %sh is a whole cell, its %run names a notebook without its ending.
# There it shares its names with this one, which is Jupyter's -i.
_OTHER_WORDS = {"sh": "%%bash\n", "python": "", "run": "%run -i "}


def is_one(text: str) -> bool:
    """Tell whether a script was exported by Databricks."""
    return text.lstrip("\ufeff").startswith(_FIRST)


def parse(text: str) -> NotebookNode:
    """Return the notebook that the script stands for."""
    cells = [_cell(begins, lines) for begins, lines in _cells(text.splitlines())]
    for cell in cells:
        # By chance, and a build must be repeatable; format 4.4 has none.
        cell.pop("id")
    return new_notebook(cells=cells, metadata={MARK: {}}, nbformat_minor=4)


def _cells(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line of the file, lines) of each cell."""
    begins = 2
    for number, line in enumerate([*lines[1:], "# COMMAND -"], start=2):
        if _BETWEEN.match(line):
            cell = lines[begins - 1 : number - 1]
            above = next((place for place, text in enumerate(cell) if text.strip()), len(cell))
            yield begins + above, [text.rstrip() for text in cell[above:]]
            begins = number + 1


def _cell(begins: int, lines: list[str]) -> NotebookNode:
    place = {"nb_builder": {BEGINS: begins}}
    said = [line for line in lines if line.strip() and not _TITLE.match(line)]
    if not said or not all(map(_MAGIC.match, said)):
        return new_code_cell("\n".join(map(_code, lines)).rstrip("\n"), metadata=place)
    text = "\n".join(_MAGIC.sub("", line, count=1) for line in lines if not _TITLE.match(line)).strip("\n")
    magic = re.match(r"%(\w*)[ \t]*(.*)", text, re.DOTALL)
    word, rest = magic.groups() if magic else ("", text)
    if word in ("md", "md-sandbox"):
        return new_markdown_cell(rest.strip("\n"))
    above = next(number for number, line in enumerate(lines) if line.strip() and not _TITLE.match(line))
    place["nb_builder"][BEGINS] = begins + above
    return new_code_cell(_in_jupyters_words(text, word, rest), metadata=place)


def _in_jupyters_words(text: str, word: str, rest: str) -> str:
    if word in _OTHER_WORDS:
        # `%sh ls` has its command on the line of the magic, a cell magic of Jupyter below it.
        return _OTHER_WORDS[word] + rest.lstrip("\n")
    if word in ("sql", "scala", "r", "fs"):
        return f"%%{word}\n{rest}" if "\n" in text else f"%{word} {rest}"
    return text


def _code(line: str) -> str:
    """Return a line of a Python cell: a title or a magic in it is one of Jupyter's, or a comment."""
    return _MAGIC.sub("", line, count=1) if _MAGIC.match(line) else line
