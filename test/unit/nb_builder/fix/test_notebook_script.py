"""A script in which one cell changes, and no other line."""

from pathlib import Path

import pytest
from nb_builder.fix import notebook_script
from nb_builder.fix.notebook_script import NotebookScript

CELLS = "# ---\n# jupyter: {}\n# ---\n\n# %% [markdown]\n# # Title\n\n# %%\n# %matplotlib inline\nx = 1\n"


def with_new_cells(text):
    document = NotebookScript(text)
    document.insert(2 if document.begins_with_markdown() else 1, "a = 1", "requirements")
    position = document.append("b = 2", "predictor")
    return document.text, position


def test_a_new_cell_stands_below_the_title():
    text, position = with_new_cells(CELLS)
    assert text == CELLS.replace("# %%\n# %m", "# %%\na = 1\n\n# %%\n# %m") + "\n# %%\nb = 2\n"
    assert position == 4


def test_lines_end_as_they_did():
    assert with_new_cells(CELLS.replace("\n", "\r\n"))[0] == with_new_cells(CELLS)[0].replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os\n# %%\nx = 1", "a = 1\n\nimport os\n# %%\nx = 1\n\n# %%\nb = 2\n"),
        (
            '#!/usr/bin/python\n"""W.\n\n# %%\n"""\nfrom __future__ import annotations\n\nx = 1\n',
            '#!/usr/bin/python\n"""W.\n\n# %%\n"""\nfrom __future__ import annotations\na = 1\n\n\nx = 1\n\n\nb = 2\n',
        ),
        ("# %% [markdown]\n# Title\n", "# %% [markdown]\n# Title\n# %%\na = 1\n\n\n# %%\nb = 2\n"),
    ],
)
def test_a_script_gets_its_code_where_code_can_stand(text, expected):
    assert with_new_cells(text)[0] == expected


def test_a_source_is_replaced():
    document = NotebookScript(CELLS)
    assert document.source(2) == "# %matplotlib inline\nx = 1\n"
    document.replace(2, "# %matplotlib inline\nx = 2\n")
    assert document.text == CELLS.replace("x = 1", "x = 2")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", CELLS, ""),
        ("a.py", "# Databricks notebook source\n", "a notebook exported by Databricks"),
        ("a.py", "import marimo\napp = marimo.App()\n", "a marimo notebook"),
        (
            "a.py",
            "# ---\n# jupyter:\n#   jupytext:\n#       format_name: light\n# ---\n",
            "a jupytext script in the light format",
        ),
        ("a.md", "", "Markdown"),
        ("a.qmd", "", "an R Markdown or Quarto document"),
    ],
)
def test_what_is_not_written_is_named(name, text, expected):
    assert notebook_script.kind(Path(name), text) == expected
