"""Databricks' source files as notebooks."""

import pytest
from nb_builder.repository.formats import databricks

FIRST = "# Databricks notebook source\n"
NEXT = "\n\n# COMMAND ----------\n\n"


def cells(*sources):
    node = databricks.parse(FIRST + NEXT.join(sources) + "\n")
    return [(cell.cell_type, cell.source) for cell in node.cells]


def test_a_file_says_in_its_first_line_that_it_is_one():
    assert databricks.is_one(FIRST + "x = 1")
    assert not databricks.is_one("x = 1\n" + FIRST)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("# MAGIC %md\n# MAGIC # A title\n# MAGIC\n# MAGIC text", ("markdown", "# A title\n\ntext")),
        ("# MAGIC %md A title", ("markdown", "A title")),
        ("# MAGIC %sh ls -l", ("code", "%%bash\nls -l")),
        ("# MAGIC %sh\n# MAGIC ls\n# MAGIC pwd", ("code", "%%bash\nls\npwd")),
        ("# MAGIC %pip install six", ("code", "%pip install six")),
        ("# MAGIC %run ./other", ("code", "%run -i ./other")),
        ("# MAGIC %python\n# MAGIC x = 1", ("code", "x = 1")),
        ("# MAGIC %sql\n# MAGIC SELECT 1", ("code", "%%sql\n\nSELECT 1")),
        ("# DBTITLE 1,Read\nx = 1", ("code", "# DBTITLE 1,Read\nx = 1")),
        ("# a comment", ("code", "# a comment")),
    ],
)
def test_a_cell_is_read_in_jupyters_words(written, read):
    assert cells("a = 0", written)[1] == read


def test_each_cell_knows_the_line_of_the_file_that_it_begins_in():
    text = FIRST + "a = 1" + NEXT + "\n\nb = 2" + NEXT + "# MAGIC %sh\n# MAGIC ls\n"
    lines = text.splitlines()
    begins = [cell.metadata["nb_builder"]["begins"] for cell in databricks.parse(text).cells]
    assert [lines[number - 1] for number in begins] == ["a = 1", "b = 2", "# MAGIC %sh"]


def test_windows_line_ends_are_no_part_of_a_cell():
    text = (FIRST + "a = 1" + NEXT + "b = 2\n").replace("\n", "\r\n")
    assert [cell.source for cell in databricks.parse(text).cells] == ["a = 1", "b = 2"]
